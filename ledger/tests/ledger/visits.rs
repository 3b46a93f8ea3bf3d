//! What becomes of visits, and who is blocked for missing them.

use talon_domain::booking::Visit;
use talon_domain::policy::{Holder, Limit, LimitKind, Mode, Period, Subjects};
use talon_ledger::core::Outcome;
use talon_wire::{Answer, BookingState, BookingView, Refusal};

use crate::fixture::{AUTHORITY, DAY, EXAM, EXCHANGE, HOUR, PERMIT, World, judge, person, refused};

fn world(mode: Mode) -> World {
    World::under(|policy| {
        policy.limits = vec![Limit {
            name: "no-shows".to_owned(),
            kind: LimitKind::NoShows { period: Period::Month },
            holder: Holder::Subject,
            max: 2,
            mode,
            subjects: Subjects::All,
            services: Vec::new(),
        }];
    })
}

fn concludes(world: &World, n: u16, booking: &BookingView, visit: Visit) -> Outcome {
    world.core.conclude(AUTHORITY, &person(n).person, booking.id, visit)
}

fn misses(world: &World, n: u16, booking: &BookingView) {
    let outcome = concludes(world, n, booking, Visit::Absent);
    assert!(matches!(outcome.answer, Answer::Concluded(_)), "{outcome:?}");
}

#[test]
fn what_became_of_a_visit_is_noted_once_and_not_before_it_begins() {
    let world = world(Mode::Enforced);
    let booking = world.books(1, EXAM, "2026-12-02", "08:00");
    let starts_at = booking.starts_at;
    let early = concludes(&world, 1, &booking, Visit::Served);
    assert_eq!(refused(early), Refusal::NotBegun { starts_at });
    world.pass(DAY);
    let noted = concludes(&world, 1, &booking, Visit::Failed);
    let Answer::Concluded(view) = &noted.answer else { panic!("{noted:?}") };
    assert_eq!(view.state, BookingState::Failed);
    assert!(noted.after > world.core.journal().watermark());
    assert_eq!(concludes(&world, 1, &booking, Visit::Failed).answer, noted.answer);
    let other = concludes(&world, 1, &booking, Visit::Absent);
    assert_eq!(refused(other), Refusal::NotLive(BookingState::Failed));
    assert_eq!(refused(concludes(&world, 2, &booking, Visit::Absent)), Refusal::NotFound);
    assert_eq!(refused(world.cancel(1, booking.id)), Refusal::NotLive(BookingState::Failed));
}

#[test]
fn who_misses_too_many_visits_is_blocked_until_unblocked_in_person() {
    let world = world(Mode::Enforced);
    let first = world.books(1, EXAM, "2026-12-02", "08:00");
    let second = world.books(1, EXCHANGE, "2026-12-02", "09:00");
    world.pass(DAY);
    misses(&world, 1, &first);
    world.books(1, PERMIT, "2026-12-04", "08:00");
    misses(&world, 1, &second);
    let is_blocked = |world: &World, time: &str| {
        let wish = crate::fixture::wish(
            1,
            crate::fixture::TOWN,
            PERMIT,
            crate::fixture::start("2027-01-05", time),
        );
        let answer = world.core.book(&wish).answer;
        matches!(answer, Answer::Refused(Refusal::Limit { refusal, .. })
            if (refusal.rule.as_str(), refusal.count, refusal.resets_at) == ("no-shows", 2, None))
    };
    // The month of the missed visits passes, the block does not.
    world.pass(29 * DAY);
    assert!(is_blocked(&world, "08:00"));
    world.commit();
    let hash = world.core.state_hash();
    assert_eq!(judge(&world.disk, None).expect("it is good").state_hash, hash);
    let world = world.reopen();
    world.settle();
    assert!(is_blocked(&world, "08:10"));
    assert_eq!(world.core.unblock(&person(1).person).answer, Answer::Unblocked);
    assert!(!is_blocked(&world, "08:20"));
}

#[test]
fn visits_missed_before_a_block_was_lifted_block_no_more() {
    let world = world(Mode::Enforced);
    let bookings =
        ["08:00", "08:30", "09:00", "09:30"].map(|time| world.books(1, EXAM, "2026-12-02", time));
    world.pass(26 * HOUR);
    misses(&world, 1, &bookings[0]);
    misses(&world, 1, &bookings[1]);
    world.core.unblock(&person(1).person);
    misses(&world, 1, &bookings[2]);
    world.books(1, PERMIT, "2026-12-04", "08:00");
    // Unblocking somebody who is not blocked changes nothing.
    world.core.unblock(&person(7).person);
}

#[test]
fn a_limit_on_trial_blocks_nobody() {
    let world = world(Mode::Shadow);
    let first = world.books(1, EXAM, "2026-12-02", "08:00");
    let second = world.books(1, EXCHANGE, "2026-12-02", "09:00");
    world.pass(DAY);
    misses(&world, 1, &first);
    misses(&world, 1, &second);
    world.books(1, PERMIT, "2026-12-04", "08:00");
}

#[test]
fn a_visit_that_is_forgotten_is_not_found() {
    let world = world(Mode::Enforced);
    let booking = world.books(1, EXAM, "2026-12-02", "08:00");
    world.cancel(1, booking.id);
    let is_there = |world: &World| {
        let entry = world.core.state().person(&person(1).person);
        entry.is_some_and(|entry| entry.lock().by_id(booking.id).is_some())
    };
    while is_there(&world) {
        let noted = refused(concludes(&world, 1, &booking, Visit::Served));
        assert!(matches!(noted, Refusal::NotLive(_)), "{noted:?}");
        world.pass(DAY);
    }
    assert_eq!(refused(concludes(&world, 1, &booking, Visit::Served)), Refusal::NotFound);
}
