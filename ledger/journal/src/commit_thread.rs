//! The two threads of a running journal: one commits, one makes the next segment ahead.
//!
//! They must not know what a failure means for the process; the caller's `on_failure` does. A server
//! spawns them; a simulation calls the same steps itself.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tracing::warn;

use crate::error::{JournalFailure, SpareError};
use crate::journal::Journal;

/// After the disk had no room for a segment, the next try comes after this.
const SPARE_RETRY: Duration = Duration::from_secs(5);

/// Commits as long as it lives. A batch forms while the one before it is being written; with nothing
/// pending the thread sleeps. Dropping it commits what is pending and stops.
pub struct CommitThread {
    journal: Journal,
    committer: Option<JoinHandle<Result<(), JournalFailure>>>,
    spare_maker: Option<JoinHandle<()>>,
}

/// Tells the caller of the first failure, and only of that.
#[derive(Clone)]
struct FailureReport {
    journal: Journal,
    told: Arc<AtomicBool>,
    on_failure: Arc<dyn Fn(&JournalFailure) + Send + Sync>,
}

impl CommitThread {
    /// Starts both threads. `clock` gives the time of each batch, in microseconds since the Unix epoch.
    /// `on_failure` is called once, by the thread that met the failure; after it nothing is ever
    /// acknowledged.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn(
        journal: Journal,
        mut clock: impl FnMut() -> i64 + Send + 'static,
        on_failure: impl Fn(&JournalFailure) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let report = FailureReport {
            journal: journal.clone(),
            told: Arc::new(AtomicBool::new(false)),
            on_failure: Arc::new(on_failure),
        };
        // Joined by Drop even when only one of the two starts.
        let mut threads = Self { journal, committer: None, spare_maker: None };
        let (journal, spare_report) = (threads.journal.clone(), report.clone());
        let spare_maker = move || make_spares(&journal, &spare_report);
        threads.spare_maker =
            Some(thread::Builder::new().name("talon-spare".into()).spawn(spare_maker)?);
        let journal = threads.journal.clone();
        let committer = move || commit_all(&journal, &mut clock, &report);
        threads.committer =
            Some(thread::Builder::new().name("talon-journal".into()).spawn(committer)?);
        Ok(threads)
    }

    /// Commits what is pending and stops both threads. Callers stop appending first: what is appended
    /// later waits for another commit.
    ///
    /// # Errors
    /// The failure that ended the journal, now or before.
    pub fn shutdown(mut self) -> Result<(), JournalFailure> {
        self.join()
    }

    fn join(&mut self) -> Result<(), JournalFailure> {
        self.journal.shared().stop_threads();
        if let Some(spare_maker) = self.spare_maker.take() {
            // A panic there has already failed the journal.
            let _ = spare_maker.join();
        }
        if let Some(committer) = self.committer.take() {
            // A panic there has already failed the journal.
            let _ = committer.join();
        }
        self.journal.failure().map_or(Ok(()), Err)
    }
}

impl Drop for CommitThread {
    fn drop(&mut self) {
        // Whoever wants the outcome calls `shutdown`.
        let _ = self.join();
    }
}

impl FailureReport {
    fn tell(&self, failure: &JournalFailure) {
        // Only the swap itself matters: one of the two threads wins it.
        if !self.told.swap(true, Ordering::Relaxed) {
            (self.on_failure)(failure);
        }
    }
}

/// A thread that panics ends the journal like a failed write: its waiters must not wait for ever.
struct PanicGuard<'r>(&'r FailureReport);

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let panic = io::Error::other("a journal thread panicked");
            let failure = JournalFailure::new("run", "the journal's threads", panic);
            self.0.tell(&self.0.journal.shared().fail(failure));
        }
    }
}

fn commit_all(
    journal: &Journal,
    clock: &mut impl FnMut() -> i64,
    report: &FailureReport,
) -> Result<(), JournalFailure> {
    let _guard = PanicGuard(report);
    while journal.shared().wait_for_work() {
        // Whoever appended goes on first when it shares a processor with this thread: its next records are then in
        // the same batch. With a processor free this returns at once.
        thread::yield_now();
        if let Err(failure) = journal.commit_pending(clock()) {
            report.tell(&failure);
            return Err(failure);
        }
    }
    Ok(())
}

fn make_spares(journal: &Journal, report: &FailureReport) {
    let _guard = PanicGuard(report);
    let mut retry_in = None;
    while journal.shared().wait_for_spare_need(retry_in) {
        retry_in = match journal.allocate_spare() {
            Ok(_) => None,
            Err(SpareError::NoRoom(error)) => {
                warn!(%error, "no room for the next segment; ordinary records are refused when this one is full");
                Some(SPARE_RETRY)
            }
            Err(SpareError::Failed(failure)) => return report.tell(&failure),
        };
    }
}
