//! Logs and traces as files.
//!
//! Must not know what is in them. Called by the binary.

use std::fmt;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::{Entry, Import, Kind, MAX_LOG_BYTES, Summary, read, write};

/// Reads a log and writes its trace.
///
/// # Errors
/// When a file cannot be read or written, or the log is larger than [`MAX_LOG_BYTES`] or has no call of the API.
pub fn import(kind: Kind, log: &Path, trace: &Path) -> Result<Summary> {
    let name = log.display();
    let size = std::fs::metadata(log).with_context(|| format!("reading {name}"))?.len();
    ensure!(size <= MAX_LOG_BYTES, "{name} is larger than {MAX_LOG_BYTES} bytes; cut it");
    let bytes = std::fs::read(log).with_context(|| format!("reading {name}"))?;
    let (entries, summary) = Import::read(kind, &bytes);
    // An empty trace would only be noticed when it is played.
    ensure!(summary.kept > 0, "{name} has no request that can be used as {kind:?}: {summary}");
    let file = File::create(trace).with_context(|| format!("creating {}", trace.display()))?;
    write(&entries, BufWriter::new(file))
        .with_context(|| format!("writing {}", trace.display()))?;
    Ok(summary)
}

/// Reads a trace's file.
///
/// # Errors
/// When it cannot be read or is no trace.
pub fn open(trace: &Path) -> Result<Vec<Entry>> {
    let name = trace.display();
    let file = File::open(trace).with_context(|| format!("reading {name}"))?;
    read(BufReader::new(file)).with_context(|| format!("{name} is no trace"))
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kept, others, unreadable, too_many } = self;
        write!(
            f,
            "{kept} requests; left out: {others} that are no call of the API, {unreadable} unreadable, \
             {too_many} too many"
        )
    }
}
