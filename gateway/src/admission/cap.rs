//! A cap on all persons together, for the time in which this process decides alone.
//!
//! Owns one pace. Must not know persons or why the process is alone. Called by the store in memory as the
//! last question before a request is charged, so that whoever is refused for themselves costs the others
//! nothing.

use parking_lot::Mutex;

use super::{RateRule, next_arrival};

/// One pace for everybody. Cheap; time is an argument.
pub struct Cap {
    rule: RateRule,
    /// Theoretical arrival time in Unix microseconds.
    arrival_us: Mutex<u64>,
}

impl Cap {
    /// At most `per_second` in a second, all of them at once after a rest; 0 counts as 1.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        let per_second = per_second.clamp(1, 1_000_000);
        let rule = RateRule::new(0, 1_000_000 / u64::from(per_second), per_second);
        Self { rule: rule.expect("a burst comes back within a second"), arrival_us: Mutex::new(0) }
    }

    /// Takes one.
    ///
    /// # Errors
    /// The wait in microseconds after which there is one; nothing is taken then.
    pub fn take(&self, now_us: u64) -> Result<(), u64> {
        let mut arrival_us = self.arrival_us.lock();
        *arrival_us = next_arrival(&self.rule, Some(*arrival_us), now_us)
            .map_err(|early| early.retry_after_us)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_pass_than_the_cap_and_the_next_is_told_its_wait() {
        let cap = Cap::new(4);
        for _ in 0..4 {
            assert_eq!(cap.take(9_000_000), Ok(()));
        }
        assert_eq!(cap.take(9_000_000), Err(250_000));
        assert_eq!(cap.take(9_250_000), Ok(()));
        assert_eq!(cap.take(9_250_000), Err(250_000));
    }

    #[test]
    fn a_cap_of_any_size_lets_something_through() {
        for per_second in [0, 1, 3, 999_999, 1_000_000, u32::MAX] {
            assert_eq!(Cap::new(per_second).take(9_000_000), Ok(()));
        }
    }
}
