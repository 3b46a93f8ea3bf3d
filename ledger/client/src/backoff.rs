//! How long to wait before the next attempt to connect.
//!
//! Exponential with full jitter, so that the gateways of a ledger that comes back do not arrive all
//! at once. Randomness is a seed. Must not know what is attempted.

use std::time::Duration;

/// The longest pause after the first failure; each further one doubles it.
pub const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// No pause is longer.
pub const MAX_PAUSE: Duration = Duration::from_secs(2);

/// Pauses between attempts.
pub(crate) struct Backoff {
    failures: u32,
    random: u64,
}

impl Backoff {
    pub(crate) fn new(seed: u64) -> Self {
        Self { failures: 0, random: seed }
    }

    /// The pause after one more failure. After a success the first one is none.
    pub(crate) fn pause(&mut self) -> Duration {
        let failures = self.failures;
        self.failures = failures.saturating_add(1);
        let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        let most = FIRST_PAUSE.saturating_mul(factor).min(MAX_PAUSE);
        let micros = u64::try_from(most.as_micros()).expect("it is at most MAX_PAUSE");
        Duration::from_micros(self.next() % (micros + 1))
    }

    /// A connection did its work.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pause_is_none_and_no_pause_is_longer_than_the_bound() {
        for seed in 0..100 {
            let mut backoff = Backoff::new(seed);
            assert_eq!(backoff.pause(), Duration::ZERO);
            let mut most = FIRST_PAUSE;
            for _ in 0..50 {
                assert!(backoff.pause() <= most);
                most = (most * 2).min(MAX_PAUSE);
            }
        }
    }

    #[test]
    fn pauses_reach_towards_the_bound_and_start_again_after_a_success() {
        let mut backoff = Backoff::new(1);
        let longest = (0..200).map(|_| backoff.pause()).max();
        assert!(longest > Some(MAX_PAUSE / 2));
        backoff.succeeded();
        assert_eq!(backoff.pause(), Duration::ZERO);
    }

    #[test]
    fn clients_do_not_pause_alike() {
        let pauses = |seed| {
            let mut backoff = Backoff::new(seed);
            (0..5).map(|_| backoff.pause()).collect::<Vec<_>>()
        };
        assert_ne!(pauses(1), pauses(2));
    }
}
