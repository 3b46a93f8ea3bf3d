//! Which segments of a directory a reading is about, and where it begins.
//!
//! Owns the rules about missing segments: none may be missing between the first that is read and the
//! last there is. It must not read frames. `scan` calls it; `snapshot` takes [`Covered`] from it.

use crate::disk::Disk;
use crate::error::{Damage, JournalError};
use crate::names;
use crate::options::JournalKind;
use crate::scan::{damage, disk_error};
use crate::words::{ChainHash, JournalId, SegmentNumber, Sequence};

/// The beginning of a journal up to the end of one of its segments: what a snapshot stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covered {
    /// The journal.
    pub journal: JournalId,
    /// Demo or production.
    pub kind: JournalKind,
    /// The last segment that is covered whole.
    pub segment: SegmentNumber,
    /// The last record in it or before it.
    pub last_sequence: Sequence,
    /// Chain hash of the batch that this record ends.
    pub head: ChainHash,
}

/// Where a reading begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Begin {
    /// With the first record of the journal: segment 1 must be there.
    #[default]
    First,
    /// After what is known already. Segments up to there are not looked at.
    After(Covered),
    /// With the first segment there is. What came before is taken from its header, unchecked: good for
    /// looking into a journal, not for judging it.
    Present,
}

/// What is read of a journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub begin: Begin,
    /// The last segment that is read; without one, all. It must be one that has a successor.
    pub through: Option<SegmentNumber>,
}

impl Span {
    /// All records.
    #[must_use]
    pub const fn whole() -> Self {
        Self { begin: Begin::First, through: None }
    }

    /// All records after `covered`, or all when there is no such thing.
    #[must_use]
    pub fn after(covered: Option<Covered>) -> Self {
        Self { begin: covered.map_or(Begin::First, Begin::After), through: None }
    }
}

/// The segments to read, and the last one there is.
pub(crate) struct Listed {
    pub(crate) segments: Vec<SegmentNumber>,
    pub(crate) last: Option<SegmentNumber>,
}

/// The numbers of all segments in the directory, sorted; some may be missing.
///
/// # Errors
/// Whatever the file system says.
pub fn segments_present(disk: &dyn Disk) -> std::io::Result<Vec<SegmentNumber>> {
    let mut segments: Vec<_> =
        disk.list()?.iter().filter_map(|name| names::parse_segment(name)).collect();
    segments.sort_unstable();
    Ok(segments)
}

/// The segments of a span, without a gap from where it begins to the last one there is.
pub(crate) fn list(disk: &dyn Disk, span: &Span) -> Result<Listed, JournalError> {
    let names = disk.list().map_err(|error| disk_error("list", ".", error))?;
    let mut segments: Vec<_> = names.iter().filter_map(|name| names::parse_segment(name)).collect();
    segments.sort_unstable();
    let missing = |number| Err(damage(&names::segment(number), 0, Damage::MissingSegment));
    let first = match &span.begin {
        Begin::First => SegmentNumber::FIRST,
        Begin::After(covered) => covered.segment.next(),
        Begin::Present => segments.first().copied().unwrap_or(SegmentNumber::FIRST),
    };
    segments.retain(|number| *number >= first);
    let mut expected = first;
    for number in &segments {
        if *number != expected {
            return missing(expected);
        }
        expected = expected.next();
    }
    // A snapshot was made here, or a tail was cut, so there was a journal; an empty one must not take
    // its place. What a snapshot covers always had a successor.
    let had_a_journal = matches!(span.begin, Begin::After(_))
        || names
            .iter()
            .any(|name| names::is_side_file(name) || names::parse_snapshot(name).is_some());
    if segments.is_empty() && had_a_journal {
        return missing(expected);
    }
    let last = segments.last().copied();
    if let Some(through) = span.through {
        segments.retain(|number| *number <= through);
    }
    Ok(Listed { segments, last })
}
