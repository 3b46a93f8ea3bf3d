//! What Talon is deployed with: the Dockerfile under its linter, the manifests for Kubernetes against their schemas
//! and against the programs.
//!
//! Owns where the linter's and the schemas' packages are installed. What a manifest must be stands in
//! `configs/kubernetes/check`. Called by `test`.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};

use crate::programs::{self, Built};
use crate::{installers, metadata, run};

/// The folder of the list of packages and of the check.
const FOLDER: &str = "configs/kubernetes/check";
/// What the linter has to refuse, or it would find nothing anywhere.
const BAD_DOCKERFILE: &str = "FROM debian:latest\nRUN cd /srv && sudo apt-get install nginx\n";

/// Installs what is missing, builds the programs and looks at everything.
///
/// # Errors
/// When a package cannot be had, and when something is wrong.
pub(crate) fn check() -> Result<()> {
    let target = metadata::workspace()?.target_directory;
    let source = run::root().join(FOLDER);
    let environment = target.join("deploy-python");
    let python = installers::python(&environment, &source.join("requirements.txt"))?;
    lint(&environment.join("bin/hadolint"))?;
    let Built { folder: built, .. } = programs::build(false)?;
    let directory = tempfile::tempdir().context("a directory for the check")?;
    run::run(
        // No bytecode beside the sources.
        run::program(python)
            .arg("-B")
            .arg(Path::new(FOLDER).join("check.py"))
            .arg(built)
            .arg(directory.path()),
    )
}

fn lint(hadolint: &Path) -> Result<()> {
    run::run(run::program(hadolint).arg("Dockerfile"))?;
    let directory = tempfile::tempdir().context("a directory for a bad Dockerfile")?;
    let bad = directory.path().join("Dockerfile");
    fs::write(&bad, BAD_DOCKERFILE).context("writing a bad Dockerfile")?;
    let status = run::program(hadolint).arg(&bad).stdout(Stdio::null()).status();
    if status.context("hadolint could not be started")?.success() {
        bail!("hadolint finds nothing wrong with a bad Dockerfile");
    }
    println!("hadolint: the Dockerfile is good, a bad one is refused");
    Ok(())
}
