//! The tools that read a journal, one module each, and what they share.
//!
//! Owns reading a directory with a progress bar ([`read`]) and writing to a standard output that
//! may close early ([`print`]). Must not write to the directory or take its lock. `main` calls them.

pub(crate) mod export;
pub(crate) mod inspect;
pub(crate) mod json;
pub(crate) mod places;
pub(crate) mod replay;
pub(crate) mod selection;
pub(crate) mod verify;

use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::path::Path;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use talon_journal::{Entry, JournalSummary, OpenError, RealDisk, TornTail, read_journal};
use talon_ledger::apply::Violation;
use talon_ledger::core::BadReplay;
use talon_ledger::record::BadRecord;
use talon_ledger::verify::BadJournal;

/// Why a visitor ends the reading.
pub(crate) enum Stop {
    /// It has all that it wanted.
    Enough,
    /// A record that cannot be read, or that contradicts those before it.
    Bad(BadReplay),
    /// Nobody takes what it writes.
    Output(io::Error),
}

impl From<BadRecord> for Stop {
    fn from(error: BadRecord) -> Self {
        Self::Bad(error.into())
    }
}

impl From<Violation> for Stop {
    fn from(error: Violation) -> Self {
        Self::Bad(error.into())
    }
}

/// Shows `visit` every entry of the journal in `directory`; gives nothing when the visitor ended
/// it. A torn tail is told on standard error.
pub(crate) fn read(
    directory: &Path,
    bar: &ProgressBar,
    visit: impl FnMut(Entry<'_>) -> Result<(), Stop>,
) -> anyhow::Result<Option<JournalSummary>> {
    let disk = open(directory)?;
    let result = read_journal(&disk, visit, |done, all| show(bar, done, all));
    bar.finish_and_clear();
    let bad = match result {
        Ok(Some(summary)) => {
            if let Some(tail) = &summary.torn_tail {
                let _ = writeln!(io::stderr(), "talon-ledger: torn tail: {}", describe(tail));
            }
            return Ok(Some(summary));
        }
        Ok(None) => BadJournal::Missing,
        Err(OpenError::Journal(error)) => BadJournal::Journal(error),
        Err(OpenError::Visit { error: Stop::Enough, .. }) => return Ok(None),
        Err(OpenError::Visit { error: Stop::Bad(source), sequence }) => {
            BadJournal::Replay { sequence, source }
        }
        Err(OpenError::Visit { error: Stop::Output(error), .. }) => {
            return quiet_when_closed(Err(error)).map(|()| None);
        }
    };
    Err(bad).with_context(|| not_good(directory))
}

fn open(directory: &Path) -> anyhow::Result<RealDisk> {
    RealDisk::open(directory).with_context(|| format!("cannot open {}", directory.display()))
}

fn not_good(directory: &Path) -> String {
    format!("{} is not good", directory.display())
}

fn describe(tail: &TornTail) -> String {
    let TornTail { segment, offset, bytes, first_lost } = tail;
    format!(
        "segment {segment} at byte {offset}: {bytes} bytes, records from {first_lost} on may be \
         lost"
    )
}

/// A bar on a terminal, nothing elsewhere.
pub(crate) fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}

/// The bar of a tool that prints while it reads: none where it would stand among the lines.
pub(crate) fn progress_bar_beside_output() -> ProgressBar {
    if io::stdout().is_terminal() { ProgressBar::hidden() } else { progress_bar() }
}

fn show(bar: &ProgressBar, done: u64, all: u64) {
    bar.set_length(all);
    bar.set_position(done);
}

/// Prints what `write` writes. A reader that goes away has seen what it wanted.
pub(crate) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    let mut output = BufWriter::new(io::stdout().lock());
    let written = write(&mut output).and_then(|()| output.flush());
    quiet_when_closed(written)
}

fn quiet_when_closed(written: io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}
