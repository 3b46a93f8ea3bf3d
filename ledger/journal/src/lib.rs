//! An append-only, hash-chained journal with group commit.
//!
//! It owns the segment files of one directory: their bytes (`FORMAT.md`), who may write them, when a
//! record counts as durable, and what is believed after a crash. It must not know what a record
//! means: bodies are opaque bytes. The ledger calls it; tools read through [`read_journal`].
//!
//! The words, one meaning each:
//! - **record**: one body with its dense sequence number, counted from 1;
//! - **batch**: the records of one group commit, written as one **frame**;
//! - **frame**: a batch on disk, starting at a block boundary and zero-padded to the next;
//! - **block**: [`BLOCK_BYTES`] bytes, the unit in which a segment is filled;
//! - **segment**: one file of fixed size, pre-zeroed; the **spare** is the next one, made ahead;
//! - **watermark**: the last sequence number that is durable;
//! - **head**: the chain hash of the last batch;
//! - **sealed**: a segment that has a successor; it never changes again;
//! - **snapshot**: what all segments up to a sealed one add up to, in bytes of the ledger's;
//! - **torn tail**: bytes after the last whole frame, left by a write that was never acknowledged.
//!
//! What is absent: no retry after a failed write or sync, no clock, no randomness of its own, no
//! path to a disk except through [`Disk`].

mod batch;
mod commit_thread;
mod copy;
mod disk;
mod entropy;
mod error;
mod format;
mod journal;
mod layers;
mod merkle;
mod names;
mod options;
mod reader;
mod real_disk;
mod recovery;
mod scan;
mod segment;
mod shared;
#[cfg(any(test, feature = "simulation"))]
pub mod simulation;
mod snapshot;
mod space;
mod span;
#[cfg(test)]
mod tests;
mod window;
mod words;
mod writer;

pub use batch::{Batch, Committer, Registration};
pub use commit_thread::CommitThread;
pub use copy::{
    copy_file, copy_growing_segment, give_up_segment, journal_of_segment, segment_name,
};
pub use disk::{Access, Disk, DiskFile, DiskLock};
pub use entropy::{Entropy, OsEntropy};
pub use error::{
    BadSnapshot, CopyError, Damage, JournalError, JournalFailure, OpenError, ReserveError,
    SpareError,
};
pub use format::{
    BLOCK_BYTES, FORMAT_VERSION, FRAME_HEADER_BYTES, RECORD_HEADER_BYTES, SINGLE_BLOCK_BODY_BYTES,
};
pub use journal::{ActiveSegment, Journal, Reservation};
pub use layers::Layers;
pub use options::{
    JournalKind, MAX_BATCH_BYTES, MAX_PENDING_RECORDS, MAX_RECORD_BYTES, MAX_SEGMENT_BYTES,
    MIN_SEGMENT_BYTES, Options, RESERVE_SHARE,
};
pub use reader::{JournalSummary, read_journal, read_span};
pub use real_disk::RealDisk;
pub use recovery::{CutTail, MAX_SIDE_FILES_PER_OFFSET, Recovery};
pub use scan::{BatchInfo, Entry, TornTail};
pub use shared::{Commit, CommitListener};
pub use snapshot::{
    SNAPSHOT_HEADER_BYTES, SNAPSHOT_VERSION, SnapshotReader, SnapshotWriter, lock_for_upkeep,
    prune_snapshots, snapshot_name, snapshots_present,
};
pub use space::{Class, SpaceReport, SpareStatus};
pub use span::{Begin, Covered, Span, segments_present};
pub use words::{ChainHash, JournalId, ParseChainHashError, SegmentNumber, Sequence};
