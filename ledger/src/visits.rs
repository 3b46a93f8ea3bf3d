//! What becomes of a visit, as the office notes it, and the blocks that follow.
//!
//! Must not wait for the disk, and must not know who notes it.

use talon_domain::booking::{BookingState, Visit};
use talon_domain::ids::{AuthorityId, BookingId, Pseudonym};
use talon_domain::limits::{Block, no_show_block};
use talon_domain::policy::CompiledPolicy;
use talon_journal::Class;
use talon_wire::{Answer, Refusal};

use crate::core::{Core, Outcome, refusal_of};
use crate::parties::Parties;
use crate::person::Booking;
use crate::record::Fact;

impl Core {
    /// Notes what became of a visit. A second note that says the same changes nothing.
    pub fn conclude(
        &self,
        authority: AuthorityId,
        subject: &Pseudonym,
        id: BookingId,
        visit: Visit,
    ) -> Outcome {
        let reservation = match self.journal.reserve(Class::Reserve) {
            Ok(reservation) => reservation,
            Err(error) => return Outcome::refused(refusal_of(&error)),
        };
        let _deciding = self.deciding.read();
        let Some(mut parties) = self.state.parties_of(subject, id) else {
            return Outcome::refused(Refusal::NotFound);
        };
        let found = parties.booking(id).filter(|found| found.seat.day.authority == authority);
        let Some(booking) = found.cloned() else { return Outcome::refused(Refusal::NotFound) };
        let (Some(view), Some(policy)) = (self.view(&booking), self.state.policy(authority)) else {
            return Outcome::refused(Refusal::Unavailable);
        };
        let now = self.clock.now();
        let after = parties.last();
        if booking.state == visit.state() {
            return Outcome { answer: Answer::Concluded(view), after };
        }
        if booking.state != BookingState::Booked {
            return Outcome { answer: Answer::Refused(Refusal::NotLive(booking.state)), after };
        }
        if now < view.starts_at {
            let starts_at = view.starts_at;
            return Outcome { answer: Answer::Refused(Refusal::NotBegun { starts_at }), after };
        }
        let blocks = self.blocks(&policy, &parties, &booking, visit);
        let (subject, _) = parties.names();
        let fact = Fact::Concluded { subject, booking: id, visit, blocks };
        let sequence = self.append(reservation, now, &fact);
        parties.changed(sequence, id, visit.state()).expect("the booking is live");
        if let Some(count) = blocks {
            parties.subject_entry().blocked(sequence, Block { since: now, count });
        }
        let view = talon_wire::BookingView { state: visit.state(), move_until: None, ..view };
        Outcome { answer: Answer::Concluded(view), after: sequence }
    }

    /// How many visits were missed, when this one makes them enough for a block.
    fn blocks(
        &self,
        policy: &CompiledPolicy,
        parties: &Parties,
        booking: &Booking,
        visit: Visit,
    ) -> Option<u32> {
        if visit != Visit::Absent {
            return None;
        }
        let entry = parties.entity.as_ref().unwrap_or(&parties.actor);
        let missed = Booking { state: BookingState::Absent, ..booking.clone() };
        let others = entry.entry.bookings().iter().filter(|other| other.id != booking.id);
        let facts = self.state.facts(others.chain(std::iter::once(&missed)));
        no_show_block(policy, &facts, booking.visit_date(), entry.entry.unblocked_at())
    }

    /// Lifts a block, which somebody in an office answers for.
    pub fn unblock(&self, subject: &Pseudonym) -> Outcome {
        let reservation = match self.journal.reserve(Class::Reserve) {
            Ok(reservation) => reservation,
            Err(error) => return Outcome::refused(refusal_of(&error)),
        };
        let _deciding = self.deciding.read();
        let Some(mut party) = self.state.party(subject) else {
            return Outcome::now(Answer::Unblocked);
        };
        if party.entry.block().is_none() {
            return Outcome { answer: Answer::Unblocked, after: party.entry.last() };
        }
        let now = self.clock.now();
        let sequence = self.append(reservation, now, &Fact::Unblocked { subject: party.name });
        party.entry.unblocked(sequence, now);
        Outcome { answer: Answer::Unblocked, after: sequence }
    }
}
