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

/// `segment-0000000001.talon`
pub(crate) fn segment(number: SegmentNumber) -> String {
    format!("segment-{:010}.talon", number.get())
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
    let digits = name.strip_prefix("segment-")?.strip_suffix(".talon")?;
    let number = SegmentNumber::new(digits.parse().ok()?);
    (segment(number) == name).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_name_gives_its_number_back() {
        for value in [1, 42, 9_999_999_999, u64::MAX] {
            let number = SegmentNumber::new(value);
            assert_eq!(parse_segment(&segment(number)), Some(number));
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
