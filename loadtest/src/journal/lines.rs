//! The lines of `talon-ledger inspect`, as far as the checker needs them.
//!
//! Written from what the tool prints and not from the ledger's code. Must not judge. Called by the
//! checker.

use std::str::Utf8Error;

use jiff::Timestamp;
use serde::Deserialize;

/// The kinds of records that the checker reads.
pub const KINDS: &[&str] = &["policy-set", "booked", "cancelled", "returned", "moved", "linked"];

/// A line that nobody understands.
#[derive(Debug, thiserror::Error)]
pub enum BadLine {
    /// No text.
    #[error("the journal's lines are no text: {0}")]
    Text(#[from] Utf8Error),
    /// Other JSON than is known here.
    #[error("line {number} of the journal: {source}")]
    Json {
        /// Which, from 1.
        number: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// One record.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    pub(super) at: Timestamp,
    #[serde(flatten)]
    pub(super) fact: Fact,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(super) enum Fact {
    PolicySet {
        policy: Policy,
    },
    Booked(Booked),
    Cancelled {
        booking: String,
    },
    Returned {
        booking: String,
        seat: Seat,
    },
    Moved {
        from: String,
        counts: bool,
        #[serde(flatten)]
        booked: Booked,
    },
    Linked {
        into: String,
        from: Vec<String>,
    },
    #[serde(other)]
    Other,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Booked {
    pub(super) booking: String,
    pub(super) subject: String,
    /// Present when somebody acts for an entity.
    pub(super) actor: Option<String>,
    pub(super) channel: String,
    pub(super) service: u16,
    pub(super) seat: Seat,
}

/// A place at a desk.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Seat {
    /// The authority's id.
    pub authority: u16,
    /// The office's public number.
    pub office: u32,
    /// The date, where the office is.
    pub date: String,
    /// The desk; unknown when the day is not in the journal.
    pub desk: Option<u16>,
    /// The time, where the office is.
    pub start: Option<String>,
    /// How long.
    pub minutes: Option<u32>,
    /// The shift of the day.
    pub shift: u16,
    /// The first step in the shift.
    pub step: u8,
    /// How many steps.
    pub steps: u8,
}

#[derive(Debug, Deserialize)]
pub(super) struct Policy {
    pub(super) authority: u16,
    pub(super) zone: String,
    pub(super) limits: Vec<Limit>,
}

/// A limit; the members beyond the first are of some kinds only.
#[derive(Debug, Deserialize)]
pub(super) struct Limit {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) mode: String,
    pub(super) subjects: String,
    pub(super) holder: String,
    pub(super) services: Vec<u16>,
    pub(super) max: u32,
    pub(super) period: Option<String>,
    pub(super) of: Option<String>,
    pub(super) channel: Option<String>,
    #[serde(default)]
    pub(super) count_cancelled: bool,
}

impl Line {
    /// Every line that was printed.
    pub(super) fn all(printed: &[u8]) -> impl Iterator<Item = Result<Self, BadLine>> {
        let (text, bad) = match std::str::from_utf8(printed) {
            Ok(text) => (text, None),
            Err(error) => ("", Some(Err(BadLine::Text(error)))),
        };
        let lines = text.lines().enumerate().map(|(index, line)| {
            let number = index + 1;
            serde_json::from_str(line).map_err(|source| BadLine::Json { number, source })
        });
        bad.into_iter().chain(lines)
    }
}
