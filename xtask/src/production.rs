//! Looks into the built programs: a production build holds no stand-in, the demo build does.
//!
//! Must not know how the stand-ins work, only strings that nothing else has. Called by `test`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::{metadata, run};

/// Bytes that only the stand-ins bring into a program: the mark on their pages (`talon_standins::MARK`;
/// this task sees no member's code) and their own routes: of the hub, and for sessions of a rehearsal.
const MARKERS: &[&str] =
    &["STAND-IN, not a real identification", "/stand-in/faults", "/stand-in/sessions"];

/// Builds the gateway both ways and searches both files.
///
/// # Errors
/// When the production build holds a marker; or when the demo build lacks one, for then the search
/// could never find anything.
pub(crate) fn check() -> Result<()> {
    let target = metadata::workspace()?.target_directory;
    let built = target.join("debug").join("talon");
    let production = build(&built, &["--no-default-features"], &target.join("production-talon"))?;
    // Last, so that `target/debug/talon` is the demo again, which other steps start.
    let demo = build(&built, &[], &target.join("demo-talon"))?;
    judge(&read(&production)?, &read(&demo)?)
}

/// Builds `talon` with `flags` and copies it away: the next build writes to the same place.
fn build(built: &Path, flags: &[&str], copy: &Path) -> Result<PathBuf> {
    run::run(
        run::cargo().args(["build", "--package", "talon-gateway", "--bin", "talon"]).args(flags),
    )?;
    fs::copy(built, copy)
        .with_context(|| format!("copying {} to {}", built.display(), copy.display()))?;
    Ok(copy.to_owned())
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("reading {}", file.display()))
}

fn judge(production: &[u8], demo: &[u8]) -> Result<()> {
    for marker in MARKERS {
        if contains(production, marker.as_bytes()) {
            bail!("the production build contains a stand-in: found {marker:?} in it");
        }
        if !contains(demo, marker.as_bytes()) {
            bail!(
                "the demo build lacks {marker:?}: the search for stand-ins looks for the wrong bytes"
            );
        }
    }
    println!("no stand-in in the production build");
    Ok(())
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demo() -> Vec<u8> {
        let mut bytes = vec![0x7f, b'E', b'L', b'F', 0xff];
        for marker in MARKERS {
            bytes.extend_from_slice(marker.as_bytes());
            bytes.push(0);
        }
        bytes
    }

    #[test]
    fn a_production_build_without_stand_ins_passes() {
        judge(b"\x7fELF nothing of the kind", &demo()).unwrap();
    }

    #[test]
    fn a_production_build_with_a_stand_in_is_refused() {
        let error = judge(&demo(), &demo()).unwrap_err();
        assert!(error.to_string().contains("contains a stand-in"), "{error}");
    }

    #[test]
    fn a_search_that_can_find_nothing_is_refused() {
        let error = judge(b"\x7fELF", b"\x7fELF").unwrap_err();
        assert!(error.to_string().contains("wrong bytes"), "{error}");
    }
}
