//! Reading a journal without writing to its directory and without its lock.
//!
//! It must not cut, create or lock anything. Verify tools call it; it notices all that opening
//! notices.

use crate::disk::Disk;
use crate::error::OpenError;
use crate::options::JournalKind;
use crate::scan::{self, Entry, TornTail};
use crate::span::Span;
use crate::words::{ChainHash, JournalId, Sequence};

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSummary {
    /// The journal's id.
    pub journal: JournalId,
    /// Demo or production.
    pub kind: JournalKind,
    /// The record after which the reading began, [`Sequence::NONE`] when that was at the beginning.
    pub after: Sequence,
    /// The last record, [`Sequence::NONE`] when there is none.
    pub last_sequence: Sequence,
    /// Chain hash of the last batch.
    pub head: ChainHash,
    /// Segment files that were read.
    pub segments: u64,
    /// Their length together, in bytes.
    pub bytes: u64,
    /// A tail that opening would cut, and records that may have been lost with it.
    pub torn_tail: Option<TornTail>,
}

/// Reads all records and batches in order and checks everything that opening checks. A directory
/// without segments gives `None`. `progress` gets bytes done and bytes in all.
///
/// While another process writes the journal, the last batch can show as a torn tail.
///
/// # Errors
/// Damage, a refusal by the file system, or the visitor's own error.
pub fn read_journal<E>(
    disk: &dyn Disk,
    visit: impl FnMut(Entry<'_>) -> Result<(), E>,
    progress: impl FnMut(u64, u64),
) -> Result<Option<JournalSummary>, OpenError<E>> {
    read_span(disk, &Span::whole(), visit, progress)
}

/// Like [`read_journal`], of a part of the journal. Segments outside of it are not looked at.
///
/// # Errors
/// Damage, a refusal by the file system, or the visitor's own error.
pub fn read_span<E>(
    disk: &dyn Disk,
    span: &Span,
    mut visit: impl FnMut(Entry<'_>) -> Result<(), E>,
    mut progress: impl FnMut(u64, u64),
) -> Result<Option<JournalSummary>, OpenError<E>> {
    let scanned = scan::scan_directory(disk, span, None, &mut visit, &mut progress)?;
    Ok(scanned.map(|scanned| JournalSummary {
        journal: scanned.last.header.journal,
        kind: scanned.last.header.kind,
        after: scanned.after,
        last_sequence: scanned.next.previous(),
        head: scanned.head,
        segments: scanned.segments,
        bytes: scanned.bytes,
        torn_tail: scanned.torn,
    }))
}
