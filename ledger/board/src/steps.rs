//! A set of steps of one shift, as the bits of a `u64`.
//!
//! Owns the set's arithmetic. Must not know atomics, nor how many steps a particular shift has: a set
//! is only ever as right as the mask it came from. Called by the words, the free-start search and
//! the ledger's masks.

use std::fmt;

/// The most steps a shift can have: one bit each of one word.
pub const MAX_STEPS: u8 = 64;

const _: () = assert!(MAX_STEPS as u32 == u64::BITS, "a shift is exactly one word");

/// A set of steps of one shift; bit `s` of [`Steps::bits`] stands for step `s`, counted from the
/// shift's start.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Steps(u64);

impl Steps {
    /// No step.
    pub const EMPTY: Self = Self(0);

    /// Every step a word can hold.
    pub const ALL: Self = Self(u64::MAX);

    /// `count` consecutive steps from `start`; `None` when there are none, or when they would reach
    /// past [`MAX_STEPS`].
    #[must_use]
    pub const fn run(start: u8, count: u8) -> Option<Self> {
        if count == 0 || start >= MAX_STEPS || count > MAX_STEPS - start {
            return None;
        }
        Some(Self((u64::MAX >> (MAX_STEPS - count)) << start))
    }

    /// The set whose steps are the 1 bits of `bits`.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The set as bits: bit `s` is 1 when step `s` is in it.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// How many steps are in the set, 0 to [`MAX_STEPS`].
    #[must_use]
    pub const fn len(self) -> u8 {
        // At most 64, by the assertion above.
        self.0.count_ones() as u8
    }

    /// Whether the set has no step.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `step` is in the set; a step no shift can have is in none.
    #[must_use]
    pub const fn contains(self, step: u8) -> bool {
        step < MAX_STEPS && self.0 & (1 << step) != 0
    }

    /// Whether every step of this set is in `other` too; the empty set is a subset of any.
    #[must_use]
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether no step is in both sets.
    #[must_use]
    pub const fn is_disjoint(self, other: Self) -> bool {
        self.0 & other.0 == 0
    }

    /// The steps in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The steps in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The steps of this set that are not in `other`.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The earliest step of the set; `None` when it is empty.
    #[must_use]
    pub const fn earliest(self) -> Option<u8> {
        if self.0 == 0 {
            return None;
        }
        // Below 64, because some bit is set.
        Some(self.0.trailing_zeros() as u8)
    }

    /// The steps of the set, earliest first.
    #[must_use]
    pub const fn iter(self) -> StepIter {
        StepIter(self)
    }
}

/// Prints the steps, not the bits: `{3, 4, 5}`.
impl fmt::Debug for Steps {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter()).finish()
    }
}

impl IntoIterator for Steps {
    type Item = u8;
    type IntoIter = StepIter;

    fn into_iter(self) -> StepIter {
        self.iter()
    }
}

/// The steps of a set, earliest first; made by [`Steps::iter`].
#[derive(Clone, Debug)]
pub struct StepIter(Steps);

impl Iterator for StepIter {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let step = self.0.earliest()?;
        // Clears the lowest 1 bit; the set is not empty here, so the subtraction cannot wrap.
        self.0 = Steps(self.0.0 & (self.0.0 - 1));
        Some(step)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::from(self.0.len());
        (left, Some(left))
    }
}

impl ExactSizeIterator for StepIter {}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_its_steps_and_no_others() {
        for start in 0..MAX_STEPS {
            for count in 1..=MAX_STEPS - start {
                let run = Steps::run(start, count).expect("the run fits");
                assert!(run.iter().eq(start..start + count));
                assert_eq!(run.len(), count);
                assert_eq!(run.earliest(), Some(start));
            }
        }
    }

    #[test]
    fn a_run_of_no_steps_or_past_the_word_is_none() {
        assert_eq!(Steps::run(0, 0), None);
        assert_eq!(Steps::run(0, MAX_STEPS + 1), None);
        assert_eq!(Steps::run(MAX_STEPS - 1, 2), None);
        assert_eq!(Steps::run(MAX_STEPS, 1), None);
        assert_eq!(Steps::run(u8::MAX, u8::MAX), None);
        assert_eq!(Steps::run(0, MAX_STEPS), Some(Steps::ALL));
    }

    #[test]
    fn a_step_no_shift_has_is_in_no_set() {
        assert!(Steps::ALL.contains(MAX_STEPS - 1));
        assert!(!Steps::ALL.contains(MAX_STEPS));
        assert!(!Steps::ALL.contains(u8::MAX));
        assert!(!Steps::from_bits(0b101).contains(1));
    }

    #[test]
    fn sets_meet_join_and_part_as_sets_do() {
        let left = Steps::from_bits(0b0110);
        let right = Steps::from_bits(0b0011);
        assert_eq!(left.union(right), Steps::from_bits(0b0111));
        assert_eq!(left.intersection(right), Steps::from_bits(0b0010));
        assert_eq!(left.difference(right), Steps::from_bits(0b0100));
        assert!(!left.is_disjoint(right));
        assert!(left.is_disjoint(Steps::from_bits(0b1001)));
        assert!(left.intersection(right).is_subset(left));
        assert!(!left.is_subset(right));
        assert!(Steps::EMPTY.is_subset(Steps::EMPTY));
        assert!(Steps::EMPTY.is_disjoint(Steps::ALL));
    }

    #[test]
    fn the_empty_set_has_no_earliest_step() {
        assert_eq!(Steps::EMPTY.earliest(), None);
        assert_eq!(Steps::EMPTY.iter().next(), None);
        assert!(Steps::EMPTY.is_empty());
        assert!(!Steps::ALL.is_empty());
        assert_eq!(Steps::default(), Steps::EMPTY);
    }

    #[test]
    fn an_iterator_knows_how_many_steps_are_left() {
        let mut steps = Steps::from_bits(1 | 1 << 63).into_iter();
        assert_eq!(steps.len(), 2);
        assert_eq!(steps.next(), Some(0));
        assert_eq!(steps.len(), 1);
        assert_eq!(steps.next(), Some(63));
        assert_eq!(steps.len(), 0);
        assert_eq!(steps.next(), None);
    }

    #[test]
    fn a_set_is_printed_as_its_steps() {
        assert_eq!(format!("{:?}", Steps::from_bits(0b11_1000)), "{3, 4, 5}");
    }
}
