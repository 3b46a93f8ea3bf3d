//! Writing one batch: sealing its frame, finding its place, writing and syncing it.
//!
//! It must not know who appended or who waits. Whoever commits holds the writer.

use std::fs::File;
use std::sync::Arc;

use crate::disk::DiskFile;
use crate::entropy::Entropy;
use crate::format::{self, BLOCK_BYTES, BatchPlace, SegmentHeader, blocks_for};
use crate::merkle::NONCE_BYTES;
use crate::scan::LastSegment;
use crate::segment::{self, DiskFault};
use crate::shared::Shared;
use crate::words::{ChainHash, Sequence};

/// What only whoever commits touches.
pub(crate) struct Writer {
    pub(crate) file: Box<dyn DiskFile>,
    /// The same for whoever writes past the page cache.
    pub(crate) direct: Option<Arc<File>>,
    pub(crate) file_name: String,
    /// The active segment's header.
    pub(crate) header: SegmentHeader,
    /// Where the next frame goes in the active segment.
    pub(crate) offset: u64,
    /// The number of the first record not yet written.
    pub(crate) next: Sequence,
    pub(crate) head: ChainHash,
    pub(crate) entropy: Box<dyn Entropy>,
    /// The frame of the last commit, kept for its allocation.
    pub(crate) frame: Vec<u8>,
    pub(crate) nonces: Vec<u8>,
}

/// A frame that is ready to be written at the writer's place.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) records: u32,
    head: ChainHash,
}

impl Writer {
    /// Goes on after the last frame of an opened journal.
    pub(crate) fn new(
        file: Box<dyn DiskFile>,
        file_name: String,
        last: LastSegment,
        next: Sequence,
        head: ChainHash,
        entropy: Box<dyn Entropy>,
    ) -> Self {
        let (header, offset) = (last.header, last.end);
        let (frame, nonces) = (Vec::new(), Vec::new());
        let direct = file.direct();
        Self { file, direct, file_name, header, offset, next, head, entropy, frame, nonces }
    }

    /// Seals the taken frame, writes it where it fits, and syncs; `true` when that was a new segment.
    pub(crate) fn write_batch(
        &mut self,
        shared: &Shared,
        records: u32,
        at_micros: i64,
    ) -> Result<bool, DiskFault> {
        let bytes = blocks_for(self.frame.len()) * BLOCK_BYTES;
        let rotates = self.offset + bytes > self.header.segment_bytes;
        if rotates {
            self.rotate(shared)?;
        }
        let sealed = self.seal(records, at_micros)?;
        self.file
            .write_at(self.offset, &self.frame)
            .map_err(DiskFault::of("write", &self.file_name))?;
        self.file.sync().map_err(DiskFault::of("sync", &self.file_name))?;
        self.written(&sealed);
        Ok(rotates)
    }

    /// Makes a frame of whole blocks of what was taken, for the active segment.
    pub(crate) fn seal(&mut self, records: u32, at_micros: i64) -> Result<Sealed, DiskFault> {
        self.nonces.resize(records as usize * NONCE_BYTES, 0);
        self.entropy
            .fill(&mut self.nonces)
            .map_err(DiskFault::of("take randomness for", "nonces"))?;
        let place = BatchPlace {
            seed: self.header.frame_seed(),
            first_sequence: self.next,
            previous: self.head,
            at_micros,
        };
        let head = format::seal_frame(&mut self.frame, place, records, &self.nonces);
        Ok(Sealed { records, head })
    }

    /// The sealed frame is durable; the next one goes after it.
    pub(crate) fn written(&mut self, sealed: &Sealed) {
        self.head = sealed.head;
        self.next = self.next.plus(u64::from(sealed.records));
        self.offset += self.frame.len() as u64;
    }

    /// Makes the spare the active segment.
    fn rotate(&mut self, shared: &Shared) -> Result<(), DiskFault> {
        let spare = shared.spare_file.lock().take().expect("a reservation promised a spare");
        let header = SegmentHeader {
            segment: self.header.segment.next(),
            segment_bytes: shared.options.segment_bytes,
            base_sequence: self.next,
            previous: self.head,
            ..self.header.clone()
        };
        self.file_name = segment::activate_spare(&*shared.disk, &*spare, &header)?;
        self.direct = spare.direct();
        self.file = spare;
        self.header = header;
        self.offset = BLOCK_BYTES;
        Ok(())
    }
}
