//! The next snapshot: the newest good one plus the segments sealed since, by the replay code.
//!
//! Reads files alone, so it may run in the server, beside it, or without it. Must not be given a live
//! state. Whoever calls it decides when.

use std::io;

use talon_domain::civil::UtcMicros;
use talon_journal::{
    Covered, Disk, Entry, JournalSummary, OpenError, SnapshotWriter, Span, lock_for_upkeep,
    prune_snapshots, read_span, segments_present, snapshot_name,
};

use super::body;
use super::load::{Loaded, Skipped, best};
use crate::core::{BadReplay, replay};
use crate::state::State;
use crate::verify::BadJournal;

/// Snapshots that stay when a new one was made: should the newest be damaged, there is another.
pub const SNAPSHOTS_KEPT: usize = 2;

/// What folding did.
#[derive(Debug)]
pub struct Folded {
    /// What the new snapshot covers; nothing when there was nothing new to cover.
    pub made: Option<Made>,
    /// Snapshots that are not good.
    pub skipped: Vec<Skipped>,
}

/// A snapshot that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// What it covers.
    pub covered: Covered,
    /// Its file's name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// The state hash at the end of what it covers.
    pub state_hash: [u8; 32],
}

/// Why no snapshot was made. Nothing else is harmed by it.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// Another process or thread makes one, or takes segments away.
    #[error("another process makes a snapshot here or archives; try again when it has ended")]
    Busy,
    /// The file system refused something.
    #[error("{action}: {source}")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// What it said.
        source: io::Error,
    },
    /// The journal is not good.
    #[error(transparent)]
    Journal(#[from] BadJournal),
    /// Whoever called wants to stop.
    #[error("stopped")]
    Stopped,
}

/// Why a replay ends before its end.
enum Stop {
    Bad(BadReplay),
    Asked,
}

/// Makes a snapshot of all sealed segments in `disk`, unless there are fewer than `at_least` that no
/// snapshot covers, and removes all but the newest [`SNAPSHOTS_KEPT`]. `progress` gets bytes read and
/// bytes in all; `goes_on` is asked after each batch.
///
/// # Errors
/// [`FoldError`].
pub fn fold(
    disk: &dyn Disk,
    at_least: u64,
    progress: impl FnMut(u64, u64),
    goes_on: impl Fn() -> bool,
) -> Result<Folded, FoldError> {
    let disk_error = |action| move |source| FoldError::Disk { action, source };
    let _lock = lock_for_upkeep(disk).map_err(disk_error("lock"))?.ok_or(FoldError::Busy)?;
    prune_snapshots(disk, SNAPSHOTS_KEPT).map_err(disk_error("remove old snapshots"))?;
    let segments = segments_present(disk).map_err(disk_error("list"))?;
    let Some(sealed) = segments.iter().rev().nth(1).copied() else {
        return Ok(Folded { made: None, skipped: Vec::new() });
    };
    let mut base =
        best(disk, |covered, _| covered.segment <= sealed).map_err(disk_error("list"))?;
    let skipped = std::mem::take(&mut base.skipped);
    let covered = base.covered.as_ref().map_or(0, |covered| covered.segment.get());
    if sealed.get() - covered < at_least.max(1) {
        return Ok(Folded { made: None, skipped });
    }
    let span = Span { through: Some(sealed), ..base.rest() };
    let Loaded { state, mut at, .. } = base;
    let visit = |entry: Entry<'_>| match entry {
        Entry::Record { sequence, body, .. } => {
            replay(&state, &mut at, sequence, body).map_err(Stop::Bad)
        }
        Entry::Batch(_) if !goes_on() => Err(Stop::Asked),
        Entry::Batch(_) => Ok(()),
    };
    let summary = read_span(disk, &span, visit, progress)
        .map_err(|error| match error {
            OpenError::Journal(error) => FoldError::Journal(error.into()),
            OpenError::Visit { error: Stop::Asked, .. } => FoldError::Stopped,
            OpenError::Visit { sequence, error: Stop::Bad(source) } => {
                FoldError::Journal(BadJournal::Replay { sequence, source })
            }
        })?
        .ok_or(BadJournal::Missing)?;
    let JournalSummary { journal, kind, last_sequence, head, .. } = summary;
    let covered = Covered { journal, kind, segment: sealed, last_sequence, head };
    let made = write(disk, &state, at, covered).map_err(disk_error("write a snapshot"))?;
    prune_snapshots(disk, SNAPSHOTS_KEPT).map_err(disk_error("remove old snapshots"))?;
    Ok(Folded { made: Some(made), skipped })
}

fn write(disk: &dyn Disk, state: &State, at: UtcMicros, covered: Covered) -> io::Result<Made> {
    let mut writer = SnapshotWriter::create(disk)?;
    match body::write(state, at, &mut writer) {
        Ok(state_hash) => {
            let name = snapshot_name(covered.segment);
            let bytes = writer.finish(&covered)?;
            Ok(Made { covered, name, bytes, state_hash })
        }
        Err(error) => {
            // Half a snapshot takes room that the journal may need.
            writer.discard()?;
            Err(error)
        }
    }
}
