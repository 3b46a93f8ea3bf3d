//! Holds a running gateway to the description of its API, with schemathesis from the package index.
//!
//! What is asked stands beside the list of packages, in `gateway/tests/api`. Called by `test`.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::programs::{self, Built};
use crate::{installers, metadata, run};

/// The folder of the list, the settings and the script that starts the gateway.
const FOLDER: &str = "gateway/tests/api";

/// Installs what is missing, builds the gateway and checks it.
///
/// # Errors
/// When a package cannot be had, and when the gateway does not do what it says.
pub(crate) fn check() -> Result<()> {
    let target = metadata::workspace()?.target_directory;
    let wanted = run::root().join(FOLDER).join("requirements.txt");
    let python = installers::python(&target.join("api-check"), &wanted)?;
    let Built { folder: built, .. } = programs::build(false)?;
    let directory = tempfile::tempdir().context("a directory for the gateway")?;
    run::run(
        run::program(python)
            .arg(Path::new(FOLDER).join("check.py"))
            .arg(built.join("talon"))
            .arg(directory.path()),
    )
}
