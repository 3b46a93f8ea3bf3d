//! Virtual environments of Python for the checks that need packages: made anew when the list changes.
//!
//! Must not know what the packages are for. Called by `api`, `clients` and `deploy`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::run;

/// The Python of an environment at `place` that has exactly the packages of the list `wanted`.
///
/// # Errors
/// When python3 makes no environments, or a package cannot be had.
pub(crate) fn environment(place: &Path, wanted: &Path) -> Result<PathBuf> {
    let wanted_text = fs::read_to_string(wanted).context("reading the list of packages")?;
    let installed = place.join("requirements.txt");
    if fs::read_to_string(&installed).ok().as_ref() != Some(&wanted_text) {
        install(place, wanted)?;
        fs::write(&installed, wanted_text).context("remembering what is installed")?;
    }
    Ok(place.join("bin/python"))
}

fn install(place: &Path, wanted: &Path) -> Result<()> {
    let advice = "python3 with venv is needed: `sudo apt-get install python3-venv`";
    run::run(run::program("python3").args(["-m", "venv", "--clear"]).arg(place)).context(advice)?;
    let pip = ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"];
    run::run(run::program(place.join("bin/python")).args(["-m", "pip"]).args(pip).arg(wanted))
}
