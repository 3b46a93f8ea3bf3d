//! Holds the journal of a stopped gateway to what its clients were told, and to the policy.
//!
//! Reads the lines that `talon-ledger inspect` prints and adds them up anew: each confirmation is
//! there, no step of a desk has two owners, nobody is over a limit, nothing is there that nobody
//! asked for. `talon-ledger verify` says the same from the inside; here nothing of its code is used.
//! Must not know how the lines were had. Called by the rehearsal.

mod limits;
mod lines;
mod violations;

use std::collections::{BTreeMap, BTreeSet};

use self::limits::{Counted, over};
pub use self::lines::{BadLine, KINDS, Seat};
use self::lines::{Booked, Fact, Line, Policy};
pub use self::violations::Violation;
use crate::client::words::Booking;
use crate::history::{Attempt, Cancel, Exchange, History, Holder, Person};

/// What the journal says, added up.
#[derive(Debug, Default)]
pub struct Journal {
    /// Every booking ever made, by its id.
    bookings: BTreeMap<String, Entry>,
    /// What was wrong on the way.
    violations: Vec<Violation>,
}

#[derive(Debug)]
struct Entry {
    booked: Booked,
    /// The booking that it was exchanged for.
    instead_of: Option<String>,
    end: End,
}

/// What became of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Nothing: it is kept.
    Kept,
    Cancelled,
    /// Exchanged for another.
    Moved,
}

/// Who has what, while the lines are read.
#[derive(Default)]
struct Adding {
    journal: Journal,
    policies: BTreeMap<u16, Policy>,
    owners: BTreeMap<(u16, u32, String, u16, u8), String>,
    counted: BTreeMap<String, Vec<Counted>>,
}

/// One step of a desk's shift on a date.
fn steps(seat: &Seat) -> impl Iterator<Item = (u16, u32, String, u16, u8)> {
    let (authority, office, date, shift) = (seat.authority, seat.office, &seat.date, seat.shift);
    (seat.step..seat.step.saturating_add(seat.steps))
        .map(move |step| (authority, office, date.clone(), shift, step))
}

impl Journal {
    /// Adds up what `talon-ledger inspect` printed, with the kinds of [`KINDS`].
    ///
    /// # Errors
    /// [`BadLine`] when a line says what nobody understands.
    pub fn read(printed: &[u8]) -> Result<Self, BadLine> {
        let mut adding = Adding::default();
        for line in Line::all(printed) {
            adding.add(line?);
        }
        Ok(adding.journal)
    }

    /// How many bookings were made.
    #[must_use]
    pub fn bookings(&self) -> usize {
        self.bookings.len()
    }

    /// How many of them were moves.
    #[must_use]
    pub fn moves(&self) -> usize {
        self.bookings.values().filter(|entry| entry.instead_of.is_some()).count()
    }

    /// Where a booking is.
    #[must_use]
    pub fn seat(&self, id: &str) -> Option<&Seat> {
        self.bookings.get(id).map(|entry| &entry.booked.seat)
    }

    /// Everything that is wrong: with the journal itself, and between it and what clients were told.
    #[must_use]
    pub fn check(&self, history: &History) -> Vec<Violation> {
        let mut violations = self.violations.clone();
        let mut told = BTreeSet::new();
        let mut services = BTreeMap::new();
        let mut subjects: BTreeMap<&str, (Holder, Person)> = BTreeMap::new();
        let exchanged = history.exchanged();
        let mut unknown = history.unremembered();
        for (_, attempt) in history.attempts() {
            unknown += usize::from(attempt.confirmed.is_empty() && attempt.unanswered > 0);
            for booking in &attempt.confirmed {
                told.insert(booking.id.as_str());
                let exchange = exchanged.get(booking.id.as_str()).copied();
                self.check_booking(attempt, booking, exchange, &mut services, &mut violations);
                let Some(entry) = self.bookings.get(&booking.id) else { continue };
                let subject = entry.booked.subject.as_str();
                let holder = history.holder(attempt);
                let first = *subjects.entry(subject).or_insert((holder, attempt.person));
                if first.0 != holder {
                    let persons = [first.1, attempt.person];
                    violations.push(Violation::OneName { persons });
                }
            }
        }
        let untold: Vec<&String> =
            self.bookings.keys().filter(|id| !told.contains(id.as_str())).collect();
        // An attempt without an answer may have booked, but no more than one place.
        if untold.len() > unknown {
            let (ids, unanswered) = (untold.into_iter().cloned().collect(), unknown);
            violations.push(Violation::Unexplained { ids, unanswered });
        }
        violations
    }

    fn check_booking(
        &self,
        attempt: &Attempt,
        promised: &Booking,
        exchange: Option<Exchange>,
        services: &mut BTreeMap<u16, String>,
        violations: &mut Vec<Violation>,
    ) {
        let (person, id) = (attempt.person, promised.id.clone());
        let Some(Entry { booked, instead_of, end }) = self.bookings.get(&promised.id) else {
            violations.push(Violation::Missing { person, id });
            return;
        };
        // The journal has numbers for what the API calls by codes; one number is one code.
        let code = services.entry(booked.service).or_insert_with(|| promised.service.clone());
        let seat = &booked.seat;
        let is_same = *code == promised.service
            && seat.office == promised.office
            && seat.date == promised.date
            && seat.start.as_deref() == Some(promised.time.as_str())
            && seat.minutes == Some(promised.minutes);
        if !is_same {
            let found = Box::new(seat.clone());
            violations.push(Violation::Differs { person, promised: id.clone(), found });
        }
        if *instead_of != attempt.instead_of {
            let found = instead_of.clone();
            violations.push(Violation::InsteadOfAnother { person, id: id.clone(), found });
        }
        violations.extend(check_end(person, id, &attempt.cancel, exchange, *end));
    }
}

/// A booking is given back or exchanged when its person was told so, and only then.
fn check_end(
    person: Person,
    id: String,
    cancel: &Cancel,
    exchange: Option<Exchange>,
    end: End,
) -> Option<Violation> {
    match (end, cancel, exchange) {
        (End::Moved, _, None) | (End::Cancelled, Cancel::NotAsked | Cancel::Refused(_), _) => {
            Some(Violation::GivenBackByNobody { person, id })
        }
        (End::Kept | End::Cancelled, _, Some(Exchange::Confirmed)) => {
            Some(Violation::MoveMissing { person, id })
        }
        (End::Kept, Cancel::Confirmed, _) => Some(Violation::CancelMissing { person, id }),
        (End::Kept | End::Cancelled | End::Moved, ..) => None,
    }
}

impl Adding {
    fn add(&mut self, line: Line) {
        match line.fact {
            Fact::PolicySet { policy } => {
                self.policies.insert(policy.authority, policy);
            }
            Fact::Booked(booked) => self.take(line.at, booked, line.at, None),
            Fact::Cancelled { booking } => self.give_back(&booking, End::Cancelled, true),
            Fact::Moved { from, counts, booked } => {
                self.give_back(&from, End::Moved, counts);
                let registered = self.registered(&from).filter(|_| !counts).unwrap_or(line.at);
                self.take(line.at, booked, registered, Some(from));
            }
            Fact::Returned { booking, seat } => {
                for step in steps(&seat) {
                    if self.owners.get(&step) == Some(&booking) {
                        self.owners.remove(&step);
                    }
                }
            }
            Fact::Linked { into, from } => {
                for name in from {
                    let counted = self.counted.remove(&name).unwrap_or_default();
                    self.counted.entry(into.clone()).or_default().extend(counted);
                }
            }
            Fact::Other => {}
        }
    }

    /// A place is taken at a moment; it counts as registered at another when it was moved.
    fn take(
        &mut self,
        at: jiff::Timestamp,
        booked: Booked,
        registered: jiff::Timestamp,
        instead_of: Option<String>,
    ) {
        for step in steps(&booked.seat) {
            if let Some(owner) = self.owners.insert(step, booked.booking.clone()) {
                let (owners, seat) =
                    ([owner, booked.booking.clone()], Box::new(booked.seat.clone()));
                self.journal.violations.push(Violation::TwoOwners { owners, seat });
                break;
            }
        }
        let counted = self.counted.entry(booked.subject.clone()).or_default();
        counted.push(Counted::new(&booked, registered));
        if let Some(policy) = self.policies.get(&booked.seat.authority) {
            for (limit, count) in over(policy, counted, &booked) {
                let (rule, limit) = (limit.name.clone(), limit.max);
                let (booking, at) = (booked.booking.clone(), at.to_string());
                self.journal.violations.push(Violation::OverLimit {
                    rule,
                    count,
                    limit,
                    booking,
                    at,
                });
            }
        }
        let entry = Entry { booked, instead_of, end: End::Kept };
        self.journal.bookings.insert(entry.booked.booking.clone(), entry);
    }

    /// A booking is given back: its steps stay taken until they return.
    fn give_back(&mut self, booking: &str, end: End, counts: bool) {
        if let Some(entry) = self.journal.bookings.get_mut(booking) {
            entry.end = end;
        }
        for counted in self.counted.values_mut().flatten().filter(|it| it.booking == booking) {
            counted.live = false;
            counted.counts = counts;
        }
    }

    fn registered(&self, booking: &str) -> Option<jiff::Timestamp> {
        let mut all = self.counted.values().flatten();
        all.find(|counted| counted.booking == booking).map(|counted| counted.registered)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
