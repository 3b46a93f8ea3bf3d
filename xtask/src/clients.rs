//! Stock ALTCHA clients from npm and from the Python package index at a running gateway.
//!
//! Owns where their packages are installed. What they do stands in `gateway/clients`. Called by `test`.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::programs::{self, Built};
use crate::{installers, metadata, run};

/// The folder of the lists of packages and of the clients.
const FOLDER: &str = "gateway/clients";
/// The client, which is copied to where its packages are.
const NPM_CLIENT: &str = "book.mjs";

/// Installs what is missing, builds the gateway and lets the clients book.
///
/// # Errors
/// When a package cannot be had, and when a client is not served as it should be.
pub(crate) fn check() -> Result<()> {
    let target = metadata::workspace()?.target_directory;
    let source = run::root().join(FOLDER);
    let environment = target.join("clients-python");
    let python = installers::python(&environment, &source.join("requirements.txt"))?;
    let npm = target.join("clients-npm");
    installers::npm_copy(&source, &[NPM_CLIENT], &npm)?;
    let Built { folder: built, .. } = programs::build(false)?;
    let directory = tempfile::tempdir().context("a directory for the gateway")?;
    run::run(
        // No bytecode beside the sources.
        run::program(python)
            .arg("-B")
            .arg(Path::new(FOLDER).join("check.py"))
            .arg(built.join("talon"))
            .arg(directory.path())
            .arg(npm),
    )
}
