//! Who takes the journal's batches to the disk: the runtimes themselves by io_uring, or a thread.
//!
//! Owns the choice and a runtime's part in it. With io_uring, whichever runtime has appended first writes what all have
//! appended until then, and its own answers need no wake-up from another thread. A runtime that is held up with a batch
//! under way holds up the others' answers: so only those that serve commit, and they never block. The thread stays for
//! what a runtime must not do, such as entering the next segment. Must not know what is committed.

use std::sync::Arc;

use serde::Deserialize;
use talon_journal::{Batch, Committer, Journal, JournalFailure};
use talon_ring::Ring;
use tokio::sync::Notify;

use crate::core::Core;

/// What an operator may choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommitBy {
    /// Runtimes by io_uring where the kernel and the file system have what it takes, else a thread.
    #[default]
    Auto,
    /// A thread.
    Thread,
}

impl CommitBy {
    /// Looks whether runtimes can; what comes of it is logged.
    pub(crate) fn choose(self, journal: &Journal) -> Self {
        if self == Self::Thread {
            tracing::info!("the journal is committed by a thread, as configured");
        } else if let Err(error) = talon_ring::check() {
            tracing::info!(%error, "the journal is committed by a thread: no io_uring");
        } else if !journal.is_direct() {
            tracing::info!("the journal is committed by a thread: its file system has no O_DIRECT");
        } else {
            tracing::info!("the journal is committed by the runtimes with io_uring");
            return Self::Auto;
        }
        Self::Thread
    }
}

/// Called when there is something to commit.
#[derive(Default)]
struct Wanted(Notify);

impl Committer for Wanted {
    fn wanted(&self) {
        self.0.notify_one();
    }
}

/// A batch that the kernel has. Dropping it, as the end of its runtime does, waits for the disk.
struct UnderWay<'r> {
    ring: &'r mut Ring,
    batch: Option<Batch>,
}

impl<'r> UnderWay<'r> {
    fn start(ring: &'r mut Ring, batch: Batch) -> Result<Self, JournalFailure> {
        match ring.start(batch.file(), batch.offset(), batch.frame()) {
            Ok(()) => Ok(Self { ring, batch: Some(batch) }),
            Err(error) => Err(batch.finish(Err(error)).expect_err("it was no success")),
        }
    }

    async fn written(mut self) -> Result<(), JournalFailure> {
        let written = self.ring.written().await;
        self.batch.take().map_or(Ok(()), |batch| batch.finish(written))
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(batch) = self.batch.take() {
            let unknown = || Err(std::io::Error::other("nobody knows what was written"));
            let written = self.ring.wait().unwrap_or_else(unknown);
            // Whoever waits for the journal learns of a failure from itself.
            let _told = batch.finish(written);
        }
    }
}

/// Commits on this runtime as long as it lives; returns at once where that cannot be.
pub(crate) async fn commit_here(core: Arc<Core>, by: CommitBy) {
    if by == CommitBy::Thread {
        return;
    }
    let mut ring = match Ring::new() {
        Ok(ring) => ring,
        Err(error) => {
            tracing::warn!(%error, "this runtime has no io_uring and leaves commits to others");
            return;
        }
    };
    let journal = core.journal();
    let wanted = Arc::new(Wanted::default());
    let _registered = journal.register(Arc::clone(&wanted) as Arc<dyn Committer>);
    loop {
        wanted.0.notified().await;
        // Whoever is about to append on this runtime comes first: its records are then in the same batch.
        tokio::task::yield_now().await;
        if commit_all(&core, journal, &mut ring).await.is_err() {
            // The commit thread tells of it, and the process ends.
            return;
        }
    }
}

/// Commits until nothing is pending, or it is somebody else's turn.
async fn commit_all(core: &Core, journal: &Journal, ring: &mut Ring) -> Result<(), JournalFailure> {
    while let Some(batch) = journal.begin_batch(core.now().0)? {
        UnderWay::start(ring, batch)?.written().await?;
        tokio::task::yield_now().await;
    }
    Ok(())
}
