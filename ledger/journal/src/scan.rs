//! Walking over all segments in order and deciding what is a record, a torn tail, or damage.
//!
//! It must not change anything on disk. `recovery` acts on what it finds when a journal is opened;
//! `reader` reports it.

use std::io;

use crate::disk::{Access, Disk, DiskFile};
use crate::error::{Damage, JournalError, OpenError};
use crate::format::{
    self, BLOCK, BLOCK_BYTES, FORMAT_VERSION, FRAME_HEADER_BYTES, Frame, FrameSeed, HeaderError,
    SegmentHeader,
};
use crate::names;
use crate::options::JournalKind;
use crate::span::{self, Begin, Listed, Span};
use crate::window::Window;
use crate::words::{ChainHash, JournalId, SegmentNumber, Sequence};

/// One batch, told after its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchInfo {
    /// The batch's first record.
    pub first_sequence: Sequence,
    /// Records in the batch, at least one.
    pub count: u32,
    /// When it was committed, in microseconds since the Unix epoch.
    pub at_micros: i64,
    /// The chain up to and with this batch.
    pub chain_hash: ChainHash,
    /// The segment it is in.
    pub segment: SegmentNumber,
    /// Where its frame starts in the segment, in bytes.
    pub offset: u64,
}

impl BatchInfo {
    /// The batch's last record: a published head is this number with [`BatchInfo::chain_hash`].
    #[must_use]
    pub fn last_sequence(&self) -> Sequence {
        self.first_sequence.plus(u64::from(self.count) - 1)
    }
}

/// What a visitor is shown, in the journal's order; everything in it has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// One record.
    Record {
        /// Its number.
        sequence: Sequence,
        /// When its batch was committed, in microseconds since the Unix epoch.
        at_micros: i64,
        /// Its body, as it was appended.
        body: &'a [u8],
    },
    /// The end of the batch that the records before it were in.
    Batch(BatchInfo),
}

/// Bytes after the last whole frame that belong to no frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The segment; always the last one.
    pub segment: SegmentNumber,
    /// Where the tail starts, in bytes.
    pub offset: u64,
    /// Bytes up to the last one that is not zero.
    pub bytes: u64,
    /// The number of the first record that may have been lost with it.
    pub first_lost: Sequence,
}

/// The last segment, as the writer goes on with it.
pub(crate) struct LastSegment {
    pub(crate) header: SegmentHeader,
    /// Where the next frame goes.
    pub(crate) end: u64,
}

/// What a directory holds.
pub(crate) struct Scanned {
    /// The record after which the reading began.
    pub(crate) after: Sequence,
    pub(crate) last: LastSegment,
    pub(crate) next: Sequence,
    pub(crate) head: ChainHash,
    pub(crate) segments: u64,
    pub(crate) bytes: u64,
    pub(crate) torn: Option<TornTail>,
}

/// The position in the journal, and the buffer, that go from segment to segment.
struct Cursor {
    next: Sequence,
    head: ChainHash,
    /// What every header must say, once it is known.
    identity: Option<(JournalId, JournalKind)>,
    buffer: Vec<u8>,
}

impl Cursor {
    /// Before the first record of a span whose first segment is `first`.
    fn new(
        disk: &dyn Disk,
        begin: &Begin,
        first: Option<SegmentNumber>,
    ) -> Result<Self, JournalError> {
        let (next, head, identity) = match (begin, first) {
            (Begin::After(covered), _) => {
                let identity = Some((covered.journal, covered.kind));
                (covered.last_sequence.plus(1), covered.head, identity)
            }
            (Begin::Present, Some(first)) => {
                let header = header_of(disk, first)?;
                (header.base_sequence, header.previous, None)
            }
            (Begin::First | Begin::Present, _) => (Sequence::new(1), ChainHash::GENESIS, None),
        };
        Ok(Self { next, head, identity, buffer: Vec::new() })
    }
}

/// Reads all of `span`. `None` when it has no segments. `expected_kind` is checked before the first
/// entry is shown; `progress` gets bytes done and bytes in all.
pub(crate) fn scan_directory<E>(
    disk: &dyn Disk,
    span: &Span,
    expected_kind: Option<JournalKind>,
    visit: &mut dyn FnMut(Entry<'_>) -> Result<(), E>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Option<Scanned>, OpenError<E>> {
    let Listed { segments, last: last_number } = span::list(disk, span)?;
    let mut files = Vec::with_capacity(segments.len());
    for number in &segments {
        let name = names::segment(*number);
        let length = disk
            .open(&name, Access::Read)
            .and_then(|file| file.length())
            .map_err(|source| disk_error("open", &name, source))?;
        files.push((*number, name, length));
    }
    let total = files.iter().map(|(_, _, length)| length).sum();
    let mut cursor = Cursor::new(disk, &span.begin, segments.first().copied())?;
    let after = cursor.next.previous();
    let mut done = 0;
    let mut found = None;
    for (number, name, length) in files {
        let file =
            disk.open(&name, Access::Read).map_err(|error| disk_error("open", &name, error))?;
        let header = read_header(&*file, &name, number, length, expected_kind, &cursor)?;
        cursor.identity.get_or_insert((header.journal, header.kind));
        let window = Window::new(&*file, length, std::mem::take(&mut cursor.buffer));
        let is_last = last_number == Some(number);
        let mut scan = SegmentScan { window, name: &name, header: &header, is_last };
        let mut told = |end| progress(done + end, total);
        let (end, torn) = scan.run(&mut cursor, visit, &mut told)?;
        cursor.buffer = scan.window.into_buffer();
        done += length;
        progress(done, total);
        found = Some((LastSegment { header, end }, torn));
    }
    Ok(found.map(|(last, torn)| Scanned {
        after,
        last,
        next: cursor.next,
        head: cursor.head,
        segments: segments.len() as u64,
        bytes: total,
        torn,
    }))
}

/// The header of a segment, checked by itself alone.
pub(crate) fn header_of(
    disk: &dyn Disk,
    number: SegmentNumber,
) -> Result<SegmentHeader, JournalError> {
    let name = names::segment(number);
    let file = disk.open(&name, Access::Read).map_err(|error| disk_error("open", &name, error))?;
    let length = file.length().map_err(|error| disk_error("open", &name, error))?;
    decode_header(&*file, &name, length)
}

fn decode_header(
    file: &dyn DiskFile,
    name: &str,
    length: u64,
) -> Result<SegmentHeader, JournalError> {
    if length < BLOCK_BYTES {
        let reason = "the file is too short to hold it";
        return Err(damage(name, 0, Damage::Header { reason }));
    }
    let mut block = [0; BLOCK];
    file.read_at(0, &mut block).map_err(|error| disk_error("read", name, error))?;
    SegmentHeader::decode(&block).map_err(|error| match error {
        HeaderError::Unsound(reason) => damage(name, 0, Damage::Header { reason }),
        HeaderError::UnknownVersion(found) => {
            let expected = FORMAT_VERSION;
            JournalError::UnknownVersion { file: name.to_owned(), found, expected }
        }
    })
}

fn read_header(
    file: &dyn DiskFile,
    name: &str,
    number: SegmentNumber,
    length: u64,
    expected_kind: Option<JournalKind>,
    cursor: &Cursor,
) -> Result<SegmentHeader, JournalError> {
    let at_start = |what| Err(damage(name, 0, what));
    let header = decode_header(file, name, length)?;
    let (journal, kind) = cursor.identity.unwrap_or((header.journal, header.kind));
    if header.journal != journal {
        return at_start(Damage::OtherJournal { found: header.journal, expected: journal });
    }
    let expected = expected_kind.unwrap_or(kind);
    if header.kind != expected {
        let found = header.kind;
        return Err(JournalError::KindMismatch { file: name.to_owned(), found, expected });
    }
    if header.segment != number {
        return at_start(Damage::SegmentNumber { found: header.segment });
    }
    if header.segment_bytes != length {
        let expected = header.segment_bytes;
        return Err(damage(name, length, Damage::SegmentLength { found: length, expected }));
    }
    if header.base_sequence != cursor.next {
        let found = header.base_sequence;
        return at_start(Damage::BaseSequence { found, expected: cursor.next });
    }
    if header.previous != cursor.head {
        return at_start(Damage::BaseChain);
    }
    Ok(header)
}

/// One segment while it is read.
struct SegmentScan<'s> {
    window: Window<'s>,
    name: &'s str,
    header: &'s SegmentHeader,
    is_last: bool,
}

impl SegmentScan<'_> {
    /// Shows all frames; gives where the next one goes and what lies there.
    fn run<E>(
        &mut self,
        cursor: &mut Cursor,
        visit: &mut dyn FnMut(Entry<'_>) -> Result<(), E>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(u64, Option<TornTail>), OpenError<E>> {
        let mut offset = BLOCK_BYTES;
        loop {
            let Some(length) = self.frame_at(offset)? else {
                match self.judge_tail(offset, offset + BLOCK_BYTES, cursor) {
                    Ok(None) => return Ok((offset, None)),
                    verdict => {
                        // A process that writes while we read may have completed the frame since.
                        self.window.forget();
                        if self.frame_at(offset)?.is_some() {
                            continue;
                        }
                        return Ok((offset, verdict?));
                    }
                }
            };
            let end = offset + length as u64;
            self.show_frame(offset, length, cursor, visit)?;
            offset = end.next_multiple_of(BLOCK_BYTES);
            progress(offset);
            let padding = usize::try_from(offset - end).expect("less than a block");
            if self.read(end, padding)?.iter().any(|byte| *byte != 0) {
                return Ok((offset, self.judge_tail(end, offset, cursor)?));
            }
        }
    }

    fn read(&mut self, offset: u64, length: usize) -> Result<&[u8], JournalError> {
        let name = self.name;
        self.window.bytes(offset, length).map_err(|error| disk_error("read", name, error))
    }

    /// The length of the frame that starts at `offset`, if its checksum is right.
    fn frame_at(&mut self, offset: u64) -> Result<Option<usize>, JournalError> {
        let room = self.window.file_bytes().saturating_sub(offset);
        if room < BLOCK_BYTES {
            return Ok(None);
        }
        let seed: FrameSeed = self.header.frame_seed();
        let start = self.read(offset, FRAME_HEADER_BYTES)?;
        let Some(length) = format::claimed_frame_length(start, room) else { return Ok(None) };
        let frame = self.read(offset, length)?;
        Ok(format::checksum_is_right(seed, frame).then_some(length))
    }

    fn show_frame<E>(
        &mut self,
        offset: u64,
        length: usize,
        cursor: &mut Cursor,
        visit: &mut dyn FnMut(Entry<'_>) -> Result<(), E>,
    ) -> Result<(), OpenError<E>> {
        let (name, segment) = (self.name, self.header.segment);
        let frame = Frame::decode(self.read(offset, length)?);
        let chain_hash =
            frame.check(cursor.next, cursor.head).map_err(|what| damage(name, offset, what))?;
        let at_micros = frame.at_micros;
        let first_sequence = cursor.next;
        let refused = |sequence| move |error| OpenError::Visit { sequence, error };
        for body in frame.bodies() {
            let sequence = cursor.next;
            visit(Entry::Record { sequence, at_micros, body }).map_err(refused(sequence))?;
            cursor.next = sequence.plus(1);
        }
        cursor.head = chain_hash;
        let count = frame.count;
        let batch = BatchInfo { first_sequence, count, at_micros, chain_hash, segment, offset };
        visit(Entry::Batch(batch)).map_err(refused(batch.last_sequence()))
    }

    /// What lies after the last frame: nothing, a torn tail from `tail_start`, or damage. Another
    /// frame can only start at `search_from` or after.
    fn judge_tail(
        &mut self,
        tail_start: u64,
        search_from: u64,
        cursor: &Cursor,
    ) -> Result<Option<TornTail>, JournalError> {
        let name = self.name;
        let nonzero = self.window.end_of_nonzero(tail_start);
        let Some(end) = nonzero.map_err(|error| disk_error("read", name, error))? else {
            return Ok(None);
        };
        let mut at = search_from;
        while at < end {
            if self.frame_at(at)?.is_some() {
                return Err(damage(name, tail_start, Damage::FrameBeforeFrame { next_frame: at }));
            }
            at += BLOCK_BYTES;
        }
        if !self.is_last {
            return Err(damage(name, tail_start, Damage::SealedTail));
        }
        Ok(Some(TornTail {
            segment: self.header.segment,
            offset: tail_start,
            bytes: end - tail_start,
            first_lost: cursor.next,
        }))
    }
}

pub(crate) fn damage(file: &str, offset: u64, damage: Damage) -> JournalError {
    JournalError::Damage { file: file.to_owned(), offset, damage }
}

pub(crate) fn disk_error(action: &'static str, file: &str, source: io::Error) -> JournalError {
    JournalError::Disk { action, file: file.to_owned(), source }
}
