//! What earlier records say of days and bookings, so that later ones can be read.
//!
//! Owns just enough to resolve a seat and to find a booking by its id; asserts nothing, so that a
//! journal with contradictions can be looked into. It holds what the ledger would hold: days and
//! bookings until they are forgotten, a cancelled or moved booking until its place returns. `inspect` uses it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use talon_domain::ids::{BookingId, Pseudonym, ServiceId};
use talon_domain::shape::DayShape;
use talon_ledger::record::{DayKey, Fact, Moved, Seat};

use super::json::SeatView;

/// Whose booking it is, what for and where.
pub(crate) struct KnownBooking {
    pub(crate) subject: Pseudonym,
    pub(crate) actor: Option<Pseudonym>,
    pub(crate) service: ServiceId,
    pub(crate) seat: Seat,
}

/// The days and bookings of the records so far.
#[derive(Default)]
pub(crate) struct Places {
    days: HashMap<DayKey, Arc<DayShape>>,
    bookings: HashMap<BookingId, KnownBooking>,
    /// Shapes repeat by weekday: each is kept once.
    shapes: HashSet<Arc<DayShape>>,
}

impl Places {
    /// Takes note of a record, after it was looked at.
    pub(crate) fn absorb(&mut self, fact: Fact) {
        match fact {
            Fact::DayGenerated { day, shape } => {
                let shape = self.share(shape);
                self.days.insert(day, shape);
            }
            Fact::Booked(booked) | Fact::Moved(Moved { booked, .. }) => {
                let (subject, actor) = (booked.subject, booked.actor);
                let known =
                    KnownBooking { subject, actor, service: booked.service, seat: booked.seat };
                self.bookings.insert(booked.booking, known);
            }
            Fact::Returned { booking, .. } => {
                self.bookings.remove(&booking);
            }
            Fact::Forgotten { authority, before } => {
                let is_kept = |day: &DayKey| day.authority != authority || day.date >= before;
                self.days.retain(|day, _| is_kept(day));
                self.bookings.retain(|_, known| is_kept(&known.seat.day));
                self.shapes.retain(|shape| Arc::strong_count(shape) > 1);
            }
            Fact::PolicySet(_)
            | Fact::Released { .. }
            | Fact::Cancelled { .. }
            | Fact::SessionRevoked { .. }
            | Fact::Linked { .. }
            | Fact::Concluded { .. }
            | Fact::Unblocked { .. }
            | Fact::PeppersSet { .. } => {}
        }
    }

    fn share(&mut self, shape: DayShape) -> Arc<DayShape> {
        if let Some(shared) = self.shapes.get(&shape) {
            return Arc::clone(shared);
        }
        let shared = Arc::new(shape);
        self.shapes.insert(Arc::clone(&shared));
        shared
    }

    /// A booking that has not been forgotten, and whose place has not returned.
    pub(crate) fn booking(&self, booking: &BookingId) -> Option<&KnownBooking> {
        self.bookings.get(booking)
    }

    /// A seat with its desk and start.
    pub(crate) fn view(&self, seat: &Seat) -> SeatView {
        SeatView::new(seat, self.days.get(&seat.day).map(Arc::as_ref))
    }
}
