//! Clocks that are set, machines that sleep, and the days on which civil clocks jump.

use jiff::tz::TimeZone;
use talon_domain::civil::UtcMicros;
use talon_domain::zones::Zones;
use talon_journal::Sequence;
use talon_journal::simulation::SimDisk;
use talon_ledger::clock::CLOCK_AGREEMENT_MICROS;
use talon_ledger::clock::manual::ManualClock;
use talon_ledger::hash::state_hash;
use talon_ledger::record::Fact;
use talon_ledger::state::State;
use talon_wire::{Answer, Place, Refusal, Release};

use crate::fixture::{
    AUTHORITY, DAY, EXAM, EXCHANGE, HOUR, MINUTE, PERMIT, SMALL_JOURNAL, TOWN, World, authority,
    date, day, facts, person, refused, utc,
};

/// The small authority in a zone, working every night from midnight to six, opening at midnight.
#[track_caller]
fn at_night(zone: &str, now: &str, replaced: &[(&str, &str)]) -> World {
    let quoted = format!("\"{zone}\"");
    let mut all = vec![
        ("08:00-12:30", "00:00-06:00"),
        ("hours = { mon = [\"00:00", "hours = { sun = [\"00:00-06:00\"], mon = [\"00:00"),
        ("breaks = [\"10:00-10:30\"]", "breaks = []"),
        ("time = \"06:00\"", "time = \"00:00\""),
    ];
    if zone != "Europe/Kyiv" {
        all.push(("\"Europe/Kyiv\"", &quoted));
    }
    all.extend(replaced);
    let clock = ManualClock::new(utc(now));
    let world = World::open(&SimDisk::new(), authority(&all), &clock, SMALL_JOURNAL);
    let world = world.expect("an empty disk opens");
    world.settle();
    world
}

fn pass_until(world: &World, moment: UtcMicros) {
    world.pass(moment.0 - world.core.now().0);
}

fn release(world: &World, text: &str) -> Option<Release> {
    let place = Place { authority: AUTHORITY, office: TOWN, service: EXAM };
    match world.core.starts(&place, talon_domain::ids::Channel::Web, date(text)).answer {
        Answer::Starts(view) => view.release,
        other => panic!("{other:?}"),
    }
}

/// Whether the release of a date for exams was late, as the journal has it.
fn was_late(world: &World, text: &str) -> Option<bool> {
    facts(&world.disk).into_iter().find_map(|record| match record.fact {
        Fact::Released { service: EXAM, date: of, late, .. } if of == date(text) => Some(late),
        _ => None,
    })
}

#[test]
fn while_a_clock_that_was_set_forward_is_not_trusted_bookings_go_on_and_no_visit_is_forgotten() {
    let world = World::new();
    let booking = world.books(1, EXAM, "2026-12-02", "08:30");
    world.clock.jump_micros(DAY);
    world.settle();
    assert!(!world.is_open(TOWN, EXAM, "2026-12-09"));
    world.books(2, EXAM, "2026-12-05", "08:00");
    world.pass(CLOCK_AGREEMENT_MICROS);
    assert!(world.is_open(TOWN, EXAM, "2026-12-09"), "the release is caught up with");
    world.clock.jump_micros(60 * DAY);
    world.settle();
    assert_eq!(world.core.state().oldest_day(AUTHORITY), Some(date("2026-12-01")));
    assert_eq!(world.core.booking(&person(1), booking.id).answer, Answer::Booking(booking));
}

#[test]
fn what_was_too_late_stays_too_late_when_the_clock_is_set_back() {
    let world = World::new();
    let (near, far) =
        (world.books(1, EXAM, "2026-12-02", "08:30"), world.books(2, EXAM, "2026-12-02", "12:00"));
    pass_until(&world, UtcMicros(near.cancel_until.0 + 1));
    let too_late = Refusal::TooLate { until: near.cancel_until };
    assert_eq!(refused(world.cancel(1, near.id)), too_late);
    let before = world.core.now();
    world.clock.jump_micros(-HOUR);
    world.settle();
    assert_eq!(world.core.now(), before, "ledger time never goes back");
    assert_eq!(refused(world.cancel(1, near.id)), too_late);
    assert!(matches!(world.cancel(2, far.id).answer, Answer::Cancelled(_)));
    world.pass(HOUR - MINUTE);
    assert_eq!(world.core.state().withheld().len(), 1, "nothing returns while time stands still");
    world.pass(61 * MINUTE);
    assert_eq!(world.core.state().withheld().len(), 0);
}

#[test]
fn a_release_missed_while_the_machine_slept_opens_late_after_it_woke() {
    let world = World::new();
    world.clock.sleep_micros(DAY);
    world.settle();
    let woke = world.core.now();
    let expected = Release { opens_at: Some(woke.plus_minutes(10)), late: true };
    assert_eq!(release(&world, "2026-12-09"), Some(expected));
    world.pass(10 * MINUTE - 1);
    assert!(!world.is_open(TOWN, EXAM, "2026-12-09"));
    world.pass(1);
    assert!(world.is_open(TOWN, EXAM, "2026-12-09"));
    assert_eq!(was_late(&world, "2026-12-09"), Some(true));
}

#[test]
fn a_second_sleep_puts_off_what_the_first_one_made_late() {
    let world = World::new();
    world.clock.sleep_micros(DAY);
    world.settle();
    world.pass(5 * MINUTE);
    world.clock.sleep_micros(HOUR);
    world.settle();
    let opens_at = world.core.now().plus_minutes(10);
    assert_eq!(release(&world, "2026-12-09").and_then(|of| of.opens_at), Some(opens_at));
    world.pass(10 * MINUTE);
    assert!(world.is_open(TOWN, EXAM, "2026-12-09"));
}

#[test]
fn a_sleep_between_two_releases_makes_neither_late() {
    let world = World::new();
    world.clock.sleep_micros(HOUR);
    world.settle();
    pass_until(&world, utc("2026-12-02T04:00:00Z"));
    assert_eq!(was_late(&world, "2026-12-08"), Some(false));
    assert_eq!(was_late(&world, "2026-12-09"), Some(false));
}

#[test]
fn other_zone_rules_change_no_state_and_no_civil_time() {
    let world = World::new();
    let visit = world.books(1, EXAM, "2026-12-05", "08:30");
    let cancelled = world.books(2, EXCHANGE, "2026-12-03", "08:00");
    world.cancel(2, cancelled.id);
    world.pass(2 * HOUR);
    let withheld = world.books(3, PERMIT, "2026-12-04", "09:00");
    world.cancel(3, withheld.id);
    world.commit();
    let replay = |zones: Zones| {
        let state = State::with_zones(zones);
        for (sequence, record) in (1..).zip(facts(&world.disk)) {
            state.apply(Sequence::new(sequence), record).expect("facts that happened");
        }
        state
    };
    let three_hours_ahead = TimeZone::posix("<+03>-3").expect("rules");
    let same = replay(Zones::default());
    let other = replay(Zones::with([("Europe/Kyiv".to_owned(), three_hours_ahead)]));
    assert_eq!(state_hash(&same), world.core.state_hash());
    assert_eq!(state_hash(&other), world.core.state_hash());
    let seen = |state: &State| {
        let day = state.day(&day(TOWN, "2026-12-05")).expect("a day");
        let person = state.person(&visit_person()).expect("a person");
        let seat = person.lock().bookings()[0].seat;
        let start = day.shape().shape().minute(seat.shift, seat.step);
        (start, day.starts_at(start))
    };
    assert_eq!(seen(&same), (visit.start, visit.starts_at));
    assert_eq!(seen(&other), (visit.start, UtcMicros(visit.starts_at.0 - HOUR)));
}

fn visit_person() -> talon_domain::ids::Pseudonym {
    person(1).person
}

/// In Cairo 2027-04-30 begins at 01:00, which is 22:00 in UTC.
#[test]
fn a_day_whose_midnight_is_missing_starts_an_hour_later() {
    let world = at_night("Africa/Cairo", "2027-04-25T08:00:00Z", &[]);
    let free = world.free(EXAM, "2027-04-30");
    assert_eq!((free.len(), free.first().map(String::as_str)), (10, Some("01:00")));
    assert_eq!(world.free(EXAM, "2027-04-29").len(), 12);
    assert_eq!(world.is_refused(1, EXAM, "2027-04-30", "00:00"), Refusal::UnknownStart);
    let visit = world.books(1, EXAM, "2027-04-30", "01:00");
    assert_eq!(visit.starts_at, utc("2027-04-29T22:00:00Z"));
    assert_eq!(visit.cancel_until, utc("2027-04-29T20:00:00Z"));
    pass_until(&world, visit.starts_at);
    assert_eq!(world.is_refused(2, EXAM, "2027-04-30", "01:00"), Refusal::Past);
    assert_eq!(world.free(EXAM, "2027-04-30").first().map(String::as_str), Some("01:30"));
    let hash = world.core.state_hash();
    assert_eq!(world.reopen().core.state_hash(), hash);
}

#[test]
fn a_release_at_a_missing_midnight_opens_when_the_day_begins() {
    let world = at_night("Africa/Cairo", "2027-04-25T08:00:00Z", &[]);
    let moment = utc("2027-04-29T22:00:00Z");
    pass_until(&world, UtcMicros(moment.0 - 1));
    assert!(!world.is_open(TOWN, EXAM, "2027-05-07"));
    let expected = Release { opens_at: Some(moment), late: false };
    assert_eq!(release(&world, "2027-05-07"), Some(expected));
    world.pass(1);
    assert!(world.is_open(TOWN, EXAM, "2027-05-07"));
    assert_eq!(was_late(&world, "2027-05-07"), Some(false));
}

#[test]
fn a_limit_of_a_day_ends_where_a_missing_midnight_would_be() {
    let daily = [("period = \"month\"", "period = \"day\""), ("max = 4", "max = 1")];
    let world = at_night("Africa/Cairo", "2027-04-29T08:00:00Z", &daily);
    world.books(1, EXAM, "2027-05-03", "01:00");
    let refusal = world.is_refused(1, PERMIT, "2027-05-03", "02:00");
    let midnight = utc("2027-04-29T22:00:00Z");
    let Refusal::Limit { refusal, .. } = refusal else { panic!("{refusal:?}") };
    assert_eq!(refusal.resets_at, Some(midnight));
    pass_until(&world, UtcMicros(midnight.0 - 1));
    world.is_refused(1, PERMIT, "2027-05-03", "02:10");
    world.pass(1);
    world.books(1, PERMIT, "2027-05-03", "02:20");
}

/// On 2026-10-25 clocks in Kyiv show 03:00 to 04:00 twice, first from 00:00 in UTC.
#[test]
fn the_hour_that_clocks_show_twice_is_offered_once_by_its_first_showing() {
    let world = at_night("Europe/Kyiv", "2026-10-20T08:00:00Z", &[]);
    let free = world.free(EXAM, "2026-10-25");
    assert_eq!(free.len(), 12, "{free:?}");
    let start_of = |n, time| world.books(n, EXAM, "2026-10-25", time).starts_at;
    assert_eq!(start_of(1, "02:30"), utc("2026-10-24T23:30:00Z"));
    assert_eq!(start_of(2, "03:30"), utc("2026-10-25T00:30:00Z"));
    assert_eq!(start_of(3, "04:00"), utc("2026-10-25T02:00:00Z"));
}

#[test]
fn deadlines_and_what_is_over_count_real_time_across_the_hour_that_is_shown_twice() {
    let world = at_night("Europe/Kyiv", "2026-10-20T08:00:00Z", &[]);
    let four = world.books(1, EXAM, "2026-10-25", "04:00");
    let half_past = world.books(2, EXAM, "2026-10-25", "04:30");
    // Two hours of real time before 04:00 is 03:00 as shown first.
    assert_eq!(four.cancel_until, utc("2026-10-25T00:00:00Z"));
    pass_until(&world, utc("2026-10-25T00:30:00Z"));
    let too_late = Refusal::TooLate { until: four.cancel_until };
    assert_eq!(refused(world.cancel(1, four.id)), too_late);
    assert!(matches!(world.cancel(2, half_past.id).answer, Answer::Cancelled(_)));
    assert_eq!(world.is_refused(3, EXAM, "2026-10-25", "03:30"), Refusal::Past);
    // 03:10 as shown for the second time: 03:30 is over all the same.
    pass_until(&world, utc("2026-10-25T01:10:00Z"));
    assert_eq!(world.is_refused(3, PERMIT, "2026-10-25", "03:30"), Refusal::Past);
    let free = world.free(EXAM, "2026-10-25");
    assert!(free.iter().all(|start| start.as_str() >= "04:30"), "{free:?}");
    world.books(3, EXAM, "2026-10-25", "05:00");
}
