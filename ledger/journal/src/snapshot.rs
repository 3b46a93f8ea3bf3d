//! Snapshot files: what a journal adds up to at the end of a sealed segment, as bytes of somebody else.
//!
//! Owns their framing (`FORMAT.md`), how one becomes durable, which there are, and who may make them.
//! It must not know what a body means. The ledger writes and reads bodies through it.

use std::io::{self, Read, Write};

use crate::disk::{Access, Disk, DiskFile, DiskLock};
use crate::error::BadSnapshot;
use crate::format::field;
use crate::names;
use crate::options::JournalKind;
use crate::scan;
use crate::span::Covered;
use crate::words::{ChainHash, JournalId, SegmentNumber, Sequence};

/// The version of the framing that this crate writes and reads.
pub const SNAPSHOT_VERSION: u32 = 1;
/// Bytes before the body.
pub const SNAPSHOT_HEADER_BYTES: usize = 96;

const MAGIC: [u8; 8] = *b"TALONSNP";
/// Read or written at once. 1 MiB.
const CHUNK_BYTES: usize = 1 << 20;

/// Takes the directory for making snapshots and for taking segments away; `None` when another process
/// or thread is at it. Readers and the journal's writer do not need it.
///
/// # Errors
/// Whatever the file system says.
pub fn lock_for_upkeep(disk: &dyn Disk) -> io::Result<Option<Box<dyn DiskLock>>> {
    disk.lock(names::UPKEEP_LOCK)
}

/// The snapshots in a directory, good or not, by the last segment each covers, the newest first.
///
/// # Errors
/// Whatever the file system says.
pub fn snapshots_present(disk: &dyn Disk) -> io::Result<Vec<SegmentNumber>> {
    let mut found: Vec<_> =
        disk.list()?.iter().filter_map(|name| names::parse_snapshot(name)).collect();
    found.sort_unstable_by(|left, right| right.cmp(left));
    Ok(found)
}

/// The file name of the snapshot that covers all segments up to this one.
#[must_use]
pub fn snapshot_name(covered: SegmentNumber) -> String {
    names::snapshot(covered)
}

/// Removes what an interrupted snapshot left behind, and all but the newest `keep` snapshots. The
/// caller holds the lock of [`lock_for_upkeep`]. Returns how many snapshots were removed.
///
/// # Errors
/// Whatever the file system says.
pub fn prune_snapshots(disk: &dyn Disk, keep: usize) -> io::Result<usize> {
    remove_unfinished(disk)?;
    let old: Vec<_> = snapshots_present(disk)?.into_iter().skip(keep).collect();
    for covered in &old {
        disk.remove(&names::snapshot(*covered))?;
    }
    if !old.is_empty() {
        disk.sync_directory()?;
    }
    Ok(old.len())
}

fn remove_unfinished(disk: &dyn Disk) -> io::Result<()> {
    match disk.remove(names::UNFINISHED_SNAPSHOT) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A snapshot while it is written. Whoever drops it unfinished leaves a file that nothing reads and
/// that the next one, or [`prune_snapshots`], replaces.
pub struct SnapshotWriter<'d> {
    disk: &'d dyn Disk,
    file: Box<dyn DiskFile>,
    chunk: Vec<u8>,
    body_bytes: u64,
    checksum: u32,
}

impl<'d> SnapshotWriter<'d> {
    /// Begins one. The caller holds the lock of [`lock_for_upkeep`].
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn create(disk: &'d dyn Disk) -> io::Result<Self> {
        let file = disk.create(names::UNFINISHED_SNAPSHOT)?;
        Ok(Self { disk, file, chunk: Vec::new(), body_bytes: 0, checksum: 0 })
    }

    /// Makes the snapshot durable and then gives it its name. Returns its length in bytes.
    ///
    /// # Errors
    /// Whatever the file system says; there is then no snapshot.
    pub fn finish(mut self, covered: &Covered) -> io::Result<u64> {
        self.make_durable(covered).inspect_err(|_| {
            // Half a snapshot takes room that the journal may need. What does not go now is replaced by
            // the next one; the first error is the one to tell.
            let _ = remove_unfinished(self.disk);
        })
    }

    fn make_durable(&mut self, covered: &Covered) -> io::Result<u64> {
        self.write_chunk()?;
        let header = encode_header(covered, self.body_bytes, self.checksum);
        self.file.write_at(0, &header)?;
        self.file.sync()?;
        self.disk.rename(names::UNFINISHED_SNAPSHOT, &names::snapshot(covered.segment))?;
        self.disk.sync_directory()?;
        Ok(SNAPSHOT_HEADER_BYTES as u64 + self.body_bytes)
    }

    /// Gives it up and its room back.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn discard(self) -> io::Result<()> {
        remove_unfinished(self.disk)
    }

    fn write_chunk(&mut self) -> io::Result<()> {
        self.file.write_at(SNAPSHOT_HEADER_BYTES as u64 + self.body_bytes, &self.chunk)?;
        self.body_bytes += self.chunk.len() as u64;
        self.checksum = crc32c::crc32c_append(self.checksum, &self.chunk);
        self.chunk.clear();
        Ok(())
    }
}

impl Write for SnapshotWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.chunk.extend_from_slice(bytes);
        if self.chunk.len() >= CHUNK_BYTES {
            self.write_chunk()?;
        }
        Ok(bytes.len())
    }

    /// Does nothing: only [`SnapshotWriter::finish`] makes anything durable.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The body of a snapshot whose checksum was found right.
pub struct SnapshotReader {
    file: Box<dyn DiskFile>,
    covered: Covered,
    body_bytes: u64,
    offset: u64,
    chunk: Vec<u8>,
    /// How much of the chunk has been given out.
    given: usize,
}

impl SnapshotReader {
    /// Opens one and checks all of it: header, length, checksum of the body, and that the segment after
    /// it, if it is there, goes on from it.
    ///
    /// # Errors
    /// [`BadSnapshot`].
    pub fn open(disk: &dyn Disk, covered: SegmentNumber) -> Result<Self, BadSnapshot> {
        let file = disk.open(&names::snapshot(covered), Access::Read)?;
        let length = file.length()?;
        if length < SNAPSHOT_HEADER_BYTES as u64 {
            return Err(BadSnapshot::Unsound("it is too short to hold a header"));
        }
        let mut header = [0; SNAPSHOT_HEADER_BYTES];
        file.read_at(0, &mut header)?;
        let (found, body_bytes, checksum) = decode_header(&header)?;
        if found.segment != covered {
            return Err(BadSnapshot::Unsound("its header names another segment than its name"));
        }
        if body_bytes != length - SNAPSHOT_HEADER_BYTES as u64 {
            return Err(BadSnapshot::Unsound("its length is not what its header says"));
        }
        let (offset, chunk) = (0, Vec::new());
        let mut reader = Self { file, covered: found, body_bytes, offset, chunk, given: 0 };
        let mut summed = 0;
        while reader.next_chunk()? {
            summed = crc32c::crc32c_append(summed, &reader.chunk);
        }
        if summed != checksum {
            return Err(BadSnapshot::Unsound("the checksum of its body is wrong"));
        }
        (reader.offset, reader.given) = (0, 0);
        reader.chunk.clear();
        fits(disk, &reader.covered)?;
        Ok(reader)
    }

    /// What the snapshot stands for.
    #[must_use]
    pub fn covered(&self) -> &Covered {
        &self.covered
    }

    /// Reads on; false at the body's end.
    fn next_chunk(&mut self) -> io::Result<bool> {
        let rest = usize::try_from(self.body_bytes - self.offset).unwrap_or(usize::MAX);
        self.chunk.resize(rest.min(CHUNK_BYTES), 0);
        self.file.read_at(SNAPSHOT_HEADER_BYTES as u64 + self.offset, &mut self.chunk)?;
        self.offset += self.chunk.len() as u64;
        self.given = 0;
        Ok(!self.chunk.is_empty())
    }
}

impl Read for SnapshotReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.chunk.len() && !self.next_chunk()? {
            return Ok(0);
        }
        let count = out.len().min(self.chunk.len() - self.given);
        out[..count].copy_from_slice(&self.chunk[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

/// Whether the next segment goes on from a snapshot. One that cannot be read at all is for whoever
/// reads the journal to judge.
fn fits(disk: &dyn Disk, covered: &Covered) -> Result<(), BadSnapshot> {
    let Ok(next) = scan::header_of(disk, covered.segment.next()) else { return Ok(()) };
    let found = (next.journal, next.kind, next.base_sequence, next.previous);
    let Covered { journal, kind, last_sequence, head, .. } = covered;
    if found == (*journal, *kind, last_sequence.plus(1), *head) {
        return Ok(());
    }
    Err(BadSnapshot::Unsound("the segment after it belongs to another journal, or to another past"))
}

fn encode_header(covered: &Covered, body_bytes: u64, checksum: u32) -> [u8; SNAPSHOT_HEADER_BYTES] {
    let mut header = [0; SNAPSHOT_HEADER_BYTES];
    header[0..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&SNAPSHOT_VERSION.to_le_bytes());
    header[12..16].copy_from_slice(&covered.kind.code().to_le_bytes());
    header[16..32].copy_from_slice(&covered.journal.0);
    header[32..40].copy_from_slice(&covered.segment.get().to_le_bytes());
    header[40..48].copy_from_slice(&covered.last_sequence.get().to_le_bytes());
    header[48..80].copy_from_slice(&covered.head.0);
    header[80..88].copy_from_slice(&body_bytes.to_le_bytes());
    header[88..92].copy_from_slice(&checksum.to_le_bytes());
    let own = crc32c::crc32c(&header[..92]);
    header[92..96].copy_from_slice(&own.to_le_bytes());
    header
}

/// What is covered, the body's length, and its checksum.
fn decode_header(header: &[u8; SNAPSHOT_HEADER_BYTES]) -> Result<(Covered, u64, u32), BadSnapshot> {
    if header[0..8] != MAGIC {
        return Err(BadSnapshot::Unsound("it does not start with the magic bytes"));
    }
    if u32::from_le_bytes(field(header, 92)) != crc32c::crc32c(&header[..92]) {
        return Err(BadSnapshot::Unsound("the checksum of its header is wrong"));
    }
    let version = u32::from_le_bytes(field(header, 8));
    if version != SNAPSHOT_VERSION {
        return Err(BadSnapshot::UnknownVersion { found: version, expected: SNAPSHOT_VERSION });
    }
    let Some(kind) = JournalKind::from_code(u32::from_le_bytes(field(header, 12))) else {
        return Err(BadSnapshot::Unsound("it is neither demo nor production"));
    };
    let covered = Covered {
        journal: JournalId(field(header, 16)),
        kind,
        segment: SegmentNumber::new(u64::from_le_bytes(field(header, 32))),
        last_sequence: Sequence::new(u64::from_le_bytes(field(header, 40))),
        head: ChainHash(field(header, 48)),
    };
    let body_bytes = u64::from_le_bytes(field(header, 80));
    Ok((covered, body_bytes, u32::from_le_bytes(field(header, 88))))
}
