//! `cargo xtask package`: the Debian package, by cargo-deb.
//!
//! Owns what goes into the package beside the programs, made by them or out of the sources; which file goes where, and
//! how, stands in `gateway/Cargo.toml`. Called by `main`.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::programs::Profile;
use crate::{metadata, run};

/// Where the units look for the programs and the documents when they are installed by hand, and in a package.
const PLACES: [(&str, &str); 2] =
    [("/usr/local/bin/", "/usr/bin/"), ("/usr/local/share/doc/", "/usr/share/doc/")];
/// The programs, each of the crate that has it as its only one.
const PROGRAMS: [&str; 2] = ["talon", "talon-ledger"];
/// The units, from `configs/systemd`.
const UNITS: [&str; 2] = ["talon.service", "talon-ledger.service"];
/// What the programs say of themselves: who is asked what, and the file.
const SAID: [(&str, &[&str], &str); 8] = [
    ("talon", &["man"], "talon.1"),
    ("talon", &["completions", "bash"], "talon.bash"),
    ("talon", &["completions", "zsh"], "_talon"),
    ("talon", &["completions", "fish"], "talon.fish"),
    ("talon-ledger", &["man"], "talon-ledger.1"),
    ("talon-ledger", &["completions", "bash"], "talon-ledger.bash"),
    ("talon-ledger", &["completions", "zsh"], "_talon-ledger"),
    ("talon-ledger", &["completions", "fish"], "talon-ledger.fish"),
];

/// What `cargo xtask package` can be told.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// With OpenID Connect as a kind of identification.
    #[arg(long)]
    oidc: bool,
    /// Built for looking at the package, not for use: without optimisation.
    #[arg(long)]
    debug: bool,
}

/// Builds both programs without the stand-ins and packs them.
///
/// # Errors
/// When something cannot be built, when cargo-deb is missing, and when lintian finds something wrong.
pub(crate) fn package(options: &Options) -> Result<()> {
    let known = run::cargo().args(["deb", "--version"]).output();
    if !known.is_ok_and(|output| output.status.success()) {
        bail!("cargo-deb is missing: `cargo install --locked cargo-deb`");
    }
    let target = metadata::workspace()?.target_directory;
    let profile = if options.debug { Profile::Dev } else { Profile::Dist };
    let features: &[&str] = if options.oidc { &["--features", "oidc"] } else { &[] };
    let build = |package: &str, program: &str, flags: &[&str]| {
        let how = ["build", "--locked", "--profile", profile.name()];
        let what = ["--package", package, "--bin", program];
        run::run(run::cargo().args(how).args(what).args(flags))
    };
    build("talon-ledger", "talon-ledger", &[])?;
    let flags = [&["--no-default-features"], features].concat();
    build("talon-gateway", "talon", &flags)?;
    let place = target.join("package");
    prepare(&target.join(profile.folder()), &place)?;
    // Cargo-deb builds nothing, or the programs would have the features of its own choice.
    let pack = ["deb", "--package", "talon-gateway", "--no-build", "--output"];
    let packed = run::capture(run::cargo().args(pack).arg(target.join("debian")))?;
    let packed = packed.trim();
    println!("{packed}");
    judge(packed)
}

/// Lets Debian's own judge look at the package, where it is installed.
fn judge(packed: &str) -> Result<()> {
    if !run::program("lintian").arg("--version").output().is_ok_and(|known| known.status.success())
    {
        println!("nobody looked at it: `apt-get install lintian`");
        return Ok(());
    }
    run::run(run::program("lintian").args(["--fail-on", "error,warning"]).arg(packed))
}

/// Gathers the programs, what they say of themselves, and the units as the package has them.
fn prepare(built: &Path, place: &Path) -> Result<()> {
    fs::create_dir_all(place).context("a folder for what is packed")?;
    for program in PROGRAMS {
        let copied = fs::copy(built.join(program), place.join(program));
        copied.with_context(|| format!("copying {program}"))?;
    }
    for (program, arguments, file) in SAID {
        let said = run::capture(run::program(place.join(program)).args(arguments))?;
        fs::write(place.join(file), said).with_context(|| format!("writing {file}"))?;
    }
    for unit in UNITS {
        let source = run::root().join("configs/systemd").join(unit);
        let text = fs::read_to_string(source).with_context(|| format!("reading {unit}"))?;
        fs::write(place.join(unit), packed(&text)).with_context(|| format!("writing {unit}"))?;
    }
    Ok(())
}

/// A unit as the package has it: without the lines on installing it by hand, and with the package's places.
fn packed(unit: &str) -> String {
    let mut lines: Vec<&str> = unit.lines().collect();
    lines.retain(|line| !line.starts_with("#   "));
    let text = lines.join("\n") + "\n";
    PLACES.iter().fold(text, |text, (by_hand, packed)| text.replace(by_hand, packed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_unit_starts_the_packed_program() {
        for unit in UNITS {
            let text = fs::read_to_string(run::root().join("configs/systemd").join(unit)).unwrap();
            assert!(text.contains("/usr/local/"), "{unit} is for installing by hand");
            let packed = packed(&text);
            let program = unit.trim_end_matches(".service");
            assert!(packed.contains(&format!("\nExecStart=/usr/bin/{program} serve ")), "{packed}");
            assert!(!packed.contains("/usr/local/") && !packed.contains("cp target/"), "{packed}");
        }
    }

    #[test]
    fn the_packages_own_changelog_begins_with_this_version() {
        let changelog = run::root().join("configs/debian/changelog");
        let changelog = fs::read_to_string(changelog).unwrap();
        let version = concat!("talon (", env!("CARGO_PKG_VERSION"), "-1) ");
        assert!(changelog.starts_with(version), "{version}");
    }

    /// What the manifest names is in the sources or made here, so that a package can be built.
    #[test]
    fn all_that_the_package_holds_is_there_or_is_made() {
        let manifest = fs::read_to_string(run::root().join("gateway/Cargo.toml")).unwrap();
        let (_, assets) = manifest.split_once("assets = [").expect("a list of assets");
        let (assets, _) = assets.split_once("\n]").expect("its end");
        let sources: Vec<&str> = assets
            .lines()
            .filter_map(|line| line.trim().strip_prefix("[\"")?.split('"').next())
            .collect();
        assert!(sources.len() > 10, "{sources:?}");
        for source in sources {
            let made = source.strip_prefix("../target/package/");
            let is_made = made.is_some_and(|file| {
                PROGRAMS.contains(&file)
                    || UNITS.contains(&file)
                    || SAID.iter().any(|(_, _, said)| *said == file)
            });
            let folder = source.split('*').next().unwrap();
            let is_there = run::root().join("gateway").join(folder).exists();
            assert!(is_made || is_there, "{source}");
        }
    }
}
