//! What can still be booked on a word, by shifting and and-ing.
//!
//! Owns the search for free starts and their count. Must not know atomics: it works on a set read
//! from a word, and what it says may be stale by the time somebody claims. Called by the ledger's
//! availability, and by its choice of a desk.

use crate::steps::{MAX_STEPS, Steps};

/// The steps where a service of `length` steps can start: allowed by its grid (`allowed_starts`),
/// with every step from there on both `unclaimed` and `usable` for the asking channel.
///
/// Empty when `length` is 0 or more than [`MAX_STEPS`]: no such service fits a shift.
#[must_use]
pub const fn free_starts(
    unclaimed: Steps,
    allowed_starts: Steps,
    usable: Steps,
    length: u8,
) -> Steps {
    if length == 0 || length > MAX_STEPS {
        return Steps::EMPTY;
    }
    // Bit s of `fits` says that `known` consecutive steps from s are open. Each round at most
    // doubles `known`, so six rounds are enough for any length. A shift to the right brings in
    // zeros: no run reaches past the word.
    let mut fits = unclaimed.intersection(usable).bits();
    let mut known = 1;
    while known < length {
        let missing = length - known;
        let further = if missing < known { missing } else { known };
        fits &= fits >> further;
        known += further;
    }
    Steps::from_bits(fits).intersection(allowed_starts)
}

/// How many services of `length` steps can still be booked on a word, one after the other, without
/// overlap: 0 to [`MAX_STEPS`]. The arguments are those of [`free_starts`].
///
/// Taking the earliest start each time is the most that any choice of starts allows, because all
/// runs are of one length: the earliest to start is the earliest to end.
#[must_use]
pub fn count_free(unclaimed: Steps, allowed_starts: Steps, usable: Steps, length: u8) -> u8 {
    let mut starts = free_starts(unclaimed, allowed_starts, usable, length);
    let mut count = 0;
    while let Some(start) = starts.earliest() {
        count += 1;
        let overlapping = Steps::run(start, length).expect("a free start has room for its run");
        starts = starts.difference(overlapping);
    }
    count
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    const OFFICE_DAY: Steps = Steps::from_bits(0b1111_1111_1111);

    #[test]
    fn an_unclaimed_shift_is_free_until_the_last_run_that_fits() {
        let starts = free_starts(OFFICE_DAY, Steps::ALL, Steps::ALL, 3);
        assert!(starts.iter().eq(0..=9));
    }

    #[test]
    fn a_claimed_step_blocks_every_run_over_it() {
        let unclaimed = OFFICE_DAY.difference(Steps::from_bits(1 << 5));
        let starts = free_starts(unclaimed, Steps::ALL, Steps::ALL, 3);
        assert!(starts.iter().eq([0, 1, 2, 6, 7, 8, 9]));
    }

    #[test]
    fn an_unclaimed_step_that_may_not_be_used_blocks_like_a_claimed_one() {
        let usable = Steps::ALL.difference(Steps::from_bits(1 << 5));
        let starts = free_starts(OFFICE_DAY, Steps::ALL, usable, 3);
        assert!(starts.iter().eq([0, 1, 2, 6, 7, 8, 9]));
    }

    #[test]
    fn a_run_starts_on_the_grid_only() {
        let grid = Steps::from_bits(0b0100_1001_0010_0100_1001);
        let starts = free_starts(OFFICE_DAY, grid, Steps::ALL, 2);
        assert!(starts.iter().eq([0, 3, 6, 9]));
    }

    #[test]
    fn a_run_never_reaches_past_the_word() {
        assert!(free_starts(Steps::ALL, Steps::ALL, Steps::ALL, MAX_STEPS).iter().eq([0]));
        assert!(free_starts(Steps::ALL, Steps::ALL, Steps::ALL, 63).iter().eq([0, 1]));
        assert!(free_starts(Steps::ALL, Steps::ALL, Steps::ALL, 1).iter().eq(0..64));
    }

    #[test]
    fn a_service_of_no_steps_or_longer_than_a_shift_has_no_start() {
        for length in [0, MAX_STEPS + 1, 2 * MAX_STEPS, u8::MAX] {
            assert_eq!(free_starts(Steps::ALL, Steps::ALL, Steps::ALL, length), Steps::EMPTY);
            assert_eq!(count_free(Steps::ALL, Steps::ALL, Steps::ALL, length), 0);
        }
    }

    #[test]
    fn slots_that_overlap_are_counted_once() {
        assert_eq!(count_free(OFFICE_DAY, Steps::ALL, Steps::ALL, 5), 2);
        assert_eq!(count_free(OFFICE_DAY, Steps::from_bits(0b100), Steps::ALL, 5), 1);
        assert_eq!(count_free(Steps::ALL, Steps::ALL, Steps::ALL, 1), 64);
        assert_eq!(count_free(Steps::EMPTY, Steps::ALL, Steps::ALL, 1), 0);
    }
}
