//! `cargo xtask test`: every check in the order in which they fail cheapest, each with its time.
//!
//! Owns the list of steps. Must not hold a check itself beyond one command. Called by `main`; the
//! README and `.ci/run` name it as the one test command.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::redis::Redis;
use crate::{
    api, browser, clients, deny, deploy, instructions, kill, loom, production, run, tidy, tools,
};

/// How often the gateway is killed in one test run; `cargo xtask kill --rounds N` does more.
const KILL_ROUNDS: u32 = 20;
/// The same with a Redis in front; what is durable does not depend on it, so a few are enough.
const KILL_ROUNDS_WITH_REDIS: u32 = 5;

/// What is in no build unless it is asked for; the tests ask for it.
const ON_DEMAND: &str = "talon-gateway/otlp";

/// What `cargo xtask test` can be told.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Options {
    /// Run only this step (may be given several times).
    #[arg(long, value_name = "STEP")]
    only: Vec<Step>,
    /// Leave this step out (may be given several times).
    #[arg(long, value_name = "STEP")]
    skip: Vec<Step>,
}

/// One step, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Step {
    /// The programs that the tests need are installed.
    Tools,
    /// The sources are formatted.
    Fmt,
    /// No warning of the compiler or of clippy, with the stand-ins and without.
    Clippy,
    /// The arrows between the crates and the form of the files.
    Tidy,
    /// The licences, versions and sources of the dependencies.
    Deny,
    /// `cargo test` of the whole workspace: unit, property, fault and whole-system tests.
    Cargo,
    /// The running gateway against the description of its API.
    Api,
    /// Stock ALTCHA clients at the running gateway.
    Clients,
    /// The citizen's pages in a real browser.
    Browser,
    /// The Dockerfile and the manifests for Kubernetes.
    Deploy,
    /// The board under loom.
    Loom,
    /// The instructions of the hot functions, against their baseline.
    Instructions,
    /// No stand-in in a production build.
    Production,
    /// SIGKILL under load.
    Kill,
}

impl Step {
    fn name(self) -> String {
        self.to_possible_value().expect("no step is hidden").get_name().to_owned()
    }

    fn run(self) -> Result<()> {
        match self {
            Step::Tools => tools::require(),
            // Rustfmt colours its differences even in a file; the signs before the lines say enough.
            Step::Fmt => {
                let check = ["fmt", "--all", "--check", "--", "--color", "never"];
                run::run(run::cargo().args(check))
            }
            Step::Clippy => clippy(),
            Step::Tidy => tidy::tidy(),
            Step::Deny => deny::check(),
            Step::Cargo => cargo(),
            Step::Api => api::check(),
            Step::Clients => clients::check(),
            Step::Browser => browser::check(),
            Step::Deploy => deploy::check(),
            Step::Loom => loom::loom(),
            Step::Instructions => instructions::instructions(&instructions::Options::default()),
            Step::Production => production::check(),
            Step::Kill => kill(),
        }
    }
}

/// All tests, with what is built only when asked for. That the rest does without it, clippy sees of the production
/// build, and whatever starts the programs as they are built without it.
fn cargo() -> Result<()> {
    run::run(run::cargo().args(["test", "--workspace", "--features", ON_DEMAND]))
}

/// Without Redis and with it.
fn kill() -> Result<()> {
    let options = kill::Options {
        rounds: KILL_ROUNDS,
        release: false,
        seed: None,
        clients: None,
        redis: None,
    };
    kill::kill(&options)?;
    let redis = Redis::start()?;
    let rounds = KILL_ROUNDS_WITH_REDIS;
    kill::kill(&kill::Options { rounds, redis: Some(redis.url()), ..options })
}

/// Warnings are errors here and nowhere else: a person in the middle of a change is not stopped.
fn clippy() -> Result<()> {
    // Functions past clippy.toml's threshold have two things in them.
    let strict = ["--", "-D", "warnings", "-D", "clippy::too_many_lines"];
    let all = ["clippy", "--workspace", "--all-targets", "--features", ON_DEMAND];
    run::run(run::cargo().args(all).args(strict))?;
    let production = ["clippy", "--package", "talon-gateway", "--no-default-features"];
    run::run(run::cargo().args(production).args(strict))
}

/// Runs the chosen steps and stops at the first that fails.
///
/// # Errors
/// The failed step's; the last line names the step.
pub(crate) fn test(options: &Options) -> Result<()> {
    let steps = chosen(options)?;
    let start = Instant::now();
    let mut times = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        println!("\n== {} ({} of {})", step.name(), index + 1, steps.len());
        let started = Instant::now();
        let result = step.run();
        times.push((*step, started.elapsed()));
        println!("== {}: {}", step.name(), seconds(started.elapsed()));
        if let Err(error) = result {
            bail!("xtask test FAILED in step `{}`: {error:#}", step.name());
        }
    }
    println!();
    for (step, time) in &times {
        println!("{:>12}  {}", step.name(), seconds(*time));
    }
    println!("xtask test passed: {} steps in {}", steps.len(), seconds(start.elapsed()));
    Ok(())
}

fn chosen(options: &Options) -> Result<Vec<Step>> {
    let steps: Vec<Step> = Step::value_variants()
        .iter()
        .copied()
        .filter(|step| options.only.is_empty() || options.only.contains(step))
        .filter(|step| !options.skip.contains(step))
        .collect();
    // A run of nothing must not read as a pass.
    if steps.is_empty() {
        bail!("--only and --skip leave no step");
    }
    Ok(steps)
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(only: &[Step], skip: &[Step]) -> Options {
        Options { only: only.to_vec(), skip: skip.to_vec() }
    }

    #[test]
    fn without_flags_every_step_runs_in_order() {
        let steps = chosen(&Options::default()).unwrap();
        assert_eq!(steps.len(), Step::value_variants().len());
        assert_eq!(steps.first(), Some(&Step::Tools));
        assert_eq!(steps.last(), Some(&Step::Kill));
    }

    #[test]
    fn only_and_skip_choose_and_keep_the_order() {
        let steps = chosen(&options(&[Step::Kill, Step::Fmt], &[])).unwrap();
        assert_eq!(steps, [Step::Fmt, Step::Kill]);
        let steps = chosen(&options(&[], &[Step::Kill])).unwrap();
        assert!(!steps.contains(&Step::Kill));
    }

    #[test]
    fn a_run_of_no_step_is_refused() {
        assert!(chosen(&options(&[Step::Kill], &[Step::Kill])).is_err());
    }
}
