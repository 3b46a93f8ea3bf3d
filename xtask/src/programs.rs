//! Building the workspace's programs, for the tasks that start them.
//!
//! Owns how they are built and where they are then. Must not know what for. Called by the tasks.

use std::path::PathBuf;

use anyhow::Result;

use crate::{metadata, run};

/// The crates of the programs, always built together: of each other set, the dependencies would have other features
/// and be built again.
const PACKAGES: [&str; 3] = ["talon-gateway", "talon-ledger", "talon-loadtest"];

/// How optimised programs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Not at all, built soon.
    Dev,
    /// As for running them from the sources.
    Release,
    /// As they are packed and measured.
    Dist,
}

impl Profile {
    /// The name that cargo knows it by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
            Self::Dist => "dist",
        }
    }

    /// Where its programs are, within the target directory.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release | Self::Dist => self.name(),
        }
    }
}

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
    build_with(&[], if release { Profile::Release } else { Profile::Dev })
}

/// The same as they are packed, with the program that measures them.
///
/// # Errors
/// When the build fails.
pub(crate) fn build_measured() -> Result<Built> {
    build_with(&["talon-bench"], Profile::Dist)
}

fn build_with(more: &[&str], profile: Profile) -> Result<Built> {
    let mut build = run::cargo();
    build.args(["build", "--bins", "--profile", profile.name()]);
    build.args(PACKAGES.iter().chain(more).flat_map(|package| ["--package", package]));
    run::run(&mut build)?;
    let target = metadata::workspace()?.target_directory;
    Ok(Built { folder: target.join(profile.folder()), target })
}
