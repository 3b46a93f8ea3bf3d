//! What the policy allows a person, and what a refusal by a limit says.

use talon_domain::civil::UtcMicros;
use talon_domain::limits::LimitRefusal;
use talon_wire::{Refusal, Wishes};

use crate::fixture::{
    DAY, EXAM, EXCHANGE, PERMIT, TOWN, World, booked, date, minute, refused, span, start, utc, wish,
};

/// Which rule refuses, its count and limit, and when it resets.
fn limit(refusal: &Refusal) -> (&str, u32, u32, Option<UtcMicros>) {
    match refusal {
        Refusal::Limit { refusal: LimitRefusal { rule, count, limit, resets_at, .. }, .. } => {
            (rule, *count, *limit, *resets_at)
        }
        other => panic!("no limit: {other:?}"),
    }
}

/// Four bookings of this month, of which the exam and the permit are cancelled.
fn four_bookings(world: &World, n: u16) {
    let exam = world.books(n, EXAM, "2026-12-02", "08:00");
    world.books(n, EXCHANGE, "2026-12-02", "09:00");
    let permit = world.books(n, PERMIT, "2026-12-02", "09:30");
    world.cancel(n, exam.id);
    let exam = world.books(n, EXAM, "2026-12-03", "08:00");
    world.cancel(n, exam.id);
    world.cancel(n, permit.id);
}

#[test]
fn a_second_live_booking_for_a_service_is_refused_until_the_visit_has_ended() {
    let world = World::new();
    world.books(1, EXAM, "2026-12-02", "08:00");
    let refusal = world.is_refused(1, EXAM, "2026-12-05", "08:00");
    let visit_ends = utc("2026-12-02T06:30:00Z");
    assert_eq!(limit(&refusal), ("live-per-service", 1, 1, Some(visit_ends)));
    world.books(1, PERMIT, "2026-12-05", "08:00");
    world.pass(visit_ends.0 - world.core.now().0 - 1);
    world.is_refused(1, EXAM, "2026-12-05", "08:00");
    world.pass(1);
    world.books(1, EXAM, "2026-12-05", "08:00");
}

#[test]
fn a_cancelled_booking_is_not_live() {
    let world = World::new();
    let booking = world.books(1, EXAM, "2026-12-02", "08:00");
    world.cancel(1, booking.id);
    world.books(1, EXAM, "2026-12-05", "08:00");
}

#[test]
fn a_fifth_booking_of_a_month_is_refused_though_others_were_cancelled() {
    let world = World::new();
    four_bookings(&world, 1);
    let refusal = world.is_refused(1, EXAM, "2026-12-05", "08:00");
    assert_eq!(limit(&refusal), ("online-month", 4, 4, Some(utc("2026-12-31T22:00:00Z"))));
    // Any wish, and after a restart.
    let any = refused(world.core.book(&wish(1, TOWN, PERMIT, span("2026-12-01", "2026-12-08"))));
    assert_eq!(limit(&any).0, "online-month");
    let world = world.reopen();
    assert_eq!(world.is_refused(1, EXAM, "2026-12-05", "08:00"), refusal);
    world.books(2, EXAM, "2026-12-05", "08:00");
}

#[test]
fn the_refused_attempt_takes_no_place_and_writes_no_record() {
    let world = World::new();
    four_bookings(&world, 1);
    world.commit();
    let hash = world.core.state_hash();
    world.is_refused(1, EXAM, "2026-12-05", "08:00");
    assert_eq!(world.core.journal().space().pending_records, 0);
    assert_eq!(world.core.state_hash(), hash);
}

#[test]
fn limits_reset_with_the_month_of_the_policys_zone() {
    let world = World::new();
    four_bookings(&world, 1);
    let resets_at = utc("2026-12-31T22:00:00Z");
    world.pass(resets_at.0 - world.core.now().0 - 1);
    let refusal = world.is_refused(1, EXAM, "2027-01-04", "08:00");
    assert_eq!(limit(&refusal), ("online-month", 4, 4, Some(resets_at)));
    world.pass(1);
    world.books(1, EXAM, "2027-01-04", "08:00");
}

#[test]
fn a_limit_refusal_carries_the_truth_and_waits_for_the_persons_last_record() {
    let world = World::new();
    four_bookings(&world, 1);
    let outcome = world.core.book(&wish(1, TOWN, EXAM, start("2026-12-05", "08:00")));
    let last = world.core.state().person(&crate::fixture::person(1).person).unwrap().lock().last();
    assert!(last > world.core.journal().watermark());
    assert_eq!(outcome.after, last);
    let Refusal::Limit { usage: Some(usage), sequence, .. } = refused(outcome) else {
        panic!("a limit with its usage")
    };
    assert_eq!((usage.count, usage.limit, sequence), (4, 4, last.get()));
    assert_eq!(usage.period, date("2026-12-01"));
}

#[test]
fn a_limit_is_named_rather_than_the_starts_that_were_taken() {
    let world = World::new();
    world.books(1, EXAM, "2026-12-02", "08:00");
    world.books(2, EXAM, "2026-12-02", "08:30");
    let wishes = [("2026-12-02", "08:10"), ("2026-12-02", "08:00"), ("2026-12-02", "09:00")];
    let wishes = wishes.map(|(day, time)| (date(day), minute(time))).to_vec();
    let refusal = refused(world.core.book(&wish(2, TOWN, EXAM, Wishes::Starts(wishes))));
    assert_eq!(limit(&refusal).0, "live-per-service");
}

#[test]
fn a_limit_in_shadow_mode_refuses_nothing() {
    let world = World::with(&[(
        "name = \"live-per-service\"\nholder = \"subject\"\nmax = 1\nmode = \"enforced\"",
        "name = \"live-per-service\"\nholder = \"subject\"\nmax = 1\nmode = \"shadow\"",
    )]);
    world.books(1, EXAM, "2026-12-02", "08:00");
    world.books(1, EXAM, "2026-12-02", "08:30");
}

#[test]
fn a_policy_that_changes_holds_from_its_restart_and_counts_what_was_before() {
    let world = World::new();
    world.books(1, EXAM, "2026-12-02", "08:00");
    world.books(1, EXCHANGE, "2026-12-02", "09:00");
    let stricter = crate::fixture::authority(&[("max = 4", "max = 2")]);
    let world = world.reopen_with(stricter).unwrap();
    let refusal = world.is_refused(1, PERMIT, "2026-12-02", "09:30");
    assert_eq!(limit(&refusal), ("online-month", 2, 2, Some(utc("2026-12-31T22:00:00Z"))));
    world.pass(31 * DAY);
    booked(world.core.book(&wish(1, TOWN, PERMIT, start("2027-01-02", "09:30"))));
}
