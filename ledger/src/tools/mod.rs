//! The tools of a journal, one module each, and what they share.
//!
//! Owns reading a directory, and the archive beside it, with a progress bar ([`read`]), and writing to a
//! standard output that may close early ([`print`]). Must not take the journal's lock; what writes
//! to its directory takes the lock for upkeep. `main` calls them.

pub(crate) mod archive;
pub(crate) mod backup;
pub(crate) mod export;
pub(crate) mod inspect;
pub(crate) mod json;
pub(crate) mod places;
pub(crate) mod replay;
pub(crate) mod selection;
pub(crate) mod snapshot;
pub(crate) mod verify;

use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use talon_journal::{
    Disk, Entry, JournalSummary, Layers, OpenError, RealDisk, Span, TornTail, read_span,
};
use talon_ledger::apply::Violation;
use talon_ledger::core::BadReplay;
use talon_ledger::record::BadRecord;
use talon_ledger::snapshot::Skipped;
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

/// Where a journal is: its directory, and the archives that have its older segments.
#[derive(Args, Clone, Debug)]
pub(crate) struct Source {
    /// The journal's directory.
    directory: PathBuf,
    /// A directory to which segments were archived; may be given several times.
    #[arg(long = "archive", value_name = "DIR")]
    archives: Vec<PathBuf>,
}

impl Source {
    /// All directories as one to read from.
    pub(crate) fn open(&self) -> anyhow::Result<Layers> {
        let mut disks: Vec<Box<dyn Disk>> = vec![Box::new(open(&self.directory)?)];
        for archive in &self.archives {
            disks.push(Box::new(open(archive)?));
        }
        Ok(Layers::new(disks))
    }

    pub(crate) fn not_good(&self) -> String {
        not_good(&self.directory)
    }
}

/// Shows `visit` every entry of `span` of the journal in `disk`; gives nothing when the visitor ended
/// it. A torn tail is told on standard error.
pub(crate) fn read(
    source: &Source,
    disk: &Layers,
    span: &Span,
    bar: &ProgressBar,
    visit: impl FnMut(Entry<'_>) -> Result<(), Stop>,
) -> anyhow::Result<Option<JournalSummary>> {
    let result = read_span(disk, span, visit, |done, all| show(bar, done, all));
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
    Err(bad).with_context(|| source.not_good())
}

/// Says on standard error which snapshots were passed over.
pub(crate) fn tell_skipped(skipped: &[Skipped]) {
    for Skipped { segment, reason } in skipped {
        let _ = writeln!(io::stderr(), "talon-ledger: snapshot {segment} is not good: {reason}");
    }
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
