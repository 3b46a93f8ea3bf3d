//! The holders' entries by their names: many of them, in little memory.
//!
//! Owns the shards and the count. A name is an HMAC under a pepper, so its bits are as random as any
//! hash could make them, and nobody without the pepper can choose them: they are the hash. A table
//! of places grows by doubling, and half of it may be empty; so it has nothing but small numbers, and
//! names and entries stand one after the other in a list that does not move. Must not know what an
//! entry holds; [`crate::state`] says which entries go.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hashbrown::HashTable;
use parking_lot::{Mutex, RwLock};
use talon_domain::ids::Pseudonym;

use crate::chunked::Chunked;
use crate::person::Person;

/// An entry, which whoever decides about its holder locks.
pub type Entry = Arc<Mutex<Person>>;

/// Parts of the map with a lock of their own.
const SHARDS: usize = 64;
/// The bits of a hash that choose the shard: tables look at the lowest and the seven highest.
const SHARD_SHIFT: u32 = 32;

const _: () = assert!(SHARDS.is_power_of_two());
// The lowest bits that a shard's table can look at are not those that chose the shard.
const _: () = assert!(crate::state::MAX_PERSONS < 1 << SHARD_SHIFT);

/// All entries.
#[derive(Debug)]
pub struct Persons {
    shards: Box<[RwLock<Shard>]>,
    /// Counting locks every shard; the bound needs a count that is cheap.
    count: AtomicUsize,
}

#[derive(Debug, Default)]
struct Shard {
    /// Where in `entries` each name stands.
    places: HashTable<u32>,
    entries: Chunked<(Pseudonym, Entry)>,
}

impl Default for Persons {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| RwLock::default()).collect();
        Self { shards, count: AtomicUsize::new(0) }
    }
}

impl Persons {
    /// The entry of a name, if there is one.
    pub fn get(&self, name: &Pseudonym) -> Option<Entry> {
        let hash = hash(name);
        let shard = self.shard(hash).read();
        shard.find(hash, name).map(|place| Arc::clone(&shard.entries[place].1))
    }

    /// The entry of a name, made when there is none.
    ///
    /// # Panics
    /// When a shard has more entries than [`crate::state::MAX_PERSONS`] allows by far.
    pub fn get_or_new(&self, name: &Pseudonym) -> Entry {
        self.get(name).unwrap_or_else(|| self.put(name, Entry::default))
    }

    /// Puts an entry under a name that has none.
    pub fn insert(&self, name: &Pseudonym, entry: Entry) {
        self.put(name, || entry);
    }

    /// The entry of a name, which `make` makes when there is none.
    fn put(&self, name: &Pseudonym, make: impl FnOnce() -> Entry) -> Entry {
        let hash = hash(name);
        let shard = &mut *self.shard(hash).write();
        if let Some(place) = shard.find(hash, name) {
            return Arc::clone(&shard.entries[place].1);
        }
        let entry = make();
        shard.push(*name, Arc::clone(&entry));
        // Relaxed: a count of its own, compared with a generous bound.
        self.count.fetch_add(1, Ordering::Relaxed);
        entry
    }

    /// How many entries there are.
    pub fn count(&self) -> usize {
        // Relaxed: as above.
        self.count.load(Ordering::Relaxed)
    }

    /// Shows every entry, in any order, under the lock of its shard.
    pub fn each(&self, mut see: impl FnMut(&Pseudonym, &Entry)) {
        for shard in &self.shards {
            shard.read().entries.iter().for_each(|(name, entry)| see(name, entry));
        }
    }

    /// Drops the entries of which `stays` says no, which is asked under the lock of the shard.
    pub fn retain(&self, mut stays: impl FnMut(&Entry) -> bool) {
        for shard in &self.shards {
            let shard = &mut *shard.write();
            let before = shard.entries.len();
            shard.entries.retain(|(_, entry)| stays(entry));
            let dropped = before - shard.entries.len();
            if dropped > 0 {
                shard.find_places_anew();
                // Relaxed: as above.
                self.count.fetch_sub(dropped, Ordering::Relaxed);
            }
        }
    }

    fn shard(&self, hash: u64) -> &RwLock<Shard> {
        &self.shards[(hash >> SHARD_SHIFT) as usize % SHARDS]
    }
}

impl Shard {
    fn find(&self, hash: u64, name: &Pseudonym) -> Option<usize> {
        let is_it = |place: &u32| self.entries[*place as usize].0 == *name;
        self.places.find(hash, is_it).map(|place| *place as usize)
    }

    fn push(&mut self, name: Pseudonym, entry: Entry) {
        let place = u32::try_from(self.entries.len()).expect("MAX_PERSONS is far below");
        self.entries.push((name, entry));
        let entries = &self.entries;
        self.places.insert_unique(hash(&name), place, |place| hash(&entries[*place as usize].0));
    }

    /// After entries have gone, the others stand elsewhere.
    fn find_places_anew(&mut self) {
        self.places = HashTable::with_capacity(self.entries.len());
        for (place, (name, _)) in (0..).zip(self.entries.iter()) {
            self.places.insert_unique(hash(name), place, |_| unreachable!("there is room for all"));
        }
    }
}

/// What a name is found by: some of its bits.
fn hash(name: &Pseudonym) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = name.0;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use talon_journal::Sequence;

    use super::*;

    /// Few names, which agree in what is hashed four at a time.
    fn name(number: u8) -> Pseudonym {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&(u64::from(number / 4) * 0x0001_0001_0000_0001).to_le_bytes());
        bytes[31] = number;
        Pseudonym(bytes)
    }

    fn mark(entry: &Entry, number: u8) {
        entry.lock().unblocked(Sequence::new(number.into()), Default::default());
    }

    fn mark_of(entry: &Entry) -> u64 {
        entry.lock().last().get()
    }

    proptest! {
        #[test]
        fn a_name_finds_its_own_entry_until_that_is_dropped(
            steps in proptest::collection::vec((any::<u8>(), any::<bool>()), 1..400)
        ) {
            let persons = Persons::default();
            let mut expected = std::collections::BTreeSet::new();
            for (number, is_drop) in steps {
                if is_drop {
                    persons.retain(|entry| !mark_of(entry).is_multiple_of(u64::from(number) + 2));
                    expected.retain(|kept: &u8| {
                        !(u64::from(*kept) + 1).is_multiple_of(u64::from(number) + 2)
                    });
                } else {
                    let number = number.min(254);
                    mark(&persons.get_or_new(&name(number)), number + 1);
                    expected.insert(number);
                }
                prop_assert_eq!(persons.count(), expected.len());
            }
            for number in 0..255 {
                let found = persons.get(&name(number)).map(|entry| mark_of(&entry));
                let kept = expected.contains(&number).then(|| u64::from(number) + 1);
                prop_assert_eq!(found, kept);
            }
            let mut seen = Vec::new();
            persons.each(|of, _| seen.push(of.0[31]));
            seen.sort_unstable();
            prop_assert!(seen.into_iter().eq(expected));
        }
    }

    #[test]
    fn two_who_come_at_once_under_one_name_get_one_entry() {
        let persons = Persons::default();
        let made: Vec<Entry> = std::thread::scope(|scope| {
            let come = || scope.spawn(|| persons.get_or_new(&name(7)));
            [come(), come(), come(), come()].map(|thread| thread.join().unwrap()).into()
        });
        assert!(made.iter().all(|entry| Arc::ptr_eq(entry, &made[0])));
        assert_eq!(persons.count(), 1);
    }

    #[test]
    fn names_are_spread_over_the_shards() {
        let persons = Persons::default();
        for number in 0..64 * SHARDS as u64 {
            // As far apart as the bits of an HMAC.
            let spread = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&spread.to_be_bytes());
            persons.get_or_new(&Pseudonym(bytes));
        }
        let fullest = persons.shards.iter().map(|shard| shard.read().entries.len()).max();
        assert!(fullest < Some(2 * 64), "{fullest:?}");
    }
}
