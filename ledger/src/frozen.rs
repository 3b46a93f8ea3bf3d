//! The canonical form of a state: one list of parts, in an order that depends on the state alone.
//!
//! Owns what counts as state. The state hash is the hash of these parts and a snapshot is their bytes,
//! so what one of them sees the other keeps. Taking apart names every field: one that is added to the
//! state and forgotten here does not compile. Must not know files. To add state, add a variant to
//! [`Frozen`] (or a field to one), an `emit` in [`State::freeze`], an arm in [`Thaw::add`], and raise
//! [`FROZEN_VERSION`].
//!
//! Part of `state`, whose fields it names.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use talon_domain::policy::{CompiledPolicy, Policy, UnknownZone};
use talon_domain::shape::DayShape;

use super::*;
use crate::day::{BadShape, CompiledShape};
use crate::peppers::Pepper;
use crate::person::PersonParts;

/// The version of the parts; a snapshot of another version is not read.
pub const FROZEN_VERSION: u32 = 1;

/// One part of a state. `JOURNAL.md` describes the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Frozen {
    /// A policy in force; by authority.
    Policy(Policy),
    /// A shape, once, before the first day that has it.
    Shape(DayShape),
    /// A generated day; by key.
    Day {
        /// Which day.
        day: DayKey,
        /// Its shape's place among the shapes before it, from 0.
        shape: u32,
        /// The unclaimed steps of each shift.
        unclaimed: Vec<u64>,
        /// By channel: bit i says that the i-th service of the shape is released to it.
        released: [u64; Channel::ALL.len()],
    },
    /// A holder of whom something is known; by pseudonym.
    Person {
        /// Who.
        person: Pseudonym,
        /// All that their entry holds.
        parts: PersonParts,
    },
    /// A place on its way back; by moment and booking.
    Withheld(UtcMicros, BookingId, Seat),
    /// The last date that has been released for a service to a channel; by all three.
    ReleasedThrough(AuthorityId, ServiceId, Channel, CivilDate),
    /// The oldest date that is kept of an authority; by id.
    Oldest(AuthorityId, CivilDate),
    /// A session that is refused until a moment; by id.
    Revoked(SessionId, UtcMicros),
    /// The peppers that gateways have, the one in use first, when they said.
    Peppers(Vec<Pepper>),
}

/// Parts that are no state.
#[derive(Debug, thiserror::Error)]
pub enum BadParts {
    /// A policy with a zone that does not exist.
    #[error("a policy: {0}")]
    Policy(#[from] UnknownZone),
    /// A shape that cannot be used.
    #[error("a shape: {0}")]
    Shape(#[from] BadShape),
    /// A day that does not fit its shape, or has none.
    #[error("{0:?} does not fit its shape")]
    Day(DayKey),
}

impl State {
    /// Shows every part, in the canonical order. Taken at quiescence.
    ///
    /// # Errors
    /// What `emit` says.
    pub fn freeze<E>(&self, mut emit: impl FnMut(&Frozen) -> Result<(), E>) -> Result<(), E> {
        // Every field by its name. What is not part of the state says why.
        let Self {
            policies,
            days: _,    // sorted by `State::days`
            persons: _, // sorted by `State::persons`
            withheld,
            released,
            oldest,
            peppers,
            revoked: _, // sorted by `State::revoked`; by which record is durable already
            shapes: _,  // shared again
            zones: _,   // rules of today, no fact
        } = self;
        for policy in policies.read().values() {
            emit(&Frozen::Policy(policy.policy().clone()))?;
        }
        self.freeze_days(&mut emit)?;
        for (person, entry) in self.persons() {
            let parts = entry.lock().parts();
            emit(&Frozen::Person { person, parts })?;
        }
        for ((returns_at, booking), seat) in withheld.lock().iter() {
            emit(&Frozen::Withheld(*returns_at, *booking, *seat))?;
        }
        for ((authority, service, channel), date) in released.read().iter() {
            emit(&Frozen::ReleasedThrough(*authority, *service, *channel, *date))?;
        }
        for (authority, date) in oldest.lock().iter() {
            emit(&Frozen::Oldest(*authority, *date))?;
        }
        for (session, expires_at) in self.revoked() {
            emit(&Frozen::Revoked(session, expires_at))?;
        }
        let peppers = peppers.all();
        if !peppers.is_empty() {
            emit(&Frozen::Peppers(peppers))?;
        }
        Ok(())
    }

    fn freeze_days<E>(&self, emit: &mut impl FnMut(&Frozen) -> Result<(), E>) -> Result<(), E> {
        let days = self.days();
        let mut places: HashMap<&DayShape, u32> = HashMap::new();
        for (key, day) in &days {
            let (shape, unclaimed, released) = day.parts();
            let next = u32::try_from(places.len()).expect("there are fewer shapes than days");
            let place = *places.entry(shape).or_insert(next);
            if place == next {
                emit(&Frozen::Shape(shape.clone()))?;
            }
            emit(&Frozen::Day { day: *key, shape: place, unclaimed, released })?;
        }
        Ok(())
    }
}

/// A state while it is put together from its parts.
#[derive(Debug, Default)]
pub struct Thaw {
    state: State,
    shapes: Vec<Arc<CompiledShape>>,
}

impl Thaw {
    /// Puts the next part in.
    ///
    /// # Errors
    /// [`BadParts`].
    pub fn add(&mut self, part: Frozen) -> Result<(), BadParts> {
        let state = &self.state;
        match part {
            Frozen::Policy(policy) => {
                state.set_policy(CompiledPolicy::in_zones(policy, &state.zones)?);
            }
            Frozen::Shape(shape) => self.shapes.push(state.shapes.share(shape, &state.zones)?),
            Frozen::Day { day, shape, unclaimed, released } => {
                let shape = usize::try_from(shape).ok().and_then(|place| self.shapes.get(place));
                let thawed = shape
                    .and_then(|shape| {
                        Day::from_parts(Arc::clone(shape), day.date, &unclaimed, released)
                    })
                    .ok_or(BadParts::Day(day))?;
                state.days.insert(day, Arc::new(thawed));
            }
            Frozen::Person { person, parts } => {
                let entry = Person::from_parts(parts);
                state.persons.insert(&person, Arc::new(Mutex::new(entry)));
            }
            Frozen::Withheld(returns_at, booking, seat) => {
                state.withhold(returns_at, booking, seat);
            }
            Frozen::ReleasedThrough(authority, service, channel, date) => {
                state.released.write().insert((authority, service, channel), date);
            }
            Frozen::Oldest(authority, date) => {
                state.oldest.lock().insert(authority, date);
            }
            Frozen::Revoked(session, expires_at) => {
                state.revoke(Sequence::NONE, session, expires_at);
            }
            Frozen::Peppers(peppers) => state.peppers.restore(peppers),
        }
        Ok(())
    }

    /// The state.
    pub fn finish(self) -> State {
        self.state
    }
}

#[cfg(test)]
#[path = "frozen_tests.rs"]
mod tests;
