//! Who got the places: by persona against its share of persons, by when people came, by network.
//!
//! Owns the numbers and the sentences that say what they mean: how much of a persona's advantage is
//! speed, and whether anybody has more than one person may. Pure. Must not judge. Called by the report.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Report;
use crate::client::words::Booking;
use crate::history::Person;
use crate::measure::{PersonRecord, Recorder};
use crate::network::Network;
use crate::personas::Persona;

/// When people first tried, from the release on: the ends of the groups in milliseconds and their names.
pub const ARRIVAL_GROUPS: [(u128, &str); 6] = [
    (200, "within 0.2 s"),
    (1_000, "0.2 to 1 s"),
    (5_000, "1 to 5 s"),
    (15_000, "5 to 15 s"),
    (60_000, "15 to 60 s"),
    (u128::MAX, "later or never"),
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
    /// The share of places divided by the share of persons; nothing without persons or places. When there
    /// are n persons for a place and nobody has two, n is the most that it can be.
    pub advantage: Option<f64>,
    /// Its persons who have a place.
    #[serde(default)]
    pub with_place: u64,
    /// Most places of one of its persons.
    #[serde(default)]
    pub most_places: u64,
    /// Its persons with a place, divided by how many would have one if they had fared like the honest
    /// people who first tried as early; nothing when none of those has a place.
    #[serde(default)]
    pub advantage_as_quick: Option<f64>,
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

/// Whether somebody does something.
type Has = fn(&PersonRecord) -> bool;

type Places = BTreeMap<Person, Vec<Booking>>;

/// The group of whoever first tried then.
fn arrival(record: &PersonRecord) -> usize {
    let first = record.first_try.map_or(u128::MAX, |after| after.as_millis());
    ARRIVAL_GROUPS.iter().position(|(end, _)| first < *end).unwrap_or(ARRIVAL_GROUPS.len() - 1)
}

fn places_of(places: &Places, person: Person) -> u64 {
    places.get(&person).map_or(0, |bookings| bookings.len() as u64)
}

/// One persona's persons, added up.
#[derive(Clone, Copy, Default)]
struct Sum {
    persons: u64,
    places: u64,
    with_place: u64,
    most_places: u64,
    /// How many would have a place if they had fared like the honest people who came as early.
    expected: f64,
}

/// A row for every persona that took part.
#[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
pub(super) fn by_persona(recorder: &Recorder, places: &Places) -> Vec<PersonaRow> {
    let chances = chances(recorder, places);
    let mut sums: BTreeMap<Persona, Sum> = BTreeMap::new();
    for (number, record) in recorder.persons() {
        let (sum, has) = (sums.entry(record.persona).or_default(), places_of(places, *number));
        sum.persons += 1;
        sum.places += has;
        sum.with_place += has.min(1);
        sum.most_places = sum.most_places.max(has);
        sum.expected += chances[arrival(record)];
    }
    // Whoever has a place and is nobody's record is a sybil: that would be found here.
    let stray = places.iter().filter(|(number, _)| !recorder.persons().contains_key(number));
    let stray: u64 = stray.map(|(_, bookings)| bookings.len() as u64).sum();
    sums.entry(Persona::Sybil).or_default().places += stray;
    let requests = recorder.requests();
    let all_persons: u64 = sums.values().map(|sum| sum.persons).sum();
    let all_places: u64 = sums.values().map(|sum| sum.places).sum();
    let all_requests: u64 = requests.values().sum();
    let row = |persona| {
        let sum = sums.get(&persona).copied().unwrap_or_default();
        let requests = requests.get(&persona).copied().unwrap_or(0);
        let persons_percent = percent(sum.persons, all_persons);
        let places_percent = percent(sum.places, all_places);
        PersonaRow {
            persona,
            persons: sum.persons,
            persons_percent,
            requests,
            requests_percent: percent(requests, all_requests),
            places: sum.places,
            places_percent,
            advantage: (sum.persons > 0 && all_places > 0)
                .then(|| places_percent / persons_percent),
            with_place: sum.with_place,
            most_places: sum.most_places,
            advantage_as_quick: (sum.expected > 0.0).then(|| sum.with_place as f64 / sum.expected),
        }
    };
    let took_part = |row: &PersonaRow| row.persons > 0 || row.requests > 0;
    Persona::ALL.into_iter().map(row).filter(took_part).collect()
}

/// The part of the honest people of each arrival group who have a place; 0 of nobody.
fn chances(recorder: &Recorder, places: &Places) -> [f64; ARRIVAL_GROUPS.len()] {
    let mut counts = [(0, 0); ARRIVAL_GROUPS.len()];
    for (number, record) in honest(recorder) {
        let (persons, with_place) = &mut counts[arrival(record)];
        *persons += 1;
        *with_place += places_of(places, *number).min(1);
    }
    counts.map(|(persons, with_place)| percent(with_place, persons) / 100.0)
}

fn honest(recorder: &Recorder) -> impl Iterator<Item = (&Person, &PersonRecord)> {
    recorder.persons().iter().filter(|(_, it)| it.persona == Persona::Honest)
}

/// Honest people by when they first tried to book.
pub(super) fn by_arrival(recorder: &Recorder, places: &Places) -> Vec<GroupRow> {
    let name = |index: &usize| ARRIVAL_GROUPS[*index].1.to_owned();
    groups(recorder, places, arrival, name)
}

/// Honest people by network.
pub(super) fn by_network(recorder: &Recorder, places: &Places) -> Vec<GroupRow> {
    groups(recorder, places, |record| record.network, Network::to_string)
}

/// What the shares mean, in sentences: how scarce places were, whether anybody has several, and what
/// being quick was worth.
#[must_use]
pub fn meaning(report: &Report) -> Vec<String> {
    let totals = &report.totals;
    let most = report.personas.iter().map(|row| row.most_places).max().unwrap_or(0);
    if totals.places == 0 || most == 0 {
        return Vec::new();
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
    let scarcity = totals.persons as f64 / totals.places as f64;
    let mut said = vec![format!(
        "{} persons wanted and {} places were given: {scarcity:.1} persons for each. Nobody has more than \
         {most}.",
        totals.persons, totals.places
    )];
    if most == 1 {
        said.push(format!(
            "Where nobody has two places, a persona's share of places is at most {scarcity:.1} times its share \
             of persons, and it is that when each of its persons has one. More requests gave nobody a second place."
        ));
    }
    let rows = || report.by_arrival.iter().filter(|row| row.persons > 0);
    if let (Some(first), Some(last)) = (rows().next(), rows().next_back())
        && first.group != last.group
    {
        said.push(format!(
            "Being quick decided so much: of the honest people who first tried {}, {:.1} % have a place; of \
             those {}, {:.1} %. “As quick” compares each persona with the honest people who came as \
             early: 1 is no advantage but speed; “most” is the most places of one person.",
            first.group, first.with_place_percent, last.group, last.with_place_percent
        ));
    }
    said
}

/// Honest people by their manner, each against those who are otherwise; nothing of what nobody does.
pub(super) fn by_manner(recorder: &Recorder, places: &Places) -> Vec<GroupRow> {
    let pairs: [(Has, [&str; 2]); 3] = [
        (|it| it.manner.for_entity, ["for themselves", "for a legal entity"]),
        (|it| it.manner.slow_lane, ["compute the proof", "slow lane"]),
        (|it| it.manner.moves, ["keep their place", "would move it"]),
    ];
    let split = |(has, names): (Has, [&str; 2])| {
        let name = |index: &usize| names[*index].to_owned();
        groups(recorder, places, |record| usize::from(has(record)), name)
    };
    pairs.into_iter().map(split).filter(|rows| rows.len() > 1).flatten().collect()
}

fn groups<K: Ord>(
    recorder: &Recorder,
    places: &Places,
    group: impl Fn(&PersonRecord) -> K,
    name: impl Fn(&K) -> String,
) -> Vec<GroupRow> {
    let mut groups: BTreeMap<K, (u64, u64)> = BTreeMap::new();
    for (number, record) in honest(recorder) {
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
