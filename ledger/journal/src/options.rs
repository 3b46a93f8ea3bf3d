//! What a journal is told when it is opened, and the bounds it keeps.
//!
//! It must not know how the bounds are enforced. Callers fill [`Options`]; `recovery` validates it.

use crate::error::JournalError;
use crate::format::{BLOCK_BYTES, FRAME_HEADER_BYTES, RECORD_HEADER_BYTES, blocks_for};

/// Records that may be reserved or waiting for a commit at once; at the bound, `Busy`.
pub const MAX_PENDING_RECORDS: u32 = 16_384;
/// The largest frame any journal may hold; a length above it never parses. 16 MiB.
pub const MAX_BATCH_BYTES: u32 = 16 << 20;
/// The largest body, in bytes; a smaller [`Options::max_batch_bytes`] lowers it further.
pub const MAX_RECORD_BYTES: usize = 1 << 20;
/// The smallest segment: a header and three blocks.
pub const MIN_SEGMENT_BYTES: u64 = 4 * BLOCK_BYTES;
/// The largest segment. 1 GiB.
pub const MAX_SEGMENT_BYTES: u64 = 1 << 30;
/// One part in this many of a segment is kept for [`Class::Reserve`](crate::Class::Reserve).
pub const RESERVE_SHARE: u64 = 16;

const _: () = assert!(
    MAX_RECORD_BYTES + FRAME_HEADER_BYTES + RECORD_HEADER_BYTES <= MAX_BATCH_BYTES as usize,
    "the largest record fits the largest batch"
);
const _: () = assert!(MAX_BATCH_BYTES as u64 * 2 < MAX_SEGMENT_BYTES);

/// Whether a journal holds play or promises. Written in every segment; neither opens the other's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JournalKind {
    /// Made with stand-ins; binds nobody.
    Demo,
    /// Bookings of real people.
    Production,
}

impl JournalKind {
    /// What headers on disk say for it.
    pub(crate) const fn code(self) -> u32 {
        match self {
            Self::Demo => 1,
            Self::Production => 2,
        }
    }

    pub(crate) const fn from_code(code: u32) -> Option<Self> {
        match code {
            1 => Some(Self::Demo),
            2 => Some(Self::Production),
            _ => None,
        }
    }
}

impl std::fmt::Display for JournalKind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Demo => "demo",
            Self::Production => "production",
        })
    }
}

/// How a journal is opened. Segments that exist keep their size; new ones take `segment_bytes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Size of a new segment in bytes: a multiple of [`BLOCK_BYTES`], from [`MIN_SEGMENT_BYTES`]
    /// to [`MAX_SEGMENT_BYTES`].
    pub segment_bytes: u64,
    /// Demo or production; must be what the directory already says.
    pub kind: JournalKind,
    /// Largest frame in bytes: a multiple of [`BLOCK_BYTES`], at most [`MAX_BATCH_BYTES`], and
    /// together with the reserve no more than a segment holds. It also bounds what is pending.
    pub max_batch_bytes: u32,
}

impl Options {
    /// 64 MiB segments and 4 MiB batches.
    #[must_use]
    pub const fn new(kind: JournalKind) -> Self {
        Self { segment_bytes: 64 << 20, kind, max_batch_bytes: 4 << 20 }
    }

    /// The largest body that this journal takes, in bytes.
    #[must_use]
    pub fn max_record_bytes(&self) -> usize {
        let batch = usize::try_from(self.max_batch_bytes).expect("a u32 fits a usize");
        batch.saturating_sub(FRAME_HEADER_BYTES + RECORD_HEADER_BYTES).min(MAX_RECORD_BYTES)
    }

    /// Blocks of a new segment that can hold frames.
    pub(crate) fn data_blocks(&self) -> u64 {
        self.segment_bytes / BLOCK_BYTES - 1
    }

    /// Blocks that only [`Class::Reserve`](crate::Class::Reserve) may take.
    pub(crate) fn reserve_blocks(&self) -> u64 {
        (self.data_blocks() / RESERVE_SHARE).max(1)
    }

    /// Refuses what the docstrings of the fields exclude.
    ///
    /// # Errors
    /// [`JournalError::InvalidOptions`] with the option's name and its rule.
    pub fn validate(&self) -> Result<(), JournalError> {
        let segment_is_whole = self.segment_bytes.is_multiple_of(BLOCK_BYTES);
        if !segment_is_whole
            || !(MIN_SEGMENT_BYTES..=MAX_SEGMENT_BYTES).contains(&self.segment_bytes)
        {
            return Err(JournalError::InvalidOptions {
                option: "segment_bytes",
                value: self.segment_bytes,
                rule: "a multiple of 4096 from 16384 to 1073741824",
            });
        }
        let batch = u64::from(self.max_batch_bytes);
        let batch_blocks = blocks_for(self.max_batch_bytes as usize);
        if !batch.is_multiple_of(BLOCK_BYTES)
            || batch == 0
            || self.max_batch_bytes > MAX_BATCH_BYTES
            || batch_blocks + self.reserve_blocks() > self.data_blocks()
        {
            return Err(JournalError::InvalidOptions {
                option: "max_batch_bytes",
                value: batch,
                rule: "a multiple of 4096, at most 16777216, and small enough for a segment \
                       less its header and one sixteenth",
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(segment_bytes: u64, max_batch_bytes: u32) -> Options {
        Options { segment_bytes, kind: JournalKind::Demo, max_batch_bytes }
    }

    #[test]
    fn the_defaults_are_valid() {
        assert!(Options::new(JournalKind::Production).validate().is_ok());
        assert!(options(MIN_SEGMENT_BYTES, 8192).validate().is_ok());
        assert!(options(MAX_SEGMENT_BYTES, MAX_BATCH_BYTES).validate().is_ok());
    }

    #[test]
    fn sizes_outside_their_rules_are_refused() {
        for (segment_bytes, max_batch_bytes) in [
            (0, 4096),
            (12_288, 4096),
            (16_385, 4096),
            (MAX_SEGMENT_BYTES + 4096, 4096),
            (16_384, 0),
            (16_384, 100),
            (16_384, 12_288),
            (MAX_SEGMENT_BYTES, MAX_BATCH_BYTES + 4096),
        ] {
            let refused = options(segment_bytes, max_batch_bytes).validate();
            assert!(
                matches!(refused, Err(JournalError::InvalidOptions { .. })),
                "{segment_bytes} {max_batch_bytes}"
            );
        }
    }

    #[test]
    fn a_small_batch_lowers_the_largest_record() {
        assert_eq!(options(16_384, 4096).max_record_bytes(), 4096 - 96 - 20);
        assert_eq!(Options::new(JournalKind::Demo).max_record_bytes(), MAX_RECORD_BYTES);
    }
}
