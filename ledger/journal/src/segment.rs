//! Making the spare segment and turning it into the active one.
//!
//! It must not know when: `recovery` makes the first segment with it, `journal` all others.

use std::io;

use crate::disk::{Access, Disk, DiskFile};
use crate::error::{JournalError, JournalFailure};
use crate::format::SegmentHeader;
use crate::names;

/// Zeros written at once while a spare is made. 1 MiB.
const ZERO_CHUNK_BYTES: usize = 1 << 20;

/// What the file system refused, and where.
#[derive(Debug)]
pub(crate) struct DiskFault {
    pub(crate) action: &'static str,
    pub(crate) file: String,
    pub(crate) source: io::Error,
}

impl DiskFault {
    /// Turns the error of `action` on `file` into a fault.
    pub(crate) fn of<'a>(
        action: &'static str,
        file: &'a str,
    ) -> impl FnOnce(io::Error) -> DiskFault + use<'a> {
        move |source| DiskFault { action, file: file.to_owned(), source }
    }

    /// Whether the disk is merely full.
    pub(crate) fn is_no_room(&self) -> bool {
        matches!(
            self.source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        )
    }
}

impl From<DiskFault> for JournalError {
    fn from(fault: DiskFault) -> Self {
        Self::Disk { action: fault.action, file: fault.file, source: fault.source }
    }
}

impl From<DiskFault> for JournalFailure {
    fn from(fault: DiskFault) -> Self {
        Self::new(fault.action, fault.file, fault.source)
    }
}

/// Writes a spare of `segment_bytes` zeros and syncs it, so that later commits change no metadata and
/// cannot run out of room.
pub(crate) fn make_spare(
    disk: &dyn Disk,
    segment_bytes: u64,
) -> Result<Box<dyn DiskFile>, DiskFault> {
    let file = match recycle(disk, segment_bytes)? {
        Some(file) => file,
        None => disk.create(names::SPARE).map_err(DiskFault::of("create", names::SPARE))?,
    };
    write_zeros(&*file, names::SPARE, 0, segment_bytes)?;
    file.sync().map_err(DiskFault::of("sync", names::SPARE))?;
    file.forget_cached();
    Ok(file)
}

/// Takes a recycled segment of that length for the spare: its room on the disk is there already, so
/// that a full disk cannot refuse it. Its old bytes are still in it; what decides over torn tails is
/// that all is zero after the last frame, so it is zeroed like a new one.
fn recycle(disk: &dyn Disk, segment_bytes: u64) -> Result<Option<Box<dyn DiskFile>>, DiskFault> {
    let names = disk.list().map_err(DiskFault::of("list", "."))?;
    for name in names.iter().filter(|name| names::parse_recycled(name).is_some()) {
        let file = disk.open(name, Access::ReadWrite).map_err(DiskFault::of("open", name))?;
        if file.length().map_err(DiskFault::of("open", name))? == segment_bytes {
            disk.rename(name, names::SPARE).map_err(DiskFault::of("recycle", name))?;
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// Writes zeros from `offset` up to `end`.
pub(crate) fn write_zeros(
    file: &dyn DiskFile,
    name: &str,
    mut offset: u64,
    end: u64,
) -> Result<(), DiskFault> {
    let zeros = vec![0; ZERO_CHUNK_BYTES];
    while offset < end {
        let chunk =
            usize::try_from(end - offset).map_or(ZERO_CHUNK_BYTES, |rest| rest.min(zeros.len()));
        file.write_at(offset, &zeros[..chunk]).map_err(DiskFault::of("write zeros to", name))?;
        offset += chunk as u64;
    }
    Ok(())
}

/// Gives the spare its header and then its name. The header is durable before the name is, so a file
/// with a segment's name always has a sound header; the name is durable before the first frame, so a
/// spare never holds one. Returns the segment's file name.
pub(crate) fn activate_spare(
    disk: &dyn Disk,
    spare: &dyn DiskFile,
    header: &SegmentHeader,
) -> Result<String, DiskFault> {
    let name = names::segment(header.segment);
    spare.write_at(0, &header.encode()).map_err(DiskFault::of("write the header of", &name))?;
    spare.sync().map_err(DiskFault::of("sync the header of", &name))?;
    disk.rename(names::SPARE, &name).map_err(DiskFault::of("rename the spare to", &name))?;
    disk.sync_directory().map_err(DiskFault::of("sync the directory of", &name))?;
    Ok(name)
}
