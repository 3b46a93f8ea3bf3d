//! Which desk gets a claim, of those that have its time free: the one where it does least damage.
//!
//! A claim ends starts: its own, and every start of any service of that desk whose visit would meet
//! it. Each lost start is weighed by its share of all that the office offers of its service that
//! day, so the starts of a service that few desks serve weigh more. The candidate with the smallest
//! sum gets the claim. One rule does three things:
//! - a desk that serves several services is spared while a specialised one is free, for there
//!   nobody else loses anything;
//! - among desks of one kind the tightest gap is taken, for in it fewer other starts end: room for
//!   long visits stays whole;
//! - among equals the person decides ("spread"), so that a crowd on one time does not fight over
//!   one word.
//!
//! On days of the real catalogues, with people who ask at random for 90 % of a day's minutes, so much
//! of them is booked, in percent (`cargo bench -p talon-bench --bench desks`; the order of the desks
//! says nothing of what they are good for, and only first-fit depends on it):
//!
//! | catalogue, demand | first-fit | desks reversed | most specialised | least damage |
//! |---|---|---|---|---|
//! | mvs, every service alike | 84.39 | 82.96 | 84.37 | 84.54 |
//! | mvs, as the desks are planned | 88.33 | 88.26 | 88.64 | 88.58 |
//! | mfa, every service alike | 68.60 | 66.34 | 68.69 | 68.76 |
//! | mfa, as the desks are planned | 87.12 | 86.15 | 87.24 | 87.37 |
//!
//! When people ask until nothing fits, short visits fill what is left under any rule, and all end
//! within a quarter of a percent of each other. Of 64 people who look at one time of eight desks
//! before anybody claims, first-fit makes 476 claims lose, this rule 56. Choosing among eight desks
//! costs about a quarter more time than by specialisation alone.
//!
//! Owns the rule and what it needs to know of a shape. Must not know people, the journal, or what
//! may be used by whom: [`crate::day`] calls it with what it finds usable.

use std::collections::BTreeMap;

use talon_board::{Steps, Taken, starts_lost};
use talon_domain::ids::ServiceId;
use talon_domain::shape::DayShape;

use crate::day::Candidate;

/// How often a claim may lose its chosen desk to somebody faster before it stops choosing and asks
/// the desks in turn. Each loss is a place that somebody else got.
pub const MAX_CHOICES: usize = 8;

/// The weight of all starts that an office offers of one service on one day. Bounds the weight of
/// one start away from zero: a day has fewer starts than this.
const WHOLE_SERVICE: u64 = 1 << 24;

const _: () = assert!(
    WHOLE_SERVICE as usize
        >= talon_domain::shape::MAX_SHIFTS_PER_DAY
            * talon_domain::shape::MAX_STEPS_PER_SHIFT as usize
);

/// What stands to be lost at each shift of a shape.
#[derive(Debug)]
pub struct Stakes {
    /// Where each shift's stakes start in `all`, and one end more.
    bounds: Vec<u32>,
    all: Vec<Stake>,
}

/// What services with one grid, length and mask could lose at one shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stake {
    starts: Steps,
    usable: Steps,
    /// What one start weighs, over all services that share the rest.
    weight: u64,
    steps: u8,
}

impl Stakes {
    /// The stakes of every shift.
    pub fn new(shape: &DayShape) -> Self {
        let mut offered = BTreeMap::<ServiceId, u64>::new();
        for service in shape.shifts.iter().flat_map(|shift| &shift.services) {
            *offered.entry(service.service).or_default() += u64::from(service.starts.count_ones());
        }
        let (mut bounds, mut all) = (vec![0], Vec::<Stake>::new());
        for shift in &shape.shifts {
            let first = all.len();
            for of in shift.services.iter().filter(|service| service.starts != 0) {
                // Whoever may use a step, a start lost there is lost.
                let usable = of.usable.iter().fold(0, |bits, (_, mask)| bits | mask);
                let stake = Stake {
                    starts: Steps::from_bits(of.starts),
                    usable: Steps::from_bits(usable),
                    weight: WHOLE_SERVICE / offered[&of.service],
                    steps: of.steps,
                };
                let same = |known: &&mut Stake| Stake { weight: stake.weight, ..**known } == stake;
                match all[first..].iter_mut().find(same) {
                    Some(known) => known.weight += stake.weight,
                    None => all.push(stake),
                }
            }
            bounds.push(u32::try_from(all.len()).expect("shapes bound the offers of a day"));
        }
        Self { bounds, all }
    }

    /// What claiming `run` costs at a shift with these steps unclaimed; nothing when the run is
    /// not wholly free.
    pub fn damage(&self, shift: u16, unclaimed: Steps, run: Steps) -> Option<u64> {
        if !run.is_subset(unclaimed) {
            return None;
        }
        let shift = usize::from(shift);
        let bounds = self.bounds[shift] as usize..self.bounds[shift + 1] as usize;
        let lost = |stake: &Stake| {
            let starts = starts_lost(unclaimed, stake.starts, stake.usable, stake.steps, run);
            u64::from(starts) * stake.weight
        };
        // At most 64 services, each with its whole weight: far from the end of the number.
        Some(self.all[bounds].iter().map(lost).sum())
    }
}

/// The first candidate of least damage, looking from a place that `spread` chooses; nothing when
/// none is free.
pub fn least_damage(
    candidates: &[Candidate],
    spread: usize,
    mut damage: impl FnMut(Candidate) -> Option<u64>,
) -> Option<Candidate> {
    in_turn(candidates, spread)
        .filter_map(|candidate| Some((damage(candidate)?, candidate)))
        .min_by_key(|(damage, _)| *damage)
        .map(|(_, candidate)| candidate)
}

/// Claims at the candidate of least damage; when somebody faster gets it, at the next least, judged
/// by the words of then.
///
/// # Errors
/// [`Taken`] when no candidate is free, each seen so by a look or a claim of this call.
pub fn claim_least<R>(
    candidates: &[Candidate],
    spread: usize,
    mut damage: impl FnMut(Candidate) -> Option<u64>,
    mut claim: impl FnMut(Candidate) -> Result<R, Taken>,
) -> Result<R, Taken> {
    let mut taken = Taken { steps: Steps::EMPTY };
    for _ in 0..MAX_CHOICES {
        let Some(chosen) = least_damage(candidates, spread, &mut damage) else {
            return Err(taken);
        };
        match claim(chosen) {
            Ok(claimed) => return Ok(claimed),
            Err(refused) => taken = refused,
        }
    }
    for candidate in in_turn(candidates, spread) {
        match claim(candidate) {
            Ok(claimed) => return Ok(claimed),
            Err(refused) => taken = refused,
        }
    }
    Err(taken)
}

/// All candidates once, from a place that `spread` chooses.
fn in_turn(candidates: &[Candidate], spread: usize) -> impl Iterator<Item = Candidate> {
    let (late, early) = candidates.split_at(spread % candidates.len().max(1));
    early.iter().chain(late).copied()
}

#[cfg(test)]
#[path = "desk_choice_tests.rs"]
mod tests;
