//! Which desk gets a claim: the ledger's rule beside simpler ones, on days of the real catalogues.
//!
//! Owns the rules to compare and two simulations: people who come in random order for random
//! services at random free times, and a crowd on one time. Must not know how it is printed. The
//! bench `desks` and the tests below call it.

use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use talon_board::{ShiftWord, Steps};
use talon_domain::civil::{CivilDate, Minute, UtcMicros};
use talon_domain::ids::{Channel, ServiceId};
use talon_domain::shape::{DayShape, day_shape};
use talon_domain::zones::Zones;
use talon_ledger::day::{Candidate, Day, Shapes};
use talon_ledger::desk_choice::least_damage;
use talon_ledger::load;

/// The working day around which wishes are spread.
const WISHED_DAY_MINUTES: u16 = 9 * 60;

/// How a desk is chosen among those that have a time free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The first desk, in the order of the desks.
    FirstFit,
    /// The desk that serves the fewest services; among equals from a place that the person chooses.
    MostSpecialised,
    /// The ledger's: where the fewest starts are lost, weighed by how scarce they are.
    LeastDamage,
}

impl Rule {
    /// All rules, the ledger's last.
    pub const ALL: [Self; 3] = [Self::FirstFit, Self::MostSpecialised, Self::LeastDamage];
}

/// What people come for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Every service as often as every other.
    Even,
    /// Each service as often as its desks could serve it, were they to share their time evenly.
    AsPlanned,
}

/// What became of one day or of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Minutes of desks that are booked.
    pub booked_minutes: u64,
    /// Minutes of desks that there are.
    pub minutes: u64,
    /// Visits.
    pub bookings: u64,
    /// People for whom nothing was free.
    pub refused: u64,
}

impl Outcome {
    /// The share of minutes that are booked, in percent.
    pub fn filled_percent(&self) -> f64 {
        100.0 * self.booked_minutes as f64 / self.minutes.max(1) as f64
    }

    /// The share of people for whom something was free, in percent.
    pub fn served_percent(&self) -> f64 {
        100.0 * self.bookings as f64 / (self.bookings + self.refused).max(1) as f64
    }

    fn add(&mut self, other: Self) {
        self.booked_minutes += other.booked_minutes;
        self.minutes += other.minutes;
        self.bookings += other.bookings;
        self.refused += other.refused;
    }
}

/// When to stop letting people come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Somebody was refused for every service: nothing fits any more.
    NothingFits,
    /// People have asked for so many percent of the day's minutes.
    Percent(u64),
}

/// The different days of an authority's catalogue in one week, each shape once, zones aside.
///
/// # Panics
/// When the catalogue is not there or not good.
pub fn days(code: &str) -> Vec<DayShape> {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let path = |kind: &str| configs.join(kind).join(format!("{code}.toml"));
    let authority =
        load::authority(&path("catalogues"), &path("policies")).expect("the catalogue is good");
    let monday: CivilDate = "2026-11-30".parse().expect("a date");
    let mut shapes = Vec::new();
    for office in &authority.catalogue.offices {
        for offset in 0..7 {
            let shape = day_shape(&authority.catalogue, office, monday.plus_days(offset));
            let shape = DayShape { zone: "Europe/Kyiv".to_owned(), ..shape };
            if !shape.shifts.is_empty() && !shapes.contains(&shape) {
                shapes.push(shape);
            }
        }
    }
    shapes
}

/// The same days with the desks in the opposite order: a desk's number says nothing of what it is
/// good for, but first-fit lives by it.
pub fn reversed(mut shapes: Vec<DayShape>) -> Vec<DayShape> {
    for shape in &mut shapes {
        shape.shifts.reverse();
    }
    shapes
}

/// Lets people come to each shape `orders` times, each time in another order; the same seed brings
/// the same people to every rule.
pub fn fill(shapes: &[DayShape], rule: Rule, demand: Demand, until: Until, orders: u64) -> Outcome {
    let mut total = Outcome::default();
    for (index, shape) in (0_u64..).zip(shapes) {
        for order in 0..orders {
            let random = StdRng::seed_from_u64(index << 32 | order);
            total.add(fill_day(shape, rule, demand, until, random));
        }
    }
    total
}

fn fill_day(
    shape: &DayShape,
    rule: Rule,
    demand: Demand,
    until: Until,
    mut random: StdRng,
) -> Outcome {
    let day = new_day(shape);
    let minutes = |steps: u32| u64::from(steps) * u64::from(shape.step_minutes);
    let all_steps = shape.shifts.iter().map(|shift| u32::from(shift.steps)).sum();
    let mut outcome = Outcome { minutes: minutes(all_steps), ..Outcome::default() };
    let weighed = weighed_services(shape, demand);
    let mut asked_minutes = 0;
    let mut sold_out = vec![false; weighed.len()];
    loop {
        let at = pick(&weighed, &mut random);
        let (service, steps, _) = weighed[at];
        let free = day.free_starts(service, Channel::Web, UtcMicros(0)).into_keys();
        let wished: u16 = random.random_range(0..WISHED_DAY_MINUTES);
        let person = random.random_range(0..1 << 16);
        asked_minutes += minutes(steps);
        match free.min_by_key(|start| wished_distance(*start, wished)) {
            Some(start) => {
                let (has_place, _) = claim(&day, rule, service, start, person);
                assert!(has_place, "nobody else is here to take it");
                outcome.bookings += 1;
                outcome.booked_minutes += minutes(steps);
            }
            None => {
                sold_out[at] = true;
                outcome.refused += 1;
            }
        }
        let is_over = match until {
            Until::NothingFits => sold_out.iter().all(|is| *is),
            Until::Percent(percent) => asked_minutes * 100 >= outcome.minutes * percent,
        };
        if is_over {
            return outcome;
        }
    }
}

/// How far a start is from the one that somebody wishes most, counted around the working day, so
/// that no hour is more popular than another.
fn wished_distance(start: Minute, wished: u16) -> u16 {
    let apart = start.get().abs_diff(wished) % WISHED_DAY_MINUTES;
    apart.min(WISHED_DAY_MINUTES - apart)
}

/// Any date: these days have no past.
fn date() -> CivilDate {
    CivilDate::from_days(20_000)
}

/// An unclaimed day.
///
/// # Panics
/// When the shape is not good.
pub fn new_day(shape: &DayShape) -> Day {
    let shared = Shapes::default().share(shape.clone(), &Zones::default());
    Day::new(shared.expect("catalogues make good shapes"), date())
}

/// The services with the steps of a visit and how often people come for them.
fn weighed_services(shape: &DayShape, demand: Demand) -> Vec<(ServiceId, u32, f64)> {
    let of_service = |service: ServiceId| {
        let offers = shape.shifts.iter().filter_map(move |shift| {
            shift.service(service).map(|of| (of, shift.services.len(), shift.steps))
        });
        let steps = offers.clone().map(|(of, ..)| u32::from(of.steps)).max().unwrap_or(1);
        let weight = match demand {
            Demand::Even => 1.0,
            Demand::AsPlanned => offers
                .map(|(of, services, all)| f64::from(all) / f64::from(of.steps) / services as f64)
                .sum(),
        };
        (service, steps, weight)
    };
    shape.services().into_iter().map(of_service).collect()
}

fn pick(weighed: &[(ServiceId, u32, f64)], random: &mut StdRng) -> usize {
    let total: f64 = weighed.iter().map(|(.., weight)| weight).sum();
    let mut at = random.random_range(0.0..total);
    for (index, (.., weight)) in weighed.iter().enumerate() {
        if at < *weight {
            return index;
        }
        at -= weight;
    }
    weighed.len() - 1
}

/// The desk that a rule chooses for a visit, by the words as they are; nothing when none is free.
pub fn choose(
    day: &Day,
    rule: Rule,
    service: ServiceId,
    start: Minute,
    spread: usize,
) -> Option<Candidate> {
    let candidates = day.shape().starts(service)?.get(&start)?;
    let is_free = |at: &Candidate| {
        place(day, service, *at).is_some_and(|(word, run)| run.is_subset(word.unclaimed()))
    };
    match rule {
        Rule::FirstFit => candidates.iter().copied().find(is_free),
        Rule::MostSpecialised => {
            let shifts = &day.shape().shape().shifts;
            let services = |at: Candidate| shifts[usize::from(at.shift)].services.len();
            least_damage(candidates, spread, |at| is_free(&at).then(|| services(at) as u64))
        }
        Rule::LeastDamage => least_damage(candidates, spread, |at| {
            let (word, run) = place(day, service, at)?;
            day.shape().stakes().damage(at.shift, word.unclaimed(), run)
        }),
    }
}

/// Claims where a rule chooses, again and again while somebody is faster; says how often somebody
/// was, and whether a place was got.
pub fn claim(
    day: &Day,
    rule: Rule,
    service: ServiceId,
    start: Minute,
    spread: usize,
) -> (bool, u64) {
    let mut lost = 0;
    while let Some(chosen) = choose(day, rule, service, start, spread) {
        if take(day, service, chosen) {
            return (true, lost);
        }
        lost += 1;
    }
    (false, lost)
}

/// The claims that a crowd loses when all look before anybody claims, round after round, until
/// everybody has a place or there is none: what threads could do to each other at worst.
pub fn lost_in_lockstep(
    day: &Day,
    rule: Rule,
    service: ServiceId,
    start: Minute,
    people: &[usize],
) -> u64 {
    let mut waiting = people.to_vec();
    let mut lost = 0;
    loop {
        let look = |spread: &usize| Some((*spread, choose(day, rule, service, start, *spread)?));
        let chosen: Vec<_> = waiting.iter().filter_map(look).collect();
        if chosen.is_empty() {
            return lost;
        }
        let loses = |(spread, at): (usize, Candidate)| (!take(day, service, at)).then_some(spread);
        waiting = chosen.into_iter().filter_map(loses).collect();
        lost += waiting.len() as u64;
    }
}

/// The same with real threads, each a part of the crowd: how many got a place, and how many claims
/// were lost.
pub fn lost_by_threads(
    day: &Day,
    rule: Rule,
    service: ServiceId,
    start: Minute,
    people: &[usize],
    threads: usize,
) -> (u64, u64) {
    let start_line = Barrier::new(threads);
    // Relaxed: sums that are read when the threads have ended.
    let (got, lost) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for thread in 0..threads {
            let (start_line, got, lost) = (&start_line, &got, &lost);
            scope.spawn(move || {
                start_line.wait();
                for spread in people.iter().skip(thread).step_by(threads) {
                    let (has_place, lost_here) = claim(day, rule, service, start, *spread);
                    got.fetch_add(u64::from(has_place), Ordering::Relaxed);
                    lost.fetch_add(lost_here, Ordering::Relaxed);
                }
            });
        }
    });
    (got.into_inner(), lost.into_inner())
}

/// The service and time that the most desks have.
///
/// # Panics
/// When the shape offers nothing.
pub fn busiest_start(shape: &DayShape) -> (ServiceId, Minute) {
    let day = new_day(shape);
    let starts = shape.services().into_iter().flat_map(|service| {
        let of_service = day.shape().starts(service).into_iter().flatten();
        of_service.map(move |(minute, desks)| (desks.len(), service, *minute)).collect::<Vec<_>>()
    });
    let (_, service, start) = starts.max().expect("a shape with visits");
    (service, start)
}

/// People as the ledger knows them: two random bytes each.
pub fn crowd(count: usize, seed: u64) -> Vec<usize> {
    let mut random = StdRng::seed_from_u64(seed);
    (0..count).map(|_| random.random_range(0..1 << 16)).collect()
}

fn take(day: &Day, service: ServiceId, at: Candidate) -> bool {
    place(day, service, at).is_some_and(|(word, run)| word.claim(run).is_ok())
}

fn place(day: &Day, service: ServiceId, at: Candidate) -> Option<(&ShiftWord, Steps)> {
    let of_service = day.shape().service_shape(at.shift, service)?;
    let run = Steps::run(at.step, of_service.steps)?;
    let usable = Steps::from_bits(of_service.usable(Channel::Web));
    run.is_subset(usable).then_some((day.word(at.shift)?, run))
}

#[cfg(test)]
#[path = "desks_tests.rs"]
mod tests;
