//! A batch that somebody else than the commit thread takes to the disk, such as a runtime with io_uring.
//!
//! Owns who commits next: the commit thread, or one of those who have registered. It must not know how bytes get to the
//! disk. At most one batch is on its way, whoever has it: it holds the journal's writer.

use std::fmt;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::thread::{self, ThreadId};
use std::time::Instant;

use crate::error::JournalFailure;
use crate::journal::Journal;
use crate::shared::{PanicGuard, Shared, State};
use crate::writer::{Sealed, Writer};

/// Somebody who takes batches to the disk beside the commit thread.
pub trait Committer: Send + Sync {
    /// There is something to commit: soon [`Journal::begin_batch`] should be called. Called by whoever appended; it must
    /// be quick and must not call the journal.
    fn wanted(&self);
}

/// Whose turn it is.
pub(crate) enum Next {
    /// Nothing is pending, or somebody is at it.
    Nobody,
    /// The commit thread's: nobody else is there, or the next segment has to be entered.
    Thread,
    Registered(Arc<dyn Committer>),
}

/// Everybody who has registered, with the thread on which they work.
pub(crate) type Registered = Vec<(ThreadId, Arc<dyn Committer>)>;

impl State {
    /// Who commits what is pending; to be looked at whenever something came to be pending, the writer came back, or
    /// somebody came or went.
    pub(crate) fn next_committer(&self) -> Next {
        let Some(writer) = &self.writer else { return Next::Nobody };
        if self.failed.is_some() {
            return Next::Nobody;
        }
        if self.stopping {
            return Next::Thread;
        }
        if self.space.pending_records() == 0 {
            return Next::Nobody;
        }
        if writer.direct.is_none() || self.space.pending_enter_next_segment() {
            return Next::Thread;
        }
        // Whoever works on this thread is the nearest.
        let here = thread::current().id();
        let nearest = self.committers.iter().find(|(thread, _)| *thread == here);
        match nearest.or(self.committers.first()) {
            Some((_, committer)) => Next::Registered(Arc::clone(committer)),
            None => Next::Thread,
        }
    }
}

/// Commits beside the commit thread as long as it lives.
pub struct Registration {
    journal: Journal,
    committer: Arc<dyn Committer>,
}

impl Registration {
    pub(crate) fn new(journal: Journal, committer: Arc<dyn Committer>) -> Self {
        let entry = (thread::current().id(), Arc::clone(&committer));
        let next = {
            let mut state = journal.shared().state.lock();
            state.committers.push(entry);
            state.next_committer()
        };
        // What was the thread's turn may be this one's now.
        journal.shared().call(next);
        Self { journal, committer }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let shared = self.journal.shared();
        let next = {
            let mut state = shared.state.lock();
            state.committers.retain(|(_, one)| !Arc::ptr_eq(one, &self.committer));
            state.next_committer()
        };
        shared.call(next);
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Registration").finish_non_exhaustive()
    }
}

/// A batch on its way to the disk: nothing else is committed before [`Batch::finish`]. Dropping it without ends the
/// journal, since nobody knows what is on the disk.
#[must_use = "dropping a batch ends the journal"]
pub struct Batch {
    journal: Journal,
    taken: Option<Taken>,
}

/// What was taken, not sealed yet.
struct Pending {
    writer: Box<Writer>,
    file: Arc<File>,
    records: u32,
}

struct Taken {
    writer: Box<Writer>,
    sealed: Sealed,
    file: Arc<File>,
    began: Instant,
}

impl Batch {
    /// The batch that is pending, sealed at `at_micros`; nothing when it is not the caller's turn.
    pub(crate) fn begin(journal: &Journal, at_micros: i64) -> Result<Option<Self>, JournalFailure> {
        let shared = journal.shared();
        let began = Instant::now();
        let _guard = PanicGuard(shared);
        let Some(Pending { mut writer, file, records }) = take(shared)? else { return Ok(None) };
        match writer.seal(records, at_micros) {
            Ok(sealed) => {
                let taken = Some(Taken { writer, sealed, file, began });
                Ok(Some(Self { journal: journal.clone(), taken }))
            }
            Err(fault) => Err(shared.fail(fault.into())),
        }
    }

    /// The file to write to: what is written without the page cache is durable when the write has returned.
    #[must_use]
    pub fn file(&self) -> Arc<File> {
        Arc::clone(&self.taken().file)
    }

    /// Where in the file the frame goes: a multiple of [`BLOCK_BYTES`](crate::BLOCK_BYTES).
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.taken().writer.offset
    }

    /// What is to be written there: whole blocks.
    #[must_use]
    pub fn frame(&self) -> &[u8] {
        &self.taken().writer.frame
    }

    fn taken(&self) -> &Taken {
        self.taken.as_ref().expect("there until it is finished")
    }

    /// The frame is on the disk, or could not be written: publishes the watermark and calls the listeners.
    ///
    /// # Errors
    /// The failure that ended the journal.
    pub fn finish(mut self, written: io::Result<()>) -> Result<(), JournalFailure> {
        let Taken { mut writer, sealed, began, .. } =
            self.taken.take().expect("it is finished once");
        let shared = self.journal.shared();
        let _guard = PanicGuard(shared);
        match written {
            Ok(()) => {
                writer.written(&sealed);
                shared.publish(writer, sealed.records, began.elapsed(), false);
                Ok(())
            }
            Err(source) => {
                Err(shared.fail(JournalFailure::new("write", &writer.file_name, source)))
            }
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if let Some(taken) = self.taken.take() {
            let source = io::Error::other("given up half-way");
            self.journal.shared().fail(JournalFailure::new(
                "write",
                taken.writer.file_name,
                source,
            ));
        }
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Batch")
            .field("frame_bytes", &self.frame().len())
            .finish_non_exhaustive()
    }
}

/// Takes the writer and everything pending, if that is a registered committer's.
fn take(shared: &Shared) -> Result<Option<Pending>, JournalFailure> {
    let mut state = shared.state.lock();
    if let Some(failure) = &state.failed {
        return Err(failure.clone());
    }
    let next = state.next_committer();
    if !matches!(next, Next::Registered(_)) {
        drop(state);
        shared.call(next);
        return Ok(None);
    }
    let mut writer = state.writer.take().expect("it is a committer's turn when it is there");
    let file = writer.direct.clone().expect("it is a committer's turn when it is there");
    let records = state.take_pending(&mut writer);
    Ok(Some(Pending { writer, file, records }))
}
