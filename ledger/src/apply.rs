//! Applying facts on replay, which asserts and never decides.
//!
//! Must not know catalogues, clocks or disks. Opening a ledger and [`crate::verify`] replay with it.

use talon_board::Steps;
use talon_domain::booking::BookingState;
use talon_domain::civil::UtcMicros;
use talon_domain::ids::{BookingId, Channel, Pseudonym, ServiceId};
use talon_domain::limits::Block;
use talon_domain::policy::CompiledPolicy;
use talon_journal::Sequence;

use crate::day::BadShape;
use crate::record::{Booked, DayKey, Fact, Moved, Record, Seat};
use crate::state::State;

/// A fact that contradicts the facts before it.
#[derive(Debug, thiserror::Error)]
pub enum Violation {
    /// A place that already had an owner.
    #[error("booking {booking}: its place {seat:?} has an owner already (steps {taken:?})")]
    TwoOwners {
        /// The later booking.
        booking: BookingId,
        /// The place.
        seat: Seat,
        /// The steps that were claimed already.
        taken: Steps,
    },
    /// A day, shift or step that does not exist.
    #[error("{0:?} does not exist")]
    NoSuchSeat(Seat),
    /// A day generated twice.
    #[error("{0:?} is generated a second time")]
    DayTwice(DayKey),
    /// A release of a day that does not exist or does not offer the service.
    #[error("{day:?} is released for service {service}, which it does not offer")]
    NoSuchRelease {
        /// The day.
        day: DayKey,
        /// The service.
        service: ServiceId,
    },
    /// A booking for something that was not released.
    #[error("booking {booking}: {day:?} was not released for service {service}")]
    NotReleased {
        /// The booking.
        booking: BookingId,
        /// The day.
        day: DayKey,
        /// The service.
        service: ServiceId,
    },
    /// A place of which the channel may not use every step.
    #[error("booking {booking}: {channel:?} may not use {seat:?}")]
    NotItsShare {
        /// The booking.
        booking: BookingId,
        /// The place.
        seat: Seat,
        /// By which it was booked.
        channel: Channel,
    },
    /// A fact about a booking that is not there, or is cancelled already.
    #[error("no live booking {0}")]
    NoSuchBooking(BookingId),
    /// A booking whose actor is the entity it is for.
    #[error("booking {0}: its actor is the entity it is for")]
    OneParty(BookingId),
    /// A return of a place that was not on its way back.
    #[error("booking {0}: its place returns but was not withheld")]
    NotWithheld(BookingId),
    /// A shape that cannot be used.
    #[error("{day:?}: {source}")]
    Shape {
        /// The day.
        day: DayKey,
        /// Why.
        source: BadShape,
    },
    /// A policy that cannot be used.
    #[error("a policy: {0}")]
    Policy(#[from] talon_domain::policy::UnknownZone),
}

impl State {
    /// Applies one fact that happened.
    ///
    /// # Errors
    /// [`Violation`] when it contradicts the facts before it; the state is then unusable.
    pub fn apply(&self, sequence: Sequence, record: Record) -> Result<(), Violation> {
        match record.fact {
            Fact::PolicySet(policy) => {
                self.set_policy(CompiledPolicy::in_zones(policy, self.zones())?);
            }
            Fact::DayGenerated { day, shape } => self.add_day(day, shape)?,
            Fact::Released { authority, service, channel, date, offices, .. } => {
                self.release(authority, service, channel, date, &offices)?;
            }
            Fact::Booked(booked) => self.replay_booked(sequence, record.at, &booked)?,
            Fact::Cancelled { subject, booking, returns_at } => {
                let seat =
                    self.replay_changed(sequence, &subject, booking, BookingState::Cancelled)?;
                self.withhold(returns_at, booking, seat);
            }
            Fact::Returned { booking, returns_at, seat } => {
                self.replay_returned(booking, returns_at, seat)?;
            }
            Fact::SessionRevoked { session, expires_at } => {
                self.revoke(sequence, session, expires_at);
            }
            Fact::Forgotten { authority, before } => self.forget(authority, before, record.at),
            Fact::Linked { into, from } => self.link(sequence, record.at, into, &from),
            Fact::Moved(moved) => self.replay_moved(sequence, record.at, &moved)?,
            Fact::Concluded { subject, booking, visit, blocks } => {
                self.replay_changed(sequence, &subject, booking, visit.state())?;
                if let Some(count) = blocks {
                    let mut party = self.party_or_new(&subject);
                    party.entry.blocked(sequence, Block { since: record.at, count });
                }
            }
            Fact::Unblocked { subject } => {
                self.party_or_new(&subject).entry.unblocked(sequence, record.at);
            }
            Fact::PeppersSet { peppers } => self.peppers().set(record.at, &peppers),
        }
        Ok(())
    }

    fn replay_changed(
        &self,
        sequence: Sequence,
        subject: &Pseudonym,
        id: BookingId,
        state: BookingState,
    ) -> Result<Seat, Violation> {
        let parties = self.parties_of(subject, id);
        let booking = parties.and_then(|mut parties| parties.changed(sequence, id, state));
        booking.map(|booking| booking.seat).ok_or(Violation::NoSuchBooking(id))
    }

    fn replay_moved(
        &self,
        sequence: Sequence,
        at: UtcMicros,
        moved: &Moved,
    ) -> Result<(), Violation> {
        self.replay_claim(&moved.booked)?;
        let parties = self.parties_of(&moved.booked.subject, moved.from);
        let noted = parties.and_then(|mut parties| parties.moved(sequence, at, moved));
        let (before, _) = noted.ok_or(Violation::NoSuchBooking(moved.from))?;
        self.withhold(moved.returns_at, moved.from, before.seat);
        Ok(())
    }

    fn replay_booked(
        &self,
        sequence: Sequence,
        at: UtcMicros,
        booked: &Booked,
    ) -> Result<(), Violation> {
        self.replay_claim(booked)?;
        let (actor, entity) = match &booked.actor {
            Some(actor) => (actor, Some(&booked.subject)),
            None => (&booked.subject, None),
        };
        let mut parties =
            self.parties_or_new(actor, entity).ok_or(Violation::OneParty(booked.booking))?;
        parties.booked(sequence, at, booked);
        Ok(())
    }

    /// Takes the bits of a booking, which nobody has.
    fn replay_claim(&self, booked: &Booked) -> Result<(), Violation> {
        let seat = booked.seat;
        let no_such_seat = || Violation::NoSuchSeat(seat);
        let day = self.day(&seat.day).ok_or_else(no_such_seat)?;
        if !day.is_released(booked.service, booked.channel) {
            let (booking, day, service) = (booked.booking, seat.day, booked.service);
            return Err(Violation::NotReleased { booking, day, service });
        }
        let word = day.word(seat.shift).ok_or_else(no_such_seat)?;
        let shift = &day.shape().shape().shifts[usize::from(seat.shift)];
        let run = Steps::run(seat.step, seat.steps)
            .filter(|_| seat.step + seat.steps <= shift.steps)
            .ok_or_else(no_such_seat)?;
        let usable = shift.service(booked.service).map_or(0, |of| of.usable(booked.channel));
        if !run.is_subset(Steps::from_bits(usable)) {
            let (booking, channel) = (booked.booking, booked.channel);
            return Err(Violation::NotItsShare { booking, seat, channel });
        }
        word.claim(run).map_err(|taken| Violation::TwoOwners {
            booking: booked.booking,
            seat,
            taken: taken.steps,
        })?;
        Ok(())
    }

    fn replay_returned(
        &self,
        booking: BookingId,
        returns_at: UtcMicros,
        seat: Seat,
    ) -> Result<(), Violation> {
        if self.take_withheld(returns_at, booking) != Some(seat) {
            return Err(Violation::NotWithheld(booking));
        }
        let day = self.day(&seat.day).ok_or(Violation::NoSuchSeat(seat))?;
        let word = day.word(seat.shift).ok_or(Violation::NoSuchSeat(seat))?;
        word.give_back(Steps::run(seat.step, seat.steps).ok_or(Violation::NoSuchSeat(seat))?);
        Ok(())
    }
}
