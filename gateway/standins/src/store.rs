//! A map whose entries expire and whose size has a bound.
//!
//! Owns the order of expiry. Knows neither clocks (time is an argument) nor what it keeps. The hub
//! keeps its codes and its tokens in two of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// No room: every entry is still alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full {
    /// How long until the oldest entry expires.
    pub(crate) retry_after: Duration,
}

struct Entry<V> {
    value: V,
    /// The moment from which the entry is dead, on the caller's clock.
    expires: Duration,
    /// Its place in `order`.
    sequence: u64,
}

/// Keys to values, each alive for the same time. `now` is the time since a fixed start; it must not
/// go back, so that the order of insertion is the order of expiry.
pub(crate) struct ExpiringMap<V> {
    entries: HashMap<Arc<str>, Entry<V>>,
    /// Keys by insertion; always the same keys as `entries`.
    order: BTreeMap<u64, Arc<str>>,
    next_sequence: u64,
    ttl: Duration,
    bound: usize,
}

impl<V> ExpiringMap<V> {
    pub(crate) fn new(bound: usize, ttl: Duration) -> Self {
        Self { entries: HashMap::new(), order: BTreeMap::new(), next_sequence: 0, ttl, bound }
    }

    /// Makes sure that one more entry fits: at the bound, entries that have expired go.
    pub(crate) fn make_room(&mut self, now: Duration) -> Result<(), Full> {
        while self.entries.len() >= self.bound {
            let Some((&sequence, key)) = self.order.first_key_value() else {
                // Only a bound of zero comes here.
                return Err(Full { retry_after: self.ttl });
            };
            let expires = self.entries.get(key).map_or(Duration::ZERO, |entry| entry.expires);
            if now < expires {
                return Err(Full { retry_after: expires - now });
            }
            self.entries.remove(key);
            self.order.remove(&sequence);
        }
        Ok(())
    }

    /// Adds an entry under a key not in use.
    pub(crate) fn insert(&mut self, now: Duration, key: &str, value: V) -> Result<(), Full> {
        self.make_room(now)?;
        let key: Arc<str> = key.into();
        let entry = Entry { value, expires: now + self.ttl, sequence: self.next_sequence };
        self.order.insert(self.next_sequence, Arc::clone(&key));
        self.next_sequence += 1;
        let before = self.entries.insert(key, entry);
        assert!(before.is_none(), "keys are 256 random bits: one never comes twice");
        Ok(())
    }

    /// The living entry under `key`.
    pub(crate) fn get(&self, now: Duration, key: &str) -> Option<&V> {
        self.entries.get(key).filter(|entry| now < entry.expires).map(|entry| &entry.value)
    }

    /// Removes the entry under `key`, and gives it if it was alive.
    pub(crate) fn take(&mut self, now: Duration, key: &str) -> Option<V> {
        let entry = self.entries.remove(key)?;
        self.order.remove(&entry.sequence);
        (now < entry.expires).then_some(entry.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn map_of_two() -> ExpiringMap<u32> {
        ExpiringMap::new(2, at(60))
    }

    #[test]
    fn an_entry_is_taken_once() {
        let mut map = map_of_two();
        map.insert(at(0), "a", 1).unwrap();
        assert_eq!(map.get(at(1), "a"), Some(&1));
        assert_eq!(map.take(at(1), "a"), Some(1));
        assert_eq!(map.take(at(1), "a"), None);
    }

    #[test]
    fn an_entry_is_dead_from_the_moment_it_expires() {
        let mut map = map_of_two();
        map.insert(at(0), "a", 1).unwrap();
        assert_eq!(map.get(at(59), "a"), Some(&1));
        assert_eq!(map.get(at(60), "a"), None);
        assert_eq!(map.take(at(60), "a"), None);
    }

    #[test]
    fn a_full_map_refuses_and_says_when_there_is_room() {
        let mut map = map_of_two();
        map.insert(at(0), "a", 1).unwrap();
        map.insert(at(10), "b", 2).unwrap();
        assert_eq!(map.insert(at(20), "c", 3), Err(Full { retry_after: at(40) }));
        assert_eq!(map.get(at(20), "a"), Some(&1));
    }

    #[test]
    fn the_oldest_expired_entry_makes_room_and_the_living_stay() {
        let mut map = map_of_two();
        map.insert(at(0), "a", 1).unwrap();
        map.insert(at(10), "b", 2).unwrap();
        map.insert(at(60), "c", 3).unwrap();
        assert_eq!(map.get(at(60), "a"), None);
        assert_eq!(map.get(at(60), "b"), Some(&2));
        assert_eq!(map.get(at(60), "c"), Some(&3));
    }

    #[test]
    fn a_taken_entry_leaves_room_and_no_trace() {
        let mut map = map_of_two();
        for round in 0..100 {
            let key = round.to_string();
            map.insert(at(0), &key, round).unwrap();
            map.take(at(0), &key).unwrap();
        }
        assert!(map.entries.is_empty() && map.order.is_empty());
    }

    #[test]
    fn a_bound_of_zero_refuses_everything() {
        let mut map = ExpiringMap::new(0, at(60));
        assert_eq!(map.insert(at(0), "a", 1), Err(Full { retry_after: at(60) }));
    }
}
