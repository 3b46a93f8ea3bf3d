//! Compares what the clients were promised with what the restarted gateway says.
//!
//! Pure: a history, an observation and the capacities in, broken promises out. Must not know how
//! either was obtained. Called by the kill test's rounds and by the rehearsal; tested with good and bad
//! histories.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::problem::Slug;
use crate::client::words::{Booking, Slot, State};
use crate::history::{Attempt, AttemptId, Cancel, Exchange, History, Person};

/// How many desks can hold each place, read before anybody booked there.
pub type Capacity = BTreeMap<Slot, u32>;

/// A busy gateway may put a cancellation off. Anything else forgets a booking that it confirmed.
const ALLOWED_CANCEL_REFUSALS: &[Slug] =
    &[Slug::TooLateToCancel, Slug::RateLimited, Slug::Overloaded, Slug::JournalFull];

/// What a person may have at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bookings in a month, cancelled ones included.
    pub per_month: usize,
    /// Live bookings for one service.
    pub live_per_service: usize,
}

/// What the restarted gateway says.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// All bookings of each person who was asked, after the attempts were sent again.
    pub bookings: BTreeMap<Person, Vec<Booking>>,
    /// The answers to attempts that were sent again, in order.
    pub retries: BTreeMap<AttemptId, Vec<Retry>>,
    /// How many desks are free, read before anything was sent again.
    pub free: BTreeMap<Slot, u32>,
}

/// The answer to an attempt that was sent again under its key.
#[derive(Clone, Debug)]
pub enum Retry {
    /// A booking.
    Found {
        /// It.
        booking: Booking,
        /// Whether the gateway says that it was made before.
        replayed: bool,
    },
    /// A refusal.
    Refused(Slug),
}

/// A broken promise, with the facts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A confirmed booking is gone.
    #[error("person {person} was confirmed {booking:?} under key {key}, and it is gone")]
    Lost {
        /// Whose.
        person: Person,
        /// Its idempotency key.
        key: String,
        /// As it was confirmed.
        booking: Box<Booking>,
    },
    /// A confirmed booking has become another.
    #[error("person {person} was confirmed {promised:?}, and it is now {found:?}")]
    Changed {
        /// Whose.
        person: Person,
        /// As it was confirmed.
        promised: Box<Booking>,
        /// As it is now.
        found: Box<Booking>,
    },
    /// A booking that is not what was asked for.
    #[error("person {person} got {booking:?} under key {key}, which asked for something else")]
    NotAskedFor {
        /// Whose.
        person: Person,
        /// The idempotency key.
        key: String,
        /// What came.
        booking: Box<Booking>,
    },
    /// A confirmed cancellation is gone.
    #[error("person {person} cancelled booking {id}, which was confirmed, and it is booked")]
    CancelLost {
        /// Whose.
        person: Person,
        /// The booking's id.
        id: String,
    },
    /// A confirmed booking could not be cancelled although nothing forbids it.
    #[error("cancelling booking {id} of person {person} was refused: {slug}")]
    CancelRefused {
        /// Whose.
        person: Person,
        /// The booking's id.
        id: String,
        /// The refusal.
        slug: Slug,
    },
    /// A confirmed exchange is gone.
    #[error("person {person} moved booking {id}, which was confirmed, and it is {state:?}")]
    MoveLost {
        /// Whose.
        person: Person,
        /// The id of the booking that was exchanged.
        id: String,
        /// How it stands.
        state: State,
    },
    /// A booking was exchanged that its person kept.
    #[error("booking {id} of person {person} is moved, and nobody asked for it")]
    MovedByNobody {
        /// Whose.
        person: Person,
        /// The booking's id.
        id: String,
    },
    /// A booking was cancelled that its person kept.
    #[error("booking {id} of person {person} is cancelled, and nobody asked for it")]
    CancelledByNobody {
        /// Whose.
        person: Person,
        /// The booking's id.
        id: String,
    },
    /// One idempotency key has more than one booking.
    #[error("key {key} of person {person} gave {} bookings: {ids:?}", ids.len())]
    SeveralForOneKey {
        /// Whose.
        person: Person,
        /// The idempotency key.
        key: String,
        /// Their ids.
        ids: Vec<String>,
    },
    /// A key with a confirmed booking is refused when sent again.
    #[error("key {key} of person {person} has a booking, and sent again it is refused: {slug}")]
    KeyForgotten {
        /// Whose.
        person: Person,
        /// The idempotency key.
        key: String,
        /// The refusal.
        slug: Slug,
    },
    /// A booking that nobody asked for, or that was refused.
    #[error("person {person} has {booking:?}, which no request explains")]
    Unexplained {
        /// Whose.
        person: Person,
        /// It.
        booking: Box<Booking>,
    },
    /// One booking under two persons, or twice under one.
    #[error("booking {id} is listed {times} times, last under person {person}")]
    ListedTwice {
        /// The booking's id.
        id: String,
        /// How often.
        times: usize,
        /// One of its persons.
        person: Person,
    },
    /// More bookings than the policy allows.
    #[error("person {person} has {count} bookings in the month; the limit is {limit}")]
    OverMonth {
        /// Whose.
        person: Person,
        /// How many.
        count: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// More live bookings for one service than the policy allows.
    #[error("person {person} has {count} live bookings for {service}; the limit is {limit}")]
    OverService {
        /// Whose.
        person: Person,
        /// For what.
        service: String,
        /// How many.
        count: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// More owners, or owners and free desks, than there are desks: some place has two owners or
    /// would get them.
    #[error("{slot}: {live} live bookings and {free} free desks, but only {capacity} desks")]
    Oversold {
        /// Where.
        slot: Slot,
        /// How many own a place there.
        live: u32,
        /// How many desks are offered as free.
        free: u32,
        /// How many desks there are.
        capacity: u32,
    },
}

/// Everything that is wrong, in a fixed order; empty when every promise was kept.
#[must_use]
pub fn check(
    history: &History,
    observed: &Observed,
    capacity: &Capacity,
    limits: Limits,
) -> Vec<Violation> {
    let mut violations = check_promises(history, observed, limits);
    check_places(history, observed, capacity, &mut violations);
    violations
}

/// What is wrong apart from the places, for whoever does not know how many there were.
#[must_use]
pub fn check_promises(history: &History, observed: &Observed, limits: Limits) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut explained: BTreeMap<Person, BTreeSet<&str>> = BTreeMap::new();
    let exchanged = exchanged(history, observed);
    for (id, attempt) in history.attempts() {
        let retries = observed.retries.get(&id).map_or(&[][..], Vec::as_slice);
        let ids = explained.entry(attempt.person).or_default();
        ids.extend(attempt.confirmed.iter().map(|booking| booking.id.as_str()));
        ids.extend(found(retries).map(|booking| booking.id.as_str()));
        check_key(attempt, retries, &mut violations);
        if let Some(bookings) = observed.bookings.get(&attempt.person) {
            check_bookings(attempt, retries, bookings, &exchanged, &mut violations);
        }
    }
    check_persons(observed, &explained, limits, &mut violations);
    violations
}

/// The bookings that were to be exchanged, with what was found when it was asked again.
fn exchanged<'a>(history: &'a History, observed: &Observed) -> BTreeMap<&'a str, Exchange> {
    let mut exchanged = history.exchanged();
    for (id, attempt) in history.attempts() {
        let retries = observed.retries.get(&id).map_or(&[][..], Vec::as_slice);
        if let Some(from) = &attempt.instead_of
            && found(retries).next().is_some()
        {
            exchanged.insert(from, Exchange::Confirmed);
        }
    }
    exchanged
}

fn found(retries: &[Retry]) -> impl Iterator<Item = &Booking> {
    retries.iter().filter_map(|retry| match retry {
        Retry::Found { booking, .. } => Some(booking),
        Retry::Refused(_) => None,
    })
}

/// One key, at most one booking, and always the same answer once there is one.
fn check_key(attempt: &Attempt, retries: &[Retry], violations: &mut Vec<Violation>) {
    let ids: BTreeSet<&str> =
        attempt.confirmed.iter().chain(found(retries)).map(|booking| booking.id.as_str()).collect();
    let (person, key) = (attempt.person, attempt.key.clone());
    if ids.len() > 1 {
        let ids = ids.into_iter().map(str::to_owned).collect();
        violations.push(Violation::SeveralForOneKey { person, key: key.clone(), ids });
    }
    let mut has_booking = !attempt.confirmed.is_empty();
    for retry in retries {
        match retry {
            Retry::Found { .. } => has_booking = true,
            Retry::Refused(slug) if has_booking => {
                let (key, slug) = (key.clone(), slug.clone());
                violations.push(Violation::KeyForgotten { person, key, slug });
            }
            Retry::Refused(_) => {}
        }
    }
}

/// Every booking that the person was told of is listed, unchanged, in the state it was left in.
fn check_bookings(
    attempt: &Attempt,
    retries: &[Retry],
    listed: &[Booking],
    exchanged: &BTreeMap<&str, Exchange>,
    violations: &mut Vec<Violation>,
) {
    let person = attempt.person;
    let mut seen = BTreeSet::new();
    for promised in attempt.confirmed.iter().chain(found(retries)) {
        let boxed = || Box::new(promised.clone());
        let Some(now) = listed.iter().find(|booking| booking.id == promised.id) else {
            let (key, booking) = (attempt.key.clone(), boxed());
            violations.push(Violation::Lost { person, key, booking });
            continue;
        };
        if !promised.is_same_promise(now) {
            let found = Box::new(now.clone());
            violations.push(Violation::Changed { person, promised: boxed(), found });
        }
        if !seen.insert(&promised.id) {
            continue;
        }
        if !attempt.request.asked_for(promised) {
            let (key, booking) = (attempt.key.clone(), boxed());
            violations.push(Violation::NotAskedFor { person, key, booking });
        }
        let id = promised.id.clone();
        if let Cancel::Refused(slug) = &attempt.cancel
            && !ALLOWED_CANCEL_REFUSALS.contains(slug)
        {
            let (id, slug) = (id.clone(), slug.clone());
            violations.push(Violation::CancelRefused { person, id, slug });
        }
        let exchange = exchanged.get(id.as_str()).copied();
        violations.extend(check_state(person, id, &attempt.cancel, exchange, now.state));
    }
}

/// A booking stands as its person left it.
fn check_state(
    person: Person,
    id: String,
    cancel: &Cancel,
    exchange: Option<Exchange>,
    state: State,
) -> Option<Violation> {
    match (state, cancel, exchange) {
        (State::Moved, _, None) => Some(Violation::MovedByNobody { person, id }),
        (State::Booked | State::Cancelled, _, Some(Exchange::Confirmed)) => {
            Some(Violation::MoveLost { person, id, state })
        }
        (State::Booked, Cancel::Confirmed, _) => Some(Violation::CancelLost { person, id }),
        (State::Cancelled, Cancel::NotAsked | Cancel::Refused(_), _) => {
            Some(Violation::CancelledByNobody { person, id })
        }
        (State::Booked | State::Cancelled | State::Moved, ..) => None,
    }
}

/// Nobody has more than was asked for, nobody more than is allowed, nothing belongs to two.
fn check_persons(
    observed: &Observed,
    explained: &BTreeMap<Person, BTreeSet<&str>>,
    limits: Limits,
    violations: &mut Vec<Violation>,
) {
    let mut times: BTreeMap<&str, (usize, Person)> = BTreeMap::new();
    for (&person, bookings) in &observed.bookings {
        let mut live: BTreeMap<&str, usize> = BTreeMap::new();
        for booking in bookings {
            let listed = times.entry(&booking.id).or_default();
            *listed = (listed.0 + 1, person);
            if !explained.get(&person).is_some_and(|ids| ids.contains(booking.id.as_str())) {
                let booking = Box::new(booking.clone());
                violations.push(Violation::Unexplained { person, booking });
            }
            if booking.state == State::Booked {
                *live.entry(&booking.service).or_default() += 1;
            }
        }
        if bookings.len() > limits.per_month {
            let (count, limit) = (bookings.len(), limits.per_month);
            violations.push(Violation::OverMonth { person, count, limit });
        }
        for (service, count) in live {
            if count > limits.live_per_service {
                let (service, limit) = (service.to_owned(), limits.live_per_service);
                violations.push(Violation::OverService { person, service, count, limit });
            }
        }
    }
    for (id, (times, person)) in times {
        if times > 1 {
            violations.push(Violation::ListedTwice { id: id.to_owned(), times, person });
        }
    }
}

/// A client does not see desks. But at each start, owners and free desks together can never be more
/// than the desks that were free there before anybody booked.
fn check_places(
    history: &History,
    observed: &Observed,
    capacity: &Capacity,
    violations: &mut Vec<Violation>,
) {
    let exchanged = exchanged(history, observed);
    let now = observed.bookings.values().flatten().filter(|b| b.state == State::Booked);
    let known = history
        .attempts()
        .filter(|(_, attempt)| !observed.bookings.contains_key(&attempt.person))
        .filter_map(|(_, attempt)| attempt.live())
        .filter(|booking| !exchanged.contains_key(booking.id.as_str()));
    let mut live: BTreeMap<Slot, u32> = BTreeMap::new();
    for booking in now.chain(known) {
        *live.entry(booking.slot()).or_default() += 1;
    }
    // What is free was read before attempts were sent again: a place that was free then, and was
    // booked only by being asked for again, is counted once, as owned.
    let mut sent_again: BTreeMap<Slot, u32> = BTreeMap::new();
    for (id, attempt) in history.attempts() {
        let retries = observed.retries.get(&id).map_or(&[][..], Vec::as_slice);
        let new = retries.iter().find_map(|retry| match retry {
            Retry::Found { booking, replayed: false } => Some(booking),
            Retry::Found { replayed: true, .. } | Retry::Refused(_) => None,
        });
        if let (true, Some(booking)) = (attempt.confirmed.is_empty(), new) {
            *sent_again.entry(booking.slot()).or_default() += 1;
        }
    }
    let slots: BTreeSet<&Slot> = live.keys().chain(observed.free.keys()).collect();
    for slot in slots {
        let live = live.get(slot).copied().unwrap_or(0);
        let free = observed.free.get(slot).copied().unwrap_or(0);
        let free = free.saturating_sub(sent_again.get(slot).copied().unwrap_or(0));
        let capacity = capacity.get(slot).copied().unwrap_or(0);
        if live + free > capacity {
            violations.push(Violation::Oversold { slot: slot.clone(), live, free, capacity });
        }
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
