//! The names of the files of a journal directory, and back from a name to what it is.
//!
//! It must not know what is in the files. `recovery`, `reader` and `segment` call it.

use crate::words::SegmentNumber;

/// The next segment, while it is being made and until it is activated.
pub(crate) const SPARE: &str = "spare.talon";
/// A side file that is still being written.
pub(crate) const UNFINISHED_SIDE_FILE: &str = "cut.unfinished";
/// The file whose lock says that a process writes this directory.
pub(crate) const LOCK: &str = "LOCK";
/// The file whose lock says that a process makes a snapshot here or takes segments away.
pub(crate) const UPKEEP_LOCK: &str = "LOCK.upkeep";
/// A snapshot that is still being written.
pub(crate) const UNFINISHED_SNAPSHOT: &str = "snapshot.unfinished";
/// A file that is being copied here from another directory.
pub(crate) const UNFINISHED_COPY: &str = "copy.unfinished";

/// `segment-0000000001.talon`
pub(crate) fn segment(number: SegmentNumber) -> String {
    format!("segment-{:010}.talon", number.get())
}

/// `snapshot-0000000001.talon`: what the journal adds up to at the end of that segment.
pub(crate) fn snapshot(covered: SegmentNumber) -> String {
    format!("snapshot-{:010}.talon", covered.get())
}

/// `recycled-0000000001.talon`: a segment that was archived, to be zeroed and used again.
pub(crate) fn recycled(number: SegmentNumber) -> String {
    format!("recycled-{:010}.talon", number.get())
}

/// `cut-<segment>-<offset>.bin`; when tails were cut there before, `…-<offset>-2.bin` and so on.
pub(crate) fn side_file(segment: SegmentNumber, offset: u64, attempt: u32) -> String {
    match attempt {
        0 | 1 => format!("cut-{segment}-{offset}.bin"),
        more => format!("cut-{segment}-{offset}-{more}.bin"),
    }
}

/// Whether the name is that of a side file.
pub(crate) fn is_side_file(name: &str) -> bool {
    name.starts_with("cut-") && name.ends_with(".bin")
}

/// The segment's number, if the name is exactly what [`segment`] gives for one.
pub(crate) fn parse_segment(name: &str) -> Option<SegmentNumber> {
    parse("segment-", segment, name)
}

/// The last segment covered, if the name is exactly what [`snapshot`] gives for one.
pub(crate) fn parse_snapshot(name: &str) -> Option<SegmentNumber> {
    parse("snapshot-", snapshot, name)
}

/// The number a recycled segment had, if the name is exactly what [`recycled`] gives for one.
pub(crate) fn parse_recycled(name: &str) -> Option<SegmentNumber> {
    parse("recycled-", recycled, name)
}

fn parse(prefix: &str, back: fn(SegmentNumber) -> String, name: &str) -> Option<SegmentNumber> {
    let digits = name.strip_prefix(prefix)?.strip_suffix(".talon")?;
    let number = SegmentNumber::new(digits.parse().ok()?);
    (back(number) == name).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_name_gives_its_number_back() {
        for value in [1, 42, 9_999_999_999, u64::MAX] {
            let number = SegmentNumber::new(value);
            assert_eq!(parse_segment(&segment(number)), Some(number));
            assert_eq!(parse_snapshot(&snapshot(number)), Some(number));
            assert_eq!(parse_recycled(&recycled(number)), Some(number));
        }
        assert_eq!(segment(SegmentNumber::FIRST), "segment-0000000001.talon");
    }

    #[test]
    fn a_name_that_only_looks_like_a_segment_is_none() {
        for name in ["segment-1.talon", "segment-0000000001.talon.bak", "segment-+000000001.talon"]
        {
            assert_eq!(parse_segment(name), None, "{name}");
        }
    }
}
