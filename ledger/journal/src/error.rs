//! What can go wrong, one enum per operation, with the facts as fields and the remedy in the words.
//!
//! It must not know how the faults are found. All texts are for the log and for operators.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::options::JournalKind;
use crate::words::{JournalId, SegmentNumber, Sequence};

/// Why a journal could not be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// An option outside its rule.
    #[error("{option} = {value}: it must be {rule}")]
    InvalidOptions {
        /// The option's name.
        option: &'static str,
        /// Its value.
        value: u64,
        /// What it must be.
        rule: &'static str,
    },
    /// The file system refused something.
    #[error("{action} {file}: {source}")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// On which file.
        file: String,
        /// What the file system said.
        source: io::Error,
    },
    /// The randomness for the journal's id could not be had.
    #[error("no randomness for a new journal: {0}")]
    Entropy(io::Error),
    /// Another process writes this directory.
    #[error("another process has this journal open; stop it first (its lock is on the file LOCK)")]
    Locked,
    /// Demo data where production was asked for, or the other way round.
    #[error(
        "{file} belongs to a {found} journal, and this process runs as {expected}; \
         point it to a directory of its own"
    )]
    KindMismatch {
        /// The segment that says so.
        file: String,
        /// What the segment says.
        found: JournalKind,
        /// What the options ask for.
        expected: JournalKind,
    },
    /// A sound segment of a format this program does not know.
    #[error(
        "{file} has format version {found}; this program reads version {expected}, use the one that wrote it"
    )]
    UnknownVersion {
        /// The segment.
        file: String,
        /// Its version.
        found: u32,
        /// The version this program knows.
        expected: u32,
    },
    /// The bytes are not what a crash can leave behind.
    #[error("{file}, byte {offset}: {damage}. {}", damage.remedy())]
    Damage {
        /// The damaged file.
        file: String,
        /// Where in it, in bytes.
        offset: u64,
        /// What is wrong there.
        damage: Damage,
    },
}

/// What is wrong with the bytes at one place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The file's length is not the size its header names.
    #[error("the file has {found} bytes and must have {expected}")]
    SegmentLength {
        /// Bytes the file has.
        found: u64,
        /// Bytes its header names.
        expected: u64,
    },
    /// No header can be read: too short, wrong magic, wrong checksum or bytes after it.
    #[error("the segment's header is not sound: {reason}")]
    Header {
        /// Which check failed.
        reason: &'static str,
    },
    /// The header is sound and names another segment than the file's name does.
    #[error("the header says segment {found}")]
    SegmentNumber {
        /// The number in the header.
        found: SegmentNumber,
    },
    /// A segment of another journal.
    #[error("the segment belongs to journal {found}, not to {expected}")]
    OtherJournal {
        /// The id in this header.
        found: JournalId,
        /// The id in the first segment's header.
        expected: JournalId,
    },
    /// A segment file that must exist does not.
    #[error("the segment is missing")]
    MissingSegment,
    /// The header does not continue where the segment before it ends.
    #[error(
        "the segment starts at record {found} and the one before it ends before record {expected}"
    )]
    BaseSequence {
        /// First sequence number by this header.
        found: Sequence,
        /// First sequence number by the segment before.
        expected: Sequence,
    },
    /// The header's chain hash is not that of the batch before it.
    #[error("the segment's chain hash is not that of the batch before it")]
    BaseChain,
    /// No frame here, and a sound one after: not a torn tail.
    #[error("no sound frame here, and a sound one follows at byte {next_frame}")]
    FrameBeforeFrame {
        /// Where the sound frame starts.
        next_frame: u64,
    },
    /// A frame whose checksum is right and whose contents do not continue the journal.
    #[error("the frame's checksum is right, but {reason}")]
    UnexpectedFrame {
        /// Which check failed.
        reason: &'static str,
    },
    /// Bytes after the last frame of a segment that has a successor.
    #[error("bytes that belong to no frame, in a segment that has a successor")]
    SealedTail,
    /// Tails were cut at this place so often that another process than ours must be at work.
    #[error("{count} tails were cut here before and their side files are still there")]
    TooManySideFiles {
        /// Side files for this offset.
        count: u32,
    },
}

impl Damage {
    /// What an operator can do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::SegmentLength { found, expected } if found < expected => {
                "Restore the file from a backup. Without one, extend it with zeros \
                 (truncate -s <the size it must have> <the file>) and start again: what the file lost \
                 is then reported as a cut tail or as damage; a loss that ends exactly between two \
                 commits shows only against a published head"
            }
            Self::SegmentLength { .. } => {
                "Restore the file from a backup, or find out what appended to it and, on a copy, cut it \
                 to that size"
            }
            Self::MissingSegment => {
                "Put the file back from the archive or a backup. A segment that was archived may be missing \
                 only when a good snapshot covers it: putting such a snapshot back helps as well"
            }
            Self::OtherJournal { .. } => {
                "Two journals were mixed in one directory: put each one's segments into its own"
            }
            Self::TooManySideFiles { .. } => "Move the side files elsewhere and check the disk",
            Self::Header { .. }
            | Self::SegmentNumber { .. }
            | Self::BaseSequence { .. }
            | Self::BaseChain
            | Self::FrameBeforeFrame { .. }
            | Self::UnexpectedFrame { .. }
            | Self::SealedTail => {
                "A crash does not do this; the disk or something else changed the file. Keep a copy and \
                 restore the file from a backup"
            }
        }
    }
}

/// Why a snapshot is not used. Never fatal by itself: an older one, or the segments, say the same.
#[derive(Debug, thiserror::Error)]
pub enum BadSnapshot {
    /// The file system refused something.
    #[error("{0}")]
    Disk(#[from] io::Error),
    /// The bytes are not what was written, or do not belong here.
    #[error("{0}")]
    Unsound(&'static str),
    /// A framing this program does not know.
    #[error("it has version {found}; this program reads version {expected}")]
    UnknownVersion {
        /// The snapshot's version.
        found: u32,
        /// The version this program knows.
        expected: u32,
    },
}

/// Why a file could not be copied. The original is as it was.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A file system refused something.
    #[error("{action} {file}: {source}")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// With which file.
        file: String,
        /// What the file system said.
        source: io::Error,
    },
    /// There is a file of that name with other contents; it is left alone.
    #[error(
        "{file} is there already with other contents and is left alone; \
         give every journal an archive of its own, and check that disk"
    )]
    Differs {
        /// Which file.
        file: String,
    },
    /// The copy, read back, is not what was written.
    #[error("the copy of {file} reads back as something else; check the disk it was written to")]
    NotTheSame {
        /// Which file.
        file: String,
    },
}

/// Why opening failed: the journal itself, or the caller's replay.
#[derive(Debug, thiserror::Error)]
pub enum OpenError<E> {
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The caller refused an entry.
    #[error("at record {sequence}: {error}")]
    Visit {
        /// The record that was refused, or the last one of a refused batch.
        sequence: Sequence,
        /// What the caller said.
        error: E,
    },
}

/// Why no space can be promised to a record now. Nothing was claimed and nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReserveError {
    /// The disk is full: no spare segment could be made, and the active one is at its reserve.
    #[error("the journal is full and no further segment could be made")]
    Full,
    /// Too much is waiting for its commit; it will pass with the next commits.
    #[error("too many records wait for their commit")]
    Busy,
    /// The records are larger than one batch may be; they will never fit.
    #[error("{bytes} bytes of bodies do not fit into one batch of this journal")]
    TooLarge {
        /// Bytes asked for.
        bytes: usize,
    },
    /// A write or a sync failed; this journal is over until the process starts again.
    #[error("the journal failed before")]
    Failed,
}

/// The write or sync that failed. Nothing after the watermark was or will be acknowledged.
#[derive(Clone, Debug)]
pub struct JournalFailure {
    /// What was tried.
    pub action: &'static str,
    /// On which file.
    pub file: String,
    /// What the system said.
    pub source: Arc<io::Error>,
}

impl JournalFailure {
    pub(crate) fn new(action: &'static str, file: impl Into<String>, source: io::Error) -> Self {
        Self { action, file: file.into(), source: Arc::new(source) }
    }
}

impl fmt::Display for JournalFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "the journal failed and must be opened again: {} {}: {}",
            self.action, self.file, self.source
        )
    }
}

impl std::error::Error for JournalFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

/// Why there is no spare segment after trying to make one.
#[derive(Debug, thiserror::Error)]
pub enum SpareError {
    /// No room on the disk. It may be tried again later; until then the journal can become full.
    #[error("no room for the next segment: {0}")]
    NoRoom(io::Error),
    /// Anything else ends the journal, as a failed commit does.
    #[error(transparent)]
    Failed(#[from] JournalFailure),
}
