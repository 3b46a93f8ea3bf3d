//! All that the journal adds up to: policies, days, persons, places on their way back, sessions.
//!
//! Owns the parts and their bounds. [`crate::apply`] changes them on replay; the live ledger changes
//! the same parts in the same order, with the same functions. Must not know catalogues, clocks or
//! disks.

use std::collections::BTreeMap;
use std::sync::Arc;

use dashmap::DashMap;
use parking_lot::{Mutex, RwLock};
use rustc_hash::FxBuildHasher;
use talon_domain::civil::{CivilDate, MICROS_PER_SECOND, UtcMicros};
use talon_domain::ids::{
    AuthorityId, BookingId, Channel, OfficeId, Pseudonym, ServiceId, SessionId,
};
use talon_domain::policy::CompiledPolicy;
use talon_domain::zones::Zones;
use talon_journal::Sequence;

use crate::apply::Violation;
use crate::day::{Day, Shapes};
use crate::parties::Party;
use crate::peppers::Peppers;
use crate::person::{Booking, Facts, Forward, Person};
use crate::persons::Persons;
use crate::record::{DayKey, Seat};

#[path = "frozen.rs"]
mod frozen;
pub use frozen::{BadParts, FROZEN_VERSION, Frozen, Thaw};

/// Most persons with an entry; at it, a person without one is asked to come back later.
pub const MAX_PERSONS: usize = 20_000_000;
/// Most revoked sessions remembered; at it, a logout is asked to come back later.
pub const MAX_REVOKED_SESSIONS: usize = 1_000_000;

/// A name that leads to another one is kept at least so long: longer than any session that carries
/// it.
pub const LINK_KEPT_MICROS: i64 = 2 * 24 * 3600 * MICROS_PER_SECOND;

/// The whole state of a ledger.
#[derive(Debug, Default)]
pub struct State {
    policies: RwLock<BTreeMap<AuthorityId, Arc<CompiledPolicy>>>,
    /// Who books names a day and makes none, so nobody chooses keys that would collide.
    days: DashMap<DayKey, Arc<Day>, FxBuildHasher>,
    persons: Persons,
    withheld: Mutex<BTreeMap<(UtcMicros, BookingId), Seat>>,
    released: RwLock<BTreeMap<(AuthorityId, ServiceId, Channel), CivilDate>>,
    oldest: Mutex<BTreeMap<AuthorityId, CivilDate>>,
    peppers: Peppers,
    /// Until when, and by which record.
    revoked: DashMap<SessionId, (UtcMicros, Sequence)>,
    shapes: Shapes,
    zones: Zones,
}

impl State {
    /// An empty state that reads civil time by these rules; the default reads it by the built-in
    /// ones.
    pub fn with_zones(zones: Zones) -> Self {
        Self { zones, ..Self::default() }
    }

    /// The rules by which civil time is read.
    pub fn zones(&self) -> &Zones {
        &self.zones
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
        let shape = self
            .shapes
            .share(shape, &self.zones)
            .map_err(|source| Violation::Shape { day: key, source })?;
        if self.days.insert(key, Arc::new(Day::new(shape, key.date))).is_some() {
            return Err(Violation::DayTwice(key));
        }
        let mut oldest = self.oldest.lock();
        let date = oldest.entry(key.authority).or_insert(key.date);
        *date = key.date.min(*date);
        Ok(())
    }

    /// Whether an authority has days before this date.
    pub fn has_day_before(&self, authority: AuthorityId, date: CivilDate) -> bool {
        self.oldest_day(authority).is_some_and(|oldest| oldest < date)
    }

    /// The oldest date that is kept of an authority.
    pub fn oldest_day(&self, authority: AuthorityId) -> Option<CivilDate> {
        self.oldest.lock().get(&authority).copied()
    }

    /// A generated day.
    pub fn day(&self, key: &DayKey) -> Option<Arc<Day>> {
        self.days.get(key).map(|day| Arc::clone(&day))
    }

    /// Shows every generated day, in any order.
    pub fn each_day(&self, mut see: impl FnMut(&DayKey, &Day)) {
        self.days.iter().for_each(|entry| see(entry.key(), entry.value()));
    }

    /// All generated days, sorted.
    pub fn days(&self) -> Vec<(DayKey, Arc<Day>)> {
        let mut days: Vec<_> =
            self.days.iter().map(|entry| (*entry.key(), Arc::clone(entry.value()))).collect();
        days.sort_unstable_by_key(|(key, _)| *key);
        days
    }

    /// Lets a channel book a date for a service in these offices.
    ///
    /// # Errors
    /// [`Violation::NoSuchRelease`].
    pub fn release(
        &self,
        authority: AuthorityId,
        service: ServiceId,
        channel: Channel,
        date: CivilDate,
        offices: &[OfficeId],
    ) -> Result<(), Violation> {
        for &office in offices {
            let key = DayKey { authority, office, date };
            let released = self.day(&key).is_some_and(|day| day.release(service, channel));
            if !released {
                return Err(Violation::NoSuchRelease { day: key, service });
            }
        }
        let mut through = self.released.write();
        let last = through.entry((authority, service, channel)).or_insert(date);
        *last = date.max(*last);
        Ok(())
    }

    /// The last date that has been released for a service to a channel.
    pub fn released_through(
        &self,
        authority: AuthorityId,
        service: ServiceId,
        channel: Channel,
    ) -> Option<CivilDate> {
        self.released.read().get(&(authority, service, channel)).copied()
    }

    /// A person's entry, if there is one.
    pub fn person(&self, person: &Pseudonym) -> Option<Arc<Mutex<Person>>> {
        self.persons.get(person)
    }

    /// A person's entry, made when there is none.
    pub fn person_or_new(&self, person: &Pseudonym) -> Arc<Mutex<Person>> {
        self.persons.get_or_new(person)
    }

    /// How many holders have an entry.
    pub fn person_count(&self) -> usize {
        self.persons.count()
    }

    /// Whether nobody new can have an entry.
    pub fn is_full_of_persons(&self) -> bool {
        self.person_count() >= MAX_PERSONS
    }

    /// All holders of whom a record that is not forgotten says something, sorted: what a replay of the
    /// journal finds, whether it says anything that counts or not.
    pub fn persons(&self) -> Vec<(Pseudonym, Arc<Mutex<Person>>)> {
        let mut persons = Vec::with_capacity(self.person_count());
        self.persons.each(|name, entry| {
            if entry.lock().is_known() {
                persons.push((*name, Arc::clone(entry)));
            }
        });
        persons.sort_unstable_by_key(|(person, _)| *person);
        persons
    }

    /// Shows every person's entry, in any order. Entries are locked under the locks of the map, which
    /// nobody asks for who holds an entry.
    pub fn each_person(&self, mut see: impl FnMut(&Person)) {
        self.persons.each(|_, entry| see(&entry.lock()));
    }

    /// What the limits look at of these bookings. The caller holds the lock of their entry.
    pub fn facts<'a>(&self, bookings: impl IntoIterator<Item = &'a Booking>) -> Facts {
        bookings.into_iter().filter_map(|booking| booking.fact(self.ends_at(booking))).collect()
    }

    /// When a visit ends.
    pub fn ends_at(&self, booking: &Booking) -> UtcMicros {
        let seat = &booking.seat;
        // A day is forgotten together with its bookings, so it is there.
        self.day(&seat.day).map_or(UtcMicros(0), |day| {
            let shape = day.shape().shape();
            let minutes = i64::from(seat.steps) * i64::from(shape.step_minutes);
            let start = shape.minute(seat.shift, seat.step);
            day.starts_at(start).plus_minutes(minutes)
        })
    }

    /// Joins what stands under other names of a holder into the one to go by.
    ///
    /// # Panics
    /// Never: the entries are made when there are none.
    pub fn link(&self, sequence: Sequence, at: UtcMicros, into: Pseudonym, from: &[Pseudonym]) {
        let mut names = from.to_vec();
        names.push(into);
        join(&mut self.lock_in_order(&names), sequence, at, into, from);
    }

    /// The peppers that gateways have.
    pub fn peppers(&self) -> &Peppers {
        &self.peppers
    }

    /// How many holders came under their name before a moment, and may count.
    pub fn count_before(&self, moment: UtcMicros) -> u64 {
        let is_before = |person: &Person| {
            person.forward().is_none()
                && person.is_kept()
                && person.since().is_none_or(|since| since < moment)
        };
        let mut count = 0;
        self.each_person(|person| count += u64::from(is_before(person)));
        count
    }

    /// Keeps a cancelled place back until its moment.
    pub fn withhold(&self, returns_at: UtcMicros, booking: BookingId, seat: Seat) {
        self.withheld.lock().insert((returns_at, booking), seat);
    }

    /// Takes out one withheld place.
    pub fn take_withheld(&self, returns_at: UtcMicros, booking: BookingId) -> Option<Seat> {
        self.withheld.lock().remove(&(returns_at, booking))
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

    /// How many places are withheld.
    pub fn withheld_count(&self) -> usize {
        self.withheld.lock().len()
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
        self.revoked.retain(|_, (expires_at, _)| *expires_at > at);
        // Looking at everybody is dear, and mostly it is about sessions.
        if self.has_day_before(authority, before) {
            self.forget_visits(authority, before, at);
        }
    }

    fn forget_visits(&self, authority: AuthorityId, before: CivilDate, at: UtcMicros) {
        let is_forgotten = |day: &DayKey| day.authority == authority && day.date < before;
        self.withheld.lock().retain(|_, seat| !is_forgotten(&seat.day));
        self.drop_unless(|person| {
            person.forget(|seat| is_forgotten(&seat.day));
            person.is_kept()
        });
        self.forget_links(at);
        self.days.retain(|day, _| !is_forgotten(day));
        if let Some(oldest) = self.oldest.lock().get_mut(&authority) {
            *oldest = before.max(*oldest);
        }
        self.shapes.tidy();
    }

    /// Drops names that lead to nothing any more, once no session can carry them.
    fn forget_links(&self, at: UtcMicros) {
        let is_old = |forward: &Forward| forward.at.0 + LINK_KEPT_MICROS <= at.0;
        let mut old: Vec<(Pseudonym, Pseudonym)> = Vec::new();
        self.persons.each(|name, entry| {
            let forward = entry.lock().forward().filter(is_old);
            old.extend(forward.map(|forward| (*name, forward.to)));
        });
        // All are judged before the first is dropped, so the order says nothing.
        let is_idle =
            |to: &Pseudonym| self.person(to).is_none_or(|person| !person.lock().is_kept());
        let idle: Vec<Pseudonym> =
            old.into_iter().filter(|(_, to)| is_idle(to)).map(|(name, _)| name).collect();
        for name in &idle {
            if let Some(person) = self.person(name) {
                *person.lock() = Person::default();
            }
        }
        if !idle.is_empty() {
            self.drop_unless(|person| person.is_kept());
        }
    }

    /// Drops the entries that nobody holds and of which a look says that they go.
    fn drop_unless(&self, is_kept: impl Fn(&mut Person) -> bool) {
        self.persons.retain(|entry| {
            let stays = is_kept(&mut entry.lock());
            // Whoever holds the entry may be about to book with it; new holders wait for this
            // map's lock, so an entry without holders can go.
            stays || Arc::strong_count(entry) > 1
        });
    }
}

/// Joins locked entries into the one that is named `into`; the others among `from` lead to it then.
pub(crate) fn join(
    entries: &mut [Party],
    sequence: Sequence,
    at: UtcMicros,
    into: Pseudonym,
    from: &[Pseudonym],
) {
    let mut left = Vec::new();
    for name in from {
        let found = entries.iter_mut().find(|party| party.name == *name && *name != into);
        left.extend(found.map(|party| party.entry.hand_over(sequence, into, at)));
    }
    if let Some(target) = entries.iter_mut().find(|party| party.name == into) {
        target.entry.linked(sequence, at);
        for left in left {
            target.entry.take_over(sequence, left, at);
        }
    }
}
