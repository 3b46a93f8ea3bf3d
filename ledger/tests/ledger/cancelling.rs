//! Giving places back, and ending sessions.

use talon_domain::ids::BookingId;
use talon_journal::Sequence;
use talon_wire::{Answer, BookingState, BookingView, Refusal};

use crate::fixture::{
    EXAM, MINUTE, SECOND, TOWN, World, booked, person, refused, start, utc, wish,
};

fn cancelled(answer: &Answer) -> &BookingView {
    match answer {
        Answer::Cancelled(view) => view,
        other => panic!("not cancelled: {other:?}"),
    }
}

#[test]
fn a_cancelled_booking_is_shown_as_such_after_its_record() {
    let world = World::new();
    let booking = world.books(1, EXAM, "2026-12-02", "08:30");
    world.commit();
    let outcome = world.cancel(1, booking.id);
    assert!(outcome.after > world.core.journal().watermark());
    let expected = BookingView { state: BookingState::Cancelled, move_until: None, ..booking };
    assert_eq!(cancelled(&outcome.answer), &expected);
    assert_eq!(world.core.bookings(&person(1)).answer, Answer::Bookings(vec![expected]));
}

#[test]
fn a_repeated_cancel_says_the_same_and_writes_nothing() {
    let world = World::new();
    let booking = world.books(1, EXAM, "2026-12-02", "08:30");
    let first = world.cancel(1, booking.id);
    let pending = world.core.journal().space().pending_records;
    let again = world.cancel(1, booking.id);
    assert_eq!((again.answer, again.after), (first.answer, first.after));
    assert_eq!(world.core.journal().space().pending_records, pending);
}

#[test]
fn a_visit_can_be_cancelled_until_the_deadline_and_not_a_moment_later() {
    let world = World::new();
    let booking = world.books(1, EXAM, "2026-12-02", "08:30");
    let other = world.books(2, EXAM, "2026-12-02", "09:00");
    let to_deadline = booking.cancel_until.0 - world.core.now().0;
    world.pass(to_deadline + 1);
    let late = world.cancel(1, booking.id);
    assert_eq!(refused(late), Refusal::TooLate { until: utc("2026-12-02T04:30:00Z") });
    world.pass(30 * MINUTE - 1);
    assert_eq!(world.core.now(), other.cancel_until);
    assert_eq!(cancelled(&world.cancel(2, other.id).answer).id, other.id);
}

#[test]
fn a_booking_of_another_person_is_not_found() {
    let world = World::new();
    let booking = world.books(1, EXAM, "2026-12-02", "08:30");
    world.books(2, EXAM, "2026-12-02", "09:00");
    assert_eq!(refused(world.cancel(2, booking.id)), Refusal::NotFound);
    assert_eq!(refused(world.cancel(3, booking.id)), Refusal::NotFound);
    assert_eq!(refused(world.core.booking(&person(2), booking.id)), Refusal::NotFound);
    assert_eq!(refused(world.core.booking(&person(3), booking.id)), Refusal::NotFound);
    assert_eq!(refused(world.cancel(1, BookingId([9; 16]))), Refusal::NotFound);
}

#[test]
fn a_cancelled_place_is_withheld_and_returns_at_its_moment_inside_the_window() {
    let world = World::new();
    let mut waits = Vec::new();
    for n in 1..=20 {
        let booking = booked(world.core.book(&wish(n, TOWN, EXAM, start("2026-12-02", "08:30"))));
        let cancelled_at = world.core.now();
        world.cancel(n, booking.id);
        let (returns_at, of, _) = world.core.state().withheld()[0];
        assert_eq!(of, booking.id);
        let wait = returns_at.0 - cancelled_at.0;
        assert!((5 * MINUTE..=60 * MINUTE).contains(&wait), "{wait}");
        waits.push(wait);
        let next = world.settle();
        assert!(next <= returns_at);
        world.pass(wait - 1);
        assert!(matches!(world.is_refused(99, EXAM, "2026-12-02", "08:30"), Refusal::Taken { .. }));
        assert!(!world.free(EXAM, "2026-12-02").contains(&"08:30".to_owned()));
        world.pass(1);
        assert_eq!(world.core.state().withheld(), []);
        assert!(world.free(EXAM, "2026-12-02").contains(&"08:30".to_owned()));
    }
    waits.sort_unstable();
    waits.dedup();
    assert_eq!(waits.len(), 20, "the moments are drawn, not fixed");
}

#[test]
fn with_an_empty_window_a_cancelled_place_returns_at_once() {
    let world = World::with(&[("[5, 60]", "[0, 0]")]);
    let booking = world.books(1, EXAM, "2026-12-02", "08:30");
    world.cancel(1, booking.id);
    world.settle();
    world.books(2, EXAM, "2026-12-02", "08:30");
}

#[test]
fn a_place_on_its_way_back_returns_after_a_restart() {
    let world = World::new();
    let booking = world.books(1, EXAM, "2026-12-02", "08:30");
    world.cancel(1, booking.id);
    let withheld = world.core.state().withheld();
    let world = world.reopen();
    assert_eq!(world.core.state().withheld(), withheld);
    world.settle();
    assert!(!world.free(EXAM, "2026-12-02").contains(&"08:30".to_owned()));
    world.pass(60 * MINUTE);
    world.books(2, EXAM, "2026-12-02", "08:30");
}

#[test]
fn a_revoked_session_is_refused_everywhere_and_after_a_restart() {
    let mut world = World::new();
    let booking = world.books(1, EXAM, "2026-12-02", "08:30");
    let outcome = world.core.revoke_session(&person(1));
    assert_eq!(outcome.answer, Answer::SessionRevoked);
    assert!(outcome.after > world.core.journal().watermark());
    for _ in 0..2 {
        let caller = person(1);
        let answers = [
            world.core.book(&wish(1, TOWN, EXAM, start("2026-12-02", "08:30"))),
            world.core.book(&wish(1, TOWN, EXAM, start("2026-12-03", "08:30"))),
            world.cancel(1, booking.id),
            world.core.bookings(&caller),
            world.core.booking(&caller, booking.id),
        ];
        for answer in answers {
            assert_eq!(refused(answer), Refusal::SessionRevoked);
        }
        let other_login =
            talon_wire::Caller { session: talon_domain::ids::SessionId([0xaa; 16]), ..caller };
        assert!(matches!(world.core.booking(&other_login, booking.id).answer, Answer::Booking(_)));
        world = world.reopen();
    }
}

#[test]
fn a_repeated_logout_waits_for_the_first_ones_record() {
    let world = World::new();
    let first = world.core.revoke_session(&person(1));
    let again = world.core.revoke_session(&person(1));
    assert_eq!((again.answer, again.after), (first.answer, first.after));
    assert_eq!(world.core.journal().space().pending_records, 1);
}

#[test]
fn a_session_that_has_ended_by_itself_needs_no_record() {
    let world = World::new();
    let mut caller = person(1);
    caller.session_expires_at = world.core.now();
    let outcome = world.core.revoke_session(&caller);
    assert_eq!((outcome.answer, outcome.after), (Answer::SessionRevoked, Sequence::NONE));
    caller.session_expires_at.0 += SECOND;
    assert_ne!(world.core.revoke_session(&caller).after, Sequence::NONE);
}
