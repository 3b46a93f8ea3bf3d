//! Which snapshot a replay begins with, and the state it begins with.
//!
//! A snapshot that is not good is passed over, said aloud, and never fatal by itself. Must not write.

use std::io;

use talon_domain::civil::UtcMicros;
use talon_journal::{Begin, Covered, Disk, SegmentNumber, SnapshotReader, Span, snapshots_present};

use super::body::{self, SnapshotBody};
use crate::state::State;

/// A state to replay into, and what is in it already.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The state.
    pub state: State,
    /// The latest ledger time of any record that is in it; 1970 when there is none.
    pub at: UtcMicros,
    /// What the snapshot covers; nothing when the state is empty.
    pub covered: Option<Covered>,
    /// The state hash, when there was a snapshot.
    pub state_hash: Option<[u8; 32]>,
    /// Snapshots that are not good and would have been used, the newest first.
    pub skipped: Vec<Skipped>,
}

/// A snapshot that was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The segment that it is named by.
    pub segment: SegmentNumber,
    /// Why.
    pub reason: String,
}

impl Loaded {
    /// What is left to replay.
    pub fn rest(&self) -> Span {
        Span { begin: self.covered.clone().map_or(Begin::First, Begin::After), through: None }
    }
}

/// Loads the newest good snapshot in `disk` that `wanted` takes, given what it covers and its ledger
/// time; the beginning of time when there is none.
///
/// # Errors
/// When the directory cannot be listed.
pub fn best(disk: &dyn Disk, wanted: impl Fn(&Covered, UtcMicros) -> bool) -> io::Result<Loaded> {
    let mut skipped = Vec::new();
    for segment in snapshots_present(disk)? {
        match load_if(disk, segment, &wanted) {
            Ok(None) => {}
            Ok(Some((covered, SnapshotBody { state, at, state_hash }))) => {
                let (covered, state_hash) = (Some(covered), Some(state_hash));
                return Ok(Loaded { state, at, covered, state_hash, skipped });
            }
            Err(reason) => skipped.push(Skipped { segment, reason }),
        }
    }
    Ok(Loaded { skipped, ..Loaded::default() })
}

/// Loads one snapshot.
///
/// # Errors
/// Why it is not good, in words.
pub fn load(disk: &dyn Disk, segment: SegmentNumber) -> Result<(Covered, SnapshotBody), String> {
    load_if(disk, segment, &|_: &Covered, _| true).map(|loaded| loaded.expect("all are wanted"))
}

fn load_if(
    disk: &dyn Disk,
    segment: SegmentNumber,
    wanted: &impl Fn(&Covered, UtcMicros) -> bool,
) -> Result<Option<(Covered, SnapshotBody)>, String> {
    let mut reader = SnapshotReader::open(disk, segment).map_err(|error| error.to_string())?;
    let at = body::read_head(&mut reader).map_err(|error| error.to_string())?;
    if !wanted(reader.covered(), at) {
        return Ok(None);
    }
    let body = body::read_after_head(&mut reader, at).map_err(|error| error.to_string())?;
    Ok(Some((reader.covered().clone(), body)))
}
