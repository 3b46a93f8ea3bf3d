//! `snapshot`: makes one out of process.
//!
//! The folding is the library's; here are its words. `main` calls it.

use std::path::Path;

use anyhow::Context;
use talon_ledger::snapshot::{Made, fold};

use super::{open, print, progress_bar, show, tell_skipped};

/// Makes a snapshot of the sealed segments in `directory`, when there are new ones.
pub(crate) fn run(directory: &Path) -> anyhow::Result<()> {
    let disk = open(directory)?;
    let bar = progress_bar();
    let folded = fold(&disk, 1, |done, all| show(&bar, done, all), || true);
    bar.finish_and_clear();
    let folded = folded.with_context(|| format!("no snapshot in {}", directory.display()))?;
    tell_skipped(&folded.skipped);
    print(|output| match &folded.made {
        None => writeln!(output, "snapshot       none: no further segment is sealed"),
        Some(Made { covered, name, bytes, state_hash }) => {
            writeln!(output, "snapshot       {name} ({bytes} bytes)")?;
            writeln!(output, "head           {}:{}", covered.last_sequence, covered.head)?;
            writeln!(output, "state hash     {}", hex::encode(state_hash))
        }
    })
}
