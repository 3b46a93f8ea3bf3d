//! What happens by itself: days, releases, forgetting, and clocks that jump.

use std::sync::Barrier;

use talon_domain::civil::{CivilDate, UtcMicros};
use talon_domain::ids::{Channel, OfficeId, ServiceId};
use talon_journal::simulation::SimDisk;
use talon_ledger::clock::manual::ManualClock;
use talon_ledger::clock::{CLOCK_AGREEMENT_MICROS, MAX_CLOCK_JUMP_MICROS};
use talon_ledger::core::{Authority, Core};
use talon_ledger::keeper::{FORGET_AT_MINUTES, MAX_KEEP_PAUSE_MICROS};
use talon_ledger::record::{Fact, Record};
use talon_wire::{Answer, Place, Refusal, Release};

use crate::fixture::{
    AUTHORITY, DAY, EXAM, EXCHANGE, HOUR, MINUTE, PERMIT, SECOND, SMALL_JOURNAL, START, TOWN,
    VILLAGE, World, authority, booked, date, day, facts, person, setup, span, start, utc, wish,
};

/// The dates released for a service, each with its offices and whether it was late.
fn released(disk: &SimDisk, service: ServiceId) -> Vec<(String, Vec<u32>, bool)> {
    let of_service = |record: Record| match record.fact {
        Fact::Released { service: of, date, offices, late, .. } if of == service => {
            Some((date.to_string(), offices.into_iter().map(|office| office.0).collect(), late))
        }
        _ => None,
    };
    facts(disk).into_iter().filter_map(of_service).collect()
}

/// Shuts down, lets `micros` pass, and starts again with these files.
fn down_for(world: World, micros: i64, authority: Authority) -> World {
    let clock = world.clock.clone();
    clock.advance_micros(micros);
    let world = world.reopen_with(authority).expect("the journal opens again");
    world.settle();
    world
}

fn release(world: &World, service: ServiceId, day: &str) -> Option<Release> {
    let place = Place { authority: AUTHORITY, office: TOWN, service };
    match world.core.starts(&place, Channel::Web, date(day)).answer {
        Answer::Starts(view) => view.release,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_empty_journal_opens_its_whole_horizon_at_once() {
    let world = World::new();
    let dates = released(&world.disk, EXAM);
    let expected = ["01", "02", "03", "04", "05", "07", "08"]
        .map(|day| (format!("2026-12-{day}"), vec![TOWN.0], false));
    assert_eq!(dates, expected);
    assert!(!world.is_open(TOWN, EXAM, "2026-12-09"));
}

#[test]
fn a_closed_office_has_a_day_without_starts_and_is_not_released() {
    let world = World::new();
    let closed = world.core.state().day(&day(VILLAGE, "2026-12-04")).expect("it exists");
    assert_eq!((closed.words().len(), closed.released_bits()), (0, [0; 3]));
    let dates = released(&world.disk, PERMIT);
    let offices =
        |day: &str| dates.iter().find(|(of, ..)| of == day).map(|(_, all, _)| all.clone());
    assert_eq!(offices("2026-12-03"), Some(vec![TOWN.0, VILLAGE.0]));
    assert_eq!(offices("2026-12-04"), Some(vec![TOWN.0]));
    assert_eq!(offices("2026-12-06"), None, "nobody works on Sunday");
}

#[test]
fn a_date_opens_at_its_moment_and_not_before() {
    let world = World::new();
    let moment = utc("2026-12-02T04:00:00Z");
    world.pass(moment.0 - world.core.now().0 - 1);
    assert!(!world.is_open(TOWN, EXAM, "2026-12-09"));
    let next = world.settle();
    assert_eq!(next, moment, "the keeper comes back at the moment itself");
    assert!(matches!(
        world.is_refused(1, EXAM, "2026-12-09", "08:30"),
        Refusal::NotReleased(Release { opens_at: Some(at), late: false }) if at == moment
    ));
    world.pass(1);
    assert!(world.is_open(TOWN, EXAM, "2026-12-09"));
    world.books(1, EXAM, "2026-12-09", "08:30");
    let dates = released(&world.disk, EXAM);
    assert_eq!(dates.last(), Some(&("2026-12-09".to_owned(), vec![TOWN.0], false)));
    assert!(!world.is_open(TOWN, EXAM, "2026-12-10"));
}

#[test]
fn the_keeper_asks_to_come_again_within_its_pause() {
    let world = World::new();
    let next = world.settle();
    assert_eq!(next, UtcMicros(world.core.now().0 + MAX_KEEP_PAUSE_MICROS));
    assert_eq!(world.core.journal().space().pending_records, 0, "and had nothing to do");
}

#[test]
fn a_service_may_open_by_rules_of_its_own() {
    let own = "\n[release.services.exam]\ndays_ahead = 9\ntime = \"14:00\"\n\n[cancel]";
    let world = World::with(&[("\n[cancel]", own)]);
    assert!(world.is_open(TOWN, PERMIT, "2026-12-08") && world.is_open(TOWN, EXAM, "2026-12-09"));
    assert!(!world.is_open(TOWN, EXAM, "2026-12-10"));
    world.pass(4 * HOUR);
    assert!(world.is_open(TOWN, EXAM, "2026-12-10"));
    assert!(!world.is_open(TOWN, PERMIT, "2026-12-09"));
}

#[test]
fn a_release_missed_while_down_opens_late_after_the_restart_and_is_shown_as_late() {
    let world = World::new();
    let world = down_for(world, 2 * DAY, authority(&[]));
    let expected = Release { opens_at: Some(world.core.now().plus_minutes(10)), late: true };
    assert_eq!(release(&world, EXAM, "2026-12-09"), Some(expected));
    let refusal = world.is_refused(1, EXAM, "2026-12-10", "08:30");
    assert_eq!(refusal, Refusal::NotReleased(expected));
    world.pass(10 * MINUTE - 1);
    assert!(!world.is_open(TOWN, EXAM, "2026-12-09"));
    world.pass(1);
    assert_eq!(release(&world, EXAM, "2026-12-09"), None);
    world.books(1, EXAM, "2026-12-10", "08:30");
    let late = |day: &str| (day.to_owned(), vec![TOWN.0], true);
    let dates = released(&world.disk, EXAM);
    assert_eq!(dates[dates.len() - 2..], [late("2026-12-09"), late("2026-12-10")]);
}

#[test]
fn a_late_date_holds_up_no_other() {
    let world = World::new();
    // 05:55 on the next day but one: 2026-12-09 was missed, 2026-12-10 opens in five minutes.
    let world = down_for(world, 2 * DAY - 4 * HOUR - 5 * MINUTE, authority(&[]));
    let on_time = utc("2026-12-03T04:00:00Z");
    let shown = release(&world, EXAM, "2026-12-10");
    assert_eq!(shown, Some(Release { opens_at: Some(on_time), late: false }));
    world.pass(5 * MINUTE);
    assert_eq!(world.core.now(), on_time);
    assert!(world.is_open(TOWN, EXAM, "2026-12-10"));
    assert!(!world.is_open(TOWN, EXAM, "2026-12-09"));
    world.pass(5 * MINUTE);
    assert!(world.is_open(TOWN, EXAM, "2026-12-09"));
}

#[test]
fn a_restart_without_a_missed_release_changes_nothing() {
    let world = World::new();
    let (count, hash) = (facts(&world.disk).len(), world.core.state_hash());
    let world = down_for(world, HOUR, authority(&[]));
    assert_eq!((facts(&world.disk).len(), world.core.state_hash()), (count, hash));
}

#[test]
fn a_demonstration_opens_the_next_date_with_visits_when_it_was_told_to() {
    let clock = ManualClock::new(UtcMicros(utc("2026-11-28T08:00:00Z").0 + 300_000));
    let disk = SimDisk::new();
    // A Saturday: the horizon ends on Saturday 2026-12-05, and on Sunday nobody works.
    let mut start_with = setup(&disk, &authority(&[]), &clock, &SMALL_JOURNAL);
    start_with.release_in_micros = Some(30 * SECOND);
    let (core, _) = Core::open(start_with).expect("an empty disk opens");
    core.keep();
    let is_open = |text| {
        core.state().day(&day(TOWN, text)).is_some_and(|day| day.is_released(EXAM, Channel::Web))
    };
    assert!(is_open("2026-12-05") && !is_open("2026-12-07"));
    let book = wish(1, TOWN, EXAM, start("2026-12-07", "08:30"));
    // At a whole second, or somebody who goes by what is shown would come too early.
    let opens_at = utc("2026-11-28T08:00:31Z");
    let release = Release { opens_at: Some(opens_at), late: false };
    assert_eq!(core.book(&book).answer, Answer::Refused(Refusal::NotReleased(release)));
    clock.advance_micros(opens_at.0 - core.now().0 - 1);
    core.keep();
    assert!(!is_open("2026-12-07"));
    clock.advance_micros(1);
    core.keep();
    assert!(is_open("2026-12-07") && !is_open("2026-12-08"));
    assert!(matches!(core.book(&book).answer, Answer::Booked { .. }));
}

#[test]
fn a_later_edit_of_the_catalogue_touches_only_days_not_generated() {
    let world = World::new();
    world.books(1, EXCHANGE, "2026-12-08", "08:00");
    let shapes = world.core.state().days().len();
    let one_desk = authority(&[("    { id = 2, services = [\"exchange\", \"permit\"] },\n", "")]);
    let world = down_for(world, DAY, one_desk);
    assert_eq!(world.core.state().days().len(), shapes + 2);
    let shifts = |text| world.core.state().day(&day(TOWN, text)).map(|day| day.words().len());
    // 2026-12-09 existed already, a day ahead of its release.
    assert_eq!((shifts("2026-12-08"), shifts("2026-12-09")), (Some(4), Some(4)));
    assert_eq!(shifts("2026-12-10"), Some(2));
    world.books(2, EXCHANGE, "2026-12-08", "08:00");
}

#[test]
fn an_office_that_is_new_opens_its_horizon_late() {
    let world = World::new();
    let third = "[[office]]\nid = 3\nname = { uk = \"Хутір\", en = \"Farm\" }\nregion = \"UA-30\"\n\
                 address = { uk = \"вул. Третя, 3\", en = \"3 Third St\" }\nprofile = \"village\"\n";
    let catalogue = format!("{third}\n[[office]]\nid = 2\n");
    let larger = authority(&[("[[office]]\nid = 2\n", &catalogue)]);
    let world = down_for(world, HOUR, larger);
    let farm = OfficeId(3);
    assert!(!world.is_open(farm, PERMIT, "2026-12-03"));
    world.pass(10 * MINUTE);
    assert!(world.is_open(farm, PERMIT, "2026-12-03") && world.is_open(farm, PERMIT, "2026-12-08"));
    let dates = released(&world.disk, PERMIT);
    assert!(dates.contains(&("2026-12-03".to_owned(), vec![farm.0], true)));
}

#[test]
fn what_counts_no_more_is_forgotten_at_the_change_of_the_month() {
    let world = World::new();
    let december = 60;
    for n in 0..december {
        let wishes = span("2026-12-01", "2026-12-08");
        booked(world.core.book(&wish(n, TOWN, PERMIT, wishes)));
    }
    let booking = world.books(0, EXAM, "2026-12-05", "08:00");
    world.cancel(0, booking.id);
    world.core.revoke_session(&talon_wire::Caller {
        session_expires_at: UtcMicros(utc(START).0 + DAY),
        ..person(61)
    });
    world.pass(30 * DAY);
    assert_eq!(world.core.state().persons().len(), usize::from(december), "it is 31 December");
    world.books(3, EXAM, "2027-01-04", "08:00");
    world.pass(2 * DAY + 14 * HOUR);
    let state = world.core.state();
    assert_eq!(state.persons().len(), usize::from(december), "dates open at midnight, so not yet");
    world.pass(FORGET_AT_MINUTES * MINUTE);
    assert_eq!(state.persons().len(), 1, "only one has a visit in January");
    assert_eq!(state.person(&person(3).person).map(|p| p.lock().bookings().len()), Some(1));
    assert!(state.person(&person(4).person).is_none());
    // Two days more than the month: an office's date may lag behind the policy's.
    assert_eq!(state.oldest_day(AUTHORITY), Some(date("2026-12-30")));
    assert!(state.days().iter().all(|(day, _)| day.date >= date("2026-12-30")));
    assert_eq!(state.revoked(), []);
    let hash = world.core.state_hash();
    assert_eq!(world.reopen().core.state_hash(), hash);
}

#[test]
fn a_visit_is_remembered_as_long_as_it_can_forbid_a_retake() {
    let wait = "\n[[limit]]\nkind = \"retake-wait\"\nname = \"retake-exam\"\ndays = 20\n\
                mode = \"enforced\"\nservices = [\"exam\"]\n\n[[limit]]\nkind = \"per-period\"";
    let world = World::with(&[("\n[[limit]]\nkind = \"per-period\"", wait)]);
    // Failed on 8 December, it forbids the exam until 27 December; failed on 31 December, until
    // 19 January.
    world.books(1, EXAM, "2026-12-08", "08:00");
    world.pass(30 * DAY);
    world.books(2, EXAM, "2026-12-31", "11:30");
    let oldest = || world.core.state().oldest_day(AUTHORITY).expect("there are days");
    world.pass(21 * DAY);
    assert_eq!(CivilDate::at(world.core.now(), &jiff::tz::TimeZone::UTC), date("2027-01-21"));
    assert!(oldest() <= date("2026-12-08"), "both are remembered: {}", oldest());
    world.pass(2 * DAY);
    assert_eq!(oldest(), date("2026-12-30"), "a month of days that forbid nothing any more");
    assert!(world.core.state().person(&person(1).person).is_none());
    assert!(world.core.state().person(&person(2).person).is_some());
}

#[test]
fn a_place_whose_day_is_forgotten_returns_no_more() {
    let world = World::with(&[("[5, 60]", "[43200, 43200]")]);
    let booking = world.books(1, EXAM, "2026-12-05", "08:00");
    world.pass(3 * DAY + 12 * HOUR);
    world.cancel(1, booking.id);
    world.pass(29 * DAY);
    assert_eq!(world.core.state().withheld().len(), 1, "it is 2 January");
    world.pass(4 * HOUR + FORGET_AT_MINUTES * MINUTE);
    assert!(world.core.now() < utc("2027-01-03T20:00:00Z"), "its moment is still to come");
    assert_eq!(world.core.state().withheld(), []);
    world.pass(DAY);
    let hash = world.core.state_hash();
    assert_eq!(world.reopen().core.state_hash(), hash);
}

#[test]
fn what_is_recorded_beside_a_forgetting_stands_on_one_side_of_it_live_and_replayed() {
    const PEOPLE: u16 = 60;
    let world = World::new();
    for n in 0..PEOPLE {
        booked(world.core.book(&wish(n, TOWN, PERMIT, span("2026-12-01", "2026-12-08"))));
    }
    let due = utc("2027-01-02T22:00:00Z").0 + FORGET_AT_MINUTES * MINUTE;
    world.pass(due - SECOND - world.core.now().0);
    assert_eq!(world.core.state().persons().len(), usize::from(PEOPLE));
    // While the visits of December are forgotten, everybody books one in January.
    let begin = Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            begin.wait();
            for n in 0..PEOPLE {
                let mut book = wish(n, TOWN, PERMIT, span("2027-01-04", "2027-01-09"));
                book.caller.session_expires_at = UtcMicros(i64::MAX);
                booked(world.core.book(&book));
            }
        });
        begin.wait();
        world.clock.advance_micros(SECOND);
        world.core.keep();
    });
    world.commit();
    assert_eq!(world.core.state().oldest_day(AUTHORITY), Some(date("2026-12-30")));
    let hash = world.core.state_hash();
    assert_eq!(world.reopen().core.state_hash(), hash);
}

#[test]
fn memory_is_bounded_over_a_year() {
    let world = World::new();
    for n in 0..120 {
        world.pass(3 * DAY);
        let today = CivilDate::at(world.core.now(), &jiff::tz::TimeZone::UTC);
        let wishes = span(&today.to_string(), &today.plus_days(7).to_string());
        let mut book = wish(n, TOWN, PERMIT, wishes);
        book.caller.session_expires_at = UtcMicros(i64::MAX);
        booked(world.core.book(&book));
        let state = world.core.state();
        assert!(state.days().len() <= 2 * (31 + 4 + 9) && state.persons().len() <= 15);
    }
    let hash = world.core.state_hash();
    assert_eq!(world.reopen().core.state_hash(), hash);
}

#[test]
fn a_jump_of_the_clock_suspends_releases_and_they_catch_up() {
    let world = World::new();
    world.clock.jump_micros(DAY);
    world.settle();
    assert!(!world.is_open(TOWN, EXAM, "2026-12-09"));
    world.pass(CLOCK_AGREEMENT_MICROS - 1);
    assert!(!world.is_open(TOWN, EXAM, "2026-12-09"));
    world.pass(1);
    assert!(world.is_open(TOWN, EXAM, "2026-12-09"), "the clocks agree about the new time");
}

#[test]
fn a_jump_that_is_taken_back_opens_nothing_early_and_forgets_nothing() {
    let world = World::new();
    let booking = world.books(1, EXAM, "2026-12-02", "08:30");
    world.clock.jump_micros(60 * DAY);
    world.settle();
    world.clock.jump_micros(-60 * DAY);
    world.pass(2 * CLOCK_AGREEMENT_MICROS);
    assert!(!world.is_open(TOWN, EXAM, "2026-12-09"), "ledger time is ahead of its moment");
    assert_eq!(world.core.booking(&person(1), booking.id).answer, Answer::Booking(booking));
}

#[test]
fn a_small_correction_of_the_clock_suspends_nothing() {
    let world = World::new();
    world.pass(utc("2026-12-02T04:00:00Z").0 - world.core.now().0 - MAX_CLOCK_JUMP_MICROS);
    world.clock.jump_micros(MAX_CLOCK_JUMP_MICROS);
    world.settle();
    assert!(world.is_open(TOWN, EXAM, "2026-12-09"));
}
