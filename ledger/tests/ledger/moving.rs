//! Moving a booking: one record, one owner, and a count that stays what it was.

use talon_domain::ids::{Fingerprint, KeyHash, OfficeId};
use talon_domain::policy::{Holder, Moving, Subjects};
use talon_ledger::core::Outcome;
use talon_ledger::record::Fact;
use talon_wire::{Answer, BookingState, BookingView, Caller, Move, Refusal, Subject, Wishes};

use crate::fixture::{
    DAY, EXAM, EXCHANGE, MINUTE, PERMIT, TOWN, VILLAGE, World, booked, facts, judge, monthly,
    person, refused, representative, span, start, wish_for,
};

fn wanted(caller: Caller, from: &BookingView, office: OfficeId, wishes: Wishes) -> Move {
    let digest = <sha2::Sha256 as sha2::Digest>::digest(format!("{} {wishes:?}", from.id));
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    let (key, fingerprint) = (KeyHash(half), Fingerprint(half));
    Move { caller, booking: from.id, office, wishes, key, fingerprint }
}

fn moves(world: &World, n: u16, from: &BookingView, day: &str, time: &str) -> Outcome {
    world.core.move_booking(&wanted(person(n), from, TOWN, start(day, time)))
}

fn state_of(world: &World, n: u16, booking: &BookingView) -> BookingState {
    match world.core.booking(&person(n), booking.id).answer {
        Answer::Booking(view) => view.state,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_move_claims_the_new_place_and_gives_back_the_old_in_one_record() {
    let world = World::new();
    let old = world.books(1, EXAM, "2026-12-02", "08:00");
    let before = facts(&world.disk).len();
    let new = booked(moves(&world, 1, &old, "2026-12-03", "09:00"));
    world.commit();
    assert_eq!(
        (new.date.to_string().as_str(), new.start.to_string().as_str()),
        ("2026-12-03", "09:00")
    );
    assert_eq!(state_of(&world, 1, &old), BookingState::Moved);
    assert_eq!(state_of(&world, 1, &new), BookingState::Booked);
    let written: Vec<Fact> =
        facts(&world.disk).into_iter().skip(before).map(|record| record.fact).collect();
    assert!(matches!(&written[..], [Fact::Booked(_), Fact::Moved(moved)] if moved.from == old.id));
    // The old place is withheld, and comes back.
    assert!(!world.free(EXAM, "2026-12-02").contains(&"08:00".to_owned()));
    world.pass(61 * MINUTE);
    assert!(world.free(EXAM, "2026-12-02").contains(&"08:00".to_owned()));
}

#[test]
fn a_move_does_not_count_unless_the_policy_says_so() {
    for (counts, expected) in [(false, 4), (true, 3)] {
        let world = World::under(|policy| {
            policy.limits = vec![monthly("month", Holder::Subject, Subjects::All, 4)];
            policy.moving = Moving { deadline_minutes: 120, max: 9, counts };
        });
        let mut live = world.books(1, EXAM, "2026-12-02", "08:00");
        live = booked(moves(&world, 1, &live, "2026-12-03", "08:00"));
        let made = (1..5).filter(|hour| {
            let wished = start("2026-12-04", &format!("0{}:{}0", 8 + hour / 3, hour % 3));
            let wish = crate::fixture::wish(1, TOWN, PERMIT, wished);
            matches!(world.core.book(&wish).answer, Answer::Booked { .. })
        });
        assert_eq!(made.count() + 1, expected, "counts: {counts}");
        let last = moves(&world, 1, &live, "2026-12-05", "08:00");
        if counts {
            assert!(matches!(refused(last), Refusal::Limit { .. }));
        } else {
            booked(last);
        }
        world.commit();
        assert!(judge(&world.disk, None).expect("it is good").is_good());
    }
}

#[test]
fn a_move_in_the_next_month_is_counted_where_the_booking_was() {
    let world = World::under(|policy| {
        policy.release.days_ahead = 40;
        policy.limits = vec![monthly("month", Holder::Subject, Subjects::All, 1)];
        policy.moving = Moving { deadline_minutes: 120, max: 9, counts: false };
    });
    let december = world.books(1, EXAM, "2027-01-07", "08:00");
    world.pass(31 * DAY);
    let january = world.books(1, PERMIT, "2027-01-08", "08:00");
    // January is used up, but this booking counts in December.
    let moved = booked(moves(&world, 1, &december, "2027-01-09", "08:00"));
    assert_eq!(state_of(&world, 1, &moved), BookingState::Booked);
    assert_eq!(state_of(&world, 1, &january), BookingState::Booked);
    world.commit();
    assert!(judge(&world.disk, None).expect("it is good").is_good());
}

#[test]
fn one_live_booking_for_a_service_may_move() {
    let world = World::new();
    let old = world.books(1, EXAM, "2026-12-02", "08:00");
    let new = booked(moves(&world, 1, &old, "2026-12-03", "08:00"));
    assert!(matches!(world.is_refused(1, EXAM, "2026-12-04", "08:00"), Refusal::Limit { .. }));
    world.cancel(1, new.id);
    world.books(1, EXAM, "2026-12-04", "08:00");
}

#[test]
fn a_move_that_finds_nothing_changes_nothing() {
    let world = World::new();
    let old = world.books(1, EXAM, "2026-12-02", "08:00");
    world.books(2, EXAM, "2026-12-03", "08:00");
    let pending = world.core.journal().space().pending_records;
    let refusal = refused(moves(&world, 1, &old, "2026-12-03", "08:00"));
    assert!(matches!(refusal, Refusal::Taken { .. }));
    assert!(matches!(
        refused(moves(&world, 1, &old, "2026-12-20", "08:00")),
        Refusal::NotReleased(_)
    ));
    assert_eq!(refused(moves(&world, 1, &old, "2026-11-30", "08:00")), Refusal::Past);
    assert_eq!(world.core.journal().space().pending_records, pending);
    assert_eq!(state_of(&world, 1, &old), BookingState::Booked);
    booked(moves(&world, 1, &old, "2026-12-03", "08:30"));
}

#[test]
fn a_booking_moves_as_often_as_the_policy_allows() {
    let world = World::new();
    let first = world.books(1, EXAM, "2026-12-02", "08:00");
    assert!(first.move_until.is_some());
    let second = booked(moves(&world, 1, &first, "2026-12-03", "08:00"));
    assert_eq!(
        refused(moves(&world, 1, &first, "2026-12-04", "08:30")),
        Refusal::NotLive(BookingState::Moved)
    );
    let third = booked(moves(&world, 1, &second, "2026-12-04", "08:00"));
    assert_eq!(third.move_until, None);
    let refusal = refused(moves(&world, 1, &third, "2026-12-05", "08:00"));
    assert_eq!(refusal, Refusal::MovedTooOften { count: 2, limit: 2 });
    let never = World::under(|policy| policy.moving.max = 0);
    let fixed = never.books(1, EXAM, "2026-12-02", "08:00");
    assert_eq!(fixed.move_until, None);
    let refusal = refused(moves(&never, 1, &fixed, "2026-12-05", "08:00"));
    assert_eq!(refusal, Refusal::MovedTooOften { count: 0, limit: 0 });
}

#[test]
fn a_visit_can_be_moved_until_its_own_deadline() {
    let world = World::under(|policy| policy.moving.deadline_minutes = 600);
    let old = world.books(1, EXAM, "2026-12-02", "08:00");
    let until = old.move_until.expect("it may move");
    assert_eq!(until, old.starts_at.plus_minutes(-600));
    world.pass(until.0 - world.core.now().0 + 1);
    assert_eq!(refused(moves(&world, 1, &old, "2026-12-03", "08:00")), Refusal::TooLate { until });
    assert!(matches!(world.cancel(1, old.id).answer, Answer::Cancelled(_)));
}

#[test]
fn a_repeated_move_says_the_same_and_a_key_holds_for_one_wish() {
    let world = World::new();
    let old = world.books(1, EXAM, "2026-12-02", "08:00");
    let wish = wanted(person(1), &old, TOWN, span("2026-12-03", "2026-12-05"));
    let new = booked(world.core.move_booking(&wish));
    assert_eq!(booked(world.core.move_booking(&wish)), new);
    let other = Move { fingerprint: Fingerprint([1; 16]), ..wish.clone() };
    assert_eq!(refused(world.core.move_booking(&other)), Refusal::KeyReused);
    let found = world.core.find(&wish.caller, wish.key, wish.fingerprint);
    assert_eq!(booked(found), new);
}

#[test]
fn a_booking_moves_to_another_office_that_has_the_service() {
    let world = World::new();
    let old = world.books(1, EXCHANGE, "2026-12-02", "08:00");
    let to =
        |office, day| world.core.move_booking(&wanted(person(1), &old, office, span(day, day)));
    assert_eq!(refused(to(OfficeId(99), "2026-12-03")), Refusal::UnknownOffice);
    assert_eq!(booked(to(VILLAGE, "2026-12-03")).office, VILLAGE);
    let exam = world.books(2, EXAM, "2026-12-02", "08:00");
    let refusal = world.core.move_booking(&wanted(
        person(2),
        &exam,
        VILLAGE,
        span("2026-12-03", "2026-12-03"),
    ));
    assert_eq!(refused(refusal), Refusal::UnknownService);
}

#[test]
fn strangers_cannot_move_a_booking_and_an_entity_s_moves_with_who_made_it() {
    let world = World::new();
    let old = booked(world.core.book(&wish_for(1, 9, EXAM, start("2026-12-02", "08:00"))));
    let to =
        |caller| world.core.move_booking(&wanted(caller, &old, TOWN, start("2026-12-03", "08:00")));
    assert_eq!(refused(to(person(2))), Refusal::NotFound);
    assert_eq!(refused(to(representative(2, 9))), Refusal::NotFound);
    let new = booked(to(person(1)));
    assert_eq!(new.subject, Subject::Entity);
    world.commit();
    let hash = world.core.state_hash();
    assert_eq!(judge(&world.disk, None).expect("it is good").state_hash, hash);
    assert_eq!(world.reopen().core.state_hash(), hash);
}
