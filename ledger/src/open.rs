//! Opening a ledger on a real disk, for the processes that run one, and what its failures mean for
//! their exit codes.
//!
//! Owns the exit codes of a bad journal. Must not know configuration files. Called by the gateway
//! and by `talon-ledger serve`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use talon_journal::{
    Disk, JournalError, JournalFailure, JournalKind, Options, OsEntropy, RealDisk, Recovery,
};

use crate::clock::SystemClock;
use crate::committing::CommitBy;
use crate::core::{Authority, BadLedger, Core, Setup};
use crate::embedded::{self, Embedded};
use crate::measures;
use crate::snapshot::keeper::SnapshotKeeper;

/// The target of what is logged of the process as a whole; it is never left out.
pub const LIFECYCLE: &str = "talon_ledger::lifecycle";
/// Exit code when the journal is damaged: `EX_DATAERR`.
pub const EXIT_DATA: u8 = 65;
/// Exit code when the system refuses something: `EX_OSERR`.
pub const EXIT_SYSTEM: u8 = 71;
/// Exit code when the journal's disk failed, in a write, a sync or at the start: `EX_IOERR`.
pub const EXIT_JOURNAL: u8 = 74;
/// Exit code of a bad configuration: `EX_CONFIG`.
pub const EXIT_CONFIG: u8 = 78;

/// Why no ledger runs.
#[derive(Debug, thiserror::Error)]
pub enum OpenFailure {
    /// The journal or its replay.
    #[error("the journal in {}: {source}", directory.display())]
    Ledger {
        /// Its directory.
        directory: PathBuf,
        /// Why.
        source: Box<BadLedger>,
    },
    /// The system.
    #[error("{action}: {source}")]
    System {
        /// What was tried.
        action: String,
        /// Why not.
        source: std::io::Error,
    },
}

impl OpenFailure {
    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Ledger { source, .. } => match **source {
                BadLedger::Displaced { .. } => EXIT_CONFIG,
                BadLedger::NoRoomForPolicy(_) => EXIT_JOURNAL,
                BadLedger::Journal(JournalError::Locked) => EXIT_SYSTEM,
                _ if is_from_disk(source) => EXIT_JOURNAL,
                _ => EXIT_DATA,
            },
            Self::System { .. } => EXIT_SYSTEM,
        }
    }
}

/// Whether the file system refused something, rather than what it holds being wrong.
fn is_from_disk(error: &BadLedger) -> bool {
    let mut causes = std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source());
    causes.any(|cause| cause.is::<std::io::Error>())
}

/// How the ledger of a process is kept.
#[derive(Clone, Debug)]
pub struct Keep {
    /// Demo or production.
    pub kind: JournalKind,
    /// Size of a new segment in bytes.
    pub segment_bytes: u64,
    /// A snapshot for every so many sealed segments; 0: none.
    pub snapshot_every_segments: u64,
    /// Who takes the journal's batches to the disk.
    pub commit_by: CommitBy,
    /// For demonstrations: the next dates that have visits open this long after the start.
    pub release_in: Option<Duration>,
}

/// A ledger at work.
pub struct Running {
    /// The ledger.
    pub ledger: Embedded,
    /// What the journal turned out to be.
    pub recovery: Recovery,
    directory: PathBuf,
    /// The thread that makes snapshots.
    snapshots: Option<SnapshotKeeper>,
}

/// A ledger at work, to be looked at.
pub struct Observed {
    ledger: embedded::Observed,
    directory: PathBuf,
}

impl Observed {
    /// Brings the gauges of the ledger and its journal up to date; called before metrics are shown.
    pub fn look(&self) {
        measures::look(&self.ledger, &self.directory);
    }
}

impl Running {
    /// What can be looked at of it, by whoever shows metrics.
    pub fn observed(&self) -> Observed {
        Observed { ledger: self.ledger.observed(), directory: self.directory.clone() }
    }

    /// Commits what is pending and stops; a snapshot that is being made is given up.
    ///
    /// # Errors
    /// The failure that ended the journal.
    pub fn shutdown(self) -> Result<(), JournalFailure> {
        drop(self.snapshots);
        self.ledger.shutdown()
    }
}

/// Opens the journal in a directory, which is made when it is not there, and starts the ledger. When
/// a write or a sync fails later, the process ends.
///
/// # Errors
/// [`OpenFailure`], before anything was promised.
pub fn open(
    directory: &Path,
    keep: &Keep,
    authorities: Vec<Authority>,
) -> Result<Running, OpenFailure> {
    let system = |action: String| |source| OpenFailure::System { action, source };
    let disk =
        RealDisk::create(directory).map_err(system(format!("data_dir {}", directory.display())))?;
    let disk: Arc<dyn Disk> = Arc::new(disk);
    let setup = Setup {
        disk: Arc::clone(&disk),
        journal: Options { segment_bytes: keep.segment_bytes, ..Options::new(keep.kind) },
        authorities,
        clock: Box::new(SystemClock::default()),
        entropy: Box::new(OsEntropy::default()),
        journal_entropy: Box::new(OsEntropy::default()),
        release_in_micros: keep
            .release_in
            .map(|pause| i64::try_from(pause.as_micros()).unwrap_or(i64::MAX)),
    };
    let bad =
        |source| OpenFailure::Ledger { directory: directory.to_owned(), source: Box::new(source) };
    let began = Instant::now();
    let (core, recovery) = Core::open(setup).map_err(bad)?;
    measures::replayed(began.elapsed());
    report(&recovery);
    let ledger = Embedded::start_with(core, keep.commit_by, |failure| {
        // Nothing after the watermark may be promised: the process ends here.
        tracing::error!(%failure, "the journal failed; exiting");
        std::process::exit(EXIT_JOURNAL.into());
    });
    let ledger = ledger.map_err(system("the ledger's threads".to_owned()))?;
    let snapshots = (keep.snapshot_every_segments > 0).then(|| {
        SnapshotKeeper::start(ledger.core().journal(), disk, keep.snapshot_every_segments)
    });
    let snapshots = snapshots.transpose().map_err(system("the thread for snapshots".to_owned()))?;
    Ok(Running { ledger, recovery, directory: directory.to_owned(), snapshots })
}

fn report(recovery: &Recovery) {
    let head = format!("{}:{}", recovery.last_sequence, recovery.head);
    tracing::info!(
        journal = %recovery.journal, kind = %recovery.kind, created = recovery.created,
        replayed_from = recovery.after.get() + 1, segments = recovery.segments, head,
        "the journal is open"
    );
    if let Some(cut) = &recovery.cut {
        tracing::warn!(
            segment = %cut.tail.segment, offset = cut.tail.offset, bytes = cut.tail.bytes,
            first_lost = %cut.tail.first_lost, side_file = cut.side_file,
            "a torn tail was cut; unacknowledged records may be lost from the first one named on"
        );
    }
}
