//! Recorded traffic: read from the logs of others, kept without anything of a person, played again.
//!
//! Owns the neutral trace, a JSON line for each request, and its bounds. What is in a trace is what its
//! types can hold: a time, a visitor's number, and which call of the API was made with codes, numbers
//! and dates. No address, name, cookie, key or free text has a place in it, so nothing of the kind can
//! come through. Must not know how a log looks (`combined`, `har`, `goreplay`) nor send anything
//! (`replay`). Called by the binary.

mod combined;
mod files;
mod goreplay;
mod har;
mod import;
mod replay;
mod scrub;

use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize};

pub use self::files::{import, open};
pub use self::import::{Import, Kind, MAX_LOG_BYTES, Summary};
pub use self::replay::{Options as ReplayOptions, replay};

/// Most requests of a trace.
pub const MAX_ENTRIES: usize = 1_000_000;
/// Most visitors that are told apart; further ones share numbers. As many as there are synthetic people.
pub const MAX_VISITORS: u32 = crate::client::MAX_PEOPLE;
/// Longest line of a trace, in bytes.
pub const MAX_LINE_BYTES: usize = 8 << 10;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Milliseconds from the first request on.
    pub at_ms: u64,
    /// Who: a number in the order of first appearance, that leads nowhere.
    pub visitor: u32,
    /// What.
    pub ask: Ask,
}

/// A call of the API, with nothing but what the catalogue and the calendar say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    /// A page.
    Page,
    /// The offices of an authority.
    Offices {
        /// Its code.
        authority: Code,
    },
    /// The services of an authority.
    Services {
        /// Its code.
        authority: Code,
    },
    /// The days of a place.
    Days {
        /// Which.
        place: Place,
    },
    /// The starts of a day.
    Starts {
        /// Where.
        place: Place,
        /// The date, in days from that of the first request.
        in_days: i32,
    },
    /// A challenge.
    Challenge {
        /// For a booking there.
        place: Place,
    },
    /// A booking; where, when the log says it.
    Book {
        /// Where; nothing in logs without bodies.
        place: Option<Place>,
    },
    /// One's own bookings.
    Bookings,
    /// To exchange one's newest booking for another.
    Move,
    /// To give one's newest booking back.
    Cancel,
}

/// A service at an office.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The authority's code.
    pub authority: Code,
    /// The office's number.
    pub office: u32,
    /// The service's code.
    pub service: Code,
}

/// A code of a catalogue: lower-case letters with hyphens between, no digit that could be a person's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Code(String);

/// Longest code, in bytes.
const MAX_CODE_BYTES: usize = 32;

/// Text that is no code of a catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a code has 1 to {MAX_CODE_BYTES} lower-case letters and hyphens")]
pub struct BadCode;

impl TryFrom<String> for Code {
    type Error = BadCode;

    fn try_from(text: String) -> Result<Self, BadCode> {
        let is_code = (1..=MAX_CODE_BYTES).contains(&text.len())
            && text.bytes().all(|letter| letter.is_ascii_lowercase() || letter == b'-');
        if is_code { Ok(Self(text)) } else { Err(BadCode) }
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.0
    }
}

impl Code {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A trace that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BadTrace {
    /// The file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A line that is no request.
    #[error("line {number}: {source}")]
    Line {
        /// Which, from 1.
        number: usize,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A line that is too long.
    #[error("line {number} is longer than {MAX_LINE_BYTES} bytes")]
    LongLine {
        /// Which, from 1.
        number: usize,
    },
    /// Too many lines.
    #[error("more than {MAX_ENTRIES} requests; cut the trace into pieces")]
    TooLong,
}

/// Reads a trace.
///
/// # Errors
/// [`BadTrace`].
pub fn read(from: impl BufRead) -> Result<Vec<Entry>, BadTrace> {
    read_up_to(MAX_ENTRIES, from)
}

fn read_up_to(most: usize, mut from: impl BufRead) -> Result<Vec<Entry>, BadTrace> {
    let mut entries = Vec::new();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let mut limited = std::io::Read::take(&mut from, MAX_LINE_BYTES as u64 + 1);
        if limited.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.len() > MAX_LINE_BYTES {
            return Err(BadTrace::LongLine { number });
        }
        if number > most {
            return Err(BadTrace::TooLong);
        }
        let entry = serde_json::from_slice(&line);
        entries.push(entry.map_err(|source| BadTrace::Line { number, source })?);
    }
    Ok(entries)
}

/// Writes a trace.
///
/// # Errors
/// When it cannot be written.
pub fn write(entries: &[Entry], mut to: impl Write) -> std::io::Result<()> {
    for entry in entries {
        serde_json::to_writer(&mut to, entry)?;
        to.write_all(b"\n")?;
    }
    to.flush()
}

#[cfg(test)]
mod tests;
