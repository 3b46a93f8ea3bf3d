//! What the choice of a desk promises, on shapes of a few desks.

use talon_domain::civil::{CivilDate, Minute};
use talon_domain::ids::{Channel, DeskId};
use talon_domain::shape::{ServiceShape, ShiftShape};
use talon_domain::zones::Zones;

use super::*;
use crate::day::{Day, Shapes};

const LONG: ServiceId = ServiceId(1);
const SHORT: ServiceId = ServiceId(2);
const RARE: ServiceId = ServiceId(3);
/// Every desk works 12 steps of 10 minutes from 08:00.
const STEPS: u8 = 12;
const ALL: u64 = (1 << STEPS) - 1;

/// A service that may start at every step, as long as it fits.
fn offer(service: ServiceId, steps: u8) -> ServiceShape {
    let starts = ALL >> (steps - 1);
    ServiceShape { service, steps, starts, usable: vec![(Channel::Web, ALL)] }
}

fn day(desks: &[&[ServiceShape]]) -> Day {
    let shift = |(desk, services): (u16, &&[ServiceShape])| ShiftShape {
        desk: DeskId(desk),
        start: "08:00".parse().unwrap(),
        steps: STEPS,
        services: services.to_vec(),
    };
    let shape = DayShape {
        zone: "Europe/Kyiv".to_owned(),
        step_minutes: 10,
        shifts: (0..).zip(desks).map(shift).collect(),
    };
    Day::new(
        Shapes::default().share(shape, &Zones::default()).unwrap(),
        CivilDate::from_days(20_000),
    )
}

/// The shift at which a person of this spread gets a step.
fn gets(day: &Day, service: ServiceId, step: u16, spread: usize) -> Option<u16> {
    let minute = Minute::new(8 * 60 + 10 * step).unwrap();
    day.claim(service, Channel::Web, minute, spread, |candidate, _| candidate.shift).ok()
}

#[test]
fn a_desk_of_several_services_is_spared_while_a_specialised_one_is_free() {
    let day = day(&[&[offer(SHORT, 1), offer(LONG, 3)], &[offer(SHORT, 1)]]);
    for spread in 0..4 {
        assert_eq!(gets(&day, SHORT, u16::try_from(spread).unwrap() * 2, spread), Some(1));
    }
    assert_eq!(gets(&day, SHORT, 0, 0), Some(0), "and is used when no other is");
    assert_eq!(gets(&day, SHORT, 0, 0), None);
}

#[test]
fn what_few_desks_serve_weighs_more_than_what_many_do() {
    // Both desks serve two services; the long one is served by three desks, the rare one by one.
    let day = day(&[
        &[offer(SHORT, 1), offer(RARE, 3)],
        &[offer(SHORT, 1), offer(LONG, 3)],
        &[offer(LONG, 3)],
        &[offer(LONG, 3)],
    ]);
    assert_eq!(gets(&day, SHORT, 6, 0), Some(1));
    assert_eq!(gets(&day, SHORT, 6, 0), Some(0));
}

#[test]
fn the_tightest_gap_is_taken_so_that_long_visits_still_fit() {
    let day = day(&[&[offer(SHORT, 1), offer(LONG, 4)], &[offer(SHORT, 1), offer(LONG, 4)]]);
    // Desk 1 has a claim in the middle; the gap before it is too short for a long visit.
    day.word(1).unwrap().claim(Steps::run(3, 2).unwrap()).unwrap();
    for spread in 0..2 {
        assert_eq!(gets(&day, SHORT, u16::try_from(spread).unwrap(), spread), Some(1));
    }
    assert_eq!(day.word(0).unwrap().unclaimed().bits(), ALL);
}

#[test]
fn a_desk_with_nothing_left_for_the_others_is_used_first() {
    let day = day(&[&[offer(SHORT, 1)], &[offer(SHORT, 1), offer(LONG, 4)]]);
    // No long visit fits at desk 1 any more: its other service has nothing to lose.
    for step in [3, 7, 10] {
        day.word(1).unwrap().claim(Steps::run(step, 1).unwrap()).unwrap();
    }
    let shifts = [0, 1].map(|spread| gets(&day, SHORT, 5, spread));
    assert_eq!(shifts, [Some(0), Some(1)], "the desks are equal, so the person decides");
}

#[test]
fn equal_desks_are_spread_over_the_persons() {
    let desks = [offer(LONG, 3)];
    let day = day(&[&desks, &desks, &desks, &desks]);
    let shifts: Vec<_> = (0..4).map(|spread| gets(&day, LONG, 0, spread)).collect();
    assert_eq!(shifts, [Some(0), Some(1), Some(2), Some(3)]);
    let huge = gets(&day, LONG, 4, usize::MAX);
    assert_eq!(huge, Some(3), "a spread counts from the start again");
}

#[test]
fn services_that_lose_the_same_starts_are_weighed_once_with_both_weights() {
    let day = day(&[&[offer(SHORT, 2), offer(LONG, 2), offer(RARE, 3)]]);
    let stakes = Stakes::new(day.shape().shape());
    assert_eq!(stakes.all.len(), 2);
    assert_eq!(stakes.all[0].weight, 2 * (WHOLE_SERVICE / 11));
}

fn candidates(count: u16) -> Vec<Candidate> {
    (0..count).map(|shift| Candidate { shift, step: 0 }).collect()
}

#[test]
fn a_claim_that_loses_its_desk_chooses_among_what_is_left_then() {
    let mut taken = Vec::new();
    let free = std::cell::Cell::new(0b111_u32);
    let claimed = claim_least(
        &candidates(3),
        0,
        |at| (free.get() & (1 << at.shift) != 0).then_some(u64::from(at.shift)),
        |at| {
            if taken.len() == 2 {
                return Ok(at.shift);
            }
            taken.push(at.shift);
            free.set(free.get() & !(1 << at.shift));
            Err(Taken { steps: Steps::ALL })
        },
    );
    assert_eq!((claimed, taken), (Ok(2), vec![0, 1]));
}

#[test]
fn after_so_many_lost_choices_every_desk_is_asked_in_turn() {
    let mut asked = Vec::new();
    // A crowd that is always faster, and gives back before the next look.
    let claimed: Result<(), Taken> = claim_least(
        &candidates(5),
        3,
        |at| Some(u64::from(at.shift)),
        |at| {
            asked.push(at.shift);
            Err(Taken { steps: Steps::ALL })
        },
    );
    assert_eq!(claimed, Err(Taken { steps: Steps::ALL }));
    assert_eq!(asked.len(), MAX_CHOICES + 5);
    assert_eq!(asked[MAX_CHOICES..], [3, 4, 0, 1, 2]);
}

#[test]
fn nothing_is_claimed_where_there_is_no_candidate() {
    let claimed: Result<(), Taken> =
        claim_least(&[], 7, |_| Some(0), |_| panic!("there is nothing to claim"));
    assert!(claimed.is_err());
}
