//! Building the workspace's programs, for the tasks that start them.
//!
//! Owns how they are built and where they are then. Must not know what for. Called by the tasks.

use std::path::PathBuf;

use anyhow::Result;

use crate::{metadata, run};

/// The crates of the programs, always built together: of each other set, the dependencies would have other features
/// and be built again.
const PACKAGES: [&str; 3] = ["talon-gateway", "talon-ledger", "talon-loadtest"];

/// Where programs are.
pub(crate) struct Built {
    /// The folder of the programs.
    pub(crate) folder: PathBuf,
    /// The target directory. It is on a disk where a temporary directory may be memory, in which a sync is free.
    pub(crate) target: PathBuf,
}

/// Builds the gateway, the ledger and the load tester, optimised when `release`.
///
/// # Errors
/// When the build fails.
pub(crate) fn build(release: bool) -> Result<Built> {
    build_with(&[], release)
}

/// The same, optimised, with the program that measures them.
///
/// # Errors
/// When the build fails.
pub(crate) fn build_measured() -> Result<Built> {
    build_with(&["talon-bench"], true)
}

fn build_with(more: &[&str], release: bool) -> Result<Built> {
    let mut build = run::cargo();
    build.args(["build", "--bins"]);
    build.args(PACKAGES.iter().chain(more).flat_map(|package| ["--package", package]));
    if release {
        build.arg("--release");
    }
    run::run(&mut build)?;
    let target = metadata::workspace()?.target_directory;
    Ok(Built { folder: target.join(if release { "release" } else { "debug" }), target })
}
