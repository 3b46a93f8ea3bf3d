//! Who got the places: by persona against its share of persons, by when people came, by network.
//!
//! Pure. Must not judge. Called by the report.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::client::words::Booking;
use crate::history::Person;
use crate::measure::{PersonRecord, Recorder};
use crate::network::Network;
use crate::personas::Persona;

/// When honest people first tried, from the release on: the ends of the groups in seconds and their
/// names.
pub const ARRIVAL_GROUPS: [(u64, &str); 5] = [
    (1, "within 1 s"),
    (5, "1 to 5 s"),
    (15, "5 to 15 s"),
    (60, "15 to 60 s"),
    (u64::MAX, "later or never"),
];

/// One persona.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PersonaRow {
    /// Which.
    pub persona: Persona,
    /// Its identified persons.
    pub persons: u64,
    /// Their share of all persons, in percent.
    pub persons_percent: f64,
    /// The requests it sent.
    pub requests: u64,
    /// Their share of all requests, in percent.
    pub requests_percent: f64,
    /// The places it has in the end.
    pub places: u64,
    /// Their share of all places, in percent.
    pub places_percent: f64,
    /// The share of places divided by the share of persons; nothing without persons or places.
    pub advantage: Option<f64>,
}

/// A group of honest people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupRow {
    /// Its name.
    pub group: String,
    /// How many.
    pub persons: u64,
    /// How many of them have a place.
    pub with_place: u64,
    /// The same in percent.
    pub with_place_percent: f64,
}

/// `part` of `whole` in percent; 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

type Places = BTreeMap<Person, Vec<Booking>>;

fn places_of(places: &Places, person: Person) -> u64 {
    places.get(&person).map_or(0, |bookings| bookings.len() as u64)
}

/// A row for every persona that took part.
pub(super) fn by_persona(recorder: &Recorder, places: &Places) -> Vec<PersonaRow> {
    let (mut persons, mut won): (BTreeMap<Persona, u64>, BTreeMap<Persona, u64>) =
        (BTreeMap::new(), BTreeMap::new());
    for (number, record) in recorder.persons() {
        *persons.entry(record.persona).or_default() += 1;
        *won.entry(record.persona).or_default() += places_of(places, *number);
    }
    // Whoever has a place and is nobody's record is a sybil: that would be found here.
    let stray = places.iter().filter(|(number, _)| !recorder.persons().contains_key(number));
    let stray: u64 = stray.map(|(_, bookings)| bookings.len() as u64).sum();
    *won.entry(Persona::Sybil).or_default() += stray;
    let requests = recorder.requests();
    let sum = |counts: &BTreeMap<Persona, u64>| counts.values().sum::<u64>();
    let (all_persons, all_won, all_requests) = (sum(&persons), sum(&won), sum(requests));
    let of = |counts: &BTreeMap<Persona, u64>, persona| counts.get(&persona).copied().unwrap_or(0);
    let took_part = Persona::ALL
        .into_iter()
        .filter(|persona| of(&persons, *persona) > 0 || of(requests, *persona) > 0);
    took_part
        .map(|persona| {
            let (persons, places) = (of(&persons, persona), of(&won, persona));
            let requests = of(requests, persona);
            let persons_percent = percent(persons, all_persons);
            let places_percent = percent(places, all_won);
            let advantage = (persons > 0 && all_won > 0).then(|| places_percent / persons_percent);
            PersonaRow {
                persona,
                persons,
                persons_percent,
                requests,
                requests_percent: percent(requests, all_requests),
                places,
                places_percent,
                advantage,
            }
        })
        .collect()
}

/// Honest people by when they first tried to book.
pub(super) fn by_arrival(recorder: &Recorder, places: &Places) -> Vec<GroupRow> {
    let group = |record: &PersonRecord| {
        let first = record.first_try.unwrap_or(Duration::MAX).as_secs();
        ARRIVAL_GROUPS.iter().position(|(end, _)| first < *end).unwrap_or(ARRIVAL_GROUPS.len() - 1)
    };
    let name = |index: &usize| ARRIVAL_GROUPS[*index].1.to_owned();
    groups(recorder, places, group, name)
}

/// Honest people by network.
pub(super) fn by_network(recorder: &Recorder, places: &Places) -> Vec<GroupRow> {
    groups(recorder, places, |record| record.network, Network::to_string)
}

fn groups<K: Ord>(
    recorder: &Recorder,
    places: &Places,
    group: impl Fn(&PersonRecord) -> K,
    name: impl Fn(&K) -> String,
) -> Vec<GroupRow> {
    let mut groups: BTreeMap<K, (u64, u64)> = BTreeMap::new();
    let honest = recorder.persons().iter().filter(|(_, it)| it.persona == Persona::Honest);
    for (number, record) in honest {
        let (persons, with_place) = groups.entry(group(record)).or_default();
        *persons += 1;
        *with_place += places_of(places, *number).min(1);
    }
    let row = |(key, (persons, with_place)): (K, (u64, u64))| GroupRow {
        group: name(&key),
        persons,
        with_place,
        with_place_percent: percent(with_place, persons),
    };
    groups.into_iter().map(row).collect()
}
