//! Replay asserts: facts that contradict each other are refused, and judged by `verify`.

use talon_domain::civil::UtcMicros;
use talon_domain::ids::{BookingId, Channel, Fingerprint, KeyHash, OfficeId, Pseudonym, ServiceId};
use talon_domain::shape::{DayShape, day_shape};
use talon_journal::simulation::SimDisk;
use talon_journal::{Class, Sequence};
use talon_ledger::apply::Violation;
use talon_ledger::clock::manual::ManualClock;
use talon_ledger::core::{BadLedger, BadReplay, Displaced};
use talon_ledger::record::{Booked, Fact, Seat};
use talon_ledger::verify::{BadJournal, Breach};

use crate::fixture::{
    AUTHORITY, EXAM, EXCHANGE, PERMIT, SMALL_JOURNAL, START, TOWN, VILLAGE, World, authority, date,
    day, journal_of, judge, person, start, utc, wish,
};

const DATE: &str = "2026-12-02";

fn shape() -> DayShape {
    let catalogue = authority(&[]).catalogue;
    day_shape(&catalogue, catalogue.office(TOWN).expect("it is there"), date(DATE))
}

fn released(service: ServiceId) -> Fact {
    Fact::Released {
        authority: AUTHORITY,
        service,
        channel: Channel::Web,
        date: date(DATE),
        offices: vec![TOWN],
        late: false,
    }
}

/// A policy, a day of the town, open for exams and exchanges: four records.
fn opened() -> Vec<Fact> {
    let policy = authority(&[]).policy.policy().clone();
    let generated = Fact::DayGenerated { day: day(TOWN, DATE), shape: shape() };
    vec![Fact::PolicySet(policy), generated, released(EXAM), released(EXCHANGE)]
}

fn seat(step: u8, steps: u8) -> Seat {
    Seat { day: day(TOWN, DATE), shift: 0, step, steps }
}

/// Booking number `n` of person `of`.
fn booked(n: u8, of: u16, service: ServiceId, seat: Seat) -> Fact {
    Fact::Booked(Booked {
        booking: BookingId([n; 16]),
        subject: person(of).person,
        actor: None,
        channel: Channel::Web,
        service,
        seat,
        key: KeyHash([n; 16]),
        fingerprint: Fingerprint([n; 16]),
    })
}

fn cancelled(n: u8, of: u16) -> Fact {
    let (subject, booking) = (person(of).person, BookingId([n; 16]));
    Fact::Cancelled { subject, booking, returns_at: utc(START) }
}

fn returned(n: u8, returns_at: UtcMicros, seat: Seat) -> Fact {
    Fact::Returned { booking: BookingId([n; 16]), returns_at, seat }
}

fn open(disk: &SimDisk) -> Result<World, BadLedger> {
    World::open(disk, authority(&[]), &ManualClock::new(utc(START)), SMALL_JOURNAL)
}

/// Both the ledger and `verify` refuse the last of these facts, the opening ones being good.
#[track_caller]
fn refuses(facts: Vec<Fact>, is_expected: impl Fn(&Violation) -> bool) {
    let last = Sequence::new(4 + facts.len() as u64);
    let disk = journal_of(opened().into_iter().chain(facts));
    match judge(&disk, None) {
        Err(BadJournal::Replay { sequence, source: BadReplay::Violation(violation) }) => {
            assert_eq!(sequence, last, "{violation}");
            assert!(is_expected(&violation), "{violation}");
        }
        other => panic!("verify said {other:?}"),
    }
    match open(&disk).map(|_| ()) {
        Err(BadLedger::Contradiction { sequence, source }) => {
            assert_eq!(sequence, last, "{source}");
            assert!(is_expected(&source), "{source}");
        }
        other => panic!("the ledger said {other:?}"),
    }
}

#[test]
fn facts_that_agree_are_replayed() {
    let facts = [
        booked(1, 1, EXAM, seat(0, 3)),
        booked(2, 2, EXCHANGE, seat(4, 2)),
        cancelled(1, 1),
        returned(1, utc(START), seat(0, 3)),
        booked(3, 3, EXAM, seat(0, 3)),
    ];
    let disk = journal_of(opened().into_iter().chain(facts));
    let report = judge(&disk, None).expect("it is good");
    assert_eq!((report.bookings, report.cancellations, report.breaches), (3, 1, 0));
    assert!(report.is_good());
    let world = open(&disk).expect("it is good");
    assert_eq!(world.core.state_hash(), report.state_hash);
}

#[test]
fn a_place_with_two_owners_is_refused_however_little_they_overlap() {
    for (step, steps) in [(0, 3), (2, 2), (2, 1)] {
        let facts = vec![booked(1, 1, EXAM, seat(0, 3)), booked(2, 2, EXCHANGE, seat(step, steps))];
        refuses(facts, |violation| {
            matches!(violation, Violation::TwoOwners { booking, taken, .. }
                if *booking == BookingId([2; 16]) && taken.contains(2))
        });
    }
}

#[test]
fn a_withheld_place_still_has_its_owner() {
    let facts =
        vec![booked(1, 1, EXAM, seat(0, 3)), cancelled(1, 1), booked(2, 2, EXAM, seat(0, 3))];
    refuses(facts, |violation| matches!(violation, Violation::TwoOwners { .. }));
}

#[test]
fn a_place_that_does_not_exist_is_refused() {
    let elsewhere = Seat { day: day(VILLAGE, DATE), ..seat(0, 3) };
    let no_shift = Seat { shift: 4, ..seat(0, 3) };
    // The first shift has twelve steps.
    for seat in
        [elsewhere, no_shift, seat(0, 0), seat(10, 3), seat(12, 1), seat(62, 3), seat(255, 255)]
    {
        let refused = |v: &Violation| matches!(v, Violation::NoSuchSeat(of) if *of == seat);
        refuses(vec![booked(1, 1, EXAM, seat)], refused);
    }
}

#[test]
fn a_booking_of_what_was_not_released_is_refused() {
    let is_expected =
        |violation: &Violation| matches!(violation, Violation::NotReleased { service: PERMIT, .. });
    refuses(vec![booked(1, 1, PERMIT, seat(0, 1))], is_expected);
}

#[test]
fn a_day_generated_twice_is_refused() {
    let again = Fact::DayGenerated { day: day(TOWN, DATE), shape: shape() };
    refuses(vec![again], |v| matches!(v, Violation::DayTwice(of) if *of == day(TOWN, DATE)));
}

#[test]
fn a_release_of_what_is_not_offered_is_refused() {
    let no_such = |violation: &Violation| matches!(violation, Violation::NoSuchRelease { .. });
    refuses(vec![released(ServiceId(9))], no_such);
    let Fact::Released { authority, service, channel, late, .. } = released(EXAM) else {
        panic!("it is a release")
    };
    let offices = vec![TOWN, OfficeId(3)];
    let date = date(DATE);
    refuses(vec![Fact::Released { authority, service, channel, date, offices, late }], no_such);
}

#[test]
fn a_cancellation_of_no_live_booking_is_refused() {
    let no_such = |violation: &Violation| matches!(violation, Violation::NoSuchBooking(of) if *of == BookingId([1; 16]));
    refuses(vec![cancelled(1, 1)], no_such);
    let mine = booked(1, 1, EXAM, seat(0, 3));
    refuses(vec![mine.clone(), cancelled(1, 2)], no_such);
    refuses(vec![mine, cancelled(1, 1), cancelled(1, 1)], no_such);
}

#[test]
fn a_return_of_what_is_not_withheld_is_refused() {
    let not_withheld = |violation: &Violation| matches!(violation, Violation::NotWithheld(of) if *of == BookingId([1; 16]));
    let mine = booked(1, 1, EXAM, seat(0, 3));
    let at = utc(START);
    refuses(vec![mine.clone(), returned(1, at, seat(0, 3))], not_withheld);
    let gone = [mine, cancelled(1, 1)];
    let then = |fact| gone.iter().cloned().chain([fact]).collect::<Vec<_>>();
    refuses(then(returned(1, UtcMicros(at.0 + 1), seat(0, 3))), not_withheld);
    refuses(then(returned(1, at, seat(0, 2))), not_withheld);
    refuses(then(returned(1, at, seat(3, 3))), not_withheld);
    let mut twice = then(returned(1, at, seat(0, 3)));
    twice.push(returned(1, at, seat(0, 3)));
    refuses(twice, not_withheld);
}

#[test]
fn a_shape_that_cannot_be_is_refused() {
    let spoilt: [fn(&mut DayShape); 6] = [
        |shape| shape.zone = "Kyiv/Europe".to_owned(),
        |shape| shape.shifts[1].steps = 0,
        |shape| shape.shifts[1].steps = 65,
        |shape| shape.shifts[1].services[0].starts = 1 << 63,
        |shape| shape.shifts[1].services[0].usable[0].1 = u64::MAX,
        |shape| shape.step_minutes = 250,
    ];
    for spoil in spoilt {
        let mut shape = shape();
        spoil(&mut shape);
        let generated = Fact::DayGenerated { day: day(TOWN, "2026-12-03"), shape };
        refuses(vec![generated], |violation| matches!(violation, Violation::Shape { .. }));
    }
}

#[test]
fn a_policy_with_a_zone_that_does_not_exist_is_refused() {
    let mut policy = authority(&[]).policy.policy().clone();
    policy.zone = "Kyiv/Europe".to_owned();
    refuses(vec![Fact::PolicySet(policy)], |violation| matches!(violation, Violation::Policy(_)));
}

#[test]
fn a_record_that_cannot_be_read_is_refused() {
    let disk = journal_of(opened());
    {
        let world = open(&disk).expect("it is good");
        let journal = world.core.journal();
        let room = journal.reserve(Class::Ordinary).expect("room");
        journal.append(room, &[1, 2, 3]);
        world.commit();
    }
    assert!(matches!(open(&disk).map(|_| ()), Err(BadLedger::Record { .. })));
    let judged = judge(&disk, None);
    assert!(matches!(judged, Err(BadJournal::Replay { source: BadReplay::Record(_), .. })));
}

/// A journal whose sixth record is a second live booking for a service.
pub(crate) fn two_live_exams() -> SimDisk {
    let facts = [booked(1, 1, EXAM, seat(0, 3)), booked(2, 1, EXAM, seat(3, 3))];
    journal_of(opened().into_iter().chain(facts))
}

#[test]
fn a_booking_over_a_limit_is_a_breach_that_verify_lists() {
    let disk = two_live_exams();
    let report = judge(&disk, None).expect("no place has two owners");
    assert!(!report.is_good());
    assert_eq!(report.breaches, 1);
    let breach = Breach {
        sequence: Sequence::new(6),
        booking: BookingId([2; 16]),
        rule: "live-per-service".to_owned(),
        count: 1,
        limit: 1,
    };
    assert_eq!(report.breaches_listed, [breach]);
    // Facts are facts: the ledger opens, and grants no third.
    let world = open(&disk).expect("no place has two owners");
    world.settle();
    world.is_refused(1, EXAM, "2026-12-03", "08:00");
}

#[test]
fn a_fifth_booking_of_a_month_is_a_breach_by_the_policy_of_its_time() {
    let mut facts = opened();
    for n in 0..5 {
        facts.push(booked(n, 1, EXCHANGE, seat(2 * n, 2)));
        facts.push(cancelled(n, 1));
    }
    let report = judge(&journal_of(facts.clone()), None).expect("no place has two owners");
    assert_eq!(report.breaches_listed.len(), 1);
    let breach = &report.breaches_listed[0];
    assert_eq!((breach.rule.as_str(), breach.count, breach.limit), ("online-month", 4, 4));
    assert_eq!(breach.sequence, Sequence::new(13));
    let generous = authority(&[("max = 4", "max = 5")]).policy.policy().clone();
    facts.insert(12, Fact::PolicySet(generous));
    assert!(judge(&journal_of(facts), None).expect("no place has two owners").is_good());
}

#[test]
fn a_catalogue_that_lacks_what_live_bookings_are_for_is_refused() {
    let world = World::new();
    let village = |n, time| wish(n, VILLAGE, PERMIT, start("2026-12-03", time));
    crate::fixture::booked(world.core.book(&village(1, "09:00")));
    let second = crate::fixture::booked(world.core.book(&village(2, "09:10")));
    world.cancel(2, second.id);
    let (clock, disk) = (world.clock.clone(), world.disk.clone());
    let mut file = crate::fixture::CATALOGUE.to_owned();
    file.truncate(file.rfind("[[office]]").expect("the village stands last"));
    let without_village = talon_ledger::load::parse(("c", &file), ("p", crate::fixture::POLICY))
        .expect("the files are good");
    let refused = world.reopen_with(without_village.clone()).map(|_| ());
    let Err(BadLedger::Displaced { count, listed }) = refused else { panic!("{refused:?}") };
    let lacking = Displaced {
        authority: AUTHORITY,
        office: VILLAGE,
        service: PERMIT,
        date: date("2026-12-03"),
    };
    assert_eq!((count, listed), (1, vec![lacking]));
    // Once the visit has ended the office can go.
    clock.advance_micros(utc("2026-12-03T07:10:00Z").0 - utc(START).0);
    assert!(World::open(&disk, without_village, &clock, SMALL_JOURNAL).is_ok());
}

#[test]
fn a_pseudonym_never_seen_has_no_entry_after_a_replay() {
    let disk = journal_of(opened().into_iter().chain([booked(1, 1, EXAM, seat(0, 3))]));
    let world = open(&disk).expect("it is good");
    assert!(world.core.state().person(&Pseudonym([0; 32])).is_none());
    assert_eq!(world.core.state().persons().len(), 1);
}
