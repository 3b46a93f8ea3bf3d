//! `cargo xtask kill`: builds the real programs and lets `talon-loadtest kill` end them by SIGKILL.
//!
//! Must not know what is checked; that is the load tester's. Called by `main` and `test`.

use anyhow::Result;
use clap::Args;

use crate::programs::{self, Built};
use crate::run;

/// What `cargo xtask kill` can be told.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// How many times the gateway is killed and looked at.
    #[arg(long, default_value_t = 20)]
    pub(crate) rounds: u32,
    /// Build and kill the optimised programs.
    #[arg(long)]
    pub(crate) release: bool,
    /// Seed of all random choices; printed when it is not given.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// How many clients book at once.
    #[arg(long)]
    pub(crate) clients: Option<u32>,
    /// Keep limits and proofs in this Redis instead of in the process.
    #[arg(long, value_name = "URL")]
    pub(crate) redis: Option<String>,
}

/// Builds and runs the kill test.
///
/// # Errors
/// When a build fails, or when the load tester found a broken promise.
pub(crate) fn kill(options: &Options) -> Result<()> {
    let Built { folder, target } = programs::build(options.release)?;
    let mut kill = run::program(folder.join("talon-loadtest"));
    kill.arg("kill").arg("--rounds").arg(options.rounds.to_string());
    kill.arg("--talon").arg(folder.join("talon"));
    kill.arg("--ledger").arg(folder.join("talon-ledger"));
    kill.arg("--work-dir").arg(target.join("kill"));
    if let Some(seed) = options.seed {
        kill.arg("--seed").arg(seed.to_string());
    }
    if let Some(clients) = options.clients {
        kill.arg("--clients").arg(clients.to_string());
    }
    if let Some(redis) = &options.redis {
        kill.arg("--redis").arg(redis);
    }
    run::run(&mut kill)
}
