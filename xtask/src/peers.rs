//! `cargo xtask peers`, `cargo xtask parts` and `cargo xtask size`: build the optimised programs and let `talon-bench` measure them.
//!
//! Must not know what is measured; that is the bench's. Called by `main`.

use anyhow::Result;
use clap::Args;

use crate::programs::{self, Built};
use crate::{run, tools};

/// Where it works, in the target directory.
const WORK: &str = "measured";

/// What the measuring program is told; it explains itself with `--help`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Options of `talon-bench peers`, `parts` or `size`, such as `--rounds 3 --only talon`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
    rest: Vec<String>,
}

/// Installs the peers, builds, measures, and writes `bench/RESULTS.md`.
///
/// # Errors
/// When a peer is missing and cannot be installed, when a build fails, and when a server does not serve.
pub(crate) fn peers(options: &Options) -> Result<()> {
    tools::require_peers()?;
    let Built { folder, target } = programs::build_measured()?;
    run::run(
        run::program(folder.join("talon-bench"))
            .arg("peers")
            .arg("--talon")
            .arg(folder.join("talon"))
            .arg("--ledger")
            .arg(folder.join("talon-ledger"))
            .arg("--work-dir")
            .arg(target.join(WORK))
            .args(&options.rest),
    )
}

/// Builds, runs the benches that have goals, and writes `bench/RESULTS.md`.
///
/// # Errors
/// When Redis is missing and cannot be installed, when a build fails, and when a bench does.
pub(crate) fn parts(options: &Options) -> Result<()> {
    tools::require_peers()?;
    measure("parts", options)
}

/// Builds, measures starts, memory and throughput against size, and writes `bench/RESULTS.md`.
///
/// # Errors
/// When a build fails, and when a ledger does not start.
pub(crate) fn size(options: &Options) -> Result<()> {
    measure("size", options)
}

fn measure(what: &str, options: &Options) -> Result<()> {
    let Built { folder, target } = programs::build_measured()?;
    run::run(
        run::program(folder.join("talon-bench"))
            .arg(what)
            .arg("--work-dir")
            .arg(target.join(WORK))
            .args(&options.rest),
    )
}
