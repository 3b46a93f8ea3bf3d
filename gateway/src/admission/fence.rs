//! The local fence: a first, coarse limit from memory, before anything is asked elsewhere.
//!
//! Owns one limiter of persons and one of addresses, and apart from them one of the logins of addresses. They are
//! never combined into one key: thousands of phones stand behind one address, and one person moves between many.
//! Must not know sessions, proofs or stores. Called by the hot lane, by address before it knows who asks and by
//! person after.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::ShrinkableKeyedStateStore;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{Quota, RateLimiter};

use super::{NameHash, PersonKey, measures};

/// Most persons, and most addresses, that are counted one by one.
pub const MAX_FENCE_KEYS: usize = 262_144;

/// A pace of the fence: one per `interval`, `burst` at once after a rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FenceRate(Quota);

/// The interval or the burst of a fence rate is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fence rate needs an interval and a burst above 0")]
pub struct FenceRateError;

impl FenceRate {
    /// A pace of one per `interval` after a burst.
    ///
    /// # Errors
    /// When either is zero.
    pub fn new(interval: Duration, burst: u32) -> Result<Self, FenceRateError> {
        let burst = NonZeroU32::new(burst).ok_or(FenceRateError)?;
        let pace = Quota::with_period(interval).ok_or(FenceRateError)?;
        Ok(Self(pace.allow_burst(burst)))
    }
}

/// The paces and the bound of a [`LocalFence`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FenceConfig {
    /// The pace of one person.
    pub person: FenceRate,
    /// The pace of one IPv4 address or IPv6 /56; sized for thousands of phones behind one address.
    pub address: FenceRate,
    /// The pace that all persons beyond `max_keys` share, and apart from them all addresses beyond it.
    pub overflow: FenceRate,
    /// Keys counted one by one, for persons and for addresses each; normally [`MAX_FENCE_KEYS`].
    pub max_keys: usize,
}

/// The fence refuses for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FenceRefusal {
    /// This person asks too often.
    #[error("this person asks too often")]
    Person {
        /// The wait after which one more conforms.
        retry_after: Duration,
    },
    /// This address asks too often.
    #[error("this address asks too often")]
    Address {
        /// The wait after which one more conforms.
        retry_after: Duration,
    },
}

/// Limits by person and by address, in this process only. Shared by all cores.
pub struct LocalFence<C: Clock = DefaultClock> {
    persons: Half<PersonKey, C, NameHash>,
    addresses: Half<AddressKey, C>,
}

/// The limit of logins by address, in this process only. Shared by all cores.
pub struct LoginFence<C: Clock = DefaultClock>(Half<AddressKey, C>);

impl LocalFence {
    /// A fence on the machine's monotonic clock.
    #[must_use]
    pub fn new(config: &FenceConfig) -> Self {
        Self::with_clock(config, &DefaultClock::default())
    }
}

impl<C: Clock + Clone> LocalFence<C> {
    /// A fence on another clock.
    #[must_use]
    pub fn with_clock(config: &FenceConfig, clock: &C) -> Self {
        Self {
            persons: Half::new("person", config.person, config, clock),
            addresses: Half::new("address", config.address, config, clock),
        }
    }

    /// Counts one request of a person.
    ///
    /// # Errors
    /// [`FenceRefusal::Person`] when it came too early; nothing is charged then.
    pub fn check_person(&self, person: PersonKey) -> Result<(), FenceRefusal> {
        self.persons.check(&person).map_err(|retry_after| FenceRefusal::Person { retry_after })
    }

    /// Counts one request from an address: IPv4 whole, IPv6 by its /56, which is what one household or
    /// phone is given.
    ///
    /// # Errors
    /// [`FenceRefusal::Address`] when it came too early; nothing is charged then.
    pub fn check_address(&self, address: IpAddr) -> Result<(), FenceRefusal> {
        self.addresses.check_address(address)
    }

    /// Forgets the keys that have rested so long that they are the same as never seen. To be called now and
    /// then, for example every ten seconds.
    pub fn tidy(&self) {
        self.persons.tidy();
        self.addresses.tidy();
    }
}

impl LoginFence {
    /// A fence on the machine's monotonic clock, with the paces and the bound of addresses.
    #[must_use]
    pub fn new(config: &FenceConfig) -> Self {
        Self(Half::new("login", config.address, config, &DefaultClock::default()))
    }
}

impl<C: Clock + Clone> LoginFence<C> {
    /// Counts one login from an address, as [`LocalFence::check_address`] counts a request.
    ///
    /// # Errors
    /// [`FenceRefusal::Address`] when it came too early; nothing is charged then.
    pub fn check_address(&self, address: IpAddr) -> Result<(), FenceRefusal> {
        self.0.check_address(address)
    }

    /// As [`LocalFence::tidy`].
    pub fn tidy(&self) {
        self.0.tidy();
    }
}

/// Who shares an address, as far as anybody can tell: an IPv4 address, or an IPv6 /56, which is
/// what one household or phone gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressKey {
    /// A whole IPv4 address.
    V4([u8; 4]),
    /// The first 56 bits of an IPv6 address.
    V6Prefix56([u8; 7]),
}

impl AddressKey {
    /// The key of an address.
    pub fn of(address: IpAddr) -> Self {
        // An IPv4 client of a dual-stack listener arrives as ::ffff:a.b.c.d; all of them share one /56.
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.octets()),
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, ..] = v6.octets();
                Self::V6Prefix56([a, b, c, d, e, f, g])
            }
        }
    }
}

/// A bounded set of keys with their states. Addresses are hashed with a secret, for who asks may have many.
struct Keys<K, H = RandomState> {
    states: DashMap<K, InMemoryState, H>,
    /// Entries of `states` and places about to be filled; orders nothing, the map has its own locks.
    used: AtomicUsize,
    bound: usize,
}

impl<K: Hash + Eq + Copy, H: BuildHasher + Clone> Keys<K, H> {
    /// Tells whether `key` is counted by itself, making a place for it below the bound.
    fn place(&self, key: &K) -> bool {
        if self.states.contains_key(key) {
            return true;
        }
        let fits = |used: usize| (used < self.bound).then_some(used + 1);
        if self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_err() {
            return false;
        }
        match self.states.entry(*key) {
            Entry::Vacant(vacant) => {
                vacant.insert(InMemoryState::default());
            }
            // Another core placed the same key meanwhile.
            Entry::Occupied(_) => {
                self.used.fetch_sub(1, Ordering::Relaxed);
            }
        }
        true
    }

    fn retain_above(&self, drop_below: Nanos) {
        self.states.retain(|_, state| {
            // The state shows its arrival time only to a measurement; this one fails and so changes nothing.
            let arrival = state.measure_and_replace(&NotKeyed::NonKey, Err::<((), Nanos), _>);
            let recent = arrival.err().flatten().is_some_and(|arrival| arrival > drop_below);
            if !recent {
                self.used.fetch_sub(1, Ordering::Relaxed);
            }
            recent
        });
    }
}

/// Lets the limiter and the fence share the keys.
struct SharedKeys<K, H>(Arc<Keys<K, H>>);

impl<K: Hash + Eq + Copy, H: BuildHasher + Clone> StateStore for SharedKeys<K, H> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        match self.0.states.get(key) {
            Some(state) => state.measure_and_replace(&NotKeyed::NonKey, measure),
            // Tidied away since it was placed, and therefore the same as never seen.
            None => measure(None).map(|(conforms, _)| conforms),
        }
    }
}

impl<K: Hash + Eq + Copy, H: BuildHasher + Clone> ShrinkableKeyedStateStore<K>
    for SharedKeys<K, H>
{
    fn retain_recent(&self, drop_below: Nanos) {
        self.0.retain_above(drop_below);
    }

    fn len(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

type Limiter<K, S, C> = RateLimiter<K, S, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// One kind of key with its limiter and the bucket that is shared when the keys are at their bound.
struct Half<K: Hash + Eq + Copy, C: Clock, H: BuildHasher + Clone = RandomState> {
    keys: Arc<Keys<K, H>>,
    limiter: Limiter<K, SharedKeys<K, H>, C>,
    overflow: Limiter<NotKeyed, InMemoryState, C>,
    measures: measures::Fence,
}

impl<K: Hash + Eq + Copy, C: Clock + Clone, H: BuildHasher + Clone + Default> Half<K, C, H> {
    fn new(counted: &'static str, rate: FenceRate, config: &FenceConfig, clock: &C) -> Self {
        let keys = Arc::new(Keys {
            states: DashMap::default(),
            used: AtomicUsize::new(0),
            bound: config.max_keys,
        });
        Self {
            limiter: RateLimiter::new(rate.0, SharedKeys(Arc::clone(&keys)), clock.clone()),
            overflow: RateLimiter::new(config.overflow.0, InMemoryState::default(), clock.clone()),
            keys,
            measures: measures::Fence::new(counted),
        }
    }

    fn check(&self, key: &K) -> Result<(), Duration> {
        let checked = if self.keys.place(key) {
            self.limiter.check_key(key)
        } else {
            self.measures.overflows.increment(1);
            self.overflow.check()
        };
        checked.map_err(|early| {
            self.measures.refusals.increment(1);
            early.wait_time_from(self.limiter.clock().now())
        })
    }

    fn tidy(&self) {
        // Most keys are dropped a moment after they asked: what counts against the bound is what stood before.
        self.measures.keys.set(self.limiter.len() as f64);
        self.limiter.retain_recent();
    }
}

impl<C: Clock + Clone> Half<AddressKey, C> {
    fn check_address(&self, address: IpAddr) -> Result<(), FenceRefusal> {
        let key = AddressKey::of(address);
        self.check(&key).map_err(|retry_after| FenceRefusal::Address { retry_after })
    }
}

#[cfg(test)]
#[path = "fence_tests.rs"]
mod tests;
