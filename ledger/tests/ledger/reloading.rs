//! Other catalogues and policies for a ledger that is at work: all of them or none.

use std::sync::Barrier;

use talon_ledger::core::{Authority, BadLedger};
use talon_ledger::record::Fact;
use talon_wire::{Answer, Refusal};

use crate::fixture::{
    AUTHORITY, CATALOGUE, EXAM, EXCHANGE, PERMIT, POLICY, SMALL_JOURNAL, TOWN, VILLAGE, World,
    authority, booked, facts, judge, span, start, wish,
};

fn policies(world: &World) -> usize {
    world.commit();
    let facts = facts(&world.disk);
    facts.iter().filter(|record| matches!(record.fact, Fact::PolicySet(_))).count()
}

/// The small authority without its village, under another policy too.
fn without_village() -> Authority {
    let mut file = CATALOGUE.to_owned();
    file.truncate(file.rfind("[[office]]").expect("the village stands last"));
    let policy = POLICY.replace("max = 4", "max = 2");
    talon_ledger::load::parse(("c", &file), ("p", &policy)).expect("the files are good")
}

#[test]
fn a_lower_limit_holds_from_the_reload_on_and_is_journalled_whole() {
    let world = World::new();
    world.books(1, EXAM, "2026-12-02", "08:00");
    world.books(1, EXCHANGE, "2026-12-02", "08:40");
    assert_eq!(world.core.reload(vec![authority(&[("max = 4", "max = 2")])]).unwrap(), [AUTHORITY]);
    let refusal = world.is_refused(1, PERMIT, "2026-12-02", "09:30");
    assert!(matches!(refusal, Refusal::Limit { refusal, .. } if refusal.limit == 2));
    assert_eq!(policies(&world), 2);
    let report = judge(&world.disk, None).expect("the journal is good");
    assert!(report.is_good(), "{:?}", report.breaches_listed);
    assert_eq!(report.state_hash, world.core.state_hash());
}

#[test]
fn a_reload_of_the_same_files_changes_nothing() {
    let world = World::new();
    assert_eq!(world.core.reload(vec![authority(&[])]).unwrap(), []);
    world.settle();
    assert_eq!(policies(&world), 1);
}

#[test]
fn a_reload_that_would_displace_a_live_booking_is_refused_whole() {
    let world = World::new();
    let village = |n, time| wish(n, VILLAGE, PERMIT, start("2026-12-03", time));
    let visit = booked(world.core.book(&village(1, "09:00")));
    let refused = world.core.reload(vec![without_village()]);
    assert!(matches!(refused, Err(BadLedger::Displaced { count: 1, .. })), "{refused:?}");
    // Neither half is in force, and the journal knows of neither.
    booked(world.core.book(&village(2, "09:10")));
    let policy = world.core.state().policy(AUTHORITY).expect("there is one");
    assert_eq!(policy.policy(), world.authority.policy.policy());
    assert_eq!(policies(&world), 1);
    // The reserved room was given back: the same reload works once nobody has a visit there.
    world.cancel(1, visit.id);
    let other = world.core.book(&village(2, "09:10"));
    let Answer::Booked { booking, .. } = other.answer else { panic!("a repeat: {other:?}") };
    world.cancel(2, booking.id);
    world.core.reload(vec![without_village()]).expect("nobody has a visit there");
    let gone = crate::fixture::refused(world.core.book(&village(3, "09:20")));
    assert_eq!(gone, Refusal::UnknownOffice);
    assert_eq!(policies(&world), 2);
}

#[test]
fn an_office_that_is_new_opens_with_all_dates_that_others_have() {
    let world = World::new();
    world.core.reload(vec![without_village()]).unwrap();
    world.settle();
    world.core.reload(vec![authority(&[])]).unwrap();
    world.settle();
    assert!(world.is_open(VILLAGE, PERMIT, "2026-12-08"));
    booked(world.core.book(&wish(1, VILLAGE, PERMIT, span("2026-12-02", "2026-12-08"))));
}

#[test]
fn a_longer_horizon_opens_at_once_and_days_that_exist_keep_their_shapes() {
    let world = World::new();
    assert!(!world.is_open(TOWN, EXAM, "2026-12-10"));
    let before = world.free(EXAM, "2026-12-03");
    let edits = [
        ("days_ahead = 7", "days_ahead = 9"),
        ("thu = [\"08:00-12:30\"]", "thu = [\"09:00-12:30\"]"),
    ];
    world.core.reload(vec![authority(&edits)]).unwrap();
    world.settle();
    assert!(world.is_open(TOWN, EXAM, "2026-12-10"));
    assert_eq!(world.free(EXAM, "2026-12-03"), before, "a Thursday that existed");
    assert_eq!(world.free(EXAM, "2026-12-10")[0], "09:00", "a Thursday that is new");
}

/// Bookings and reloads at the same time: replay judges each booking by the policy that stood
/// before it in the journal, so one decided by the former would show as a breach.
#[test]
fn no_booking_is_decided_by_one_policy_and_recorded_under_the_next() {
    let world = World::with(&[("max = 1\n", "max = 60\n")]);
    let (wide, narrow) = (authority(&[("max = 1\n", "max = 60\n")]), authority(&[]));
    let barrier = Barrier::new(3);
    std::thread::scope(|scope| {
        for first in [0_u16, 1000] {
            let (world, barrier) = (&world, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for n in 0..40 {
                    for time in ["08:00", "08:10", "08:20"] {
                        let wish = wish(first + n, TOWN, PERMIT, start("2026-12-03", time));
                        let _any = world.core.book(&wish);
                        let visit = wish.key;
                        let _seen = world.core.find(&wish.caller, visit, wish.fingerprint);
                    }
                }
            });
        }
        barrier.wait();
        for turn in 0..60 {
            let next = if turn % 2 == 0 { &narrow } else { &wide };
            world.core.reload(vec![next.clone()]).expect("nothing is displaced");
        }
    });
    world.commit();
    let report = judge(&world.disk, None).expect("the journal is good");
    assert!(report.bookings > 0 && report.is_good(), "{:?}", report.breaches_listed);
    let again = world.core.state_hash();
    assert_eq!(world.options.segment_bytes, SMALL_JOURNAL.segment_bytes);
    assert_eq!(report.state_hash, again);
}
