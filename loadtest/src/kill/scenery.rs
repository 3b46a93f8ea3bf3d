//! Chooses the places that a round's clients fight over: few enough that they meet.
//!
//! Owns the choice and reads the capacities. Must not book. Called by the rounds before the load.

use anyhow::{Result, ensure};
use rand::seq::SliceRandom as _;

use super::AUTHORITY;
use crate::check::Capacity;
use crate::client::Client;
use crate::client::words::{Office, Slot};

/// How many offices a round uses; every round takes the next ones.
const OFFICES: usize = 2;
/// An office with fewer services leaves persons with nothing to book after the first.
const MIN_SERVICES: usize = 4;
/// How many days of each service are used.
const DAYS: usize = 3;

/// The places of one service at one office.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub(super) office: u32,
    pub(super) service: String,
    /// In order of time; never empty.
    pub(super) starts: Vec<Slot>,
}

/// The next offices' places; what is free there goes into `capacity` unless it is known already,
/// because later less is free than there are desks.
pub(super) async fn choose(
    client: &Client,
    offices_seen: &mut usize,
    capacity: &mut Capacity,
    random: &mut impl rand::Rng,
) -> Result<Vec<Places>> {
    let offices: Vec<Office> = client
        .offices(AUTHORITY)
        .await?
        .into_iter()
        .filter(|office| office.services.len() >= MIN_SERVICES)
        .collect();
    ensure!(!offices.is_empty(), "no office offers {MIN_SERVICES} services");
    let mut chosen = Vec::new();
    for _ in 0..OFFICES.min(offices.len()) {
        let office = &offices[*offices_seen % offices.len()];
        *offices_seen += 1;
        for service in &office.services {
            let starts = starts(client, office.id, service, capacity, random).await?;
            if !starts.is_empty() {
                chosen.push(Places { office: office.id, service: service.clone(), starts });
            }
        }
    }
    ensure!(!chosen.is_empty(), "nothing is free at any of the chosen offices");
    Ok(chosen)
}

async fn starts(
    client: &Client,
    office: u32,
    service: &str,
    capacity: &mut Capacity,
    random: &mut impl rand::Rng,
) -> Result<Vec<Slot>> {
    let mut days = client.days(AUTHORITY, office, service).await?;
    days.retain(|day| day.open && day.free > 0);
    // Today and tomorrow are left out: places there go by, and can be too late to cancel.
    let mut days = days.split_off(days.len().min(2));
    days.shuffle(random);
    days.truncate(DAYS);
    let mut slots = Vec::new();
    for day in days {
        for start in client.starts(AUTHORITY, office, service, &day.date).await? {
            let (service, date) = (service.to_owned(), day.date.clone());
            let slot = Slot { office, service, date, time: start.time };
            capacity.entry(slot.clone()).or_insert(start.free);
            if start.free > 0 {
                slots.push(slot);
            }
        }
    }
    slots.sort();
    Ok(slots)
}
