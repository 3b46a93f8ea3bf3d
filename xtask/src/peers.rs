//! `cargo xtask peers`, `cargo xtask parts` and `cargo xtask size`: build the optimised programs and let `talon-bench` measure them.
//!
//! Must not know what is measured; that is the bench's. Called by `main`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::{metadata, run, tools};

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
    let (built, work_dir) = build()?;
    run::run(
        run::program(built.join("talon-bench"))
            .arg("peers")
            .arg("--talon")
            .arg(built.join("talon"))
            .arg("--ledger")
            .arg(built.join("talon-ledger"))
            .arg("--work-dir")
            .arg(work_dir)
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
    let (built, work_dir) = build()?;
    run::run(
        run::program(built.join("talon-bench"))
            .arg(what)
            .arg("--work-dir")
            .arg(work_dir)
            .args(&options.rest),
    )
}

/// Where the optimised programs are, and a folder on the same disk: a temporary directory may be memory,
/// where a sync is free.
fn build() -> Result<(PathBuf, PathBuf)> {
    let mut build = run::cargo();
    build.args(["build", "--release", "--package", "talon-gateway", "--package", "talon-ledger"]);
    run::run(build.args(["--package", "talon-bench", "--bins"]))?;
    let target = metadata::workspace()?.target_directory;
    Ok((target.join("release"), target.join("measured")))
}
