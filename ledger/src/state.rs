//! All that the journal adds up to: policies, days, persons, places on their way back, sessions.
//!
//! Owns applying facts on replay, which asserts and never decides. The live ledger changes the
//! same parts in the same order, with the same functions of [`Person`] and [`Day`]. Must not know
//! catalogues, clocks or disks. [`crate::verify`] replays into one of these too.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use parking_lot::{Mutex, RwLock};
use talon_board::Steps;
use talon_domain::civil::{CivilDate, UtcMicros};
use talon_domain::ids::{AuthorityId, BookingId, OfficeId, Pseudonym, ServiceId, SessionId};
use talon_domain::policy::CompiledPolicy;
use talon_journal::Sequence;

use crate::day::{BadShape, Day, Shapes};
use crate::person::{Facts, Person};
use crate::record::{Booked, DayKey, Fact, Record, Seat};

#[path = "frozen.rs"]
mod frozen;
pub use frozen::{BadParts, FROZEN_VERSION, Frozen, Thaw};

/// Most persons with an entry; at it, a person without one is asked to come back later.
pub const MAX_PERSONS: usize = 20_000_000;
/// Most revoked sessions remembered; at it, a logout is asked to come back later.
pub const MAX_REVOKED_SESSIONS: usize = 1_000_000;

/// The whole state of a ledger.
#[derive(Debug, Default)]
pub struct State {
    policies: RwLock<BTreeMap<AuthorityId, Arc<CompiledPolicy>>>,
    days: DashMap<DayKey, Arc<Day>>,
    persons: DashMap<Pseudonym, Arc<Mutex<Person>>>,
    // Counting a sharded map locks every shard; the bound needs a count that is cheap.
    person_count: AtomicUsize,
    withheld: Mutex<BTreeMap<(UtcMicros, BookingId), Seat>>,
    released: RwLock<BTreeMap<(AuthorityId, ServiceId), CivilDate>>,
    oldest: Mutex<BTreeMap<AuthorityId, CivilDate>>,
    /// Until when, and by which record.
    revoked: DashMap<SessionId, (UtcMicros, Sequence)>,
    shapes: Shapes,
}

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
    /// A fact about a booking that is not there, or is cancelled already.
    #[error("no live booking {0}")]
    NoSuchBooking(BookingId),
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
            Fact::PolicySet(policy) => self.set_policy(CompiledPolicy::new(policy)?),
            Fact::DayGenerated { day, shape } => self.add_day(day, shape)?,
            Fact::Released { authority, service, date, offices, .. } => {
                self.release(authority, service, date, &offices)?;
            }
            Fact::Booked(booked) => self.replay_booked(sequence, record.at, &booked)?,
            Fact::Cancelled { subject, booking, returns_at } => {
                let person = self.person(&subject).ok_or(Violation::NoSuchBooking(booking))?;
                let seat = person
                    .lock()
                    .cancelled(sequence, booking)
                    .ok_or(Violation::NoSuchBooking(booking))?;
                self.withhold(returns_at, booking, seat);
            }
            Fact::Returned { booking, returns_at, seat } => {
                self.replay_returned(booking, returns_at, seat)?;
            }
            Fact::SessionRevoked { session, expires_at } => {
                self.revoke(sequence, session, expires_at);
            }
            Fact::Forgotten { authority, before } => self.forget(authority, before, record.at),
        }
        Ok(())
    }

    fn replay_booked(
        &self,
        sequence: Sequence,
        at: UtcMicros,
        booked: &Booked,
    ) -> Result<(), Violation> {
        let seat = booked.seat;
        let no_such_seat = || Violation::NoSuchSeat(seat);
        let day = self.day(&seat.day).ok_or_else(no_such_seat)?;
        if !day.is_released(booked.service) {
            let (booking, day, service) = (booked.booking, seat.day, booked.service);
            return Err(Violation::NotReleased { booking, day, service });
        }
        let word = day.word(seat.shift).ok_or_else(no_such_seat)?;
        let shift = &day.shape().shape().shifts[usize::from(seat.shift)];
        let run = Steps::run(seat.step, seat.steps)
            .filter(|_| seat.step + seat.steps <= shift.steps)
            .ok_or_else(no_such_seat)?;
        word.claim(run).map_err(|taken| Violation::TwoOwners {
            booking: booked.booking,
            seat,
            taken: taken.steps,
        })?;
        let person = self.person_or_new(&booked.subject);
        person.lock().booked(sequence, at, booked);
        Ok(())
    }

    fn replay_returned(
        &self,
        booking: BookingId,
        returns_at: UtcMicros,
        seat: Seat,
    ) -> Result<(), Violation> {
        if self.withheld.lock().remove(&(returns_at, booking)) != Some(seat) {
            return Err(Violation::NotWithheld(booking));
        }
        let day = self.day(&seat.day).ok_or(Violation::NoSuchSeat(seat))?;
        let word = day.word(seat.shift).ok_or(Violation::NoSuchSeat(seat))?;
        word.give_back(Steps::run(seat.step, seat.steps).ok_or(Violation::NoSuchSeat(seat))?);
        Ok(())
    }

    /// Puts a policy in force.
    pub fn set_policy(&self, policy: CompiledPolicy) {
        self.policies.write().insert(policy.policy().authority, Arc::new(policy));
    }

    /// The policy in force.
    pub fn policy(&self, authority: AuthorityId) -> Option<Arc<CompiledPolicy>> {
        self.policies.read().get(&authority).cloned()
    }

    /// The authorities with a policy.
    pub fn authorities(&self) -> Vec<AuthorityId> {
        self.policies.read().keys().copied().collect()
    }

    /// Adds a day, unclaimed and not released.
    ///
    /// # Errors
    /// [`Violation::DayTwice`], [`Violation::Shape`].
    pub fn add_day(
        &self,
        key: DayKey,
        shape: talon_domain::shape::DayShape,
    ) -> Result<(), Violation> {
        let shape =
            self.shapes.share(shape).map_err(|source| Violation::Shape { day: key, source })?;
        if self.days.insert(key, Arc::new(Day::new(shape))).is_some() {
            return Err(Violation::DayTwice(key));
        }
        let mut oldest = self.oldest.lock();
        let date = oldest.entry(key.authority).or_insert(key.date);
        *date = key.date.min(*date);
        Ok(())
    }

    /// The oldest date that is kept of an authority.
    pub fn oldest_day(&self, authority: AuthorityId) -> Option<CivilDate> {
        self.oldest.lock().get(&authority).copied()
    }

    /// A generated day.
    pub fn day(&self, key: &DayKey) -> Option<Arc<Day>> {
        self.days.get(key).map(|day| Arc::clone(&day))
    }

    /// All generated days, sorted.
    pub fn days(&self) -> Vec<(DayKey, Arc<Day>)> {
        let mut days: Vec<_> =
            self.days.iter().map(|entry| (*entry.key(), Arc::clone(entry.value()))).collect();
        days.sort_unstable_by_key(|(key, _)| *key);
        days
    }

    /// Lets the web book a date for a service in these offices.
    ///
    /// # Errors
    /// [`Violation::NoSuchRelease`].
    pub fn release(
        &self,
        authority: AuthorityId,
        service: ServiceId,
        date: CivilDate,
        offices: &[OfficeId],
    ) -> Result<(), Violation> {
        for &office in offices {
            let key = DayKey { authority, office, date };
            let released = self.day(&key).is_some_and(|day| day.release(service));
            if !released {
                return Err(Violation::NoSuchRelease { day: key, service });
            }
        }
        let mut through = self.released.write();
        let last = through.entry((authority, service)).or_insert(date);
        *last = date.max(*last);
        Ok(())
    }

    /// The last date that has been released for a service.
    pub fn released_through(
        &self,
        authority: AuthorityId,
        service: ServiceId,
    ) -> Option<CivilDate> {
        self.released.read().get(&(authority, service)).copied()
    }

    /// A person's entry, if there is one.
    pub fn person(&self, person: &Pseudonym) -> Option<Arc<Mutex<Person>>> {
        self.persons.get(person).map(|entry| Arc::clone(&entry))
    }

    /// A person's entry, made when there is none.
    pub fn person_or_new(&self, person: &Pseudonym) -> Arc<Mutex<Person>> {
        if let Some(entry) = self.person(person) {
            return entry;
        }
        let entry = self.persons.entry(*person).or_insert_with(|| {
            // Relaxed: a count of its own, compared with a generous bound.
            self.person_count.fetch_add(1, Ordering::Relaxed);
            Arc::default()
        });
        Arc::clone(&entry)
    }

    /// Whether nobody new can have an entry.
    pub fn is_full_of_persons(&self) -> bool {
        // Relaxed: as in `person_or_new`.
        self.person_count.load(Ordering::Relaxed) >= MAX_PERSONS
    }

    /// All persons with bookings, sorted.
    pub fn persons(&self) -> Vec<(Pseudonym, Arc<Mutex<Person>>)> {
        let mut persons: Vec<_> = self
            .persons
            .iter()
            .map(|entry| (*entry.key(), Arc::clone(entry.value())))
            .filter(|(_, person)| !person.lock().bookings().is_empty())
            .collect();
        persons.sort_unstable_by_key(|(person, _)| *person);
        persons
    }

    /// Shows every person's entry, in any order. For a ledger that serves nobody yet: entries are locked
    /// under the locks of the map.
    pub fn each_person(&self, mut see: impl FnMut(&Person)) {
        self.persons.iter().for_each(|entry| see(&entry.value().lock()));
    }

    /// What the limits look at. The caller holds the person's lock.
    pub fn facts(&self, person: &Person) -> Facts {
        let fact = |booking: &crate::person::Booking| {
            let seat = &booking.seat;
            // A day is forgotten together with its bookings, so it is there.
            let ends_at = self.day(&seat.day).map_or(UtcMicros(0), |day| {
                let shape = day.shape().shape();
                let minutes = i64::from(seat.steps) * i64::from(shape.step_minutes);
                let start = shape.minute(seat.shift, seat.step);
                day.starts_at(seat.day.date, start).plus_minutes(minutes)
            });
            booking.fact(ends_at)
        };
        person.bookings().iter().map(fact).collect()
    }

    /// Keeps a cancelled place back until its moment.
    pub fn withhold(&self, returns_at: UtcMicros, booking: BookingId, seat: Seat) {
        self.withheld.lock().insert((returns_at, booking), seat);
    }

    /// Takes out the next withheld place whose moment has come.
    pub fn take_due(&self, now: UtcMicros) -> Option<(UtcMicros, BookingId, Seat)> {
        let mut withheld = self.withheld.lock();
        let entry = withheld.first_entry().filter(|entry| entry.key().0 <= now)?;
        let ((returns_at, booking), seat) = entry.remove_entry();
        Some((returns_at, booking, seat))
    }

    /// When the next withheld place returns.
    pub fn next_return(&self) -> Option<UtcMicros> {
        self.withheld.lock().first_key_value().map(|((at, _), _)| *at)
    }

    /// The withheld places, by moment.
    pub fn withheld(&self) -> Vec<(UtcMicros, BookingId, Seat)> {
        self.withheld.lock().iter().map(|((at, id), seat)| (*at, *id, *seat)).collect()
    }

    /// Refuses a session until it would have ended by itself.
    pub fn revoke(&self, sequence: Sequence, session: SessionId, expires_at: UtcMicros) {
        self.revoked.insert(session, (expires_at, sequence));
    }

    /// The record that ended a session.
    pub fn revoked_by(&self, session: &SessionId) -> Option<Sequence> {
        self.revoked.get(session).map(|entry| entry.1)
    }

    /// Whether a session was ended by a logout.
    pub fn is_revoked(&self, session: &SessionId) -> bool {
        self.revoked.contains_key(session)
    }

    /// Whether a refused session has ended by itself.
    pub fn has_ended_sessions(&self, now: UtcMicros) -> bool {
        self.revoked.iter().any(|entry| entry.value().0 <= now)
    }

    /// How many sessions are refused.
    pub fn revoked_count(&self) -> usize {
        self.revoked.len()
    }

    /// The refused sessions, sorted.
    pub fn revoked(&self) -> Vec<(SessionId, UtcMicros)> {
        let mut revoked: Vec<_> =
            self.revoked.iter().map(|entry| (*entry.key(), entry.value().0)).collect();
        revoked.sort_unstable();
        revoked
    }

    /// Drops visits before a date, and sessions that have ended by themselves.
    pub fn forget(&self, authority: AuthorityId, before: CivilDate, at: UtcMicros) {
        let is_forgotten = |day: &DayKey| day.authority == authority && day.date < before;
        self.withheld.lock().retain(|_, seat| !is_forgotten(&seat.day));
        self.persons.retain(|_, entry| {
            let mut person = entry.lock();
            person.forget(|seat| is_forgotten(&seat.day));
            let is_empty = person.bookings().is_empty();
            drop(person);
            // Whoever holds the entry may be about to book with it; new holders wait for this
            // map's lock, so an entry without holders can go.
            let goes = is_empty && Arc::strong_count(entry) == 1;
            if goes {
                // Relaxed: as in `person_or_new`.
                self.person_count.fetch_sub(1, Ordering::Relaxed);
            }
            !goes
        });
        self.days.retain(|day, _| !is_forgotten(day));
        if let Some(oldest) = self.oldest.lock().get_mut(&authority) {
            *oldest = before.max(*oldest);
        }
        self.revoked.retain(|_, (expires_at, _)| *expires_at > at);
        self.shapes.tidy();
    }
}
