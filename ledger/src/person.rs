//! A person's entry: the bookings that count, and the sequence number they rest on.
//!
//! The entry is the authority on limits and idempotency; whoever decides holds its lock. Must not
//! know names or numbers of people, only pseudonyms, and those only as the key of the map outside.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use talon_domain::civil::{CivilDate, UtcMicros};
use talon_domain::ids::{BookingId, Channel, Fingerprint, KeyHash, ServiceId};
use talon_domain::limits::BookingFact;
use talon_journal::Sequence;

use crate::record::{Booked, Seat};

/// What the limits look at, seldom more than a handful.
pub type Facts = SmallVec<[BookingFact; 8]>;

/// One booking of a person; its fields in this order are what a snapshot keeps of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    /// Its id.
    pub id: BookingId,
    /// Where and when.
    pub seat: Seat,
    /// What for.
    pub service: ServiceId,
    /// By which channel.
    pub channel: Channel,
    /// When it was booked.
    pub registered_at: UtcMicros,
    /// Under which idempotency key.
    pub key: KeyHash,
    /// What was asked under that key.
    pub fingerprint: Fingerprint,
    /// Whether it has been cancelled.
    pub cancelled: bool,
}

/// What the ledger knows of one person.
#[derive(Debug, Default)]
pub struct Person {
    last: Option<Sequence>,
    bookings: Vec<Booking>,
}

impl Person {
    /// The last fact about this person: what is said of them waits until it is durable.
    pub fn last(&self) -> Sequence {
        self.last.unwrap_or(Sequence::NONE)
    }

    /// The bookings, in the order in which they were made.
    pub fn bookings(&self) -> &[Booking] {
        &self.bookings
    }

    /// The booking made under an idempotency key.
    pub fn by_key(&self, key: KeyHash) -> Option<&Booking> {
        self.bookings.iter().find(|booking| booking.key == key)
    }

    /// The booking with this id.
    pub fn by_id(&self, id: BookingId) -> Option<&Booking> {
        self.bookings.iter().find(|booking| booking.id == id)
    }

    /// Takes note of a new booking.
    pub fn booked(&mut self, sequence: Sequence, at: UtcMicros, booked: &Booked) {
        self.last = Some(sequence);
        self.bookings.push(Booking {
            id: booked.booking,
            seat: booked.seat,
            service: booked.service,
            channel: booked.channel,
            registered_at: at,
            key: booked.key,
            fingerprint: booked.fingerprint,
            cancelled: false,
        });
    }

    /// Takes note of a cancellation; returns the place, unless there is no such live booking.
    pub fn cancelled(&mut self, sequence: Sequence, id: BookingId) -> Option<Seat> {
        let booking = self.bookings.iter_mut().find(|b| b.id == id && !b.cancelled)?;
        booking.cancelled = true;
        self.last = Some(sequence);
        Some(booking.seat)
    }

    /// All that the entry holds, for a snapshot: the last fact, and the bookings.
    pub fn parts(&self) -> (Sequence, Vec<Booking>) {
        let Self { last, bookings } = self;
        (last.unwrap_or(Sequence::NONE), bookings.clone())
    }

    /// The entry that these parts were of.
    pub fn from_parts(last: Sequence, bookings: Vec<Booking>) -> Self {
        Self { last: Some(last), bookings }
    }

    /// Drops the bookings of one authority whose visits were before a date.
    pub fn forget(&mut self, is_forgotten: impl Fn(&Seat) -> bool) {
        self.bookings.retain(|booking| !is_forgotten(&booking.seat));
        if self.bookings.is_empty() {
            self.bookings = Vec::new();
        }
    }
}

impl Booking {
    /// What the limits need to know, given when the visit ends.
    pub fn fact(&self, ends_at: UtcMicros) -> BookingFact {
        BookingFact {
            service: self.service,
            channel: self.channel,
            registered_at: self.registered_at,
            visit_date: self.visit_date(),
            ends_at,
            cancelled: self.cancelled,
        }
    }

    /// The civil date of the visit.
    pub fn visit_date(&self) -> CivilDate {
        self.seat.day.date
    }
}
