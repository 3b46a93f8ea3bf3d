//! Who somebody is, and until when they are believed: names joined, peppers known, sessions ended.
//!
//! Must not wait for the disk, except for the peppers, which gateways tell once, at their start.

use talon_domain::ids::{PepperId, Pseudonym};
use talon_domain::pepper::MAX_PEPPERS;
use talon_journal::{Class, ReserveError, Sequence};
use talon_wire::{Answer, Caller, Identify, MAX_NAMES, Refusal};

use crate::core::{Core, Outcome, refusal_of};
use crate::parties::Party;
use crate::record::{Fact, Record};
use crate::state::{MAX_REVOKED_SESSIONS, join};

impl Core {
    /// Joins the names under which a login knows one person, and one entity; says which to go by.
    pub fn identify(&self, identify: &Identify) -> Outcome {
        let (person, entity) = match (self.joined(&identify.person), &identify.entity) {
            (Err(refusal), _) => return Outcome::refused(refusal),
            (Ok(person), names) if names.is_empty() => (person, None),
            (Ok(person), names) => match self.joined(names) {
                Ok(entity) => (person, Some(entity)),
                Err(refusal) => return Outcome::refused(refusal),
            },
        };
        let after = entity.map_or(person.1, |entity| entity.1.max(person.1));
        let answer = Answer::Identified { person: person.0, entity: entity.map(|entity| entity.0) };
        Outcome { answer, after }
    }

    /// The name that all these go by from now on, and the record it rests on.
    fn joined(&self, names: &[Pseudonym]) -> Result<(Pseudonym, Sequence), Refusal> {
        let Some(first) = names.first() else { return Err(Refusal::NotFound) };
        if names.len() > MAX_NAMES {
            return Err(Refusal::Busy);
        }
        if names.len() == 1 {
            // One name tells nothing new; it may lead to another.
            return Ok(match self.state.party(first) {
                Some(party) => (party.name, party.entry.last()),
                None => (*first, Sequence::NONE),
            });
        }
        if self.state.is_full_of_persons() {
            return Err(Refusal::Busy);
        }
        let _deciding = self.deciding.read();
        let mut wanted = names.to_vec();
        loop {
            let mut entries = self.state.lock_in_order(&wanted);
            if let Some(missing) = unlocked_forward(&entries) {
                // Where a name leads has to be locked as well; links only ever grow.
                drop(entries);
                wanted.push(missing);
                continue;
            }
            let into = root(&entries, *first);
            let from: Vec<Pseudonym> = wanted
                .iter()
                .filter(|name| root(&entries, **name) == **name && **name != into)
                .copied()
                .collect();
            if from.is_empty() {
                let last = entries.iter().find(|party| party.name == into);
                return Ok((into, last.map_or(Sequence::NONE, |party| party.entry.last())));
            }
            let sequence = self.append_link(&mut entries, into, &from)?;
            return Ok((into, sequence));
        }
    }

    fn append_link(
        &self,
        entries: &mut [Party],
        into: Pseudonym,
        from: &[Pseudonym],
    ) -> Result<Sequence, Refusal> {
        let now = self.clock.now();
        let fact = Fact::Linked { into, from: from.to_vec() };
        let mut body = Vec::new();
        Record::encode_parts(now, &fact, &mut body);
        // Somebody who cannot log in cannot cancel either.
        let room = self.journal.reserve_records(Class::Reserve, 1, body.len());
        let sequence = self.journal.append(room.map_err(|error| refusal_of(&error))?, &body);
        join(entries, sequence, now, into, from);
        Ok(sequence)
    }

    /// Takes note of the peppers that a gateway has, the one in use first.
    ///
    /// Refused while somebody counts under a pepper that is not among them.
    pub fn know_peppers(&self, ids: &[PepperId]) -> Outcome {
        let known = self.state.peppers();
        if ids.is_empty() || ids.len() > MAX_PEPPERS {
            return Outcome::refused(Refusal::Busy);
        }
        let mut said_by = known.decide();
        if known.ids() == ids {
            let after = said_by.unwrap_or(Sequence::NONE);
            return Outcome { answer: Answer::PeppersKnown, after };
        }
        let now = self.clock.now();
        let gone = known.all().into_iter().filter(|pepper| !ids.contains(&pepper.id));
        if let Some(moment) = gone.map(|pepper| pepper.names_until(now)).max() {
            let persons = self.state.count_before(moment);
            if persons > 0 {
                return Outcome::refused(Refusal::PepperCounts { persons });
            }
        }
        let fact = Fact::PeppersSet { peppers: ids.to_vec() };
        let sequence = match self.append_now(now, fact) {
            Ok(sequence) => sequence,
            Err(ReserveError::Busy) => return Outcome::refused(Refusal::Busy),
            Err(_) => return Outcome::refused(Refusal::JournalFull),
        };
        known.set(now, ids);
        *said_by = Some(sequence);
        Outcome { answer: Answer::PeppersKnown, after: sequence }
    }

    /// Refuses a session from now on.
    pub fn revoke_session(&self, caller: &Caller) -> Outcome {
        let now = self.clock.now();
        if let Some(sequence) = self.state.revoked_by(&caller.session) {
            return Outcome { answer: Answer::SessionRevoked, after: sequence };
        }
        if caller.session_expires_at <= now {
            return Outcome::now(Answer::SessionRevoked);
        }
        if self.state.revoked_count() >= MAX_REVOKED_SESSIONS {
            return Outcome::refused(Refusal::Busy);
        }
        let reservation = match self.journal.reserve(Class::Reserve) {
            Ok(reservation) => reservation,
            Err(error) => return Outcome::refused(refusal_of(&error)),
        };
        let _deciding = self.deciding.read();
        let fact =
            Fact::SessionRevoked { session: caller.session, expires_at: caller.session_expires_at };
        let sequence = self.append(reservation, now, &fact);
        self.state.revoke(sequence, caller.session, caller.session_expires_at);
        Outcome { answer: Answer::SessionRevoked, after: sequence }
    }
}

/// A name that a locked entry leads to and that is not locked itself.
fn unlocked_forward(entries: &[Party]) -> Option<Pseudonym> {
    let is_locked = |name: &Pseudonym| entries.iter().any(|party| party.name == *name);
    let forwards = entries.iter().filter_map(|party| party.entry.forward());
    forwards.map(|forward| forward.to).find(|to| !is_locked(to))
}

/// The name that a name leads to, over entries that are all locked.
fn root(entries: &[Party], name: Pseudonym) -> Pseudonym {
    let mut name = name;
    while let Some(forward) =
        entries.iter().find(|party| party.name == name).and_then(|party| party.entry.forward())
    {
        name = forward.to;
    }
    name
}
