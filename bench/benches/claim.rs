//! The price of a claim on the hottest day: shift words beside the maps people use instead.
//!
//! Owns the comparison and nothing else; nothing calls it but `cargo bench`. Each peer does the
//! same work. Two threads share one office day. They go through its slots in the order of a crowd,
//! which hops from desk to desk; each claims every second slot of that order, naming itself the
//! owner, until the day is sold, and then gives its slots back. No claim loses, so that every peer
//! does the same number of both; but the words, shards and locks are the other thread's too.
//! The time is that of a whole day, both threads together; an element is one claim and its return.
//!
//! - `words`: [`ShiftWord`]s side by side and an array of owners;
//! - `dashmap`: slot → owner, a map in shards, each behind a lock;
//! - `mutex_hash_map`: slot → owner, one map behind one lock;
//! - `actor`: slot → owner, one map that a single writer owns; each claim is a message and waits for its answer,
//!   as the request behind it would.
//!
//! Only the ratios within one run mean anything, and only on a machine with a core to spare for
//! each thread: threads that take turns on a core never wait for each other's cache lines, and the
//! words then look several times better than they are under contention.

use std::collections::{HashMap, hash_map};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use dashmap::DashMap;
use talon_board::{ShiftWord, Steps};

/// An office with twenty desks, open for eight hours in steps of ten minutes; a slot is one step.
const DESKS: usize = 20;
const STEPS: u8 = 48;
const SLOTS: usize = DESKS * STEPS as usize;

const THREADS: usize = 2;
const _: () = assert!(SLOTS.is_multiple_of(THREADS), "every thread claims as many slots");

/// A prime that does not divide the number of slots: steps of this width visit each slot once.
const HOP: usize = 409;
const _: () = assert!(!SLOTS.is_multiple_of(HOP), "the crowd reaches every slot");

/// An owner that is no thread.
const NOBODY: u64 = 0;

/// One day of one office, as a peer keeps it.
trait HotDay: Sync {
    /// Whether `owner` now has the slot, which nobody else had.
    fn claim(&self, slot: usize, owner: u64) -> bool;

    /// Makes a claimed slot of `owner` free again; says who had it.
    fn give_back(&self, slot: usize, owner: u64) -> u64;
}

struct Words {
    desks: Vec<ShiftWord>,
    owners: Vec<AtomicU64>,
}

impl Words {
    fn new() -> Self {
        Self {
            desks: (0..DESKS).map(|_| ShiftWord::new(STEPS)).collect(),
            owners: (0..SLOTS).map(|_| AtomicU64::new(NOBODY)).collect(),
        }
    }

    fn place(&self, slot: usize) -> (&ShiftWord, Steps) {
        let step = u8::try_from(slot % usize::from(STEPS)).expect("a step is below 48");
        let run = Steps::run(step, 1).expect("one step of the shift");
        (&self.desks[slot / usize::from(STEPS)], run)
    }
}

impl HotDay for Words {
    fn claim(&self, slot: usize, owner: u64) -> bool {
        let (desk, run) = self.place(slot);
        // Relaxed: who may write the slot's owner is decided by its bit.
        desk.claim_recorded(run, || self.owners[slot].store(owner, Ordering::Relaxed)).is_ok()
    }

    fn give_back(&self, slot: usize, _owner: u64) -> u64 {
        let (desk, run) = self.place(slot);
        desk.give_back_recorded(run, || {
            // Relaxed, as above; and one writer needs no swap.
            let owner = self.owners[slot].load(Ordering::Relaxed);
            self.owners[slot].store(NOBODY, Ordering::Relaxed);
            owner
        })
    }
}

impl HotDay for DashMap<usize, u64> {
    fn claim(&self, slot: usize, owner: u64) -> bool {
        match self.entry(slot) {
            dashmap::Entry::Vacant(free) => {
                free.insert(owner);
                true
            }
            dashmap::Entry::Occupied(_) => false,
        }
    }

    fn give_back(&self, slot: usize, _owner: u64) -> u64 {
        self.remove(&slot).map_or(NOBODY, |(_, owner)| owner)
    }
}

impl HotDay for Mutex<HashMap<usize, u64>> {
    fn claim(&self, slot: usize, owner: u64) -> bool {
        match self.lock().expect("no claim panics").entry(slot) {
            hash_map::Entry::Vacant(free) => {
                free.insert(owner);
                true
            }
            hash_map::Entry::Occupied(_) => false,
        }
    }

    fn give_back(&self, slot: usize, _owner: u64) -> u64 {
        self.lock().expect("no claim panics").remove(&slot).unwrap_or(NOBODY)
    }
}

/// What the actor is asked: to claim for somebody, or to give back to nobody.
struct Message {
    slot: usize,
    owner: u64,
    is_claim: bool,
}

/// A way to the thread that owns the map, and each seller's way back.
struct Actor {
    inbox: SyncSender<Message>,
    answers: Vec<Mutex<Receiver<u64>>>,
}

impl Actor {
    /// Starts the thread, which ends with the last way to it.
    fn start() -> Self {
        let (inbox, messages) = sync_channel::<Message>(THREADS);
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..THREADS).map(|_| sync_channel::<u64>(1)).unzip();
        thread::spawn(move || {
            let mut owners = HashMap::<usize, u64>::with_capacity(SLOTS);
            for Message { slot, owner, is_claim } in messages {
                let answer = match (is_claim, owners.entry(slot)) {
                    (true, hash_map::Entry::Vacant(free)) => *free.insert(owner),
                    (false, hash_map::Entry::Occupied(taken)) => taken.remove(),
                    _ => NOBODY,
                };
                if senders[owner as usize - 1].send(answer).is_err() {
                    return;
                }
            }
        });
        Self { inbox, answers: receivers.into_iter().map(Mutex::new).collect() }
    }

    fn ask(&self, slot: usize, owner: u64, is_claim: bool) -> u64 {
        self.inbox.send(Message { slot, owner, is_claim }).expect("the actor is there");
        // Nobody else asks for this seller: the lock is never waited for.
        let answer = self.answers[owner as usize - 1].lock().expect("no claim panics").recv();
        answer.expect("the actor is there")
    }
}

impl HotDay for Actor {
    fn claim(&self, slot: usize, owner: u64) -> bool {
        self.ask(slot, owner, true) == owner
    }

    fn give_back(&self, slot: usize, owner: u64) -> u64 {
        self.ask(slot, owner, false)
    }
}

/// Sells the thread's share of the day and gives it back, `rounds` times.
fn sell(day: &impl HotDay, thread: usize, rounds: u64) {
    let owner = thread as u64 + 1;
    let share = || (thread..SLOTS).step_by(THREADS).map(|turn| turn * HOP % SLOTS);
    for _ in 0..rounds {
        for slot in share() {
            assert!(day.claim(slot, owner), "slot {slot} was sold before");
        }
        for slot in share() {
            assert_eq!(day.give_back(slot, owner), owner, "slot {slot} changed hands");
        }
    }
}

/// The time that all threads together need to sell the day and free it again, `rounds` times; the
/// threads are started before the clock is.
fn sell_with_all_threads(day: &impl HotDay, rounds: u64) -> Duration {
    let start_line = Barrier::new(THREADS + 1);
    thread::scope(|scope| {
        let sellers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let start_line = &start_line;
                scope.spawn(move || {
                    start_line.wait();
                    sell(day, thread, rounds);
                })
            })
            .collect();
        start_line.wait();
        let start = Instant::now();
        for seller in sellers {
            seller.join().expect("no slot is sold twice");
        }
        start.elapsed()
    })
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("hot_day_claim");
    group.throughput(Throughput::Elements(SLOTS as u64));

    let words = Words::new();
    group.bench_function("words", |bencher| {
        bencher.iter_custom(|rounds| sell_with_all_threads(&words, rounds));
    });
    let sharded: DashMap<usize, u64> = DashMap::with_capacity(SLOTS);
    group.bench_function("dashmap", |bencher| {
        bencher.iter_custom(|rounds| sell_with_all_threads(&sharded, rounds));
    });
    let locked = Mutex::new(HashMap::<usize, u64>::with_capacity(SLOTS));
    group.bench_function("mutex_hash_map", |bencher| {
        bencher.iter_custom(|rounds| sell_with_all_threads(&locked, rounds));
    });

    let actor = Actor::start();
    group.bench_function("actor", |bencher| {
        bencher.iter_custom(|rounds| sell_with_all_threads(&actor, rounds));
    });

    group.finish();
    criterion.final_summary();
}
