//! What the clients asked and what they were told, over the whole run.
//!
//! Owns the bookkeeping. A confirmation is written down here before anything else is done with it.
//! Must not judge (that is `check`) and must not talk to a gateway. Called while clients book, and by
//! whoever holds the gateway to its word afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard};

use rand::RngExt as _;

use crate::check::{Observed, Retry};
use crate::client::problem::Slug;
use crate::client::words::{BookRequest, Booking, State, Subject};

/// One of these many confirmed bookings is asked for again by its idempotency key.
const CONFIRMED_RETRIED_ONE_IN: u32 = 8;

/// Most attempts that are remembered. Beyond, those without an answer are only counted.
pub const MAX_ATTEMPTS: usize = 500_000;

/// A synthetic person's number.
pub type Person = u32;

/// The place of an attempt in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttemptId(usize);

/// One wish to book, under one idempotency key, sent once or several times.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Whose.
    pub person: Person,
    /// The idempotency key.
    pub key: String,
    /// What was asked for.
    pub request: BookRequest,
    /// The id of the booking that was to be exchanged for it; nothing when it was one more.
    pub instead_of: Option<String>,
    /// How many requests got no answer (yet).
    pub unanswered: u32,
    /// The refusals among the answers.
    pub refusals: Vec<Slug>,
    /// The different bookings among the answers; a second one is already a broken promise.
    pub confirmed: Vec<Booking>,
    /// What became of the wish to cancel.
    pub cancel: Cancel,
}

/// How a cancellation stands, as the person knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// The person keeps the place.
    NotAsked,
    /// Asked for, and never answered.
    Unanswered,
    /// Confirmed.
    Confirmed,
    /// Refused.
    Refused(Slug),
}

/// Whether a booking was exchanged for another, as its person knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// The other one was confirmed.
    Confirmed,
    /// It was asked for, and an answer is missing.
    Unanswered,
}

/// Whose limits a booking counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// A person's own.
    Person(Person),
    /// A legal entity's, by its number.
    Entity(u32),
}

/// Everything that the clients did.
pub struct History {
    attempts: Vec<Attempt>,
    /// The legal entities that persons act for.
    entities: BTreeMap<Person, u32>,
    max_attempts: usize,
    /// Attempts without an answer beyond the bound.
    unremembered: usize,
    /// Persons who have not been asked since they last did something.
    unasked: BTreeSet<Person>,
    /// The confirmations as JSON lines, for whoever looks for the cause of a broken promise.
    log: Box<dyn Write + Send>,
}

/// Sums over a history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Attempts with a confirmation.
    pub confirmed: usize,
    /// Attempts whose cancellation was confirmed.
    pub cancelled: usize,
    /// Attempts with nothing but refusals.
    pub refused: usize,
    /// Attempts without a confirmation that miss an answer.
    pub unanswered: usize,
}

/// What one person is asked after a restart.
#[derive(Clone, Debug)]
pub struct Questions {
    /// Whom.
    pub person: Person,
    /// The legal entity that they act for.
    pub entity: Option<u32>,
    /// The attempts that are sent again under their key.
    pub again: Vec<Again>,
}

/// An attempt that is sent again.
#[derive(Clone, Debug)]
pub struct Again {
    /// Which.
    pub id: AttemptId,
    /// Its idempotency key.
    pub key: String,
    /// What it asked for.
    pub request: BookRequest,
    /// Instead of which booking.
    pub instead_of: Option<String>,
}

/// The history, whatever happened to another thread that held it.
pub(crate) fn lock(history: &Mutex<History>) -> MutexGuard<'_, History> {
    history.lock().expect("nobody panics while holding the history")
}

impl Attempt {
    /// Whether this attempt holds a place, for all that the person can know.
    #[must_use]
    pub fn live(&self) -> Option<&Booking> {
        let kept = matches!(self.cancel, Cancel::NotAsked | Cancel::Refused(_));
        if kept { self.confirmed.first() } else { None }
    }
}

impl History {
    /// An empty history that writes confirmations to `log`.
    #[must_use]
    pub fn new(log: Box<dyn Write + Send>) -> Self {
        let (attempts, unasked) = (Vec::new(), BTreeSet::new());
        let (entities, max_attempts) = (BTreeMap::new(), MAX_ATTEMPTS);
        Self { attempts, entities, max_attempts, unremembered: 0, unasked, log }
    }

    /// Somebody acts for a legal entity.
    pub fn acts_for(&mut self, person: Person, entity: u32) {
        self.entities.insert(person, entity);
    }

    /// Whose limits an attempt's booking counts in.
    #[must_use]
    pub fn holder(&self, attempt: &Attempt) -> Holder {
        match (attempt.request.subject, self.entities.get(&attempt.person)) {
            (Subject::Entity, Some(entity)) => Holder::Entity(*entity),
            _ => Holder::Person(attempt.person),
        }
    }

    /// The bookings that were to be exchanged for others, by id, apart from those where that was
    /// refused.
    #[must_use]
    pub fn exchanged(&self) -> BTreeMap<&str, Exchange> {
        let mut exchanged = BTreeMap::new();
        for attempt in &self.attempts {
            let Some(from) = attempt.instead_of.as_deref() else { continue };
            if !attempt.confirmed.is_empty() {
                exchanged.insert(from, Exchange::Confirmed);
            } else if attempt.unanswered > 0 {
                exchanged.entry(from).or_insert(Exchange::Unanswered);
            }
        }
        exchanged
    }

    /// A wish to book is about to be sent `times` times.
    pub fn begin(
        &mut self,
        person: Person,
        key: &str,
        request: &BookRequest,
        times: u32,
    ) -> AttemptId {
        self.unasked.insert(person);
        self.attempts.push(Attempt {
            person,
            key: key.to_owned(),
            request: request.clone(),
            instead_of: None,
            unanswered: times,
            refusals: Vec::new(),
            confirmed: Vec::new(),
            cancel: Cancel::NotAsked,
        });
        AttemptId(self.attempts.len() - 1)
    }

    /// What an attempt asks for is instead of a booking.
    pub fn is_instead_of(&mut self, id: AttemptId, booking: &str) {
        self.attempts[id.0].instead_of = Some(booking.to_owned());
    }

    /// An attempt got no answer; whether there is no room to remember it. Then it may explain a booking
    /// of the journal, and nobody asks again.
    pub fn is_beyond_room(&mut self) -> bool {
        let is_full = self.attempts.len() >= self.max_attempts;
        self.unremembered += usize::from(is_full);
        is_full
    }

    /// How many attempts without an answer are not remembered.
    #[must_use]
    pub fn unremembered(&self) -> usize {
        self.unremembered
    }

    /// A wish to book is about to be sent once more under its key.
    pub fn sent_again(&mut self, id: AttemptId) {
        self.attempts[id.0].unanswered += 1;
    }

    /// One answer was a booking. It counts once it is written down.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn confirmed(&mut self, id: AttemptId, booking: Booking) -> io::Result<()> {
        let attempt = &mut self.attempts[id.0];
        let line = serde_json::json!({
            "person": attempt.person, "key": attempt.key, "booking": booking,
        });
        writeln!(self.log, "{line}")?;
        attempt.unanswered = attempt.unanswered.saturating_sub(1);
        attempt.confirm(booking);
        Ok(())
    }

    /// One answer was a refusal.
    pub fn refused(&mut self, id: AttemptId, slug: Slug) {
        let attempt = &mut self.attempts[id.0];
        attempt.unanswered = attempt.unanswered.saturating_sub(1);
        attempt.refusals.push(slug);
    }

    /// The booking of an attempt is about to be cancelled.
    pub fn cancel_begun(&mut self, id: AttemptId) {
        self.attempts[id.0].cancel = Cancel::Unanswered;
    }

    /// The cancellation was answered.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn cancel_answered(&mut self, id: AttemptId, answer: Cancel) -> io::Result<()> {
        let attempt = &mut self.attempts[id.0];
        let cancel = format!("{answer:?}");
        let line = serde_json::json!({
            "person": attempt.person, "key": attempt.key, "cancel": cancel,
        });
        writeln!(self.log, "{line}")?;
        attempt.cancel = answer;
        Ok(())
    }

    /// All attempts with their names.
    pub fn attempts(&self) -> impl Iterator<Item = (AttemptId, &Attempt)> {
        self.attempts.iter().enumerate().map(|(index, attempt)| (AttemptId(index), attempt))
    }

    /// How many bookings are without an answer. Only those of the present: [`History::settle`]
    /// closes the ones that were cut off.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.attempts.iter().filter(|attempt| attempt.unanswered > 0).count()
    }

    /// Sums over all attempts.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for attempt in &self.attempts {
            if !attempt.confirmed.is_empty() {
                counts.confirmed += 1;
            } else if attempt.unanswered > 0 {
                counts.unanswered += 1;
            } else {
                counts.refused += 1;
            }
            counts.cancelled += usize::from(attempt.cancel == Cancel::Confirmed);
        }
        counts
    }

    /// How often each refusal was the answer to a wish to book.
    #[must_use]
    pub fn refusals(&self) -> BTreeMap<Slug, usize> {
        let mut refusals = BTreeMap::new();
        for slug in self.attempts.iter().flat_map(|attempt| &attempt.refusals) {
            *refusals.entry(slug.clone()).or_default() += 1;
        }
        refusals
    }

    /// Whom to ask what: everybody who did something since the last time, as many again of those
    /// before as there are `clients`, and every attempt without an answer is sent again.
    pub fn questions(&self, random: &mut impl rand::Rng, clients: usize) -> Vec<Questions> {
        let mut persons = self.unasked.clone();
        for _ in 0..clients {
            if !self.attempts.is_empty() {
                persons.insert(self.attempts[random.random_range(0..self.attempts.len())].person);
            }
        }
        let mut again: BTreeMap<Person, Vec<_>> = BTreeMap::new();
        for (id, attempt) in self.attempts() {
            let sampled =
                !attempt.confirmed.is_empty() && random.random_ratio(1, CONFIRMED_RETRIED_ONE_IN);
            if persons.contains(&attempt.person) && (attempt.unanswered > 0 || sampled) {
                let (key, request) = (attempt.key.clone(), attempt.request.clone());
                let question = Again { id, key, request, instead_of: attempt.instead_of.clone() };
                again.entry(attempt.person).or_default().push(question);
            }
        }
        persons
            .into_iter()
            .map(|person| Questions {
                person,
                entity: self.entities.get(&person).copied(),
                again: again.remove(&person).unwrap_or_default(),
            })
            .collect()
    }

    /// Takes over what was found out, once it has been checked; gives how many bookings were there
    /// before anybody asked again, although their persons had never been told.
    pub fn settle(&mut self, observed: &Observed) -> usize {
        let mut found_later = 0;
        for (id, retries) in &observed.retries {
            let attempt = &mut self.attempts[id.0];
            for retry in retries {
                match retry {
                    Retry::Found { booking, replayed } => {
                        found_later += usize::from(attempt.confirmed.is_empty() && *replayed);
                        attempt.confirm(booking.clone());
                    }
                    Retry::Refused(slug) => attempt.refusals.push(slug.clone()),
                }
            }
            attempt.unanswered = 0;
        }
        for attempt in &mut self.attempts {
            let Some(bookings) = observed.bookings.get(&attempt.person) else { continue };
            let state = |id: &str| bookings.iter().find(|b| b.id == id).map(|b| b.state);
            if attempt.cancel == Cancel::Unanswered {
                attempt.cancel = match attempt.confirmed.first().and_then(|b| state(&b.id)) {
                    Some(State::Cancelled) => Cancel::Confirmed,
                    _ => Cancel::NotAsked,
                };
            }
        }
        self.unasked.retain(|person| !observed.bookings.contains_key(person));
        found_later
    }
}

impl Attempt {
    fn confirm(&mut self, booking: Booking) {
        if !self.confirmed.iter().any(|known| known.id == booking.id) {
            self.confirmed.push(booking);
        }
    }
}

impl Counts {
    /// What was added since `before`. Attempts that were settled in between are in no difference.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            confirmed: self.confirmed.saturating_sub(before.confirmed),
            cancelled: self.cancelled.saturating_sub(before.cancelled),
            refused: self.refused.saturating_sub(before.refused),
            unanswered: self.unanswered.saturating_sub(before.unanswered),
        }
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
