//! The thread of a server that makes snapshots as segments are sealed.
//!
//! Owns when: once a segment was sealed and enough of them are not covered yet. It reads the files and
//! nothing of the running ledger, and a snapshot that fails harms nobody: it is said, and tried again
//! with the next segment. While one is made, its state is in memory a second time. It replays with pauses,
//! so that it takes no more than half a core from those who book.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use talon_journal::{ActiveSegment, Commit, CommitListener, Disk, Journal};

use super::fold::{FoldError, Made, fold};
use super::load::Skipped;
use crate::measures;

/// Most sealed segments that may be left to replay at a start, as a setting.
pub const MAX_SNAPSHOT_EVERY_SEGMENTS: u64 = 1024;

/// Work after which the thread pauses for as long: half a core is left to those who book.
const WORK_BEFORE_PAUSE: Duration = Duration::from_millis(10);

/// Makes snapshots as long as it lives. Dropping it gives up the one that is being made.
pub struct SnapshotKeeper {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl SnapshotKeeper {
    /// Starts the thread for the journal in `disk`: a snapshot for every `every_segments` sealed ones,
    /// the first at once if so many are uncovered already.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        journal: &Journal,
        disk: Arc<dyn Disk>,
        every_segments: u64,
    ) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let active = journal.active_segment();
        let awaited = active.clone();
        let thread = thread::Builder::new().name("talon-snapshot".to_owned()).spawn(move || {
            make_snapshots(&*disk, every_segments, &awaited, &stopping);
        })?;
        let told = AtomicU64::new(active.get().get());
        journal.subscribe(Arc::new(Sealed { active, told, thread: thread.thread().clone() }));
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for SnapshotKeeper {
    fn drop(&mut self) {
        // Relaxed: the unparking and the joining order everything else.
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the thread that makes snapshots had panicked");
            }
        }
    }
}

/// Wakes the thread when a commit began a new segment.
struct Sealed {
    active: ActiveSegment,
    /// The segment that the thread was last told of.
    told: AtomicU64,
    thread: thread::Thread,
}

impl CommitListener for Sealed {
    fn committed(&self, _: &Commit) {
        let now = self.active.get().get();
        // Relaxed: only the committing thread touches it.
        if self.told.swap(now, Ordering::Relaxed) != now {
            self.thread.unpark();
        }
    }
}

fn make_snapshots(disk: &dyn Disk, every_segments: u64, active: &ActiveSegment, stop: &AtomicBool) {
    // Relaxed: see `SnapshotKeeper::drop`.
    let goes_on = || !stop.load(Ordering::Relaxed);
    let mut looked_at = None;
    while goes_on() {
        let now = active.get();
        if looked_at == Some(now) {
            thread::park();
            continue;
        }
        looked_at = Some(now);
        let since = Cell::new(Instant::now());
        let goes_on_gently = || {
            let worked = since.get().elapsed();
            if worked >= WORK_BEFORE_PAUSE {
                // A wake-up in between is a sealed segment or the end; neither is a reason to hurry.
                thread::park_timeout(worked);
                since.set(Instant::now());
            }
            goes_on()
        };
        match fold(disk, every_segments, |_, _| {}, goes_on_gently) {
            Ok(folded) => {
                for Skipped { segment, reason } in &folded.skipped {
                    tracing::warn!(snapshot = %segment, reason, "a snapshot is not good");
                }
                if let Some(Made { name, bytes, covered, .. }) = &folded.made {
                    let head = format!("{}:{}", covered.last_sequence, covered.head);
                    measures::snapshot_made();
                    tracing::info!(name, bytes, head, "made a snapshot");
                }
            }
            Err(FoldError::Stopped) => return,
            Err(error) => {
                measures::snapshot_failed();
                tracing::warn!(%error, "made no snapshot; the next segment's end is the next try");
            }
        }
    }
}
