//! Writing one batch: sealing its frame, finding its place, writing and syncing it.
//!
//! It must not know who appended or who waits. `journal` calls it under the writer's lock.

use crate::disk::DiskFile;
use crate::entropy::Entropy;
use crate::format::{self, BLOCK_BYTES, BatchPlace, SegmentHeader, blocks_for};
use crate::merkle::NONCE_BYTES;
use crate::scan::LastSegment;
use crate::segment::{self, DiskFault};
use crate::shared::Shared;
use crate::words::{ChainHash, Sequence};

/// What only the committing thread touches.
pub(crate) struct Writer {
    pub(crate) file: Box<dyn DiskFile>,
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
        Self { file, file_name, header, offset, next, head, entropy, frame, nonces }
    }

    /// Seals the taken frame, writes it where it fits, and syncs; `true` when that was a new segment.
    pub(crate) fn write_batch(
        &mut self,
        shared: &Shared,
        records: u32,
        at_micros: i64,
    ) -> Result<bool, DiskFault> {
        self.nonces.resize(records as usize * NONCE_BYTES, 0);
        self.entropy
            .fill(&mut self.nonces)
            .map_err(DiskFault::of("take randomness for", "nonces"))?;
        let blocks = blocks_for(self.frame.len());
        let rotates = self.offset + blocks * BLOCK_BYTES > self.header.segment_bytes;
        if rotates {
            self.rotate(shared)?;
        }
        let place = BatchPlace {
            seed: self.header.frame_seed(),
            first_sequence: self.next,
            previous: self.head,
            at_micros,
        };
        let head = format::seal_frame(&mut self.frame, place, records, &self.nonces);
        self.file
            .write_at(self.offset, &self.frame)
            .map_err(DiskFault::of("write", &self.file_name))?;
        self.file.sync().map_err(DiskFault::of("sync", &self.file_name))?;
        self.head = head;
        self.next = self.next.plus(u64::from(records));
        self.offset += blocks * BLOCK_BYTES;
        Ok(rotates)
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
        self.file = spare;
        self.header = header;
        self.offset = BLOCK_BYTES;
        Ok(())
    }
}
