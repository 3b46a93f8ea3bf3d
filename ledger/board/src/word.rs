//! A shift's word: one `AtomicU64`, bit 1 = unclaimed, and nothing else.
//!
//! Owns claiming and giving back, and their order towards the journal. Must not know how many steps
//! the shift has, what may be used, or who claimed: the ledger keeps those beside the word. Called by
//! the ledger for every booking, cancellation and return, and by its replay.

use std::fmt;

use crate::steps::{MAX_STEPS, Steps};
use crate::sync::{AtomicU64, Ordering};

/// The unclaimed steps of one shift.
///
/// Steps past the shift's end are 0 from the start and so can never be claimed. The word cannot
/// tell them from claimed ones; giving back only what was claimed keeps them 0.
#[derive(Debug)]
pub struct ShiftWord(AtomicU64);

#[cfg(not(loom))]
const _: () = assert!(size_of::<ShiftWord>() == 8, "a word is its bits and nothing else");

/// A claim that found some of its steps claimed already; none of its steps were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The steps of the run that somebody else has, at the moment the claim looked; never empty.
    pub steps: Steps,
}

impl fmt::Display for Taken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "steps {:?} are claimed already", self.steps)
    }
}

impl std::error::Error for Taken {}

impl ShiftWord {
    /// A shift of `steps` steps, all unclaimed.
    ///
    /// # Panics
    /// When `steps` is 0 or more than [`MAX_STEPS`].
    #[must_use]
    pub fn new(steps: u8) -> Self {
        match Steps::run(0, steps) {
            Some(unclaimed) => Self::from_unclaimed(unclaimed),
            None => panic!("a shift has 1 to {MAX_STEPS} steps, not {steps}"),
        }
    }

    /// A shift of which exactly `unclaimed` can still be claimed; this is how replay and snapshots
    /// put a word back.
    #[must_use]
    pub fn from_unclaimed(unclaimed: Steps) -> Self {
        Self(AtomicU64::new(unclaimed.bits()))
    }

    /// The steps unclaimed at some moment of this call. A hint: only a claim decides.
    #[must_use]
    pub fn unclaimed(&self) -> Steps {
        // Relaxed: availability promises nothing, so it publishes and rests on nothing.
        Steps::from_bits(self.0.load(Ordering::Relaxed))
    }

    /// Takes all steps of `run`, or none.
    ///
    /// One compare-and-swap, however long the run is. A swap lost to a neighbouring step is tried
    /// again and never reported as taken.
    ///
    /// # Errors
    /// [`Taken`] when a step of `run` is claimed already, with those steps.
    ///
    /// # Panics
    /// When `run` is empty: such a claim would succeed and sell no place.
    pub fn claim(&self, run: Steps) -> Result<(), Taken> {
        assert!(!run.is_empty(), "a claim takes at least one step");
        // Relaxed: the first look is a guess that the swap below confirms, and "taken" promises
        // nothing.
        let mut seen = Steps::from_bits(self.0.load(Ordering::Relaxed));
        // The loop needs no bound of its own: a lost swap is another thread's finished claim or
        // return on this word, so the word as a whole always gets on.
        loop {
            if !run.is_subset(seen) {
                return Err(Taken { steps: run.difference(seen) });
            }
            // Acquire: all that was done before these steps were last given back, above all the
            // append of that return's record, is done for the claimer too; claims in between keep
            // that link, being read-modify-writes. On failure Relaxed, a better guess.
            match self.0.compare_exchange_weak(
                seen.bits(),
                seen.difference(run).bits(),
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(()),
                Err(now) => seen = Steps::from_bits(now),
            }
        }
    }

    /// Makes all steps of `run` unclaimed again. Only their owner may call it, knowing of the claim
    /// by the claim's own return or by a lock taken since.
    ///
    /// # Panics
    /// When `run` is empty or a step of it is not claimed: that step would be sold twice. The word
    /// is left as it was.
    pub fn give_back(&self, run: Steps) {
        // Relaxed: the owner has seen the claim, so no older value can be read, and the swap below
        // confirms the rest.
        let mut seen = Steps::from_bits(self.0.load(Ordering::Relaxed));
        // Unbounded for the reason given in `claim`.
        loop {
            assert_claimed(run, seen);
            // Release: publishes the append of the return's record, and all else the owner did, to
            // whoever claims these steps next. On failure Relaxed, a better guess.
            match self.0.compare_exchange_weak(
                seen.bits(),
                seen.union(run).bits(),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => seen = Steps::from_bits(now),
            }
        }
    }

    /// Takes all steps of `run`, then calls `append`, which writes the claim's record: bits before
    /// record. `append` is not called when the steps are taken.
    ///
    /// A panic in `append` leaves the steps claimed: a place nobody owns can be found by replay, a
    /// place with two owners cannot be undone.
    ///
    /// # Errors
    /// As [`ShiftWord::claim`].
    ///
    /// # Panics
    /// As [`ShiftWord::claim`].
    pub fn claim_recorded<R>(&self, run: Steps, append: impl FnOnce() -> R) -> Result<R, Taken> {
        self.claim(run)?;
        Ok(append())
    }

    /// Calls `append`, which writes the return's record, then makes all steps of `run` unclaimed:
    /// record before bits. A panic in `append` leaves the steps claimed.
    ///
    /// # Panics
    /// As [`ShiftWord::give_back`], and then before `append` is called, so that a return of what
    /// was not claimed leaves no record.
    pub fn give_back_recorded<R>(&self, run: Steps, append: impl FnOnce() -> R) -> R {
        assert_claimed(run, self.unclaimed());
        let appended = append();
        self.give_back(run);
        appended
    }
}

/// Ends the caller when `run` is not wholly claimed in `unclaimed`, or is no run at all.
fn assert_claimed(run: Steps, unclaimed: Steps) {
    assert!(!run.is_empty(), "a return gives back at least one step");
    let never_claimed = run.intersection(unclaimed);
    assert!(never_claimed.is_empty(), "steps {never_claimed:?} were given back but not claimed");
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn run(start: u8, count: u8) -> Steps {
        Steps::run(start, count).unwrap()
    }

    fn panics(action: impl FnOnce()) -> bool {
        catch_unwind(AssertUnwindSafe(action)).is_err()
    }

    #[test]
    fn a_new_shift_is_unclaimed_from_end_to_end() {
        assert_eq!(ShiftWord::new(1).unclaimed(), run(0, 1));
        assert_eq!(ShiftWord::new(36).unclaimed(), run(0, 36));
        assert_eq!(ShiftWord::new(MAX_STEPS).unclaimed(), Steps::ALL);
    }

    #[test]
    #[should_panic(expected = "1 to 64 steps, not 0")]
    fn a_shift_of_no_steps_is_refused() {
        let _ = ShiftWord::new(0);
    }

    #[test]
    #[should_panic(expected = "1 to 64 steps, not 65")]
    fn a_shift_longer_than_a_word_is_refused() {
        let _ = ShiftWord::new(MAX_STEPS + 1);
    }

    #[test]
    fn second_claim_of_a_taken_run_is_refused() {
        let word = ShiftWord::new(12);
        assert_eq!(word.claim(run(3, 3)), Ok(()));
        assert_eq!(word.claim(run(3, 3)), Err(Taken { steps: run(3, 3) }));
    }

    #[test]
    fn a_claim_takes_all_its_steps_or_none() {
        let word = ShiftWord::new(12);
        word.claim(run(4, 1)).unwrap();
        let before = word.unclaimed();
        assert_eq!(word.claim(run(3, 3)), Err(Taken { steps: run(4, 1) }));
        assert_eq!(word.unclaimed(), before);
    }

    #[test]
    fn a_step_past_the_shift_is_taken() {
        let word = ShiftWord::new(12);
        assert_eq!(word.claim(run(11, 2)), Err(Taken { steps: run(12, 1) }));
        assert_eq!(word.claim(run(63, 1)), Err(Taken { steps: run(63, 1) }));
    }

    #[test]
    fn a_word_put_back_offers_what_was_left() {
        let word = ShiftWord::from_unclaimed(run(5, 2));
        assert_eq!(word.claim(run(4, 2)), Err(Taken { steps: run(4, 1) }));
        assert_eq!(word.claim(run(5, 2)), Ok(()));
        assert_eq!(word.unclaimed(), Steps::EMPTY);
    }

    #[test]
    fn a_returned_run_can_be_claimed_again() {
        let word = ShiftWord::new(12);
        word.claim(run(0, 12)).unwrap();
        word.give_back(run(6, 2));
        assert_eq!(word.unclaimed(), run(6, 2));
        assert_eq!(word.claim(run(6, 2)), Ok(()));
    }

    #[test]
    #[should_panic(expected = "a claim takes at least one step")]
    fn a_claim_of_nothing_is_refused() {
        let _ = ShiftWord::new(12).claim(Steps::EMPTY);
    }

    #[test]
    #[should_panic(expected = "a return gives back at least one step")]
    fn a_return_of_nothing_is_refused() {
        ShiftWord::new(12).give_back(Steps::EMPTY);
    }

    #[test]
    #[should_panic(expected = "steps {4} were given back but not claimed")]
    fn a_return_names_the_steps_that_were_not_claimed() {
        let word = ShiftWord::new(12);
        word.claim(run(5, 2)).unwrap();
        word.give_back(run(4, 3));
    }

    #[test]
    fn a_wrong_return_frees_nothing_and_leaves_no_record() {
        let word = ShiftWord::new(12);
        word.claim(run(5, 2)).unwrap();
        let before = word.unclaimed();
        let mut records = 0;
        assert!(panics(|| word.give_back(run(4, 3))));
        assert!(panics(|| word.give_back_recorded(run(4, 3), || records += 1)));
        assert_eq!(word.unclaimed(), before);
        assert_eq!(records, 0);
    }

    #[test]
    fn bits_are_taken_before_their_record_is_appended() {
        let word = ShiftWord::new(12);
        let seen = word.claim_recorded(run(2, 4), || word.unclaimed());
        assert_eq!(seen, Ok(run(0, 12).difference(run(2, 4))));
    }

    #[test]
    fn bits_are_given_back_after_their_record_is_appended() {
        let word = ShiftWord::new(12);
        word.claim(run(2, 4)).unwrap();
        let seen = word.give_back_recorded(run(2, 4), || word.unclaimed());
        assert_eq!(seen, run(0, 12).difference(run(2, 4)));
        assert_eq!(word.unclaimed(), run(0, 12));
    }

    #[test]
    fn a_refused_claim_leaves_no_record() {
        let word = ShiftWord::new(12);
        word.claim(run(2, 1)).unwrap();
        let mut records = 0;
        assert!(word.claim_recorded(run(1, 2), || records += 1).is_err());
        assert_eq!(records, 0);
    }

    #[test]
    fn a_panicking_append_leaves_its_steps_claimed() {
        let word = ShiftWord::new(12);
        assert!(panics(|| {
            let _ = word.claim_recorded(run(0, 2), || panic!("journal"));
        }));
        assert_eq!(word.unclaimed(), run(2, 10));
        assert!(panics(|| {
            word.give_back_recorded(run(0, 2), || panic!("journal"));
        }));
        assert_eq!(word.unclaimed(), run(2, 10));
    }

    #[test]
    fn a_move_holds_both_places_while_its_record_is_appended() {
        let (old, new) = (ShiftWord::new(12), ShiftWord::new(12));
        old.claim(run(0, 2)).unwrap();
        let seen = new.claim_recorded(run(4, 2), || {
            old.give_back_recorded(run(0, 2), || (old.unclaimed(), new.unclaimed()))
        });
        assert_eq!(seen, Ok((run(2, 10), run(0, 12).difference(run(4, 2)))));
        assert_eq!(old.unclaimed(), run(0, 12));
        assert_eq!(new.unclaimed(), run(0, 12).difference(run(4, 2)));
    }

    #[test]
    fn a_refusal_names_the_steps_that_are_claimed() {
        assert_eq!(Taken { steps: run(3, 2) }.to_string(), "steps {3, 4} are claimed already");
    }
}
