//! Packages of npm, exactly those that a lock file lists, installed anew when it changes.
//!
//! The standard library only, because a test of the gateway that has such packages includes this file. Must not
//! know what the packages are for. Called by `installers`, and by `gateway/tests/system/openid.rs`.

use std::io;
use std::path::Path;
use std::process::Command;

/// What the lock file lists, and nothing that a package brings to run.
const CI: [&str; 5] = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];

/// Installs beside the lock file in `folder`; `run` runs npm to its end.
///
/// # Errors
/// When a file cannot be read or written, and what `run` says.
pub(crate) fn install<E: From<io::Error>>(
    folder: &Path,
    run: impl FnOnce(&mut Command) -> Result<(), E>,
) -> Result<(), E> {
    once(&folder.join("package-lock.json"), &folder.join("node_modules/.installed"), || {
        run(Command::new("npm").args(CI).current_dir(folder))
    })
}

/// The same at another place, so that nothing is installed among the sources: `files` of `source` are copied there.
///
/// # Errors
/// As [`install`].
pub(crate) fn install_copy<E: From<io::Error>>(
    source: &Path,
    files: &[&str],
    place: &Path,
    run: impl FnOnce(&mut Command) -> Result<(), E>,
) -> Result<(), E> {
    std::fs::create_dir_all(place)?;
    for name in files.iter().chain(&["package.json", "package-lock.json"]) {
        std::fs::copy(source.join(name), place.join(name))?;
    }
    install(place, run)
}

/// Installs, unless `installed` is a copy of the list `wanted`, which it then becomes.
///
/// # Errors
/// When a file cannot be read or written, and what `install` says.
pub(crate) fn once<E: From<io::Error>>(
    wanted: &Path,
    installed: &Path,
    install: impl FnOnce() -> Result<(), E>,
) -> Result<(), E> {
    let list = std::fs::read(wanted)?;
    if std::fs::read(installed).ok().as_ref() == Some(&list) {
        return Ok(());
    }
    install()?;
    Ok(std::fs::write(installed, list)?)
}
