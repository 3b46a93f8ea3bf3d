//! The budget of TLS handshakes on one runtime: how many are in progress, and what they cost.
//!
//! A full handshake costs the server a signature; a resumed one does not, and is charged an eighth.
//! While all together stay within what a core can do, nobody is counted out. Beyond that, each
//! address is held to its own pace, so that a crowd behind one address does not take the time of
//! all others. Time is an argument. Must not know TLS.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::admission::AddressKey;
use crate::connections::{Addresses, Counted};

/// Most handshakes in progress on a runtime; further ones are refused. When less than a quarter of
/// the places is free, one address has at most a quarter of them, as with connections.
pub const MAX_HANDSHAKES: usize = 4096;
/// How long a handshake may take.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// What a full handshake costs.
pub const FULL_COST: u32 = 8;
/// What a resumed one costs.
pub const RESUMED_COST: u32 = 1;
/// Full handshakes a second on a runtime up to which nobody is counted out: about half of what one
/// core signs with RSA of 2048 bits.
pub const CALM_PER_SECOND: u32 = 800;
/// Full handshakes a second that one address has beyond that.
pub const ADDRESS_PER_SECOND: u32 = 100;
/// So much of its own pace may be used up at once, by all and by each address.
pub const BURST: Duration = Duration::from_secs(1);
/// Most addresses whose pace is counted one by one; further ones share one pace.
pub const MAX_COUNTED_ADDRESSES: usize = 16_384;

const _: () = assert!(RESUMED_COST < FULL_COST && ADDRESS_PER_SECOND < CALM_PER_SECOND);

/// What is still owed of past handshakes: the moment at which it will be worked off.
#[derive(Clone, Copy)]
struct Debt(Instant);

impl Debt {
    fn owed(self, now: Instant) -> Duration {
        self.0.saturating_duration_since(now)
    }

    fn charge(&mut self, cost: u32, per_second: u32, now: Instant) {
        self.0 = self.0.max(now) + price(cost, per_second);
    }

    fn refund(&mut self, cost: u32, per_second: u32) {
        self.0 -= price(cost, per_second);
    }
}

/// The time that a cost takes at a pace of full handshakes.
fn price(cost: u32, per_second: u32) -> Duration {
    Duration::from_secs(1) * cost / (FULL_COST * per_second)
}

struct Spending {
    all: Debt,
    addresses: HashMap<AddressKey, Debt>,
    /// Shared by the addresses beyond the bound.
    others: Debt,
}

impl Spending {
    fn of(&mut self, key: AddressKey, now: Instant) -> &mut Debt {
        if !self.addresses.contains_key(&key) && self.addresses.len() >= MAX_COUNTED_ADDRESSES {
            self.addresses.retain(|_, debt| debt.owed(now) > Duration::ZERO);
            if self.addresses.len() >= MAX_COUNTED_ADDRESSES {
                return &mut self.others;
            }
        }
        self.addresses.entry(key).or_insert(Debt(now))
    }
}

/// The budget of one runtime.
pub struct Handshakes {
    places: Arc<Semaphore>,
    in_progress: Arc<Addresses>,
    spending: Mutex<Spending>,
}

/// A handshake in progress; its place is free again when this is dropped.
pub struct InProgress {
    budget: Arc<Handshakes>,
    key: AddressKey,
    started: Instant,
    _place: OwnedSemaphorePermit,
    _counted: Counted,
}

impl Handshakes {
    /// An unused budget.
    pub fn new(now: Instant) -> Arc<Self> {
        let spending = Spending { all: Debt(now), addresses: HashMap::new(), others: Debt(now) };
        Arc::new(Self {
            places: Arc::new(Semaphore::new(MAX_HANDSHAKES)),
            in_progress: Arc::default(),
            spending: Mutex::new(spending),
        })
    }

    /// Charges a handshake in full, unless it is beyond the budget.
    pub fn admit(self: &Arc<Self>, address: IpAddr, now: Instant) -> Option<InProgress> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let free = self.places.available_permits();
        let counted = self.in_progress.admit(address, free, MAX_HANDSHAKES)?;
        let key = AddressKey::of(address);
        let mut spending = self.spending.lock();
        let is_calm = spending.all.owed(now) < BURST;
        let own = spending.of(key, now);
        if !is_calm && own.owed(now) >= BURST {
            return None;
        }
        own.charge(FULL_COST, ADDRESS_PER_SECOND, now);
        spending.all.charge(FULL_COST, CALM_PER_SECOND, now);
        drop(spending);
        Some(InProgress {
            budget: Arc::clone(self),
            key,
            started: now,
            _place: place,
            _counted: counted,
        })
    }
}

impl InProgress {
    /// Gives back what a resumed handshake does not cost. Only at the end is it known to be one,
    /// so that who breaks off has paid in full.
    pub fn was_resumed(self) {
        let mut spending = self.budget.spending.lock();
        let back = FULL_COST - RESUMED_COST;
        spending.all.refund(back, CALM_PER_SECOND);
        spending.of(self.key, self.started).refund(back, ADDRESS_PER_SECOND);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    /// How many of `asked` full handshakes of an address are admitted, one after the other.
    fn admitted(budget: &Arc<Handshakes>, from: IpAddr, asked: u32, now: Instant) -> u32 {
        (0..asked).map(|_| u32::from(budget.admit(from, now).is_some())).sum()
    }

    #[tokio::test]
    async fn while_it_is_calm_one_address_may_do_what_all_may() {
        let now = Instant::now();
        let budget = Handshakes::new(now);
        assert_eq!(admitted(&budget, address(1), CALM_PER_SECOND, now), CALM_PER_SECOND);
    }

    #[tokio::test]
    async fn under_pressure_the_address_that_makes_it_waits_and_others_do_not() {
        let now = Instant::now();
        let budget = Handshakes::new(now);
        admitted(&budget, address(1), CALM_PER_SECOND, now);
        assert_eq!(admitted(&budget, address(1), 10, now), 0);
        assert_eq!(admitted(&budget, address(2), 150, now), ADDRESS_PER_SECOND);
        // What is worked off may be spent again.
        let later = now + Duration::from_secs(10);
        assert_eq!(admitted(&budget, address(1), 10, later), 10);
    }

    #[tokio::test]
    async fn a_resumed_handshake_costs_an_eighth() {
        let now = Instant::now();
        let budget = Handshakes::new(now);
        let resumed = CALM_PER_SECOND * FULL_COST / RESUMED_COST;
        for _ in 0..resumed - FULL_COST {
            budget.admit(address(1), now).expect("within the budget").was_resumed();
        }
        assert!(budget.spending.lock().all.owed(now) < BURST);
        admitted(&budget, address(1), 2, now);
        assert!(budget.admit(address(1), now).is_none());
    }

    #[tokio::test]
    async fn an_address_has_its_share_of_the_last_places_and_beyond_the_bound_all_are_refused() {
        let now = Instant::now();
        let budget = Handshakes::new(now);
        // So far apart that the pace never matters.
        let at = |turn: usize| now + Duration::from_secs(turn as u64);
        let mut held = Vec::new();
        for turn in 0..MAX_HANDSHAKES {
            held.extend(budget.admit(address(1), at(turn)));
        }
        assert_eq!(held.len(), MAX_HANDSHAKES - MAX_HANDSHAKES / 4);
        let others = (0..MAX_HANDSHAKES).map(|turn| 2 + u32::try_from(turn).unwrap());
        held.extend(others.filter_map(|other| budget.admit(address(other), at(MAX_HANDSHAKES))));
        assert_eq!(held.len(), MAX_HANDSHAKES);
        assert!(budget.admit(address(0), at(2 * MAX_HANDSHAKES)).is_none());
        held.truncate(1);
        assert!(budget.admit(address(0), at(2 * MAX_HANDSHAKES)).is_some());
    }

    #[tokio::test]
    async fn addresses_beyond_the_bound_share_one_pace_and_take_no_memory() {
        let now = Instant::now();
        let budget = Handshakes::new(now);
        let bound = u32::try_from(MAX_COUNTED_ADDRESSES).unwrap();
        for number in 0..bound {
            assert!(budget.admit(address(number), now).is_some());
        }
        let beyond: u32 = (bound..bound + 500).map(|n| admitted(&budget, address(n), 1, now)).sum();
        assert_eq!(beyond, ADDRESS_PER_SECOND);
        assert_eq!(budget.spending.lock().addresses.len(), MAX_COUNTED_ADDRESSES);
        // Who owes nothing is forgotten.
        let later = now + Duration::from_secs(1);
        assert!(budget.admit(address(bound), later).is_some());
        assert_eq!(budget.spending.lock().addresses.len(), 1);
    }
}
