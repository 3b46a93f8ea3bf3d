//! What a claim takes from others: the starts that end with it, counted from a word's bits.
//!
//! Owns the count. Must not know what a start is worth, nor which desks there are: the ledger weighs
//! and compares. Works on a set read from a word, so what it says may be stale, and only a claim
//! decides. Called by the ledger's choice of a desk.

use crate::free::free_starts;
use crate::steps::Steps;

/// How many starts of a service would be free before a claim of `run` and not after it: 0 to 64.
///
/// The arguments before `run` are those of [`free_starts`], for the service that may lose. `run` is
/// contiguous, as the run of a visit always is; of any other set the steps in its gaps count as
/// claimed with it. A claim of nothing costs nothing.
#[must_use]
pub const fn starts_lost(
    unclaimed: Steps,
    allowed_starts: Steps,
    usable: Steps,
    length: u8,
    run: Steps,
) -> u32 {
    if run.is_empty() || length == 0 {
        return 0;
    }
    let first = run.bits().trailing_zeros();
    let end = u64::BITS - run.bits().leading_zeros();
    // A visit of `length` steps meets the run when it starts inside it, or less than its own length
    // before it.
    let earliest = first.saturating_sub(length as u32 - 1);
    let meets = (u64::MAX << earliest) & (u64::MAX >> (u64::BITS - end));
    let free = free_starts(unclaimed, allowed_starts, usable, length);
    free.intersection(Steps::from_bits(meets)).bits().count_ones()
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    fn run(start: u8, count: u8) -> Steps {
        Steps::run(start, count).unwrap()
    }

    #[test]
    fn a_claim_ends_every_start_whose_visit_would_meet_it() {
        // Visits of 3 steps meet steps 5 and 6 when they start at 3 to 6.
        assert_eq!(starts_lost(run(0, 12), Steps::ALL, Steps::ALL, 3, run(5, 2)), 4);
        assert_eq!(starts_lost(run(0, 12), Steps::ALL, Steps::ALL, 1, run(5, 2)), 2);
    }

    #[test]
    fn starts_off_the_grid_or_not_free_before_are_no_loss() {
        let grid = Steps::from_bits(0b001_001_001_001);
        assert_eq!(starts_lost(run(0, 12), grid, Steps::ALL, 3, run(3, 3)), 1);
        assert_eq!(starts_lost(run(0, 12), grid, Steps::ALL, 3, run(2, 2)), 2);
        assert_eq!(starts_lost(run(6, 6), grid, Steps::ALL, 3, run(6, 1)), 1);
        assert_eq!(starts_lost(run(0, 12), grid, run(0, 5), 3, run(3, 3)), 0);
    }

    #[test]
    fn a_tight_gap_loses_less_than_the_middle_of_a_wide_one() {
        let tight = run(0, 2).union(run(4, 8));
        let of = |at| starts_lost(tight, Steps::ALL, Steps::ALL, 2, run(at, 2));
        assert!(of(0) < of(4) && of(4) < of(7), "{} {} {}", of(0), of(4), of(7));
    }

    #[test]
    fn the_edges_of_a_word_are_counted() {
        assert_eq!(starts_lost(Steps::ALL, Steps::ALL, Steps::ALL, 64, run(63, 1)), 1);
        assert_eq!(starts_lost(Steps::ALL, Steps::ALL, Steps::ALL, 1, Steps::ALL), 64);
        assert_eq!(starts_lost(Steps::ALL, Steps::ALL, Steps::ALL, 2, run(0, 1)), 1);
        assert_eq!(starts_lost(Steps::ALL, Steps::ALL, Steps::ALL, 3, Steps::EMPTY), 0);
    }
}
