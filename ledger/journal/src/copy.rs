//! Copying journal files to another directory so that they can be relied on there, and giving up
//! those that are safe elsewhere.
//!
//! Owns the order: a copy is written, synced, read back, named, and only then may the original go. It
//! must not decide which files; the ledger's tools do. Nothing here overwrites what differs.

use std::io;

use crate::disk::{Access, Disk, DiskFile};
use crate::error::CopyError;
use crate::names;
use crate::scan;
use crate::words::{JournalId, SegmentNumber};

/// Copied and compared at once. 1 MiB.
const CHUNK_BYTES: usize = 1 << 20;
/// The active segment is copied by blocks, from its end; see [`copy_growing_segment`].
const BLOCK: usize = crate::format::BLOCK;

/// The file name of a segment.
#[must_use]
pub fn segment_name(number: SegmentNumber) -> String {
    names::segment(number)
}

/// The journal that a segment belongs to, by its header.
///
/// # Errors
/// When the header cannot be read or is not sound.
pub fn journal_of_segment(
    disk: &dyn Disk,
    number: SegmentNumber,
) -> Result<JournalId, crate::error::JournalError> {
    Ok(scan::header_of(disk, number)?.journal)
}

/// Copies a file that never changes, durably, and reads the copy back. `false` when the same file is
/// there already, durably from now on. `progress` gets the bytes of each step.
///
/// # Errors
/// [`CopyError::Differs`] when a file of that name has other contents; nothing was changed then.
pub fn copy_file(
    from: &dyn Disk,
    to: &dyn Disk,
    name: &str,
    progress: &mut dyn FnMut(u64),
) -> Result<bool, CopyError> {
    let disk_error =
        |action| move |source| CopyError::Disk { action, file: name.to_owned(), source };
    let source = from.open(name, Access::Read).map_err(disk_error("open"))?;
    match to.open(name, Access::Read) {
        Ok(copy) => {
            let same = is_same(&*source, &*copy, progress).map_err(disk_error("compare"))?;
            if !same {
                return Err(CopyError::Differs { file: name.to_owned() });
            }
            // Whoever wrote it may have been stopped before it was durable, and the original may go
            // next.
            copy.sync().map_err(disk_error("sync the copy of"))?;
            to.sync_directory().map_err(disk_error("sync the directory of the copy of"))?;
            return Ok(false);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(disk_error("open the copy of")(error)),
    }
    let copy = to.create(names::UNFINISHED_COPY).map_err(disk_error("create the copy of"))?;
    let length = source.length().map_err(disk_error("open"))?;
    for (offset, bytes) in chunks(length, CHUNK_BYTES) {
        transfer(&*source, &*copy, offset, bytes).map_err(disk_error("copy"))?;
        progress(bytes as u64);
    }
    copy.sync().map_err(disk_error("sync the copy of"))?;
    if !is_same(&*source, &*copy, &mut |_| {}).map_err(disk_error("compare"))? {
        return Err(CopyError::NotTheSame { file: name.to_owned() });
    }
    to.rename(names::UNFINISHED_COPY, name).map_err(disk_error("name the copy of"))?;
    to.sync_directory().map_err(disk_error("sync the directory of the copy of"))?;
    Ok(true)
}

/// Copies a segment that a running ledger may be filling, replacing an older copy. It is read from its
/// end to its start, block by block: a frame that is seen is then never without the frames before it,
/// and what was being written shows as a torn tail at most.
///
/// # Errors
/// What the file systems refuse.
pub fn copy_growing_segment(
    from: &dyn Disk,
    to: &dyn Disk,
    number: SegmentNumber,
    progress: &mut dyn FnMut(u64),
) -> Result<(), CopyError> {
    let name = &names::segment(number);
    let disk_error = |action| move |source| CopyError::Disk { action, file: name.clone(), source };
    let source = from.open(name, Access::Read).map_err(disk_error("open"))?;
    let length = source.length().map_err(disk_error("open"))?;
    let copy = to.create(names::UNFINISHED_COPY).map_err(disk_error("create the copy of"))?;
    let blocks: Vec<_> = chunks(length, BLOCK).collect();
    for (offset, bytes) in blocks.into_iter().rev() {
        transfer(&*source, &*copy, offset, bytes).map_err(disk_error("copy"))?;
        progress(bytes as u64);
    }
    copy.sync().map_err(disk_error("sync the copy of"))?;
    to.rename(names::UNFINISHED_COPY, name).map_err(disk_error("name the copy of"))?;
    to.sync_directory().map_err(disk_error("sync the directory of the copy of"))
}

/// Takes an archived segment out of the journal: up to `keep_recycled` files are kept, to be zeroed and
/// filled again, any more are removed. The caller holds the lock of
/// [`lock_for_upkeep`](crate::lock_for_upkeep) and has archived the segment.
///
/// # Errors
/// Whatever the file system says.
pub fn give_up_segment(
    disk: &dyn Disk,
    number: SegmentNumber,
    keep_recycled: usize,
) -> io::Result<()> {
    let recycled = disk.list()?.iter().filter(|name| names::parse_recycled(name).is_some()).count();
    let name = names::segment(number);
    if recycled < keep_recycled {
        disk.rename(&name, &names::recycled(number))?;
    } else {
        disk.remove(&name)?;
    }
    disk.sync_directory()
}

fn chunks(length: u64, size: usize) -> impl Iterator<Item = (u64, usize)> {
    (0..length).step_by(size).map(move |offset| {
        (offset, usize::try_from(length - offset).map_or(size, |rest| rest.min(size)))
    })
}

fn transfer(from: &dyn DiskFile, to: &dyn DiskFile, offset: u64, bytes: usize) -> io::Result<()> {
    let mut chunk = vec![0; bytes];
    from.read_at(offset, &mut chunk)?;
    to.write_at(offset, &chunk)
}

fn is_same(
    left: &dyn DiskFile,
    right: &dyn DiskFile,
    progress: &mut dyn FnMut(u64),
) -> io::Result<bool> {
    let length = left.length()?;
    if right.length()? != length {
        return Ok(false);
    }
    for (offset, bytes) in chunks(length, CHUNK_BYTES) {
        let (mut one, mut other) = (vec![0; bytes], vec![0; bytes]);
        left.read_at(offset, &mut one)?;
        right.read_at(offset, &mut other)?;
        if one != other {
            return Ok(false);
        }
        progress(bytes as u64);
    }
    Ok(true)
}
