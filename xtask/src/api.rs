//! Holds a running gateway to the description of its API, with schemathesis from the package index.
//!
//! Owns the virtual environment, which is made anew when the list of packages changes. What is
//! asked stands beside the list, in `gateway/tests/api`. Called by `test`.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::{metadata, run};

/// The folder of the list, the settings and the script that starts the gateway.
const FOLDER: &str = "gateway/tests/api";

/// Installs what is missing, builds the gateway and checks it.
///
/// # Errors
/// When a package cannot be had, and when the gateway does not do what it says.
pub(crate) fn check() -> Result<()> {
    let target = metadata::workspace()?.target_directory;
    let environment = target.join("api-check");
    let wanted = run::root().join(FOLDER).join("requirements.txt");
    let wanted_text = fs::read_to_string(&wanted).context("reading the list of packages")?;
    let installed = environment.join("requirements.txt");
    if fs::read_to_string(&installed).ok().as_ref() != Some(&wanted_text) {
        install(&environment, &wanted)?;
        fs::write(&installed, wanted_text).context("remembering what is installed")?;
    }
    run::run(run::cargo().args(["build", "--package", "talon-gateway", "--bin", "talon"]))?;
    let directory = tempfile::tempdir().context("a directory for the gateway")?;
    run::run(
        run::program(environment.join("bin/python"))
            .arg(Path::new(FOLDER).join("check.py"))
            .arg(target.join("debug/talon"))
            .arg(directory.path()),
    )
}

/// A virtual environment with exactly these packages.
fn install(environment: &Path, wanted: &Path) -> Result<()> {
    let advice = "python3 with venv is needed: `sudo apt-get install python3-venv`";
    run::run(run::program("python3").args(["-m", "venv", "--clear"]).arg(environment))
        .context(advice)?;
    let pip = ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"];
    run::run(run::program(environment.join("bin/python")).args(["-m", "pip"]).args(pip).arg(wanted))
}
