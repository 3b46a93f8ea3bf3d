//! Licences, bans and sources of all dependencies, by cargo-deny; `deny.toml` says what may be.
//!
//! Owns the program, which is built once into the target directory. Called by `test`.

use anyhow::Result;

use crate::{metadata, run};

/// The version that is installed.
const VERSION: &str = "0.20.2";

/// Installs cargo-deny when it is missing and lets it check.
///
/// # Errors
/// When it cannot be built, and when a dependency is not what it may be.
pub(crate) fn check() -> Result<()> {
    let tools = metadata::workspace()?.target_directory.join("tools");
    let program = tools.join("bin/cargo-deny");
    let known = run::program(&program).arg("--version").output();
    let is_there = known.is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout).trim() == format!("cargo-deny {VERSION}")
    });
    if !is_there {
        let install = ["install", "--locked", "cargo-deny", "--version", VERSION, "--root"];
        // Apart from the workspace's own, so that neither makes the other build anew.
        let build = tools.join("build");
        run::run(run::cargo().args(install).arg(&tools).arg("--target-dir").arg(build))?;
    }
    // Its warnings are of crates that others depend on in two versions; they are for reading.
    let check = ["check", "--hide-inclusion-graph", "bans", "licenses", "sources"];
    run::run(run::program(&program).args(["--log-level", "error"]).args(check))
}
