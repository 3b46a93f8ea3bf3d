//! Booking for a legal entity: whose quota counts, who is capped, who sees what.

use talon_domain::policy::{Holder, Mode, Subjects};
use talon_wire::{Answer, Book, BookingState, Cancel, Refusal, Subject};

use crate::fixture::{
    EXAM, EXCHANGE, PERMIT, TOWN, World, booked, entity_name, judge, monthly, person, refused,
    representative, start, wish, wish_for,
};

/// Limits by subject apart, and a cap on whoever acts.
fn world() -> World {
    World::under(|policy| {
        policy.limits = vec![
            monthly("actor", Holder::Actor, Subjects::All, 5),
            monthly("person", Holder::Subject, Subjects::Persons, 2),
            monthly("entity", Holder::Subject, Subjects::Entities, 3),
        ];
    })
}

const TIMES: [&str; 6] = ["08:00", "08:20", "08:40", "09:00", "09:20", "09:40"];

fn rule(refusal: &Refusal) -> &str {
    match refusal {
        Refusal::Limit { refusal, .. } => &refusal.rule,
        other => panic!("no limit: {other:?}"),
    }
}

#[test]
fn an_entity_s_quota_is_its_own_whoever_acts() {
    let world = world();
    for (n, time) in [1, 2, 1].into_iter().zip(TIMES) {
        booked(world.core.book(&wish_for(n, 9, EXCHANGE, start("2026-12-02", time))));
    }
    let fourth = world.core.book(&wish_for(3, 9, EXCHANGE, start("2026-12-02", "09:00")));
    assert_eq!(rule(&refused(fourth)), "entity");
    // The people have used nothing of their own.
    world.books(1, EXCHANGE, "2026-12-02", "09:20");
    world.books(1, PERMIT, "2026-12-02", "09:20");
    assert_eq!(rule(&world.is_refused(1, EXAM, "2026-12-02", "09:00")), "person");
}

#[test]
fn whoever_acts_is_capped_over_all_subjects() {
    let world = world();
    for (entity, time) in [8, 8, 8, 9, 9].into_iter().zip(TIMES) {
        booked(world.core.book(&wish_for(1, entity, EXCHANGE, start("2026-12-02", time))));
    }
    let sixth = world.core.book(&wish_for(1, 9, EXCHANGE, start("2026-12-02", "09:40")));
    assert_eq!(rule(&refused(sixth)), "actor");
    assert_eq!(rule(&world.is_refused(1, EXAM, "2026-12-03", "08:00")), "actor");
    // Somebody else may still act for the entity.
    booked(world.core.book(&wish_for(2, 9, EXCHANGE, start("2026-12-02", "09:40"))));
}

#[test]
fn who_names_no_entity_cannot_book_for_one() {
    let world = world();
    let wished = wish(1, TOWN, EXAM, start("2026-12-02", "08:00"));
    let for_nobody = Book { subject: Subject::Entity, ..wished };
    assert_eq!(refused(world.core.book(&for_nobody)), Refusal::NoEntity);
    let mut for_oneself = wish_for(1, 9, EXAM, start("2026-12-02", "08:00"));
    for_oneself.caller.entity = Some(for_oneself.caller.person);
    assert_eq!(refused(world.core.book(&for_oneself)), Refusal::NoEntity);
}

#[test]
fn an_entity_s_booking_is_seen_and_cancelled_by_its_representatives_and_by_who_made_it() {
    let world = world();
    let made = booked(world.core.book(&wish_for(1, 9, EXAM, start("2026-12-02", "08:00"))));
    assert_eq!(made.subject, Subject::Entity);
    let sees = |caller| match world.core.bookings(&caller).answer {
        Answer::Bookings(views) => views.iter().any(|view| view.id == made.id),
        other => panic!("{other:?}"),
    };
    assert!(sees(person(1)));
    assert!(sees(representative(2, 9)));
    assert!(!sees(person(2)));
    assert!(!sees(representative(2, 8)));
    let cancel = |caller| world.core.cancel(&Cancel { caller, booking: made.id });
    assert_eq!(refused(cancel(representative(2, 8))), Refusal::NotFound);
    let Answer::Cancelled(view) = cancel(representative(2, 9)).answer else { panic!("refused") };
    assert_eq!(view.state, BookingState::Cancelled);
    // Both sides know.
    for caller in [person(1), representative(2, 9)] {
        let Answer::Booking(view) = world.core.booking(&caller, made.id).answer else {
            panic!("it is gone")
        };
        assert_eq!(view.state, BookingState::Cancelled);
    }
}

#[test]
fn keys_are_those_of_who_acts() {
    let world = world();
    let first = wish_for(1, 9, EXAM, start("2026-12-02", "08:00"));
    let made = booked(world.core.book(&first));
    assert_eq!(booked(world.core.book(&first)).id, made.id);
    let other = Book { caller: representative(2, 9), ..first };
    assert!(matches!(refused(world.core.book(&other)), Refusal::Taken { .. }));
}

#[test]
fn all_of_it_is_there_after_a_restart_and_in_the_eyes_of_verify() {
    let world = world();
    let made = booked(world.core.book(&wish_for(1, 9, EXAM, start("2026-12-02", "08:00"))));
    booked(world.core.book(&wish_for(2, 9, EXCHANGE, start("2026-12-02", "08:00"))));
    world.core.cancel(&Cancel { caller: person(1), booking: made.id });
    world.commit();
    let hash = world.core.state_hash();
    let report = judge(&world.disk, None).expect("the journal is good");
    assert!(report.is_good());
    assert_eq!(report.state_hash, hash);
    let world = world.reopen();
    assert_eq!(world.core.state_hash(), hash);
    let entity = world.core.state().person(&entity_name(9)).expect("it is known");
    assert_eq!(entity.lock().bookings().len(), 2);
}

#[test]
fn a_breach_of_an_entity_s_limit_or_of_an_actor_s_cap_is_found_by_verify() {
    for (rule, mode) in [("entity", 2), ("actor", 0)] {
        let lenient = World::under(|policy| {
            policy.limits = vec![
                monthly("actor", Holder::Actor, Subjects::All, 1),
                monthly("person", Holder::Subject, Subjects::Persons, 1),
                monthly("entity", Holder::Subject, Subjects::Entities, 1),
            ];
            policy.limits[mode].mode = Mode::Enforced;
            for other in (0..3).filter(|other| *other != mode) {
                policy.limits[other].mode = Mode::Shadow;
            }
        });
        let second = if rule == "actor" { (1, 8) } else { (2, 9) };
        booked(lenient.core.book(&wish_for(1, 9, EXAM, start("2026-12-02", "08:00"))));
        let (n, entity) = second;
        let refusal = lenient.core.book(&wish_for(n, entity, PERMIT, start("2026-12-02", "09:00")));
        assert_eq!(self::rule(&refused(refusal)), rule);
    }
}

#[test]
fn a_crowd_that_acts_crosswise_for_entities_neither_waits_in_a_circle_nor_exceeds_a_limit() {
    let world = world();
    std::thread::scope(|scope| {
        for n in 1..=4_u16 {
            let core = &world.core;
            scope.spawn(move || {
                for round in 0..60_u16 {
                    let entity = 1 + (n + round) % 4;
                    let time = TIMES[usize::from(round) % TIMES.len()];
                    let day = ["2026-12-02", "2026-12-03", "2026-12-05"][usize::from(round) % 3];
                    let mut book = wish_for(n, entity, EXCHANGE, start(day, time));
                    book.key.0[15] = u8::try_from(round).expect("few");
                    core.book(&book);
                    core.bookings(&representative(n, entity));
                }
            });
        }
    });
    world.commit();
    let report = judge(&world.disk, None).expect("no place has two owners");
    assert!(report.is_good(), "{:?}", report.breaches_listed);
    assert!(report.bookings > 0);
}
