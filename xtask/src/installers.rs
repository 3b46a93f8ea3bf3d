//! Packages of other languages for the checks that need them: installed anew when their list changes.
//!
//! Must not know what the packages are for. Called by `api`, `browser`, `clients`, `deploy` and
//! `previews`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::{npm, run};

/// The packages of npm that the lock file in `folder` lists, exactly those, beside it.
///
/// # Errors
/// When a package cannot be had.
pub(crate) fn npm(folder: &Path) -> Result<()> {
    npm::install(folder, run::run).with_context(|| format!("npm in {}", folder.display()))
}

/// The same at `place`, with these files of `source` beside them.
///
/// # Errors
/// As [`npm`].
pub(crate) fn npm_copy(source: &Path, files: &[&str], place: &Path) -> Result<()> {
    npm::install_copy(source, files, place, run::run)
        .with_context(|| format!("npm in {}", place.display()))
}

/// The Python of an environment at `place` that has exactly the packages of the list `wanted`.
///
/// # Errors
/// When python3 makes no environments, or a package cannot be had.
pub(crate) fn python(place: &Path, wanted: &Path) -> Result<PathBuf> {
    let program = place.join("bin/python");
    npm::once(wanted, &place.join("requirements.txt"), || {
        let advice = "python3 with venv is needed: `sudo apt-get install python3-venv`";
        let venv = ["-m", "venv", "--clear"];
        run::run(run::program("python3").args(venv).arg(place)).context(advice)?;
        let pip =
            ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"];
        run::run(run::program(&program).args(["-m", "pip"]).args(pip).arg(wanted))
    })?;
    Ok(program)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use anyhow::{Result, bail};

    use crate::npm::once;

    #[test]
    fn what_is_installed_is_installed_again_only_when_its_list_changes() {
        let directory = tempfile::tempdir().unwrap();
        let (wanted, installed) = (directory.path().join("wanted"), directory.path().join("mark"));
        fs::write(&wanted, "one").unwrap();
        let failing: Result<()> = once(&wanted, &installed, || bail!("no connection"));
        assert!(failing.is_err());
        let mut count = 0;
        let mut ask = || {
            let install = || {
                count += 1;
                anyhow::Ok(())
            };
            once(&wanted, &installed, install).unwrap();
        };
        ask();
        ask();
        fs::write(&wanted, "two").unwrap();
        ask();
        ask();
        assert_eq!(count, 2, "a failure is not remembered, a success is");
    }
}
