//! Sends everybody on stage: who plays what, as whom, from which addresses, over which network.
//!
//! Owns the dealing of synthetic people and addresses. Must not know what a persona does. Called by
//! the rehearsal.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::IN_FLIGHT_PER_DEVICE;
use super::addresses::address;
use super::manners::manners;
use crate::arrivals;
use crate::client::{Address, Client, MAX_PEOPLE, Session};
use crate::network::{Network, Road};
use crate::personas::{self, Actor, Manner, Persona, Stage};
use crate::scenario::{Networks, Scenario};

/// Most devices with connections of their own; further people share those of their kind of network.
const MAX_DEVICES: usize = 4_096;
/// What a sybil shows instead of a session, every second one; the others show nothing.
const FORGED: &str = "t2.00000000.AAAA.AAAA";

struct Casting<'a> {
    scenario: &'a Scenario,
    stage: &'a Arc<Stage>,
    gateway: &'a Address,
    sessions: std::vec::IntoIter<Session>,
    devices: BTreeMap<Network, Vec<Client>>,
    next_device: usize,
    random: StdRng,
    /// Of whoever comes next.
    manner: Manner,
    tasks: JoinSet<()>,
}

/// Everybody, on their way.
pub(super) fn send(
    scenario: &Scenario,
    stage: &Arc<Stage>,
    gateway: &Address,
    sessions: Vec<Session>,
    begins_at: Instant,
) -> JoinSet<()> {
    let mut casting = Casting {
        scenario,
        stage,
        gateway,
        sessions: sessions.into_iter(),
        devices: BTreeMap::new(),
        next_device: 0,
        random: StdRng::seed_from_u64(scenario.seed),
        manner: Manner::default(),
        tasks: JoinSet::new(),
    };
    casting.honest(begins_at);
    casting.bots();
    casting.pairs();
    casting.sybils();
    casting.tasks
}

impl Casting<'_> {
    fn honest(&mut self, begins_at: Instant) {
        let Some(how) = self.scenario.personas.honest else { return };
        let release = &self.scenario.release;
        let end = Duration::from_secs(release.duration_s);
        let mut offsets =
            arrivals::offsets(release.shape, how.count, end, &mut self.random).into_iter();
        // In the order of arrival, networks would go with being early.
        let mut numbers: Vec<u32> = (0..how.count).collect();
        rand::seq::SliceRandom::shuffle(&mut numbers[..], &mut self.random);
        for (number, manner) in numbers.into_iter().zip(manners(self.scenario)) {
            self.manner = manner;
            let Some(actor) = self.actor(Persona::Honest, how.networks, (number, how.count), 1)
            else {
                return;
            };
            let opens_at = self.stage.goal.opens_at;
            let lead = opens_at.saturating_duration_since(begins_at);
            let timing = personas::Timing {
                looks_at: begins_at + lead.mul_f64(self.random.random()),
                acts_at: opens_at + offsets.next().unwrap_or_default(),
            };
            self.tasks.spawn(personas::honest(actor, how, timing));
        }
        self.manner = Manner::default();
    }

    fn bots(&mut self) {
        let personas = self.scenario.personas;
        if let Some(how) = personas.poller {
            self.each(Persona::Poller, how.networks, how.count, 1, |actor| {
                personas::poller(actor, how.pause_ms)
            });
        }
        if let Some(how) = personas.hammer {
            self.each(Persona::Hammer, how.networks, how.count, 1, |actor| {
                personas::hammer(actor, how.rate_per_second)
            });
        }
        if let Some(how) = personas.farm {
            let addresses = usize::try_from(how.addresses).unwrap_or(usize::MAX);
            self.each(Persona::Farm, how.networks, how.count, addresses, |actor| {
                personas::farm(actor, how.rate_per_second)
            });
        }
        if let Some(how) = personas.replayer {
            self.each(Persona::Replayer, how.networks, how.count, 1, |actor| {
                personas::replayer(actor, how.times)
            });
        }
    }

    fn pairs(&mut self) {
        let Some(how) = self.scenario.personas.hand_over else { return };
        for number in 0..how.pairs {
            let place = (number, how.pairs);
            let [giver, taker] =
                [0, 1].map(|_| self.actor(Persona::HandOver, how.networks, place, 1));
            if let (Some(giver), Some(taker)) = (giver, taker) {
                self.tasks.spawn(personas::hand_over(giver, taker, how));
            }
        }
    }

    fn sybils(&mut self) {
        let Some(how) = self.scenario.personas.sybil else { return };
        for number in 0..how.count {
            let forged = (number % 2 == 1).then_some(FORGED);
            let number = MAX_PEOPLE + number;
            let session = match forged {
                Some(token) => Session::forged(number, self.gateway, token),
                None => Session::of_nobody(number),
            };
            let place = (number, how.count);
            let actor = self.actor_as(session, Persona::Sybil, how.networks, place, 1);
            self.tasks.spawn(personas::sybil(actor, how.rate_per_second));
        }
    }

    fn each<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        persona: Persona,
        networks: Networks,
        count: u32,
        addresses: usize,
        live: impl Fn(Arc<Actor>) -> F,
    ) {
        for number in 0..count {
            if let Some(actor) = self.actor(persona, networks, (number, count), addresses) {
                self.tasks.spawn(live(actor));
            }
        }
    }

    /// The next identified person, as number `place.0` of the `place.1` that play this.
    fn actor(
        &mut self,
        persona: Persona,
        networks: Networks,
        place: (u32, u32),
        addresses: usize,
    ) -> Option<Arc<Actor>> {
        let session = self.sessions.next()?;
        let network = networks.of(place.0, place.1);
        let manner = self.manner;
        self.stage.record(|recorder| recorder.person(session.person, persona, network, manner));
        if let Some(entity) = session.entity {
            self.stage.history(|history| history.acts_for(session.person, entity));
        }
        Some(self.actor_as(session, persona, networks, place, addresses))
    }

    fn actor_as(
        &mut self,
        session: Session,
        persona: Persona,
        networks: Networks,
        place: (u32, u32),
        addresses: usize,
    ) -> Arc<Actor> {
        let network = networks.of(place.0, place.1);
        let delay = self.scenario.network.of(network);
        let devices = (0..addresses.max(1)).map(|_| self.device(network)).collect();
        let (stage, seed) = (Arc::clone(self.stage), self.random.random());
        Arc::new(Actor::new(persona, session, devices, delay, stage, seed).in_manner(self.manner))
    }

    fn device(&mut self, network: Network) -> Client {
        let number = self.next_device;
        self.next_device += 1;
        let made: usize = self.devices.values().map(Vec::len).sum();
        let like_it = self.devices.entry(network).or_default();
        if made >= MAX_DEVICES && !like_it.is_empty() {
            return like_it[number % like_it.len()].clone();
        }
        let random = StdRng::seed_from_u64(self.random.random());
        let costs = Arc::clone(&self.stage.network_costs);
        let road = Road::new(self.scenario.network.of(network), random, costs);
        let device = Client::over(self.gateway, IN_FLIGHT_PER_DEVICE, address(made), road);
        like_it.push(device.clone());
        device
    }
}
