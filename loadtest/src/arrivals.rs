//! When people act: moments after the release that are fixed before it, whatever the gateway does.
//!
//! An open loop: a slow gateway does not slow the arrivals down, so its slowness is measured. Pure;
//! randomness is an argument. Must not know who arrives. Called by the rehearsal.

use std::time::Duration;

use rand::RngExt as _;
use serde::Deserialize;

/// How moments lie after the release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Shape {
    /// Most at once, and ever fewer: half of them within this time.
    Wave {
        /// In milliseconds.
        half_within_ms: u64,
    },
    /// The same number in each second.
    Even {
        /// In milliseconds.
        over_ms: u64,
    },
    /// All in the instant of the release.
    Instant,
}

/// `count` moments after the release, in order, none after `end`.
pub fn offsets(
    shape: Shape,
    count: u32,
    end: Duration,
    random: &mut impl rand::Rng,
) -> Vec<Duration> {
    let mut offsets: Vec<Duration> = (0..count)
        .map(|_| {
            let part: f64 = random.random();
            match shape {
                Shape::Wave { half_within_ms } => {
                    wave(Duration::from_millis(half_within_ms), end, part)
                }
                Shape::Even { over_ms } => Duration::from_millis(over_ms).mul_f64(part).min(end),
                Shape::Instant => Duration::ZERO,
            }
        })
        .collect();
    offsets.sort_unstable();
    offsets
}

/// The moment by which this part of everybody has come: an exponential fall that ends at `end`.
fn wave(half: Duration, end: Duration, part: f64) -> Duration {
    let halves = end.as_secs_f64() / half.as_secs_f64();
    let come = part * (1.0 - (-halves).exp2());
    half.mul_f64(-(1.0 - come).log2().min(0.0)).min(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    fn draw(shape: Shape, count: u32, end_s: u64) -> Vec<Duration> {
        offsets(shape, count, Duration::from_secs(end_s), &mut StdRng::seed_from_u64(7))
    }

    #[test]
    fn half_of_a_wave_comes_within_its_half_time() {
        let offsets = draw(Shape::Wave { half_within_ms: 5_000 }, 10_000, 120);
        let early = offsets.iter().filter(|offset| offset.as_secs_f64() < 5.0).count();
        assert!((4_800..5_200).contains(&early), "{early}");
        let in_the_first_second = offsets.iter().filter(|offset| offset.as_secs() == 0).count();
        assert!((1_150..1_450).contains(&in_the_first_second), "{in_the_first_second}");
    }

    #[test]
    fn everybody_comes_at_once_or_evenly_when_the_shape_says_so() {
        assert!(draw(Shape::Instant, 10, 5).iter().all(Duration::is_zero));
        let even = draw(Shape::Even { over_ms: 4_000 }, 4_000, 5);
        let first = even.iter().filter(|offset| offset.as_secs() == 0).count();
        assert!((900..1_100).contains(&first), "{first}");
    }

    proptest! {
        #[test]
        fn nobody_comes_after_the_end_and_all_are_in_order(
            half in 1_u64..100_000, end in 1_u64..600, seed: u64,
        ) {
            let mut random = StdRng::seed_from_u64(seed);
            let shape = Shape::Wave { half_within_ms: half };
            let end = Duration::from_secs(end);
            let offsets = offsets(shape, 200, end, &mut random);
            prop_assert!(offsets.is_sorted());
            prop_assert!(offsets.iter().all(|offset| *offset <= end));
        }
    }
}
