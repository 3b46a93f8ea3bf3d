//! Stock ALTCHA clients from npm and from the Python package index at a running gateway.
//!
//! Owns where their packages are installed. What they do stands in `gateway/clients`. Called by `test`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::{installers, metadata, run};

/// The folder of the lists of packages and of the clients.
const FOLDER: &str = "gateway/clients";
/// What is copied to where npm installs, so that nothing is installed among the sources.
const NPM_FILES: &[&str] = &["package.json", "package-lock.json", "book.mjs"];

/// Installs what is missing, builds the gateway and lets the clients book.
///
/// # Errors
/// When a package cannot be had, and when a client is not served as it should be.
pub(crate) fn check() -> Result<()> {
    let target = metadata::workspace()?.target_directory;
    let source = run::root().join(FOLDER);
    let environment = target.join("clients-python");
    let python = installers::python(&environment, &source.join("requirements.txt"))?;
    let npm = npm(&source, target.join("clients-npm"))?;
    run::run(run::cargo().args(["build", "--package", "talon-gateway", "--bin", "talon"]))?;
    let directory = tempfile::tempdir().context("a directory for the gateway")?;
    run::run(
        // No bytecode beside the sources.
        run::program(python)
            .arg("-B")
            .arg(Path::new(FOLDER).join("check.py"))
            .arg(target.join("debug/talon"))
            .arg(directory.path())
            .arg(npm),
    )
}

/// A folder with the npm client and its packages, as the lock file has them.
fn npm(source: &Path, place: PathBuf) -> Result<PathBuf> {
    fs::create_dir_all(&place).context("a folder for npm")?;
    for name in NPM_FILES {
        fs::copy(source.join(name), place.join(name)).with_context(|| format!("copying {name}"))?;
    }
    installers::npm(&place)?;
    Ok(place)
}
