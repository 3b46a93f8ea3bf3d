//! The goals that are about one part: claims, group commits, decisions in Redis, and what a start is made of.
//!
//! Owns which benches that takes and how their figures make ratios. The benches measure; they run one after the
//! other in rounds, and a ratio is of one round. Must not know how they measure.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};
use talon_bench::FIGURES_VARIABLE;

use crate::peers::machine::Machine;
use crate::report::{Bound, Spread};

/// The benches with criterion, and the one without.
const BENCHES: [&str; 4] = ["claim", "journal", "replay", "admission"];
/// Waiters of the group commit that has a goal.
const WAITERS: f64 = 256.0;
const NANOS_IN_MICRO: f64 = 1e3;

/// What can be told.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Where the benches keep their figures meanwhile.
    #[arg(long)]
    work_dir: PathBuf,
    /// How often each bench runs.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

/// Medians of one round by the names of what was measured, in nanoseconds.
type Round = BTreeMap<String, f64>;

/// All of a run, as it is kept.
#[derive(Serialize, Deserialize)]
pub(crate) struct Results {
    machine: Machine,
    rounds: Vec<Round>,
}

/// A ratio within a round.
struct Goal {
    what: &'static str,
    of: &'static str,
    to: &'static str,
    /// By which the quotient is multiplied.
    factor: f64,
    bound: Bound,
}

const GOALS: &[Goal] = &[
    Goal {
        what: "hot-day claim and return, dashmap ns ÷ ours",
        of: "hot_day_claim/dashmap",
        to: "hot_day_claim/words",
        factor: 1.0,
        bound: Bound::AtLeast(8.0),
    },
    Goal {
        what: "journal with 256 waiters, records/s ÷ one sync each",
        of: "durable_records/one_sync_each",
        to: "durable_records/waiters/256",
        // An iteration of the one is a record, of the other a record of each waiter.
        factor: WAITERS,
        bound: Bound::AtLeast(150.0),
    },
    Goal {
        what: "Redis µs for a decision, naive pipelined ÷ ours in batches of 128",
        of: "admission/naive",
        to: "admission/vectorised/128",
        factor: 1.0,
        bound: Bound::AtLeast(4.0),
    },
    Goal {
        what: "a start ÷ reading its bytes with a CRC",
        of: "replay/opened",
        to: "replay/bytes",
        factor: 1.0,
        bound: Bound::None,
    },
    Goal {
        what: "a start ÷ checking its journal",
        of: "replay/opened",
        to: "replay/checked",
        factor: 1.0,
        bound: Bound::None,
    },
];

/// Runs the benches.
///
/// # Errors
/// When one does not build, does not run, or keeps no figures.
pub(crate) fn run(options: &Options) -> Result<Results> {
    ensure!(options.rounds > 0, "no round measures nothing");
    let machine = Machine::look()?;
    std::fs::create_dir_all(&options.work_dir).context("the work directory")?;
    let folder = tempfile::tempdir_in(&options.work_dir).context("a folder for figures")?;
    let mut rounds = Vec::new();
    for round in 1..=options.rounds {
        println!("round {round} of {}", options.rounds);
        rounds.push(one_round(folder.path())?);
    }
    Ok(Results { machine, rounds })
}

fn one_round(folder: &Path) -> Result<Round> {
    let (criterion, plain) = (folder.join("criterion"), folder.join("admission.json"));
    let mut figures = Round::new();
    for bench in BENCHES {
        let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["bench", "--package", "talon-bench", "--bench", bench])
            .env("CRITERION_HOME", &criterion)
            .env(FIGURES_VARIABLE, &plain)
            .status()
            .context("starting cargo")?;
        ensure!(status.success(), "the bench `{bench}` failed");
    }
    medians(&criterion, &criterion, &mut figures)?;
    let text = std::fs::read_to_string(&plain).context("the figures of `admission`")?;
    let micros: BTreeMap<String, f64> =
        serde_json::from_str(&text).context("the figures of `admission`")?;
    let nanos = |(way, micros)| (format!("admission/{way}"), micros * NANOS_IN_MICRO);
    figures.extend(micros.into_iter().map(nanos));
    Ok(figures)
}

/// What criterion says of what it measured last.
#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
}

/// Finds the medians below `folder`, each named by its folder below `home`.
fn medians(home: &Path, folder: &Path, figures: &mut Round) -> Result<()> {
    let of_last = folder.join("new").join("estimates.json");
    if of_last.is_file() {
        let text = std::fs::read_to_string(&of_last)?;
        let estimates: Estimates = serde_json::from_str(&text)
            .with_context(|| format!("reading {}", of_last.display()))?;
        let name = folder.strip_prefix(home)?.to_string_lossy().into_owned();
        figures.insert(name, estimates.median.point_estimate);
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).context("criterion's figures")? {
        let path = entry?.path();
        if path.is_dir() {
            medians(home, &path, figures)?;
        }
    }
    Ok(())
}

impl Results {
    /// The tables, for the document.
    pub(crate) fn document(&self) -> String {
        let mut text = format!(
            "\n## Parts against their goals\n{}{}\n{} rounds of the benches {}; ratios within a round.\n\n\
             | ratio | goal | min | median | max | |\n|---|---|---|---|---|---|\n",
            self.machine.sentence(),
            self.machine.busy(),
            self.rounds.len(),
            BENCHES.map(|bench| format!("`{bench}`")).join(", "),
        );
        for Goal { what, of, to, factor, bound } in GOALS {
            let ratio = |round: &Round| Some(factor * round.get(*of)? / round.get(*to)?);
            let Some(spread) = Spread::of(self.rounds.iter().filter_map(ratio)) else { continue };
            text += &bound.row(what, spread);
        }
        text += "\n| measured | median ns | min | max |\n|---|---|---|---|\n";
        let names = self.rounds.first().map(|round| round.keys().collect::<Vec<_>>());
        for name in names.unwrap_or_default() {
            let values = self.rounds.iter().filter_map(|round| round.get(name).copied());
            let Some(Spread { min, median, max }) = Spread::of(values) else { continue };
            writeln!(text, "| `{name}` | {median:.0} | {min:.0} | {max:.0} |")
                .expect("a string takes everything");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_medians_of_a_folder_are_found_by_name() {
        let home = tempfile::tempdir().unwrap();
        for (name, median) in [("group/way", 2.0), ("group/waiters/256", 3.0)] {
            for run in ["base", "new"] {
                let folder = home.path().join(name).join(run);
                std::fs::create_dir_all(&folder).unwrap();
                let median = if run == "new" { median } else { 99.0 };
                let text = format!(r#"{{"median":{{"point_estimate":{median}}},"mean":null}}"#);
                std::fs::write(folder.join("estimates.json"), text).unwrap();
            }
        }
        let mut found = Round::new();
        medians(home.path(), home.path(), &mut found).unwrap();
        let expected = [("group/waiters/256".to_owned(), 3.0), ("group/way".to_owned(), 2.0)];
        assert_eq!(found, expected.into());
    }

    #[test]
    fn a_group_commit_is_judged_by_its_records() {
        let goal = GOALS.iter().find(|goal| goal.to.ends_with("waiters/256")).unwrap();
        let round = Round::from([(goal.of.to_owned(), 100.0), (goal.to.to_owned(), 256.0)]);
        // A record of the group takes 1 ns.
        assert_eq!(goal.factor * round[goal.of] / round[goal.to], 100.0);
    }
}
