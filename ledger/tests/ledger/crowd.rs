//! A crowd on one released day: every place is sold, and none twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use talon_board::Steps;
use talon_domain::civil::Minute;
use talon_domain::ids::{Channel, ServiceId};
use talon_journal::simulation::SimDisk;
use talon_journal::{CommitThread, JournalKind, Options};
use talon_ledger::clock::manual::ManualClock;
use talon_ledger::day::Day;
use talon_wire::{Answer, Refusal, Wishes};

use crate::fixture::{
    EXAM, EXCHANGE, PERMIT, START, TOWN, World, authority, date, day, judge, utc, wish,
};

const THREADS: u16 = 64;
const DATE: &str = "2026-12-02";
const JOURNAL: Options =
    Options { segment_bytes: 1 << 20, kind: JournalKind::Demo, max_batch_bytes: 512 << 10 };

/// A town with ten desks for everything and four without exams.
fn large_town() -> World {
    let line = "    { id = 1, services = [\"exam\", \"exchange\", \"permit\"] },\n";
    let mut desks = line.to_owned();
    for id in 3..=11 {
        desks += &line.replace("id = 1", &format!("id = {id}"));
    }
    for id in 12..=14 {
        desks += &format!("    {{ id = {id}, services = [\"exchange\", \"permit\"] }},\n");
    }
    let clock = ManualClock::new(utc(START));
    let world = World::open(&SimDisk::new(), authority(&[(line, &desks)]), &clock, JOURNAL);
    let world = world.expect("an empty disk opens");
    world.settle();
    world
}

fn town_day(world: &World) -> Arc<Day> {
    world.core.state().day(&day(TOWN, DATE)).expect("it exists")
}

fn count_free(world: &World, service: ServiceId) -> u32 {
    town_day(world).count_free(service, Channel::Web, world.core.now())
}

/// Every thread claims every start of these services until all are taken; returns how many were
/// sold, by service.
fn storm(world: &World, services: &[ServiceId]) -> BTreeMap<ServiceId, u32> {
    let commits = {
        let clock = world.clock.clone();
        let now = move || talon_ledger::clock::Clock::wall(&clock).0;
        CommitThread::spawn(world.core.journal().clone(), now, |failure| panic!("{failure}"))
            .expect("there are threads")
    };
    let sold: BTreeMap<ServiceId, AtomicU32> =
        services.iter().map(|service| (*service, AtomicU32::new(0))).collect();
    let last_record = AtomicU64::new(0);
    let barrier = Barrier::new(usize::from(THREADS));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (sold, barrier, last_record) = (&sold, &barrier, &last_record);
            scope.spawn(move || {
                barrier.wait();
                let mut claims = every_claim(world, services, usize::from(thread));
                let mut persons = (0..).map(|n| thread * 1000 + n);
                // Round after round, until every start has been found taken.
                while !claims.is_empty() {
                    claims.retain(|(service, minute)| {
                        // Somebody new for each place: no limit stands in the way.
                        let n = persons.next().expect("persons enough");
                        let wishes = Wishes::Starts(vec![(date(DATE), *minute)]);
                        match world.core.book(&wish(n, TOWN, *service, wishes)).answer {
                            Answer::Booked { sequence, .. } => {
                                sold[service].fetch_add(1, Ordering::Relaxed);
                                last_record.fetch_max(sequence, Ordering::Relaxed);
                                true
                            }
                            Answer::Refused(Refusal::Busy) => true,
                            Answer::Refused(Refusal::Taken { .. }) => false,
                            other => panic!("{other:?}"),
                        }
                    });
                }
            });
        }
    });
    let last = talon_journal::Sequence::new(last_record.into_inner());
    world.core.journal().wait_until_durable(last).expect("the disk works");
    commits.shutdown().expect("the disk works");
    sold.into_iter().map(|(service, count)| (service, count.into_inner())).collect()
}

/// All starts of these services, from a place of this thread's own.
fn every_claim(world: &World, services: &[ServiceId], thread: usize) -> Vec<(ServiceId, Minute)> {
    let day = town_day(world);
    let starts = |service: &ServiceId| {
        let starts = day.shape().starts(*service).expect("it is offered");
        starts.keys().map(|minute| (*service, *minute)).collect::<Vec<_>>()
    };
    let mut claims: Vec<_> = services.iter().flat_map(starts).collect();
    let count = claims.len();
    claims.rotate_left(thread * 7 % count);
    claims
}

/// By words and by owners: each step has one owner or none, and the word says the same.
fn assert_one_owner_each(world: &World) {
    let day = town_day(world);
    let mut owned = vec![Steps::EMPTY; day.words().len()];
    for (_, person) in world.core.state().persons() {
        for booking in person.lock().bookings() {
            let seat = booking.seat;
            let run = Steps::run(seat.step, seat.steps).expect("a seat has steps");
            let of_shift = &mut owned[usize::from(seat.shift)];
            assert!(of_shift.is_disjoint(run), "{seat:?} has two owners");
            *of_shift = of_shift.union(run);
        }
    }
    for ((shift, word), owned) in day.shape().shape().shifts.iter().zip(day.words()).zip(owned) {
        let all = Steps::run(0, shift.steps).expect("a shift has steps");
        assert_eq!(word.unclaimed(), all.difference(owned));
    }
}

fn assert_journal_agrees(world: World, sold: u32) {
    let report = judge(&world.disk, None).expect("no place has two owners");
    assert!(report.is_good());
    assert_eq!(report.bookings, u64::from(sold));
    assert_eq!(report.state_hash, world.core.state_hash());
    let hash = world.core.state_hash();
    assert_eq!(world.reopen().core.state_hash(), hash);
}

#[test]
fn of_one_service_exactly_the_capacity_is_sold_and_the_rest_is_taken() {
    let world = large_town();
    let capacity = count_free(&world, PERMIT);
    assert_eq!(capacity, 14 * 24);
    let sold = storm(&world, &[PERMIT]);
    assert_eq!(sold[&PERMIT], capacity);
    assert_eq!(count_free(&world, PERMIT), 0);
    for (n, (service, minute)) in (65_000..).zip(every_claim(&world, &[PERMIT], 0)) {
        let wishes = Wishes::Starts(vec![(date(DATE), minute)]);
        let answer = world.core.book(&wish(n, TOWN, service, wishes)).answer;
        assert_eq!(answer, Answer::Refused(Refusal::Taken { free: vec![] }));
    }
    assert_one_owner_each(&world);
    assert_journal_agrees(world, capacity);
}

#[test]
fn of_mixed_lengths_everything_that_fits_is_sold_and_no_step_twice() {
    let world = large_town();
    let services = [EXAM, EXCHANGE, PERMIT];
    let sold = storm(&world, &services);
    for service in services {
        assert_eq!(count_free(&world, service), 0);
        assert_eq!(world.free(service, DATE), Vec::<String>::new());
    }
    // The shortest visit is one step: nothing at all is left.
    assert!(town_day(&world).words().iter().all(|word| word.unclaimed().is_empty()));
    let usable = |shift: &talon_domain::shape::ShiftShape| {
        shift.service(PERMIT).map_or(0, |permit| permit.usable(Channel::Web).count_ones())
    };
    let steps: u32 = town_day(&world).shape().shape().shifts.iter().map(usable).sum();
    assert_eq!(3 * sold[&EXAM] + 2 * sold[&EXCHANGE] + sold[&PERMIT], steps);
    assert_one_owner_each(&world);
    assert_journal_agrees(world, sold.values().sum());
}
