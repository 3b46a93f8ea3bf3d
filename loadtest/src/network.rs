//! How long a request travels: near, far, or over a mobile network.
//!
//! Owns the kinds and the model: a way takes its time, a lost segment is sent again after a timeout, a
//! new connection costs round trips. Randomness is an argument. Must not know what travels. The delays
//! are the load tester's own waiting before it sends and after it has the answer, and while it
//! connects: on loopback nothing else can be slow. Called by everybody who sends.

use std::fmt;
use std::ops::Add;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

/// A segment that is lost so often in a row gets through: the timeout has become long by then.
pub const MAX_RESENT: u32 = 5;
/// The timeout of the first round trip of a connection, while nothing is known of the way (RFC 6298).
pub const FIRST_TIMEOUT: Duration = Duration::from_secs(1);

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

/// How long things take over a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delay {
    /// One way takes at least so long, in milliseconds.
    pub one_way_ms: u64,
    /// At most so much more, evenly drawn, in milliseconds.
    pub jitter_ms: u64,
    /// A new connection costs so many round trips: one of TCP, one of TLS.
    pub set_up_round_trips: u64,
    /// So many segments in a hundred are lost.
    pub loss_percent: f64,
    /// A lost one is sent again after so many milliseconds, and each time it is lost after twice as many.
    pub retransmit_ms: u64,
}

/// One way or more, drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Journey {
    /// How long it takes.
    pub takes: Duration,
    /// How many segments were sent again.
    pub resent: u32,
}

impl Add for Journey {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { takes: self.takes + other.takes, resent: self.resent + other.resent }
    }
}

impl Delay {
    /// A network that costs nothing.
    pub const NONE: Self = Self {
        one_way_ms: 0,
        jitter_ms: 0,
        set_up_round_trips: 0,
        loss_percent: 0.0,
        retransmit_ms: 0,
    };

    /// One way of a request, or of its answer, over a connection that is there. Either counts as one
    /// segment.
    pub fn way(self, random: &mut impl rand::Rng) -> Journey {
        self.travel(Duration::from_millis(self.retransmit_ms), random)
    }

    /// Setting a connection up.
    pub fn set_up(self, random: &mut impl rand::Rng) -> Journey {
        let mut all = Journey::default();
        let later = Duration::from_millis(self.retransmit_ms);
        for round_trip in 0..self.set_up_round_trips {
            let timeout = if round_trip == 0 { FIRST_TIMEOUT } else { later };
            all = all + self.travel(timeout, random) + self.travel(timeout, random);
        }
        all
    }

    fn travel(self, timeout: Duration, random: &mut impl rand::Rng) -> Journey {
        let least = self.one_way_ms * 1_000;
        let way = random.random_range(least..=least + self.jitter_ms * 1_000);
        let mut journey = Journey { takes: Duration::from_micros(way), resent: 0 };
        while journey.resent < MAX_RESENT && random.random_bool(self.loss_percent / 100.0) {
            journey.takes += timeout * (1 << journey.resent);
            journey.resent += 1;
        }
        journey
    }
}

/// What networks cost in a run.
#[derive(Debug, Default)]
pub struct Costs {
    connections: AtomicU64,
    resent: AtomicU64,
}

impl Costs {
    /// A journey was made.
    pub fn count(&self, journey: Journey) {
        // Relaxed, here and below: sums that are read when everybody has gone.
        self.resent.fetch_add(u64::from(journey.resent), Ordering::Relaxed);
    }

    /// Connections that were set up.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Segments that were lost and sent again.
    pub fn resent(&self) -> u64 {
        self.resent.load(Ordering::Relaxed)
    }
}

/// The network of one device, for its connections.
#[derive(Clone, Debug)]
pub struct Road {
    delay: Delay,
    random: Arc<Mutex<StdRng>>,
    costs: Arc<Costs>,
}

impl Road {
    /// The network of a device; its randomness is its own.
    pub fn new(delay: Delay, random: StdRng, costs: Arc<Costs>) -> Self {
        Self { delay, random: Arc::new(Mutex::new(random)), costs }
    }

    /// Draws the setting up of one more connection, and counts it.
    pub(crate) fn set_up(&self) -> Duration {
        let mut random = self.random.lock().expect("nobody panics while drawing");
        let journey = self.delay.set_up(&mut *random);
        self.costs.connections.fetch_add(1, Ordering::Relaxed);
        self.costs.count(journey);
        journey.takes
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    const CALM: Delay = Delay { one_way_ms: 20, jitter_ms: 30, ..Delay::NONE };

    fn seeded() -> StdRng {
        StdRng::seed_from_u64(1)
    }

    #[test]
    fn a_way_takes_at_least_its_time_and_at_most_the_jitter_more() {
        let mut random = seeded();
        let drawn: Vec<Duration> = (0..1_000).map(|_| CALM.way(&mut random).takes).collect();
        let bounds = Duration::from_millis(20)..=Duration::from_millis(50);
        assert!(drawn.iter().all(|time| bounds.contains(time)));
        assert!(drawn.iter().max().unwrap().as_millis() > 45, "the jitter is used");
        assert_eq!(Delay::NONE.way(&mut random), Journey::default());
    }

    #[test]
    fn a_new_connection_costs_its_round_trips() {
        let delay = Delay { jitter_ms: 0, set_up_round_trips: 2, ..CALM };
        assert_eq!(delay.set_up(&mut seeded()).takes, Duration::from_millis(80));
        let none = Delay { set_up_round_trips: 0, ..delay };
        assert_eq!(none.set_up(&mut seeded()), Journey::default());
    }

    #[test]
    fn a_lost_segment_costs_its_timeout_and_twice_as_much_each_time_it_is_lost_again() {
        let lost = Delay { loss_percent: 100.0, retransmit_ms: 100, ..Delay::NONE };
        let journey = lost.way(&mut seeded());
        assert_eq!(journey.resent, MAX_RESENT);
        assert_eq!(journey.takes, Duration::from_millis(100 * (1 + 2 + 4 + 8 + 16)));
        let once = Delay { set_up_round_trips: 1, ..lost };
        let both_ways = FIRST_TIMEOUT * 2 * 31;
        assert_eq!(once.set_up(&mut seeded()).takes, both_ways, "nothing is known of the way yet");
    }

    #[test]
    fn segments_are_lost_as_often_as_the_network_says() {
        let delay = Delay { loss_percent: 5.0, ..CALM };
        let mut random = seeded();
        let lost = (0..20_000).filter(|_| delay.way(&mut random).resent > 0).count();
        assert!((900..1_100).contains(&lost), "{lost}");
    }

    #[test]
    fn the_same_seed_gives_the_same_journeys() {
        let delay = Delay { set_up_round_trips: 2, loss_percent: 10.0, retransmit_ms: 50, ..CALM };
        let journeys = |seed| -> Vec<Journey> {
            let mut random = StdRng::seed_from_u64(seed);
            (0..100).map(|_| delay.set_up(&mut random) + delay.way(&mut random)).collect()
        };
        assert_eq!(journeys(1), journeys(1));
        assert_ne!(journeys(1), journeys(2));
    }
}
