//! Who comes: one section for each persona, how many of it, and how it goes about it.
//!
//! Owns these keys and their ranges. Must not know what a persona does with them; that is
//! [`crate::personas`]. Called by the parser of scenarios.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::bounds::*;
use super::within;
use crate::network::Network;
use crate::personas::Persona;

/// The share of people on each kind of network, as weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Networks {
    near: u32,
    far: u32,
    mobile: u32,
}

impl Default for Networks {
    fn default() -> Self {
        Self { near: 1, far: 0, mobile: 0 }
    }
}

impl Networks {
    /// The kind of network of person `number` of `count`: exact shares, so that a small run has them
    /// too.
    #[must_use]
    pub fn of(self, number: u32, count: u32) -> Network {
        let weights = [self.near, self.far, self.mobile].map(u64::from);
        let total: u64 = weights.iter().sum();
        let place = u64::from(number) * total / u64::from(count.max(1));
        if place < weights[0] {
            Network::Near
        } else if place < weights[0] + weights[1] {
            Network::Far
        } else {
            Network::Mobile
        }
    }
}

/// Reads, waits for the countdown, solves the proof, has a wish list, retries politely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Honest {
    /// How many.
    pub count: u32,
    /// On which networks.
    #[serde(default)]
    pub networks: Networks,
    /// How many starts are on a wish list.
    #[serde(default = "six")]
    pub wishes: u64,
    /// How many in a hundred look again for a place when theirs is gone.
    #[serde(default = "thirty")]
    pub repoll_percent: u64,
    /// How many in a hundred exchange their place for another time of that day, if one is free.
    #[serde(default)]
    pub moves_percent: u64,
    /// How many in a hundred book for a legal entity, each for one of its own.
    #[serde(default)]
    pub for_entity_percent: u64,
    /// How many in a hundred have a device that cannot compute a proof, and wait instead.
    #[serde(default)]
    pub slow_lane_percent: u64,
}

/// Asks every few seconds whether something is free, and books it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poller {
    /// How many.
    pub count: u32,
    /// On which networks.
    #[serde(default)]
    pub networks: Networks,
    /// The shortest and the longest pause between two looks, in milliseconds.
    #[serde(default = "one_to_four_seconds")]
    pub pause_ms: [u64; 2],
}

/// Books all the time, and again at once after a 5xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hammer {
    /// How many.
    pub count: u32,
    /// On which networks.
    #[serde(default)]
    pub networks: Networks,
    /// Bookings a second of each.
    pub rate_per_second: u64,
}

/// The sessions of few persons, used from many addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Farm {
    /// How many persons' sessions.
    pub count: u32,
    /// On which networks.
    #[serde(default)]
    pub networks: Networks,
    /// From how many addresses each session is used.
    pub addresses: u64,
    /// Bookings a second of each session, over all its addresses.
    pub rate_per_second: u64,
}

/// Sends proofs and idempotency keys again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replayer {
    /// How many.
    pub count: u32,
    /// On which networks.
    #[serde(default)]
    pub networks: Networks,
    /// How often each sends the same again.
    #[serde(default = "ten")]
    pub times: u64,
}

/// Two persons: one books and cancels, the other wants that very place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandOver {
    /// How many pairs.
    pub pairs: u32,
    /// On which networks.
    #[serde(default)]
    pub networks: Networks,
    /// So long after the release the place is handed over, in milliseconds.
    pub after_ms: u64,
    /// Tries a second to catch it.
    pub rate_per_second: u64,
}

/// Nobody: asks for places without an identity, or with one of its own making.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sybil {
    /// From how many addresses.
    pub count: u32,
    /// On which networks.
    #[serde(default)]
    pub networks: Networks,
    /// Bookings a second of each.
    pub rate_per_second: u64,
}

/// Who comes. What is left out does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Personas {
    /// People.
    pub honest: Option<Honest>,
    /// Bots that look.
    pub poller: Option<Poller>,
    /// Bots that knock.
    pub hammer: Option<Hammer>,
    /// Stolen sessions.
    pub farm: Option<Farm>,
    /// Senders of what was sent.
    pub replayer: Option<Replayer>,
    /// Pairs that hand places over.
    pub hand_over: Option<HandOver>,
    /// Nobodies.
    pub sybil: Option<Sybil>,
}

fn six() -> u64 {
    6
}

fn ten() -> u64 {
    10
}

fn thirty() -> u64 {
    30
}

fn one_to_four_seconds() -> [u64; 2] {
    [1_000, 4_000]
}

impl Personas {
    /// How many identified persons each persona has; a sybil is none.
    #[must_use]
    pub fn persons(&self) -> BTreeMap<Persona, u32> {
        let counts = [
            (Persona::Honest, self.honest.map(|it| it.count)),
            (Persona::Poller, self.poller.map(|it| it.count)),
            (Persona::Hammer, self.hammer.map(|it| it.count)),
            (Persona::Farm, self.farm.map(|it| it.count)),
            (Persona::Replayer, self.replayer.map(|it| it.count)),
            (Persona::HandOver, self.hand_over.map(|it| it.pairs.saturating_mul(2))),
            (Persona::Sybil, self.sybil.map(|_| 0)),
        ];
        counts.into_iter().filter_map(|(persona, count)| Some((persona, count?))).collect()
    }

    pub(super) fn check(&self) -> Result<(), (String, String)> {
        let persons: u64 = self.persons().values().map(|count| u64::from(*count)).sum();
        within("personas", persons, 1..=MAX_PERSONS)?;
        if let Some(honest) = self.honest {
            within("personas.honest.wishes", honest.wishes, 1..=MAX_WISHES)?;
            for (key, percent) in [
                ("repoll_percent", honest.repoll_percent),
                ("moves_percent", honest.moves_percent),
                ("for_entity_percent", honest.for_entity_percent),
                ("slow_lane_percent", honest.slow_lane_percent),
            ] {
                within(&format!("personas.honest.{key}"), percent, 0..=100)?;
            }
            let entities = u64::from(honest.count) * honest.for_entity_percent / 100;
            if entities > MAX_ENTITIES {
                let problem = format!("{entities} entities are more than {MAX_ENTITIES}");
                return Err(("personas.honest.for_entity_percent".to_owned(), problem));
            }
        }
        if let Some(Poller { pause_ms: [least, most], .. }) = self.poller {
            within("personas.poller.pause_ms", most, 1..=MAX_POLL_MS)?;
            within("personas.poller.pause_ms", least, 1..=most)?;
        }
        if let Some(farm) = self.farm {
            within("personas.farm.addresses", farm.addresses, 1..=MAX_ADDRESSES)?;
        }
        if let Some(sybil) = self.sybil {
            within("personas.sybil.count", sybil.count.into(), 1..=MAX_ADDRESSES)?;
        }
        if let Some(hand_over) = self.hand_over {
            within("personas.hand_over.after_ms", hand_over.after_ms, 1..=MAX_DURATION_S * 1000)?;
        }
        if let Some(replayer) = self.replayer {
            within("personas.replayer.times", replayer.times, 1..=MAX_RATE_PER_SECOND)?;
        }
        self.check_rates()?;
        self.check_networks()
    }

    fn check_rates(&self) -> Result<(), (String, String)> {
        let rates = [
            ("hammer", self.hammer.map(|it| (it.count, it.rate_per_second))),
            ("farm", self.farm.map(|it| (it.count, it.rate_per_second))),
            ("hand_over", self.hand_over.map(|it| (it.pairs, it.rate_per_second))),
            ("sybil", self.sybil.map(|it| (it.count, it.rate_per_second))),
        ];
        let mut total = 0;
        for (name, rate) in rates {
            let Some((count, rate)) = rate else { continue };
            within(&format!("personas.{name}.rate_per_second"), rate, 1..=MAX_RATE_PER_SECOND)?;
            total += u64::from(count) * rate;
        }
        if total > MAX_TOTAL_RATE_PER_SECOND {
            let problem = format!(
                "all bots together plan {total} requests a second; lower counts or rates to at most \
                 {MAX_TOTAL_RATE_PER_SECOND}"
            );
            return Err(("personas".to_owned(), problem));
        }
        Ok(())
    }

    fn check_networks(&self) -> Result<(), (String, String)> {
        let networks = [
            ("honest", self.honest.map(|it| it.networks)),
            ("poller", self.poller.map(|it| it.networks)),
            ("hammer", self.hammer.map(|it| it.networks)),
            ("farm", self.farm.map(|it| it.networks)),
            ("replayer", self.replayer.map(|it| it.networks)),
            ("hand_over", self.hand_over.map(|it| it.networks)),
            ("sybil", self.sybil.map(|it| it.networks)),
        ];
        for (name, networks) in networks {
            let Some(Networks { near, far, mobile }) = networks else { continue };
            let total = u64::from(near) + u64::from(far) + u64::from(mobile);
            within(&format!("personas.{name}.networks"), total, 1..=MAX_PERSONS)?;
        }
        Ok(())
    }
}
