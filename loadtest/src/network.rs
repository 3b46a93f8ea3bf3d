//! How long a request travels: near, far, or over a mobile network.
//!
//! Owns the kinds and the draw of one delay. Randomness is an argument. Must not know what travels.
//! The delays are the load tester's own waiting before it sends and after it has the answer: on
//! loopback nothing else can be slow. Called by everybody who sends.

use std::fmt;
use std::time::Duration;

use rand::RngExt as _;
use serde::{Deserialize, Serialize};

/// A kind of network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// The same city.
    Near,
    /// The other end of the country.
    Far,
    /// A phone: far, and never twice the same.
    Mobile,
}

impl Network {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Near, Self::Far, Self::Mobile];
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Near => "near",
            Self::Far => "far",
            Self::Mobile => "mobile",
        })
    }
}

/// How long one way takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delay {
    /// At least, in milliseconds.
    pub one_way_ms: u64,
    /// At most so much more, evenly drawn, in milliseconds.
    pub jitter_ms: u64,
}

impl Delay {
    /// The time of one way.
    pub fn draw(self, random: &mut impl rand::Rng) -> Duration {
        let least = self.one_way_ms * 1_000;
        Duration::from_micros(random.random_range(least..=least + self.jitter_ms * 1_000))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn a_delay_is_at_least_the_way_and_at_most_the_jitter_more() {
        let mut random = StdRng::seed_from_u64(1);
        let delay = Delay { one_way_ms: 20, jitter_ms: 30 };
        let drawn: Vec<Duration> = (0..1_000).map(|_| delay.draw(&mut random)).collect();
        let bounds = Duration::from_millis(20)..=Duration::from_millis(50);
        assert!(drawn.iter().all(|time| bounds.contains(time)));
        assert!(drawn.iter().max().unwrap().as_millis() > 45, "the jitter is used");
        let none = Delay { one_way_ms: 0, jitter_ms: 0 };
        assert_eq!(none.draw(&mut random), Duration::ZERO);
    }
}
