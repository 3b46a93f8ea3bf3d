//! The words under real threads: many more than a word has to fear, on whatever cores there are.
//!
//! Owns the promise that capacity is sold exactly once. The loom models are exhaustive but small;
//! here nothing is exhaustive, but the compiler, the processor and the crowd are the real ones.
#![cfg(not(loom))]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;

use talon_board::{MAX_STEPS, ShiftWord, Steps};

const THREADS: usize = 64;
const LONGEST_RUN: u8 = 4;

/// Coprime to the number of runs, so that every thread tries all of them, each in its own order.
const STRIDE: usize = 101;

fn every_run() -> Vec<Steps> {
    (1..=LONGEST_RUN)
        .flat_map(|count| (0..=MAX_STEPS - count).filter_map(move |start| Steps::run(start, count)))
        .collect()
}

/// All runs, in an order of the thread's own.
fn runs_of(thread: usize) -> impl Iterator<Item = Steps> {
    let runs = every_run();
    (0..runs.len()).map(move |turn| runs[(thread * 7 + turn * STRIDE) % runs.len()])
}

#[test]
fn sold_is_capacity_when_all_threads_claim_every_run_of_one_word() {
    const ROUNDS: usize = 50;
    let words: Vec<ShiftWord> = (0..ROUNDS).map(|_| ShiftWord::new(MAX_STEPS)).collect();
    let start_line = Barrier::new(THREADS);
    let sold: Vec<Mutex<Vec<Steps>>> = (0..ROUNDS).map(|_| Mutex::default()).collect();

    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (words, sold, start_line) = (&words, &sold, &start_line);
            scope.spawn(move || {
                for (word, sold) in words.iter().zip(sold) {
                    start_line.wait();
                    let won: Vec<Steps> =
                        runs_of(thread).filter(|&run| word.claim(run).is_ok()).collect();
                    sold.lock().unwrap().extend(won);
                }
            });
        }
    });

    for (word, sold) in words.iter().zip(sold) {
        let mut claimed = Steps::EMPTY;
        for run in sold.into_inner().unwrap() {
            assert!(claimed.is_disjoint(run), "{run:?} has two owners");
            claimed = claimed.union(run);
        }
        assert_eq!(claimed, Steps::ALL);
        assert_eq!(word.unclaimed(), Steps::EMPTY);
    }
}

#[test]
fn a_step_has_at_most_one_owner_while_runs_come_and_go() {
    const NOBODY: usize = usize::MAX;
    let word = ShiftWord::new(MAX_STEPS);
    let owners: Vec<AtomicUsize> = (0..MAX_STEPS).map(|_| AtomicUsize::new(NOBODY)).collect();

    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (word, owners) = (&word, &owners);
            scope.spawn(move || {
                for run in runs_of(thread) {
                    if word.claim(run).is_err() {
                        continue;
                    }
                    for step in run {
                        let before = owners[usize::from(step)].swap(thread, Ordering::Relaxed);
                        assert_eq!(before, NOBODY, "step {step} has two owners");
                    }
                    // Another thread gets its chance to claim what is owned.
                    thread::yield_now();
                    for step in run {
                        let before = owners[usize::from(step)].swap(NOBODY, Ordering::Relaxed);
                        assert_eq!(before, thread, "step {step} lost its owner");
                    }
                    word.give_back(run);
                }
            });
        }
    });

    assert_eq!(word.unclaimed(), Steps::ALL);
}

#[test]
fn every_claimed_bit_was_unclaimed_when_the_journal_is_replayed() {
    enum Event {
        Claimed(Steps),
        Returned(Steps),
    }
    let word = ShiftWord::new(MAX_STEPS);
    let journal: Mutex<Vec<Event>> = Mutex::default();
    let append = |event| journal.lock().unwrap().push(event);

    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (word, append) = (&word, &append);
            scope.spawn(move || {
                for run in runs_of(thread) {
                    if word.claim_recorded(run, || append(Event::Claimed(run))).is_ok() {
                        word.give_back_recorded(run, || append(Event::Returned(run)));
                    }
                }
            });
        }
    });

    let mut unclaimed = Steps::ALL;
    for event in journal.into_inner().unwrap() {
        match event {
            Event::Claimed(run) => {
                assert!(run.is_subset(unclaimed), "{run:?} was claimed twice");
                unclaimed = unclaimed.difference(run);
            }
            Event::Returned(run) => {
                assert!(run.is_disjoint(unclaimed), "{run:?} was returned twice");
                unclaimed = unclaimed.union(run);
            }
        }
    }
    assert_eq!(unclaimed, word.unclaimed());
}
