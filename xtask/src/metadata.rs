//! What `cargo metadata` says about the workspace, reduced to what the tasks use.
//!
//! Must not judge: the rules are in `tidy`. Called by `tidy`, `loom`, `production` and `kill`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::run;

/// The workspace: its members and where cargo puts what it builds.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    /// The members; `--no-deps` leaves everything else out.
    #[serde(rename = "packages")]
    pub(crate) members: Vec<Member>,
    /// `target`, or where the environment moved it.
    pub(crate) target_directory: PathBuf,
}

/// One crate of the workspace.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line of a member's manifest.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Cargo writes `null` for a normal dependency.
    pub(crate) kind: Option<Kind>,
    pub(crate) optional: bool,
    /// `cfg(…)` or a triple, when the dependency is for some targets only.
    pub(crate) target: Option<String>,
}

/// What a dependency is used for, when not for the crate itself.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Tests, examples and benches.
    Dev,
    /// The build script.
    Build,
}

/// Asks cargo about this workspace; no network.
pub(crate) fn workspace() -> Result<Workspace> {
    let text = run::capture(run::cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    serde_json::from_str(&text).context("cargo metadata printed something unexpected")
}
