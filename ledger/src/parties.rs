//! Who a booking is about: the holder whose quota counts and the human who acts, locked.
//!
//! Owns following links from one name to the next, the order in which entries are locked (that of
//! their names, so that nobody waits in a circle), and what the limits see of both. No other entry
//! is looked up while one is locked. Must not know what is decided.

use std::sync::Arc;

use parking_lot::{ArcMutexGuard, Mutex, RawMutex};
use talon_domain::booking::{BookingState, Subject};
use talon_domain::civil::UtcMicros;
use talon_domain::ids::{BookingId, Pseudonym};
use talon_domain::limits::{Block, BookingFact, Standing};
use talon_journal::Sequence;
use talon_wire::Caller;

use crate::person::{Booking, Facts, Person};
use crate::record::{Booked, Moved};
use crate::state::State;

/// Most bookings that are remembered of one holder, those that were given back included; at it, the holder
/// is asked to come back later. Far above what limits allow: it bounds what one decision looks at and how
/// long a list is, should all limits be on trial.
pub const MAX_BOOKINGS_PER_HOLDER: usize = 2_000;

/// A holder's entry that nobody else can look at or change.
pub type Guard = ArcMutexGuard<RawMutex, Person>;

/// An entry with the name it goes by, locked.
pub struct Party {
    /// The name to go by.
    pub name: Pseudonym,
    /// The entry.
    pub entry: Guard,
}

/// The entries that one decision is about, locked.
pub struct Parties {
    /// The human who acts.
    pub actor: Party,
    /// The legal entity that they act for.
    pub entity: Option<Party>,
}

/// What the limits look at of both parties.
#[derive(Clone, Debug, Default)]
pub struct Standings {
    /// The actor's own bookings, then those for others.
    actor: Facts,
    own: usize,
    actor_block: Option<Block>,
    entity: Option<(Facts, Option<Block>)>,
}

impl Standings {
    /// Of whom the quota counts.
    pub fn subject(&self) -> Standing<'_> {
        match &self.entity {
            Some((facts, block)) => Standing { bookings: facts, block: *block },
            None => Standing { bookings: &self.actor[..self.own], block: self.actor_block },
        }
    }

    /// The same with one more booking of the subject.
    fn with(mut self, fact: Option<BookingFact>) -> Self {
        let Some(fact) = fact else { return self };
        match &mut self.entity {
            Some((facts, _)) => facts.push(fact),
            None => self.own += 1,
        }
        self.actor.insert(0, fact);
        self
    }

    /// Of the human who acts, over all subjects.
    pub fn actor(&self) -> Standing<'_> {
        Standing { bookings: &self.actor, block: self.actor_block }
    }
}

impl State {
    /// The entry that a name stands for now, locked; nothing when there is none.
    pub fn party(&self, name: &Pseudonym) -> Option<Party> {
        let mut name = *name;
        loop {
            let entry = Mutex::lock_arc(&self.person(&name)?);
            match entry.forward() {
                Some(forward) => name = forward.to,
                None => return Some(Party { name, entry }),
            }
        }
    }

    /// The entry that a name stands for now, locked, made when there is none.
    pub fn party_or_new(&self, name: &Pseudonym) -> Party {
        let mut name = *name;
        loop {
            let entry = Mutex::lock_arc(&self.person_or_new(&name));
            match entry.forward() {
                Some(forward) => name = forward.to,
                None => return Party { name, entry },
            }
        }
    }

    /// The entries of an actor and, when they act for one, of an entity; made when there are none.
    /// Nothing when the two are one, which no login can bring about.
    pub fn parties_or_new(&self, actor: &Pseudonym, entity: Option<&Pseudonym>) -> Option<Parties> {
        let Some(entity) = entity else {
            return Some(Parties { actor: self.party_or_new(actor), entity: None });
        };
        loop {
            // Each is locked alone first, to follow its links.
            let actor = self.party_or_new(actor).name;
            let entity = self.party_or_new(entity).name;
            if actor == entity {
                return None;
            }
            let entries = self.lock_in_order(&[actor, entity]);
            if entries.iter().all(|entry| entry.entry.forward().is_none()) {
                let mut entries = entries.into_iter();
                let (first, second) = (entries.next(), entries.next());
                let (first, second) = first.zip(second).expect("two names, two entries");
                let (actor, entity) =
                    if first.name == actor { (first, second) } else { (second, first) };
                return Some(Parties { actor, entity: Some(entity) });
            }
        }
    }

    /// The parties of a subject's booking.
    pub fn parties_of(&self, subject: &Pseudonym, id: BookingId) -> Option<Parties> {
        let party = self.party(subject)?;
        let booking = party.entry.bookings().iter().find(|booking| booking.id == id)?;
        let Some(actor) = booking.counterpart.as_deref().copied() else {
            return Some(Parties { actor: party, entity: None });
        };
        let entity = party.name;
        drop(party);
        self.parties_or_new(&actor, Some(&entity)).filter(|parties| parties.have(id))
    }

    /// The parties of a booking that a caller may see: their own, one they made for an entity, or one
    /// of the entity of their login, whoever made it.
    pub fn parties_for(&self, caller: &Caller, id: BookingId) -> Option<Parties> {
        if let Some(party) = self.party(&caller.person)
            && let Some(booking) = party.entry.by_id(id)
        {
            let Some(entity) = booking.counterpart.as_deref().copied() else {
                return Some(Parties { actor: party, entity: None });
            };
            drop(party);
            return self.parties_of(&entity, id);
        }
        self.parties_of(caller.entity.as_ref()?, id)
    }

    /// The entries of these names, made when there are none, locked in the order of the names,
    /// without following links. A name that stands twice is locked once.
    pub fn lock_in_order(&self, names: &[Pseudonym]) -> Vec<Party> {
        let mut names = names.to_vec();
        names.sort_unstable();
        names.dedup();
        // All are found before the first is locked.
        let entries: Vec<(Pseudonym, Arc<Mutex<Person>>)> =
            names.into_iter().map(|name| (name, self.person_or_new(&name))).collect();
        let lock = |(name, entry): (Pseudonym, Arc<Mutex<Person>>)| Party {
            name,
            entry: Mutex::lock_arc(&entry),
        };
        entries.into_iter().map(lock).collect()
    }

    /// What the limits look at. The caller holds the locks.
    pub fn standings(&self, parties: &Parties) -> Standings {
        self.standings_without(parties, None)
    }

    /// What the limits look at when another booking takes the place of `before`: that one counts as
    /// given back where a move counts, and not at all where it does not.
    pub fn standings_instead(
        &self,
        parties: &Parties,
        before: &Booking,
        counts: bool,
    ) -> Standings {
        let standings = self.standings_without(parties, Some(before.id));
        if !counts {
            return standings;
        }
        let given_back = Booking { state: BookingState::Moved, ..before.clone() };
        standings.with(given_back.fact(self.ends_at(before)))
    }

    fn standings_without(&self, parties: &Parties, except: Option<BookingId>) -> Standings {
        let counts = |booking: &&Booking| Some(booking.id) != except;
        let actor = &parties.actor.entry;
        let mut facts = self.facts(actor.bookings().iter().filter(counts));
        let own = facts.len();
        facts.extend(self.facts(actor.acted().iter().filter(counts)));
        let entity = parties.entity.as_ref().map(|entity| {
            let entry = &entity.entry;
            (self.facts(entry.bookings().iter().filter(counts)), entry.block())
        });
        Standings { actor: facts, own, actor_block: actor.block(), entity }
    }
}

impl Parties {
    /// The last fact about either.
    pub fn last(&self) -> Sequence {
        let actor = self.actor.entry.last();
        self.entity.as_ref().map_or(actor, |entity| actor.max(entity.entry.last()))
    }

    /// Whether either has as many bookings as anybody may, whatever has become of them.
    pub fn are_full(&self) -> bool {
        let is_full = |party: &Party| party.entry.all().count() >= MAX_BOOKINGS_PER_HOLDER;
        is_full(&self.actor) || self.entity.as_ref().is_some_and(is_full)
    }

    /// The booking as it stands in the subject's entry.
    pub fn booking(&self, id: BookingId) -> Option<&Booking> {
        let subject = self.entity.as_ref().unwrap_or(&self.actor);
        subject.entry.bookings().iter().find(|booking| booking.id == id)
    }

    /// The entry of whose quota counts.
    pub fn subject_entry(&mut self) -> &mut Person {
        match &mut self.entity {
            Some(entity) => &mut entity.entry,
            None => &mut self.actor.entry,
        }
    }

    fn have(&self, id: BookingId) -> bool {
        self.booking(id).is_some()
    }

    /// For whom the parties decide.
    pub fn subject(&self) -> Subject {
        if self.entity.is_some() { Subject::Entity } else { Subject::Person }
    }

    /// The names as a record has them: subject, and the actor when that is somebody else.
    pub fn names(&self) -> (Pseudonym, Option<Pseudonym>) {
        match &self.entity {
            Some(entity) => (entity.name, Some(self.actor.name)),
            None => (self.actor.name, None),
        }
    }

    /// Takes note of a booking; returns it as it stands in the subject's entry.
    pub fn booked(&mut self, sequence: Sequence, at: UtcMicros, booked: &Booked) -> Booking {
        let booking = Booking::new(at, booked);
        self.note(sequence, at, &booking);
        booking
    }

    /// Takes note of a booking that takes the place of another; returns both as they stand in the
    /// subject's entry, the earlier one as it was. Nothing when there is no such live booking.
    pub fn moved(
        &mut self,
        sequence: Sequence,
        at: UtcMicros,
        moved: &Moved,
    ) -> Option<(Booking, Booking)> {
        let before = self.changed(sequence, moved.from, BookingState::Moved)?;
        if !moved.counts {
            self.actor.entry.replaced(moved.from);
            if let Some(entity) = &mut self.entity {
                entity.entry.replaced(moved.from);
            }
        }
        let booking = Booking::moved(at, moved, &before);
        self.note(sequence, at, &booking);
        Some((before, booking))
    }

    /// Takes note of what became of a live booking; returns it as it was in the subject's entry.
    pub fn changed(
        &mut self,
        sequence: Sequence,
        id: BookingId,
        state: BookingState,
    ) -> Option<Booking> {
        let of_actor = self.actor.entry.changed(sequence, id, state);
        match &mut self.entity {
            Some(entity) => entity.entry.changed(sequence, id, state),
            None => of_actor,
        }
    }

    fn note(&mut self, sequence: Sequence, at: UtcMicros, booking: &Booking) {
        match &mut self.entity {
            Some(entity) => {
                self.actor.entry.has_acted(sequence, booking.of_actor(entity.name), at);
                entity.entry.booked(sequence, booking.clone(), at);
            }
            None => self.actor.entry.booked(sequence, booking.clone(), at),
        }
    }
}
