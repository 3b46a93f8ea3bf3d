//! The words in every interleaving of two or three threads, by loom.
//!
//! Owns the promises of claiming and giving back, and of their order towards the journal; two
//! models of the wrong order show that the others would notice. Run by `cargo xtask loom`, or
//! `RUSTFLAGS="--cfg loom" cargo test -p talon-board --release --test loom`.
#![cfg(loom)]

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;
use talon_board::{ShiftWord, Steps};

const SHIFT_STEPS: u8 = 6;

fn run(start: u8, count: u8) -> Steps {
    Steps::run(start, count).expect("the run fits")
}

/// Claims each run in a thread of its own (the last one in the model's own thread); says which won.
fn race<const RUNS: usize>(word: &Arc<ShiftWord>, runs: [Steps; RUNS]) -> [bool; RUNS] {
    let mut won = [false; RUNS];
    let others: Vec<_> = runs[..RUNS - 1]
        .iter()
        .map(|&run| {
            let word = Arc::clone(word);
            thread::spawn(move || word.claim(run).is_ok())
        })
        .collect();
    won[RUNS - 1] = word.claim(runs[RUNS - 1]).is_ok();
    for (won, other) in won.iter_mut().zip(others) {
        *won = other.join().expect("no claim panics");
    }
    won
}

#[test]
fn two_claims_of_one_run_have_exactly_one_winner() {
    loom::model(|| {
        let word = Arc::new(ShiftWord::new(SHIFT_STEPS));
        let won = race(&word, [run(1, 2), run(1, 2)]);
        assert_eq!(won.iter().filter(|&&won| won).count(), 1);
        assert_eq!(word.unclaimed(), run(0, SHIFT_STEPS).difference(run(1, 2)));
    });
}

#[test]
fn three_claims_of_one_run_have_exactly_one_winner() {
    loom::model(|| {
        let word = Arc::new(ShiftWord::new(SHIFT_STEPS));
        let won = race(&word, [run(1, 2), run(1, 2), run(1, 2)]);
        assert_eq!(won.iter().filter(|&&won| won).count(), 1);
        assert_eq!(word.unclaimed(), run(0, SHIFT_STEPS).difference(run(1, 2)));
    });
}

#[test]
fn neighbours_on_one_word_all_win() {
    loom::model(|| {
        let word = Arc::new(ShiftWord::new(SHIFT_STEPS));
        let won = race(&word, [run(0, 2), run(2, 2), run(4, 2)]);
        assert_eq!(won, [true; 3]);
        assert_eq!(word.unclaimed(), Steps::EMPTY);
    });
}

#[test]
fn of_two_overlapping_runs_exactly_one_wins_whole() {
    loom::model(|| {
        let word = Arc::new(ShiftWord::new(SHIFT_STEPS));
        let runs = [run(0, 3), run(2, 3)];
        let won = race(&word, runs);
        let winner = match won {
            [true, false] => runs[0],
            [false, true] => runs[1],
            _ => panic!("one of the two wins: {won:?}"),
        };
        assert_eq!(word.unclaimed(), run(0, SHIFT_STEPS).difference(winner));
    });
}

#[test]
fn the_middle_of_three_overlapping_runs_wins_alone_or_both_others_win() {
    loom::model(|| {
        let word = Arc::new(ShiftWord::new(SHIFT_STEPS));
        let runs = [run(0, 3), run(2, 2), run(3, 3)];
        let won = race(&word, runs);
        let sold = match won {
            [true, false, true] => runs[0].union(runs[2]),
            [false, true, false] => runs[1],
            _ => panic!("no other outcome sells all that can be sold: {won:?}"),
        };
        assert_eq!(word.unclaimed(), run(0, SHIFT_STEPS).difference(sold));
    });
}

#[test]
fn a_return_beside_claims_of_other_steps_is_not_lost() {
    loom::model(|| {
        let word = Arc::new(ShiftWord::new(SHIFT_STEPS));
        word.claim(run(0, 2)).unwrap();
        let returning = {
            let word = Arc::clone(&word);
            thread::spawn(move || word.give_back(run(0, 2)))
        };
        let won = race(&word, [run(2, 2), run(4, 2)]);
        returning.join().unwrap();
        assert_eq!(won, [true; 2]);
        assert_eq!(word.unclaimed(), run(0, 2));
    });
}

#[test]
fn two_returns_at_once_are_both_kept() {
    loom::model(|| {
        let word = Arc::new(ShiftWord::from_unclaimed(Steps::EMPTY));
        let returning = {
            let word = Arc::clone(&word);
            thread::spawn(move || word.give_back(run(0, 2)))
        };
        word.give_back(run(2, 2));
        returning.join().unwrap();
        assert_eq!(word.unclaimed(), run(0, 4));
    });
}

/// The orderings: a flag set before the return must be seen by the next claimer of the same steps,
/// whatever claims of other steps come between.
#[test]
fn the_next_claimer_sees_what_was_done_before_the_return() {
    loom::model(|| {
        let word = Arc::new(ShiftWord::from_unclaimed(run(2, 1)));
        let cleared = Arc::new(AtomicBool::new(false));
        let returning = {
            let (word, cleared) = (Arc::clone(&word), Arc::clone(&cleared));
            thread::spawn(move || {
                cleared.store(true, Ordering::Relaxed);
                word.give_back(run(0, 2));
            })
        };
        let neighbour = {
            let word = Arc::clone(&word);
            thread::spawn(move || word.claim(run(2, 1)).unwrap())
        };
        if word.claim(run(0, 2)).is_ok() {
            assert!(cleared.load(Ordering::Relaxed), "a claim ran ahead of the return it rests on");
        }
        returning.join().unwrap();
        neighbour.join().unwrap();
    });
}

/// What the journal of these models holds.
enum Event {
    Claimed(Steps),
    Returned(Steps),
}

/// A word with its journal, as the ledger has them.
struct Ledger {
    word: ShiftWord,
    journal: Mutex<Vec<Event>>,
}

impl Ledger {
    fn new() -> Arc<Self> {
        Arc::new(Self { word: ShiftWord::new(SHIFT_STEPS), journal: Mutex::new(Vec::new()) })
    }

    fn append(&self, event: Event) {
        self.journal.lock().expect("no append panics").push(event);
    }

    fn book(&self, run: Steps) -> bool {
        self.word.claim_recorded(run, || self.append(Event::Claimed(run))).is_ok()
    }

    fn cancel(&self, run: Steps) {
        self.word.give_back_recorded(run, || self.append(Event::Returned(run)));
    }

    /// Reads the journal in its order, as a replay after a crash would; the facts must fit each
    /// other, and must lead to the word as it is.
    fn replay(&self) {
        let mut unclaimed = run(0, SHIFT_STEPS);
        for event in self.journal.lock().expect("no append panics").iter() {
            match *event {
                Event::Claimed(run) => {
                    assert!(run.is_subset(unclaimed), "replay: a claimed bit was not unclaimed");
                    unclaimed = unclaimed.difference(run);
                }
                Event::Returned(run) => {
                    assert!(run.is_disjoint(unclaimed), "replay: a returned bit was not claimed");
                    unclaimed = unclaimed.union(run);
                }
            }
        }
        assert_eq!(unclaimed, self.word.unclaimed(), "replay: another state than the live one");
    }
}

#[test]
fn a_cancel_and_a_claim_of_the_same_run_replay_in_order() {
    loom::model(|| {
        let ledger = Ledger::new();
        assert!(ledger.book(run(1, 2)));
        let cancelling = {
            let ledger = Arc::clone(&ledger);
            thread::spawn(move || ledger.cancel(run(1, 2)))
        };
        ledger.book(run(1, 2));
        cancelling.join().unwrap();
        ledger.replay();
    });
}

#[test]
fn a_cancel_and_two_claims_that_overlap_it_replay_in_order() {
    loom::model(|| {
        let ledger = Ledger::new();
        assert!(ledger.book(run(1, 2)));
        let cancelling = {
            let ledger = Arc::clone(&ledger);
            thread::spawn(move || ledger.cancel(run(1, 2)))
        };
        let booking = {
            let ledger = Arc::clone(&ledger);
            thread::spawn(move || ledger.book(run(2, 2)))
        };
        let won = ledger.book(run(1, 1));
        cancelling.join().unwrap();
        let other_won = booking.join().unwrap();
        ledger.replay();
        assert_eq!(ledger.word.unclaimed().contains(1), !won);
        assert_eq!(ledger.word.unclaimed().contains(2), !other_won);
    });
}

#[test]
#[should_panic(expected = "replay: a claimed bit was not unclaimed")]
fn bits_given_back_before_their_record_would_be_noticed() {
    loom::model(|| {
        let ledger = Ledger::new();
        assert!(ledger.book(run(1, 2)));
        let cancelling = {
            let ledger = Arc::clone(&ledger);
            thread::spawn(move || {
                ledger.word.give_back(run(1, 2));
                ledger.append(Event::Returned(run(1, 2)));
            })
        };
        ledger.book(run(1, 2));
        cancelling.join().unwrap();
        ledger.replay();
    });
}

#[test]
#[should_panic(expected = "replay: a claimed bit was not unclaimed")]
fn a_record_appended_before_its_bits_are_taken_would_be_noticed() {
    loom::model(|| {
        let ledger = Ledger::new();
        let booking = {
            let ledger = Arc::clone(&ledger);
            thread::spawn(move || ledger.book(run(1, 2)))
        };
        if run(1, 2).is_subset(ledger.word.unclaimed()) {
            ledger.append(Event::Claimed(run(1, 2)));
            let _ = ledger.word.claim(run(1, 2));
        }
        booking.join().unwrap();
        ledger.replay();
    });
}
