//! The networks of a scenario: what is left out of one has the default of its kind.
//!
//! Owns these keys, their defaults and ranges. The defaults are a model, not measurements: a city, a
//! country, a phone; a timeout is the round trip and the 200 ms that Linux waits at least. Called by the
//! parser of scenarios.

use serde::Deserialize;

use super::bounds::{MAX_DELAY_MS, MAX_LOSS_PERCENT, MAX_SET_UP_ROUND_TRIPS};
use super::within;
use crate::network::{Delay, Network};

/// Round trips of a new connection: one of TCP, one of TLS 1.3.
const SET_UP_ROUND_TRIPS: u64 = 2;

const NEAR: Delay = Delay {
    one_way_ms: 4,
    jitter_ms: 2,
    set_up_round_trips: SET_UP_ROUND_TRIPS,
    loss_percent: 0.1,
    retransmit_ms: 200,
};
const FAR: Delay = Delay {
    one_way_ms: 40,
    jitter_ms: 10,
    set_up_round_trips: SET_UP_ROUND_TRIPS,
    loss_percent: 0.5,
    retransmit_ms: 300,
};
const MOBILE: Delay = Delay {
    one_way_ms: 60,
    jitter_ms: 90,
    set_up_round_trips: SET_UP_ROUND_TRIPS,
    loss_percent: 2.0,
    retransmit_ms: 400,
};

/// How long things take, by the kind of network.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(from = "Keys")]
pub struct NetworkDelays {
    near: Delay,
    far: Delay,
    mobile: Delay,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    near: DelayKeys,
    far: DelayKeys,
    mobile: DelayKeys,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DelayKeys {
    one_way_ms: Option<u64>,
    jitter_ms: Option<u64>,
    set_up_round_trips: Option<u64>,
    loss_percent: Option<f64>,
    retransmit_ms: Option<u64>,
}

impl DelayKeys {
    fn or(&self, default: Delay) -> Delay {
        Delay {
            one_way_ms: self.one_way_ms.unwrap_or(default.one_way_ms),
            jitter_ms: self.jitter_ms.unwrap_or(default.jitter_ms),
            set_up_round_trips: self.set_up_round_trips.unwrap_or(default.set_up_round_trips),
            loss_percent: self.loss_percent.unwrap_or(default.loss_percent),
            retransmit_ms: self.retransmit_ms.unwrap_or(default.retransmit_ms),
        }
    }
}

impl From<Keys> for NetworkDelays {
    fn from(keys: Keys) -> Self {
        Self { near: keys.near.or(NEAR), far: keys.far.or(FAR), mobile: keys.mobile.or(MOBILE) }
    }
}

impl Default for NetworkDelays {
    fn default() -> Self {
        Keys::default().into()
    }
}

impl NetworkDelays {
    /// The delays of a kind of network.
    #[must_use]
    pub fn of(&self, network: Network) -> Delay {
        match network {
            Network::Near => self.near,
            Network::Far => self.far,
            Network::Mobile => self.mobile,
        }
    }

    pub(super) fn check(&self) -> Result<(), (String, String)> {
        for network in Network::ALL {
            let delay = self.of(network);
            let key = |name: &str| format!("network.{network}.{name}");
            let times = [
                ("one_way_ms", delay.one_way_ms),
                ("jitter_ms", delay.jitter_ms),
                ("retransmit_ms", delay.retransmit_ms),
            ];
            for (name, value) in times {
                within(&key(name), value, 0..=MAX_DELAY_MS)?;
            }
            let round_trips = delay.set_up_round_trips;
            within(&key("set_up_round_trips"), round_trips, 0..=MAX_SET_UP_ROUND_TRIPS)?;
            let loss = delay.loss_percent;
            if !(0.0..=MAX_LOSS_PERCENT).contains(&loss) {
                return Err((
                    key("loss_percent"),
                    format!("{loss} is not from 0 to {MAX_LOSS_PERCENT}"),
                ));
            }
        }
        Ok(())
    }
}
