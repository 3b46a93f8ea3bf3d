//! Why a catalogue is refused: the words for whoever wrote it.
//!
//! Every refusal names the office, desk or key at fault. Must not know how it is found.

use crate::calendar::{BadInterval, Overlap};
use crate::catalogue_file::did_you_mean;
use crate::shape::ShiftTooLong;

/// Why a catalogue is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCatalogue {
    /// Two things with one id or code.
    #[error("{what} {id} stands twice; ids and codes are unique")]
    Twice {
        /// What kind of thing.
        what: &'static str,
        /// Its id or code.
        id: String,
    },
    /// A name that refers to nothing.
    #[error("{at}: no {what} `{name}`{}", did_you_mean(.nearest.as_deref()))]
    Unknown {
        /// Where the name stands.
        at: String,
        /// What it should name.
        what: &'static str,
        /// The name.
        name: String,
        /// The nearest known one.
        nearest: Option<String>,
    },
    /// More than a named bound allows.
    #[error("{at}: {count} {what}, at most {max}")]
    TooMany {
        /// Where.
        at: String,
        /// Of what.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// A value outside its range.
    #[error("{at}: {problem}")]
    Value {
        /// Where.
        at: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// An interval that is none.
    #[error("{at}: {source}")]
    Interval {
        /// Where.
        at: String,
        /// The text.
        source: BadInterval,
    },
    /// Intervals that overlap.
    #[error("{at}: overlapping shifts, {source}")]
    Overlap {
        /// Where.
        at: String,
        /// Which.
        source: Overlap,
    },
    /// A shift with more steps than a word has bits.
    #[error("{at}: {source}")]
    ShiftTooLong {
        /// Where.
        at: String,
        /// Which.
        source: ShiftTooLong,
    },
}
