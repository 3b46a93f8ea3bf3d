//! The words against a plain model: a `Vec<bool>` per shift, and the rules spelt out step by step.
//!
//! Owns the promise that shifting and and-ing says what counting on fingers would say.
#![cfg(not(loom))]

use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;
use talon_board::{MAX_STEPS, ShiftWord, Steps, Taken, count_free, free_starts, starts_lost};

/// What can happen to a word; runs may reach past the shift, and then are refused.
#[derive(Clone, Debug)]
enum Action {
    Claim(Steps),
    GiveBack(Steps),
    Look { grid: Steps, usable: Steps, length: u8 },
}

fn any_run() -> impl Strategy<Value = Steps> {
    (0..MAX_STEPS)
        .prop_flat_map(|start| (Just(start), 1..=(MAX_STEPS - start).min(8)))
        .prop_map(|(start, count)| Steps::run(start, count).expect("the run fits"))
}

fn any_action() -> impl Strategy<Value = Action> {
    // Dense masks, or hardly any run longer than two would ever be free.
    let dense = || (any::<u64>(), any::<u64>()).prop_map(|(a, b)| Steps::from_bits(a | b));
    prop_oneof![
        4 => any_run().prop_map(Action::Claim),
        3 => any_run().prop_map(Action::GiveBack),
        1 => (dense(), dense(), 0..=MAX_STEPS + 2)
            .prop_map(|(grid, usable, length)| Action::Look { grid, usable, length }),
        1 => (1..=6_u8).prop_map(|length| Action::Look {
            grid: Steps::ALL,
            usable: Steps::ALL,
            length,
        }),
    ]
}

/// Whether a run of `length` open steps starts at `start`, read off step by step.
fn fits(open: &[bool], start: usize, length: u8) -> bool {
    let end = start + usize::from(length);
    length > 0 && end <= open.len() && open[start..end].iter().all(|&step| step)
}

fn model_starts(open: &[bool], grid: Steps, length: u8) -> Vec<u8> {
    (0..MAX_STEPS)
        .filter(|&start| grid.contains(start) && fits(open, usize::from(start), length))
        .collect()
}

/// The most runs that any choice of starts allows: for each step, either skip it or start there.
fn model_count(open: &[bool], grid: Steps, length: u8) -> u8 {
    let mut best = vec![0; open.len() + 1];
    for start in (0..MAX_STEPS).rev() {
        let at = usize::from(start);
        best[at] = best[at + 1];
        if grid.contains(start) && fits(open, at, length) {
            best[at] = best[at].max(1 + best[at + usize::from(length)]);
        }
    }
    best[0]
}

fn steps_of(bools: &[bool]) -> Steps {
    Steps::from_bits((0_u64..).zip(bools).map(|(step, &set)| u64::from(set) << step).sum())
}

fn apply(word: &ShiftWord, model: &mut [bool], action: &Action) -> Result<(), TestCaseError> {
    match *action {
        Action::Claim(run) => {
            let taken: Vec<u8> = run.iter().filter(|&step| !model[usize::from(step)]).collect();
            match word.claim(run) {
                Ok(()) => prop_assert!(taken.is_empty()),
                Err(Taken { steps }) => {
                    prop_assert!(!taken.is_empty());
                    prop_assert!(steps.iter().eq(taken.iter().copied()));
                }
            }
            if taken.is_empty() {
                run.iter().for_each(|step| model[usize::from(step)] = false);
            }
        }
        Action::GiveBack(run) => {
            let owned = run.iter().all(|step| !model[usize::from(step)]);
            let given_back = catch_unwind(AssertUnwindSafe(|| word.give_back(run))).is_ok();
            prop_assert_eq!(given_back, owned);
            if owned {
                run.iter().for_each(|step| model[usize::from(step)] = true);
            }
        }
        Action::Look { grid, usable, length } => {
            let open: Vec<bool> = (0_u8..)
                .zip(model.iter())
                .map(|(step, &unclaimed)| unclaimed && usable.contains(step))
                .collect();
            let starts = free_starts(word.unclaimed(), grid, usable, length);
            prop_assert_eq!(starts.iter().collect::<Vec<u8>>(), model_starts(&open, grid, length));
            let count = count_free(word.unclaimed(), grid, usable, length);
            prop_assert_eq!(count, model_count(&open, grid, length));
        }
    }
    prop_assert_eq!(word.unclaimed(), steps_of(model));
    Ok(())
}

proptest! {
    #[test]
    fn a_word_does_what_a_list_of_booleans_does(
        steps in 1..=MAX_STEPS,
        actions in prop::collection::vec(any_action(), 1..80),
    ) {
        let word = ShiftWord::new(steps);
        let mut model: Vec<bool> = (0..MAX_STEPS).map(|step| step < steps).collect();
        for action in &actions {
            apply(&word, &mut model, action)?;
        }
    }

    #[test]
    fn every_free_start_can_be_claimed_and_no_other(
        unclaimed in any::<[u64; 2]>(),
        length in 1..=8_u8,
    ) {
        let unclaimed = Steps::from_bits(unclaimed[0] | unclaimed[1]);
        let starts = free_starts(unclaimed, Steps::ALL, Steps::ALL, length);
        for start in 0..=MAX_STEPS - length {
            let word = ShiftWord::from_unclaimed(unclaimed);
            let run = Steps::run(start, length).unwrap();
            prop_assert_eq!(word.claim(run).is_ok(), starts.contains(start));
        }
    }

    #[test]
    fn a_claim_loses_the_starts_that_are_free_before_it_and_not_after(
        unclaimed in any::<[u64; 2]>(),
        grid in any::<u64>(),
        usable in any::<[u64; 2]>(),
        length in 0..=8_u8,
        run in any_run(),
    ) {
        let before = Steps::from_bits(unclaimed[0] | unclaimed[1]);
        let (grid, usable) = (Steps::from_bits(grid), Steps::from_bits(usable[0] | usable[1]));
        let free = |of: Steps| free_starts(of, grid, usable, length).len();
        let lost = free(before) - free(before.difference(run));
        prop_assert_eq!(starts_lost(before, grid, usable, length, run), u32::from(lost));
    }
}
