//! Walks the citizen's pages in Debian's Chromium, driven by playwright-core from the package index.
//!
//! Owns the packages beside the tests, which are installed anew when their list changes. What is
//! walked stands in `gateway/browser`. Called by `test` and, for the packages,
//! by `previews`.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::{metadata, run};

/// The folder of the tests, their packages and their configurations.
pub(crate) const FOLDER: &str = "gateway/browser";

/// Installs what is missing, builds the gateway and runs the tests.
///
/// # Errors
/// When a package cannot be had, and when a page is not as it should be.
pub(crate) fn check() -> Result<()> {
    let target = metadata::workspace()?.target_directory;
    install()?;
    let folder = run::root().join(FOLDER);
    run::run(run::cargo().args(["build", "--package", "talon-gateway", "--bin", "talon"]))?;
    // One after another: several browsers and a gateway are load enough.
    run::run(
        run::program("node")
            .args(["--test", "--test-concurrency=1", "--test-reporter=spec"])
            .args(tests(&folder)?)
            .env("GATEWAY_PROGRAM", target.join("debug/talon"))
            .current_dir(folder),
    )
}

/// Exactly the packages of the list; nothing is done while it stays the same.
///
/// # Errors
/// When a package cannot be had.
pub(crate) fn install() -> Result<()> {
    let folder = &run::root().join(FOLDER);
    let wanted = fs::read_to_string(folder.join("package-lock.json"))
        .context("reading the list of packages")?;
    let installed = folder.join("node_modules/.installed");
    if fs::read_to_string(&installed).ok().as_ref() == Some(&wanted) {
        return Ok(());
    }
    let quiet = ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
    run::run(run::program("npm").args(quiet).current_dir(folder))?;
    fs::write(&installed, wanted).context("remembering what is installed")
}

fn tests(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).context("reading the folder of the tests")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".test.mjs") {
            names.push(name);
        }
    }
    // A run of nothing must not read as a pass.
    if names.is_empty() {
        bail!("no tests in {FOLDER}");
    }
    names.sort();
    Ok(names)
}
