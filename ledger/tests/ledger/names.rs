//! One person under several names: peppers that rotate, logins that know different numbers.

use talon_domain::ids::{PepperId, Pseudonym};
use talon_domain::pepper::MAX_PEPPERS;
use talon_journal::Sequence;
use talon_ledger::record::Fact;
use talon_wire::{Answer, Caller, Identify, MAX_NAMES, Refusal};

use crate::fixture::{
    AUTHORITY, DAY, EXAM, EXCHANGE, PERMIT, TOWN, World, booked, entity_name, facts, judge, person,
    refused, start, wish, wish_for,
};

fn name(n: u16) -> Pseudonym {
    person(n).person
}

/// Logs in under these names; the name to go by.
#[track_caller]
fn identifies(world: &World, names: &[u16]) -> Pseudonym {
    let person = names.iter().map(|n| name(*n)).collect();
    let identify = Identify { authority: AUTHORITY, person, entity: Vec::new() };
    match world.core.identify(&identify).answer {
        Answer::Identified { person, entity: None } => person,
        other => panic!("not identified: {other:?}"),
    }
}

fn links(world: &World) -> usize {
    world.commit();
    facts(&world.disk).iter().filter(|record| matches!(record.fact, Fact::Linked { .. })).count()
}

#[track_caller]
fn holds_after_a_restart(world: World) -> World {
    world.commit();
    let hash = world.core.state_hash();
    let report = judge(&world.disk, None).expect("the journal is good");
    assert!(report.is_good());
    assert_eq!(report.state_hash, hash);
    let world = world.reopen();
    assert_eq!(world.core.state_hash(), hash);
    world
}

#[test]
fn one_name_is_itself_and_writes_nothing() {
    let world = World::new();
    assert_eq!(identifies(&world, &[1]), name(1));
    assert_eq!(links(&world), 0);
}

#[test]
fn a_fifth_booking_under_another_name_is_refused() {
    let world = World::new();
    // Two before the names are known to be one person's, one on either side.
    let exam = world.books(1, EXAM, "2026-12-02", "08:00");
    world.books(2, EXCHANGE, "2026-12-02", "09:00");
    assert_eq!(identifies(&world, &[1, 2]), name(1));
    world.books(1, PERMIT, "2026-12-02", "08:40");
    world.cancel(2, exam.id);
    world.books(2, EXAM, "2026-12-02", "09:30");
    let world = holds_after_a_restart(world);
    for n in [1, 2] {
        let refusal = world.is_refused(n, PERMIT, "2026-12-03", "08:00");
        assert!(matches!(refusal, Refusal::Limit { .. }), "{refusal:?}");
    }
    let Answer::Bookings(views) = world.core.bookings(&person(2)).answer else { panic!() };
    assert_eq!(views.len(), 4);
}

#[test]
fn a_new_pepper_makes_the_name_to_go_by_and_old_sessions_still_lead_there() {
    let world = World::new();
    world.books(1, EXAM, "2026-12-02", "08:00");
    // 10 is the name under the new pepper; 2 is the same person by another number.
    assert_eq!(identifies(&world, &[1, 2]), name(1));
    assert_eq!(identifies(&world, &[10, 1, 12, 2]), name(10));
    for n in [1, 2, 10, 12] {
        assert_eq!(identifies(&world, &[n]), name(10));
        let refusal = world.is_refused(n, EXAM, "2026-12-03", "08:00");
        assert!(matches!(refusal, Refusal::Limit { .. }), "{refusal:?}");
    }
    assert_eq!(links(&world), 2);
    let world = holds_after_a_restart(world);
    assert_eq!(identifies(&world, &[12, 2]), name(10));
    assert_eq!(links(&world), 2);
}

#[test]
fn the_answer_of_a_login_waits_for_its_link() {
    let world = World::new();
    let identify =
        Identify { authority: AUTHORITY, person: vec![name(1), name(2)], entity: vec![] };
    let outcome = world.core.identify(&identify);
    assert!(outcome.after > world.core.journal().watermark());
    assert_ne!(outcome.after, Sequence::NONE);
}

#[test]
fn a_repeat_under_the_key_of_another_name_is_a_repeat() {
    let world = World::new();
    let first = wish(2, TOWN, EXAM, start("2026-12-02", "08:00"));
    let made = booked(world.core.book(&first));
    identifies(&world, &[1, 2]);
    let again = talon_wire::Book { caller: person(1), ..first };
    assert_eq!(booked(world.core.book(&again)).id, made.id);
}

#[test]
fn an_entity_s_names_are_joined_too_and_a_cap_on_its_actors_goes_along() {
    let world = World::new();
    booked(world.core.book(&wish_for(1, 9, EXAM, start("2026-12-02", "08:00"))));
    let identify = Identify {
        authority: AUTHORITY,
        person: vec![name(10), name(1)],
        entity: vec![entity_name(19), entity_name(9)],
    };
    let expected = Answer::Identified { person: name(10), entity: Some(entity_name(19)) };
    assert_eq!(world.core.identify(&identify).answer, expected);
    let world = holds_after_a_restart(world);
    let refusal = world.core.book(&wish_for(3, 9, EXAM, start("2026-12-03", "08:00")));
    assert!(matches!(refused(refusal), Refusal::Limit { .. }));
    let caller = Caller { entity: Some(entity_name(19)), ..person(3) };
    let Answer::Bookings(views) = world.core.bookings(&caller).answer else { panic!() };
    let cancel = talon_wire::Cancel { caller, booking: views[0].id };
    assert!(matches!(world.core.cancel(&cancel).answer, Answer::Cancelled(_)));
    let world = holds_after_a_restart(world);
    let Answer::Bookings(views) = world.core.bookings(&person(1)).answer else { panic!() };
    assert_eq!(views[0].state, talon_wire::BookingState::Cancelled);
}

#[test]
fn names_are_bounded_and_there_is_at_least_one() {
    let world = World::new();
    let of = |count: u16| Identify {
        authority: AUTHORITY,
        person: (0..count).map(name).collect(),
        entity: Vec::new(),
    };
    let most = u16::try_from(MAX_NAMES).expect("few");
    assert_eq!(refused(world.core.identify(&of(0))), Refusal::NotFound);
    assert_eq!(refused(world.core.identify(&of(most + 1))), Refusal::Busy);
    assert!(matches!(world.core.identify(&of(most)).answer, Answer::Identified { .. }));
}

#[test]
fn a_link_lives_as_long_as_anything_counts_and_not_for_ever() {
    let mut world = World::new();
    identifies(&world, &[1, 2]);
    world.books(1, EXAM, "2026-12-02", "08:00");
    identifies(&world, &[5, 6]);
    world.pass(40 * DAY);
    let holders = |world: &World| world.core.state().persons().len();
    assert_eq!(holders(&world), 0);
    world = holds_after_a_restart(world);
    assert_eq!(holders(&world), 0);
    assert_eq!(identifies(&world, &[2]), name(2));
}

#[test]
fn a_pepper_goes_when_nobody_counts_under_it_any_more() {
    let world = World::new();
    let (old, new) = (PepperId([1; 4]), PepperId([2; 4]));
    let knows = |world: &World, peppers: &[PepperId]| world.core.know_peppers(peppers).answer;
    assert_eq!(knows(&world, &[old]), Answer::PeppersKnown);
    world.books(1, EXAM, "2026-12-02", "08:00");
    world.books(2, EXAM, "2026-12-02", "08:30");
    assert_eq!(knows(&world, &[new]), Answer::Refused(Refusal::PepperCounts { persons: 2 }));
    assert_eq!(knows(&world, &[new, old]), Answer::PeppersKnown);
    world.pass(3 * DAY);
    // One of them logs in under both, and goes by the new name from then on.
    assert_eq!(identifies(&world, &[10, 1]), name(10));
    let world = holds_after_a_restart(world);
    assert_eq!(knows(&world, &[new]), Answer::Refused(Refusal::PepperCounts { persons: 1 }));
    world.pass(40 * DAY);
    assert_eq!(knows(&world, &[new]), Answer::PeppersKnown);
    holds_after_a_restart(world);
}

#[test]
fn a_gateway_that_lacks_the_pepper_in_use_is_refused() {
    let world = World::new();
    let (old, new) = (PepperId([1; 4]), PepperId([2; 4]));
    world.core.know_peppers(&[new, old]);
    world.books(1, EXAM, "2026-12-02", "08:00");
    let refusal = refused(world.core.know_peppers(&[old]));
    assert_eq!(refusal, Refusal::PepperCounts { persons: 1 });
}

#[test]
fn peppers_are_bounded() {
    let world = World::new();
    let of = |count: usize| {
        let ids: Vec<_> =
            (1..=count).map(|n| PepperId([u8::try_from(n).expect("few"); 4])).collect();
        world.core.know_peppers(&ids).answer
    };
    assert_eq!(of(0), Answer::Refused(Refusal::Busy));
    assert_eq!(of(MAX_PEPPERS + 1), Answer::Refused(Refusal::Busy));
    assert_eq!(of(MAX_PEPPERS), Answer::PeppersKnown);
}

#[test]
fn logins_and_bookings_of_one_person_at_once_end_in_one_entry_within_the_limit() {
    let world = World::new();
    std::thread::scope(|scope| {
        for n in 1..=4_u16 {
            let core = &world.core;
            scope.spawn(move || {
                for (place, service) in [EXAM, EXCHANGE, PERMIT].into_iter().enumerate() {
                    let time = format!("08:{n}0");
                    let _ = core.book(&wish(n, TOWN, service, start("2026-12-02", &time)));
                    let other = 1 + (n + u16::try_from(place).expect("few")) % 4;
                    let names = vec![name(n), name(other)];
                    core.identify(&Identify {
                        authority: AUTHORITY,
                        person: names,
                        entity: vec![],
                    });
                }
            });
        }
    });
    let root = identifies(&world, &[1, 2, 3, 4]);
    let world = holds_after_a_restart(world);
    let bound = [1, 2, 3, 4].map(|n| identifies(&world, &[n]));
    assert!(bound.iter().all(|name| *name == root));
}
