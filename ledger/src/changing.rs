//! Cancelling and moving: what a holder does with a booking that is live.
//!
//! Must not wait for the disk. What claims a place is [`crate::booking`]'s.

use std::sync::Arc;

use talon_domain::booking::BookingState;
use talon_domain::civil::UtcMicros;
use talon_domain::policy::{CompiledPolicy, Moving};
use talon_journal::Class;
use talon_wire::{Answer, BookingView, Cancel, Move, Place, Refusal};

use crate::booking::{InsteadOf, Request};
use crate::core::{Core, Outcome, refusal_of};
use crate::parties::Parties;
use crate::person::Booking;
use crate::record::Fact;

/// A booking that its holder wants to change, with everything looked up.
struct Found {
    parties: Parties,
    booking: Booking,
    view: BookingView,
    policy: Arc<CompiledPolicy>,
}

impl Found {
    fn refused(&self, refusal: Refusal) -> Outcome {
        Outcome { answer: Answer::Refused(refusal), after: self.parties.last() }
    }
}

impl Core {
    /// Cancels a booking of the caller.
    pub fn cancel(&self, cancel: &Cancel) -> Outcome {
        let caller = &cancel.caller;
        if self.state.is_revoked(&caller.session) {
            return Outcome::refused(Refusal::SessionRevoked);
        }
        let reservation = match self.journal.reserve(Class::Reserve) {
            Ok(reservation) => reservation,
            Err(error) => return Outcome::refused(refusal_of(&error)),
        };
        let _deciding = self.deciding.read();
        let mut found = match self.found(caller, cancel.booking) {
            Ok(found) => found,
            Err(outcome) => return *outcome,
        };
        match found.booking.state {
            BookingState::Booked => {}
            BookingState::Cancelled => {
                return Outcome {
                    answer: Answer::Cancelled(found.view),
                    after: found.parties.last(),
                };
            }
            other => return found.refused(Refusal::NotLive(other)),
        }
        let now = self.clock.now();
        if now > found.view.cancel_until {
            let until = found.view.cancel_until;
            return found.refused(Refusal::TooLate { until });
        }
        let Some(returns_at) = self.return_moment(&found.policy, now) else {
            return Outcome::refused(Refusal::Unavailable);
        };
        let (subject, _) = found.parties.names();
        let id = found.booking.id;
        let fact = Fact::Cancelled { subject, booking: id, returns_at };
        let sequence = self.append(reservation, now, &fact);
        let before = found.parties.changed(sequence, id, BookingState::Cancelled);
        self.state.withhold(returns_at, id, before.expect("the booking is live").seat);
        let view = BookingView { state: BookingState::Cancelled, move_until: None, ..found.view };
        Outcome { answer: Answer::Cancelled(view), after: sequence }
    }

    /// Claims another place for a booking and gives its own back, in one record.
    pub fn move_booking(&self, wanted: &Move) -> Outcome {
        let caller = &wanted.caller;
        if self.state.is_revoked(&caller.session) {
            return Outcome::refused(Refusal::SessionRevoked);
        }
        let reservation = match self.journal.reserve(Class::Ordinary) {
            Ok(reservation) => reservation,
            // What is moved already needs no room.
            Err(error) => {
                let repeat = self.repeat_of(caller, wanted.key, wanted.fingerprint);
                return repeat.unwrap_or_else(|| Outcome::refused(refusal_of(&error)));
            }
        };
        if let Some(repeat) = self.repeat_of(caller, wanted.key, wanted.fingerprint) {
            return repeat;
        }
        let _deciding = self.deciding.read();
        let name = self.state.party(&caller.person).map(|party| party.name);
        let found = match self.found(caller, wanted.booking) {
            Ok(found) => found,
            Err(outcome) => return *outcome,
        };
        // Another representative may see an entity's booking and cancel it; keys and caps are those
        // of who made it.
        if name != Some(found.parties.actor.name) {
            return found.refused(Refusal::NotFound);
        }
        // A repeat may have come in between the look and the lock.
        let actor = &found.parties.actor.entry;
        if let Some(repeat) = self.repeat(actor, wanted.key, wanted.fingerprint) {
            return repeat;
        }
        let now = self.clock.now();
        if let Err(refusal) = may_move(&found, now) {
            return found.refused(refusal);
        }
        let day = found.booking.seat.day;
        let place = Place {
            authority: day.authority,
            office: wanted.office,
            service: found.booking.service,
        };
        if let Some(refusal) = self.unknown_place(&place) {
            return found.refused(refusal);
        }
        let ids = self.new_booking_id().zip(self.return_moment(&found.policy, now));
        let Some((booking, returns_at)) = ids else {
            return Outcome::refused(Refusal::Unavailable);
        };
        let policy = Arc::clone(&found.policy);
        let counts = policy.policy().moving.counts;
        let before = &found.booking;
        let request = Request {
            place,
            channel: before.channel,
            wishes: &wanted.wishes,
            key: wanted.key,
            fingerprint: wanted.fingerprint,
            policy: &policy,
            standings: self.state.standings_instead(&found.parties, before, counts),
            now,
            booking,
            instead_of: Some(InsteadOf {
                booking: before.id,
                registered_at: if counts { now } else { before.registered_at },
                counts,
                returns_at,
            }),
        };
        self.grant(found.parties, &request, reservation)
    }

    fn found(
        &self,
        caller: &talon_wire::Caller,
        id: talon_domain::ids::BookingId,
    ) -> Result<Found, Box<Outcome>> {
        let Some(parties) = self.state.parties_for(caller, id) else {
            let after = self.state.party(&caller.person).map(|party| party.entry.last());
            return Err(Box::new(Outcome {
                answer: Answer::Refused(Refusal::NotFound),
                after: after.unwrap_or(talon_journal::Sequence::NONE),
            }));
        };
        let booking = parties.booking(id).cloned();
        let policy = booking.as_ref().and_then(|b| self.state.policy(b.seat.day.authority));
        let view = booking.as_ref().and_then(|booking| self.view(booking));
        match (booking, view, policy) {
            (Some(booking), Some(view), Some(policy)) => {
                Ok(Found { parties, booking, view, policy })
            }
            _ => Err(Box::new(Outcome::refused(Refusal::Unavailable))),
        }
    }

    /// When a place that is given back now returns; nothing without randomness.
    fn return_moment(&self, policy: &CompiledPolicy, now: UtcMicros) -> Option<UtcMicros> {
        let random = self.random::<8>()?;
        Some(policy.returns_at(now, u64::from_le_bytes(random)))
    }
}

/// Whether the policy lets a booking move now.
fn may_move(found: &Found, now: UtcMicros) -> Result<(), Refusal> {
    let Moving { max, .. } = found.policy.policy().moving;
    let booking = &found.booking;
    if booking.state != BookingState::Booked {
        return Err(Refusal::NotLive(booking.state));
    }
    if booking.moves >= max {
        return Err(Refusal::MovedTooOften { count: booking.moves, limit: max });
    }
    let until = found.policy.move_until(found.view.starts_at);
    if now > until { Err(Refusal::TooLate { until }) } else { Ok(()) }
}
