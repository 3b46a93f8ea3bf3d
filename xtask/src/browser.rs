//! Walks the citizen's pages in Debian's Chromium, driven by playwright-core from the package index.
//!
//! Owns that the packages of the tests stand beside them. What is walked stands in `gateway/browser`. Called
//! by `test`.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::programs::{self, Built};
use crate::{installers, run};

/// The folder of the tests, their packages and their configurations.
pub(crate) const FOLDER: &str = "gateway/browser";

/// Installs what is missing, builds the gateway and runs the tests.
///
/// # Errors
/// When a package cannot be had, and when a page is not as it should be.
pub(crate) fn check() -> Result<()> {
    let folder = run::root().join(FOLDER);
    installers::npm(&folder)?;
    let Built { folder: built, .. } = programs::build(false)?;
    // One after another: several browsers and a gateway are load enough.
    run::run(
        run::program("node")
            .args(["--test", "--test-concurrency=1", "--test-reporter=spec"])
            .args(tests(&folder)?)
            .env("GATEWAY_PROGRAM", built.join("talon"))
            .current_dir(folder),
    )
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
