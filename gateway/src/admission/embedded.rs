//! The store in memory: admission for one process, and the fallback when Redis does not answer.
//!
//! Owns paces, hints and spent nonces in sharded maps, each under a named bound. Must not know Redis or who
//! asks. Called by the batcher's direct path and by the fallback.
//!
//! A request is decided under its person's lock and, inside it, its nonce's lock. Locks are always taken in
//! this order and one of each, so they cannot wait for each other in a ring.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use futures_util::future::{BoxFuture, FutureExt, ready};
use parking_lot::Mutex;

use super::{
    AdmissionRequest, AdmissionStore, Cap, Clock, Decision, Hint, NameHash, PersonKey, QuotaQuery,
    Spend, StoreError, check_batch, measures, next_arrival,
};

/// Most paces of persons held at once, about 100 bytes each.
pub const MAX_PERSONS: usize = 1_000_000;
/// Most spent nonces held at once, about 50 bytes each.
pub const MAX_SPENT: usize = 1_000_000;
/// Most hints held at once, about 120 bytes each.
pub const MAX_HINTS: usize = 1_000_000;

/// The least time between two sweeps that a full map starts, in microseconds: a sweep reads every entry,
/// and a flood that fills the maps must not also buy one per request.
const SWEEP_WHEN_FULL_US: u64 = 1_000_000;

const SHARDS: usize = 64;
const _: () = assert!(SHARDS <= 256, "a shard is chosen by one byte");

/// The bounds of an [`EmbeddedStore`]. At a bound what is expired goes first, then new entries are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmbeddedBounds {
    /// Paces of persons; at the bound a batch that needs more is refused.
    pub persons: usize,
    /// Spent nonces; at the bound a batch that needs more is refused.
    pub spent: usize,
    /// Hints; at the bound new ones are dropped, since the ledger can tell them again.
    pub hints: usize,
}

impl Default for EmbeddedBounds {
    fn default() -> Self {
        Self { persons: MAX_PERSONS, spent: MAX_SPENT, hints: MAX_HINTS }
    }
}

/// A count of entries that never passes its bound. The count orders nothing: maps are read under locks.
struct Room {
    what: &'static str,
    bound: usize,
    used: AtomicUsize,
}

impl Room {
    fn new(what: &'static str, bound: usize) -> Self {
        Self { what, bound, used: AtomicUsize::new(0) }
    }

    fn take(&self, wanted: usize) -> bool {
        let fits = |used: usize| used.checked_add(wanted).filter(|sum| *sum <= self.bound);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    fn give_back(&self, unused: usize) {
        self.used.fetch_sub(unused, Ordering::Relaxed);
    }

    /// Uses one reserved place. Where none is left, a sweep took away the entry that was counted as present,
    /// and with it gave back the place that is taken here.
    fn use_reserved(&self, reserved: &mut usize) {
        match reserved.checked_sub(1) {
            Some(rest) => *reserved = rest,
            None => {
                self.used.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Places reserved for a batch before anything in it is charged.
struct Reserved {
    persons: usize,
    spent: usize,
}

struct KnownCount {
    count: u32,
    sequence: u64,
    expires_at_s: u64,
}

#[derive(Default)]
struct PersonShard {
    /// Theoretical arrival times in Unix microseconds, by person and rate rule.
    arrivals: HashMap<(PersonKey, u8), u64, NameHash>,
    /// The ledger's counts, by person, period and rule.
    counts: HashMap<(PersonKey, u32, u16), KnownCount, NameHash>,
}

impl PersonShard {
    fn over_quota(&self, query: &QuotaQuery, now_s: u64) -> Option<Decision> {
        let known = self.counts.get(&(query.holder, query.period, query.rule))?;
        let over = known.expires_at_s > now_s && known.count >= query.limit;
        over.then_some(Decision::OverQuotaHint { count: known.count, sequence: known.sequence })
    }
}

/// When each spent nonce may be forgotten, in Unix seconds.
type SpentShard = HashMap<[u8; 16], u64>;

/// Admission in memory. Answers at once and never waits for anything but a short lock.
pub struct EmbeddedStore {
    clock: Clock,
    persons: Box<[Mutex<PersonShard>]>,
    spent: Box<[Mutex<SpentShard>]>,
    person_room: Room,
    spent_room: Room,
    hint_room: Room,
    /// Guards only how often a full map is swept; publishes nothing.
    swept_at_us: AtomicU64,
    hints_dropped: metrics::Counter,
}

impl EmbeddedStore {
    /// An empty store that reads the time from `clock`.
    #[must_use]
    pub fn new(clock: Clock, bounds: EmbeddedBounds) -> Self {
        Self {
            clock,
            persons: (0..SHARDS).map(|_| Mutex::default()).collect(),
            spent: (0..SHARDS).map(|_| Mutex::default()).collect(),
            person_room: Room::new("persons", bounds.persons),
            spent_room: Room::new("spent proofs", bounds.spent),
            hint_room: Room::new("hints", bounds.hints),
            swept_at_us: AtomicU64::new(0),
            hints_dropped: measures::hints_dropped(),
        }
    }

    /// Decides a batch at once; see [`AdmissionStore::decide`].
    ///
    /// # Errors
    /// [`StoreError::Full`] at a bound and [`StoreError::BatchTooLarge`]; nothing was charged then.
    pub fn decide_now(
        &self,
        requests: &[AdmissionRequest],
        hints: &[Hint],
    ) -> Result<Vec<Decision>, StoreError> {
        check_batch(requests, hints)?;
        self.learn(hints);
        let now_us = (self.clock)();
        let mut reserved = self.reserve(requests, now_us)?;
        let decide = |request| self.decide_reserved(request, None, now_us, &mut reserved);
        let decisions = requests.iter().map(decide).collect();
        self.release(&reserved);
        Ok(decisions)
    }

    /// Decides one request at once and without allocating.
    ///
    /// # Errors
    /// [`StoreError::Full`] at a bound; nothing was charged then.
    pub fn decide_one(&self, request: &AdmissionRequest) -> Result<Decision, StoreError> {
        self.decide_one_under(request, None)
    }

    /// Decides one request under a cap on all persons together, which is asked last: whoever is refused for
    /// themselves takes nothing from it, and whoever it refuses ([`Decision::Shed`]) is charged nothing.
    ///
    /// # Errors
    /// [`StoreError::Full`] at a bound; nothing was charged then.
    pub(super) fn decide_one_under(
        &self,
        request: &AdmissionRequest,
        cap: Option<&Cap>,
    ) -> Result<Decision, StoreError> {
        let now_us = (self.clock)();
        let mut reserved = self.reserve(std::slice::from_ref(request), now_us)?;
        let decision = self.decide_reserved(request, cap, now_us, &mut reserved);
        self.release(&reserved);
        Ok(decision)
    }

    /// Whether a proof was spent here, or noted as spent elsewhere.
    pub(super) fn is_spent(&self, spend: &Spend) -> bool {
        self.spent_shard(&spend.nonce).lock().contains_key(&spend.nonce)
    }

    /// Notes a proof that the shared store spent. At the bound it is not noted.
    pub(super) fn note_spent(&self, spend: &Spend) {
        let now_us = (self.clock)();
        let room =
            self.spent_room.take(1) || (self.sweep_when_due(now_us) && self.spent_room.take(1));
        if !room {
            return;
        }
        let forget_at_s = spend.forget_at_s();
        if self.spent_shard(&spend.nonce).lock().insert(spend.nonce, forget_at_s).is_some() {
            self.spent_room.give_back(1);
        }
    }

    /// Learns hints: the highest sequence number wins, expired ones are ignored.
    pub fn learn(&self, hints: &[Hint]) {
        if hints.is_empty() {
            return;
        }
        let now_us = (self.clock)();
        for hint in hints {
            let learnt = self.learn_one(hint, now_us)
                || (self.sweep_when_due(now_us) && self.learn_one(hint, now_us));
            if !learnt {
                self.hints_dropped.increment(1);
            }
        }
    }

    /// Drops everything that is the same as never seen. To be called now and then, for example each minute;
    /// takes one short lock after the other.
    pub fn sweep(&self) {
        let now_us = (self.clock)();
        let now_s = now_us / 1_000_000;
        for shard in &self.persons {
            let mut shard = shard.lock();
            let before = (shard.arrivals.len(), shard.counts.len());
            shard.arrivals.retain(|_, arrival_us| *arrival_us > now_us);
            shard.counts.retain(|_, known| known.expires_at_s > now_s);
            self.person_room.give_back(before.0 - shard.arrivals.len());
            self.hint_room.give_back(before.1 - shard.counts.len());
        }
        for shard in &self.spent {
            let mut shard = shard.lock();
            let before = shard.len();
            shard.retain(|_, forget_at_s| *forget_at_s > now_s);
            self.spent_room.give_back(before - shard.len());
        }
    }

    fn person_shard(&self, person: PersonKey) -> &Mutex<PersonShard> {
        &self.persons[usize::from(person.0[0]) % SHARDS]
    }

    fn spent_shard(&self, nonce: &[u8; 16]) -> &Mutex<SpentShard> {
        &self.spent[usize::from(nonce[0]) % SHARDS]
    }

    /// Gives `false` when there was no room.
    fn learn_one(&self, hint: &Hint, now_us: u64) -> bool {
        let now_s = now_us / 1_000_000;
        if hint.expires_at_s <= now_s {
            return true;
        }
        let Hint { actor: _, person, period, rule, count, sequence, expires_at_s } = *hint;
        let truth = KnownCount { count, sequence, expires_at_s };
        let mut shard = self.person_shard(person).lock();
        match shard.counts.get_mut(&(person, period, rule)) {
            Some(known) if known.expires_at_s > now_s && known.sequence >= sequence => {}
            Some(known) => *known = truth,
            None if self.hint_room.take(1) => {
                shard.counts.insert((person, period, rule), truth);
            }
            None => return false,
        }
        true
    }

    fn decide_reserved(
        &self,
        request: &AdmissionRequest,
        cap: Option<&Cap>,
        now_us: u64,
        reserved: &mut Reserved,
    ) -> Decision {
        let now_s = now_us / 1_000_000;
        // The holder may be in another shard: two are never locked at once.
        let quota = request.quota.as_ref();
        let over =
            quota.and_then(|query| self.person_shard(query.holder).lock().over_quota(query, now_s));
        let key = (request.person, request.rate.id());
        let mut shard = self.person_shard(request.person).lock();
        let kept_us = shard.arrivals.get(&key).copied();
        let arrival_us = match next_arrival(&request.rate, kept_us, now_us) {
            Ok(arrival_us) => arrival_us,
            Err(early) => return Decision::RateLimited { retry_after_us: early.retry_after_us },
        };
        if let Some(over) = over {
            return over;
        }
        // What is shared with others comes last, so that after it nothing can refuse any more.
        if let Err(refused) = self.spend(request.spend.as_ref(), cap, now_us, &mut reserved.spent) {
            return refused;
        }
        if shard.arrivals.insert(key, arrival_us).is_none() {
            self.person_room.use_reserved(&mut reserved.persons);
        }
        Decision::Admitted { whole_in_us: arrival_us - now_us }
    }

    /// Spends the proof, where there is one, and takes one from the cap, where there is one: both or neither.
    /// Of the callers with one nonce exactly one succeeds.
    fn spend(
        &self,
        spend: Option<&Spend>,
        cap: Option<&Cap>,
        now_us: u64,
        reserved: &mut usize,
    ) -> Result<(), Decision> {
        let shed = |retry_after_us| Decision::Shed { retry_after_us };
        let take_from_cap = || cap.map_or(Ok(()), |cap| cap.take(now_us)).map_err(shed);
        let Some(spend) = spend else { return take_from_cap() };
        let forget_at_s = spend.forget_at_s();
        if forget_at_s <= now_us / 1_000_000 {
            return Err(Decision::AlreadySpent);
        }
        let mut shard = self.spent_shard(&spend.nonce).lock();
        if shard.contains_key(&spend.nonce) {
            return Err(Decision::AlreadySpent);
        }
        take_from_cap()?;
        shard.insert(spend.nonce, forget_at_s);
        self.spent_room.use_reserved(reserved);
        Ok(())
    }

    /// Makes sure that the batch fits before anything in it is charged.
    fn reserve(&self, requests: &[AdmissionRequest], now_us: u64) -> Result<Reserved, StoreError> {
        let spends = requests.iter().filter(|request| request.spend.is_some()).count();
        let new_persons = || self.count_new_persons(requests);
        let persons = self.reserve_in(&self.person_room, requests.len(), new_persons, now_us)?;
        let new_nonces = || self.count_new_nonces(requests);
        match self.reserve_in(&self.spent_room, spends, new_nonces, now_us) {
            Ok(spent) => Ok(Reserved { persons, spent }),
            Err(full) => {
                self.person_room.give_back(persons);
                Err(full)
            }
        }
    }

    /// Reserves `at_most` places, or near the bound exactly as many as are really `needed`.
    fn reserve_in(
        &self,
        room: &Room,
        at_most: usize,
        needed: impl Fn() -> usize,
        now_us: u64,
    ) -> Result<usize, StoreError> {
        if room.take(at_most) || (self.sweep_when_due(now_us) && room.take(at_most)) {
            return Ok(at_most);
        }
        let needed = needed();
        if room.take(needed) { Ok(needed) } else { Err(StoreError::Full { what: room.what }) }
    }

    fn release(&self, unused: &Reserved) {
        self.person_room.give_back(unused.persons);
        self.spent_room.give_back(unused.spent);
    }

    fn count_new_persons(&self, requests: &[AdmissionRequest]) -> usize {
        let keys: HashSet<_> = requests.iter().map(|one| (one.person, one.rate.id())).collect();
        let new =
            |key: &&(PersonKey, u8)| !self.person_shard(key.0).lock().arrivals.contains_key(*key);
        keys.iter().filter(new).count()
    }

    fn count_new_nonces(&self, requests: &[AdmissionRequest]) -> usize {
        let nonces: HashSet<_> =
            requests.iter().filter_map(|one| one.spend).map(|one| one.nonce).collect();
        nonces.iter().filter(|nonce| !self.spent_shard(nonce).lock().contains_key(*nonce)).count()
    }

    /// Sweeps unless that was done a moment ago; tells whether it did.
    fn sweep_when_due(&self, now_us: u64) -> bool {
        let swept_at_us = self.swept_at_us.load(Ordering::Relaxed);
        if now_us.abs_diff(swept_at_us) < SWEEP_WHEN_FULL_US {
            return false;
        }
        let mine = self.swept_at_us.compare_exchange(
            swept_at_us,
            now_us,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        if mine.is_ok() {
            self.sweep();
        }
        mine.is_ok()
    }
}

impl AdmissionStore for EmbeddedStore {
    fn decide<'a>(
        &'a self,
        requests: &'a [AdmissionRequest],
        hints: &'a [Hint],
    ) -> BoxFuture<'a, Result<Vec<Decision>, StoreError>> {
        ready(self.decide_now(requests, hints)).boxed()
    }
}

#[cfg(test)]
#[path = "embedded_tests.rs"]
mod tests;
