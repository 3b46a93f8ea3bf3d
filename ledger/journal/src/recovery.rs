//! Opening a journal: one writer, one pass over everything, the torn tail kept aside and cut.
//!
//! It must not know threads or reservations. [`Journal::open`](crate::Journal::open) calls it and
//! goes on from what it returns.

use tracing::{info, warn};

use crate::disk::{Access, Disk, DiskFile, DiskLock};
use crate::entropy::Entropy;
use crate::error::{Damage, JournalError, OpenError};
use crate::format::{BLOCK, SegmentHeader};
use crate::names;
use crate::options::{JournalKind, Options};
use crate::scan::{self, Entry, LastSegment, Scanned, TornTail};
use crate::segment::{self, DiskFault};
use crate::span::Span;
use crate::words::{ChainHash, JournalId, SegmentNumber, Sequence};

/// Side files that may exist for tails cut at one place; at the bound, opening is refused.
pub const MAX_SIDE_FILES_PER_OFFSET: u32 = 1000;

/// What opening found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The journal's id.
    pub journal: JournalId,
    /// Demo or production.
    pub kind: JournalKind,
    /// Whether the journal was created now.
    pub created: bool,
    /// The record after which it was read, [`Sequence::NONE`] when that was from the beginning.
    pub after: Sequence,
    /// The last record, [`Sequence::NONE`] when there is none.
    pub last_sequence: Sequence,
    /// Chain hash of the last batch.
    pub head: ChainHash,
    /// Segment files that were read.
    pub segments: u64,
    /// Their length together, in bytes.
    pub bytes: u64,
    /// The tail that was cut, if there was one.
    pub cut: Option<CutTail>,
}

/// A tail that was cut and where its bytes are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutTail {
    /// Where it was, and the first record that may have been lost with it.
    pub tail: TornTail,
    /// The file in the same directory that holds its bytes.
    pub side_file: String,
}

/// Everything the writer needs to go on.
pub(crate) struct Opened {
    pub(crate) lock: Box<dyn DiskLock>,
    pub(crate) file: Box<dyn DiskFile>,
    pub(crate) file_name: String,
    pub(crate) last: LastSegment,
    pub(crate) next: Sequence,
    pub(crate) head: ChainHash,
}

pub(crate) fn open<E>(
    disk: &dyn Disk,
    options: &Options,
    entropy: &mut dyn Entropy,
    span: &Span,
    visit: &mut dyn FnMut(Entry<'_>) -> Result<(), E>,
) -> Result<(Opened, Recovery), OpenError<E>> {
    options.validate()?;
    let lock = disk.lock(names::LOCK).map_err(DiskFault::of("lock", names::LOCK));
    let lock = lock.map_err(JournalError::from)?.ok_or(JournalError::Locked)?;
    wait_for_the_writer_before(disk)?;
    match scan::scan_directory(disk, span, Some(options.kind), visit, &mut |_, _| {})? {
        Some(scanned) => Ok(continue_journal(disk, lock, scanned)?),
        None => Ok(create_journal(disk, lock, options, entropy)?),
    }
}

/// A process that was killed may have left a write with the kernel, and only to the last segment. Opening that for
/// writing waits until it is done, so that what is read now stays.
fn wait_for_the_writer_before(disk: &dyn Disk) -> Result<(), JournalError> {
    let names = disk.list().map_err(DiskFault::of("list", "."))?;
    let last = names.iter().filter_map(|name| Some((names::parse_segment(name)?, name))).max();
    if let Some((_, name)) = last {
        let opened = disk.open(name, Access::ReadWrite);
        drop(opened.map_err(DiskFault::of("open for writing", name))?);
    }
    Ok(())
}

/// An empty directory, or one whose first segment never got its name: nothing was ever promised.
fn create_journal(
    disk: &dyn Disk,
    lock: Box<dyn DiskLock>,
    options: &Options,
    entropy: &mut dyn Entropy,
) -> Result<(Opened, Recovery), JournalError> {
    remove_leftovers(disk)?;
    let mut id = [0; 16];
    entropy.fill(&mut id).map_err(JournalError::Entropy)?;
    let header = SegmentHeader {
        kind: options.kind,
        journal: JournalId(id),
        segment: SegmentNumber::FIRST,
        segment_bytes: options.segment_bytes,
        base_sequence: Sequence::new(1),
        previous: ChainHash::GENESIS,
    };
    let file = segment::make_spare(disk, options.segment_bytes)?;
    let file_name = segment::activate_spare(disk, &*file, &header)?;
    info!(journal = %header.journal, kind = %header.kind, "created a journal");
    let recovery = Recovery {
        journal: header.journal,
        kind: header.kind,
        created: true,
        after: Sequence::NONE,
        last_sequence: Sequence::NONE,
        head: ChainHash::GENESIS,
        segments: 1,
        bytes: options.segment_bytes,
        cut: None,
    };
    let (next, head) = (header.base_sequence, header.previous);
    let last = LastSegment { header, end: BLOCK as u64 };
    Ok((Opened { lock, file, file_name, last, next, head }, recovery))
}

fn continue_journal(
    disk: &dyn Disk,
    lock: Box<dyn DiskLock>,
    scanned: Scanned,
) -> Result<(Opened, Recovery), JournalError> {
    let file_name = names::segment(scanned.last.header.segment);
    let file = disk
        .open(&file_name, Access::ReadWrite)
        .map_err(DiskFault::of("open for writing", &file_name))?;
    remove_leftovers(disk)?;
    // After a kill without a power loss, the last frame and the last rename may be in memory only. The
    // caller will act on what was read, so it becomes durable first.
    file.sync().map_err(DiskFault::of("sync", &file_name))?;
    disk.sync_directory().map_err(DiskFault::of("sync the directory of", &file_name))?;
    let cut = match scanned.torn {
        Some(tail) => Some(cut_tail(disk, &*file, &file_name, tail)?),
        None => None,
    };
    file.forget_cached();
    let header = &scanned.last.header;
    let recovery = Recovery {
        journal: header.journal,
        kind: header.kind,
        created: false,
        after: scanned.after,
        last_sequence: scanned.next.previous(),
        head: scanned.head,
        segments: scanned.segments,
        bytes: scanned.bytes,
        cut,
    };
    let (next, head) = (scanned.next, scanned.head);
    Ok((Opened { lock, file, file_name, last: scanned.last, next, head }, recovery))
}

/// A leftover spare is never used again: whether all of its zeros reached the disk is not known, and it
/// may carry the header of an activation that did not happen. It never holds a frame.
fn remove_leftovers(disk: &dyn Disk) -> Result<(), DiskFault> {
    let names = disk.list().map_err(DiskFault::of("list", "."))?;
    for leftover in [names::SPARE, names::UNFINISHED_SIDE_FILE, names::UNFINISHED_COPY] {
        if names.iter().any(|name| name == leftover) {
            disk.remove(leftover).map_err(DiskFault::of("remove", leftover))?;
        }
    }
    Ok(())
}

/// Keeps the tail's bytes in a side file, and only when they are durable there, zeroes the tail.
fn cut_tail(
    disk: &dyn Disk,
    file: &dyn DiskFile,
    file_name: &str,
    tail: TornTail,
) -> Result<CutTail, JournalError> {
    let side_file = free_side_file(disk, file_name, &tail)?;
    let end = tail.offset + tail.bytes;
    let unfinished = names::UNFINISHED_SIDE_FILE;
    let side = disk.create(unfinished).map_err(DiskFault::of("create", unfinished))?;
    let mut chunk = vec![0; BLOCK];
    let mut offset = tail.offset;
    while offset < end {
        let length = usize::try_from(end - offset).map_or(BLOCK, |rest| rest.min(BLOCK));
        let bytes = &mut chunk[..length];
        file.read_at(offset, bytes).map_err(DiskFault::of("read", file_name))?;
        side.write_at(offset - tail.offset, bytes).map_err(DiskFault::of("write", unfinished))?;
        offset += length as u64;
    }
    side.sync().map_err(DiskFault::of("sync", unfinished))?;
    disk.rename(unfinished, &side_file)
        .map_err(DiskFault::of("rename the unfinished side file to", &side_file))?;
    disk.sync_directory().map_err(DiskFault::of("sync the directory of", &side_file))?;
    segment::write_zeros(file, file_name, tail.offset, end)?;
    file.sync().map_err(DiskFault::of("sync", file_name))?;
    warn!(
        file = file_name,
        offset = tail.offset,
        bytes = tail.bytes,
        first_lost = tail.first_lost.get(),
        side_file,
        "cut a torn tail; whether anything in it was acknowledged shows only against a published head"
    );
    Ok(CutTail { tail, side_file })
}

/// A name no earlier cut at this place has: a crash while zeroing leaves less behind than was kept.
fn free_side_file(
    disk: &dyn Disk,
    file_name: &str,
    tail: &TornTail,
) -> Result<String, JournalError> {
    let names = disk.list().map_err(DiskFault::of("list", "."))?;
    (1..=MAX_SIDE_FILES_PER_OFFSET)
        .map(|attempt| names::side_file(tail.segment, tail.offset, attempt))
        .find(|candidate| !names.contains(candidate))
        .ok_or_else(|| JournalError::Damage {
            file: file_name.to_owned(),
            offset: tail.offset,
            damage: Damage::TooManySideFiles { count: MAX_SIDE_FILES_PER_OFFSET },
        })
}
