//! What the handles of one open journal, its committing thread and its spare thread share.
//!
//! It must not know how frames are written (`writer`) or what callers are offered (`journal`).
//!
//! One commits at a time: whoever has taken the writer out of the state. Two locks, always taken in this order: the
//! spare's file, the state (short, never held over I/O). Appending takes the state alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};

use crate::batch::{Next, Registered};
use crate::disk::{Disk, DiskFile, DiskLock};
use crate::entropy::Entropy;
use crate::error::JournalFailure;
use crate::format::{BLOCK_BYTES, FRAME_HEADER_BYTES};
use crate::names;
use crate::options::Options;
use crate::recovery::Opened;
use crate::space::{Space, SpareStatus};
use crate::words::{ChainHash, Sequence};
use crate::writer::Writer;

/// One batch that has become durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Every record up to and with this one is durable.
    pub watermark: Sequence,
    /// Records in the batch.
    pub records: u32,
    /// Bytes written, padding included.
    pub bytes: u64,
    /// How long sealing, writing and syncing took.
    pub took: Duration,
}

/// Told once per commit, after its records are durable.
pub trait CommitListener: Send + Sync {
    /// Every record up to and with the commit's watermark is durable. Called by whoever committed, in
    /// order; it must be quick and must neither commit nor subscribe.
    fn committed(&self, commit: &Commit);
}

pub(crate) struct Shared {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) options: Options,
    /// Whether the first segment has a direct file; the others are on the same disk.
    pub(crate) is_direct: bool,
    pub(crate) spare_file: Mutex<Option<Box<dyn DiskFile>>>,
    pub(crate) state: Mutex<State>,
    /// Signalled when it is the commit thread's turn, when the journal failed and when it stops.
    pub(crate) work: Condvar,
    /// Signalled when the writer came back and when the journal failed.
    pub(crate) writer_back: Condvar,
    /// Signalled when the spare was used up, when the journal failed and when it stops.
    pub(crate) spare_wanted: Condvar,
    /// Signalled when the watermark moved and when the journal failed.
    pub(crate) durable: Condvar,
    /// The last durable sequence number. The store is `Release`, after the sync has returned, and loads
    /// are `Acquire`: who sees a number here also sees everything the committing thread did before.
    pub(crate) watermark: AtomicU64,
    /// The number of the segment being filled; shared with those who watch it.
    pub(crate) active_segment: Arc<AtomicU64>,
    pub(crate) listeners: RwLock<Vec<Arc<dyn CommitListener>>>,
    _lock: Box<dyn DiskLock>,
}

/// What callers and whoever commits share.
pub(crate) struct State {
    /// Gone while somebody commits.
    pub(crate) writer: Option<Box<Writer>>,
    /// Who commits beside the commit thread.
    pub(crate) committers: Registered,
    pub(crate) space: Space,
    /// The frame under construction: room for its header, then the pending records.
    pub(crate) frame: Vec<u8>,
    /// The number the next appended record gets.
    pub(crate) next: Sequence,
    /// The last durable batch.
    pub(crate) head: ChainHash,
    pub(crate) failed: Option<JournalFailure>,
    pub(crate) stopping: bool,
}

impl Shared {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        options: Options,
        entropy: Box<dyn Entropy>,
        opened: Opened,
    ) -> Self {
        let Opened { lock, file, file_name, last, next, head } = opened;
        let remaining = (last.header.segment_bytes - last.end) / BLOCK_BYTES;
        let mut frame = Vec::new();
        reset_frame(&mut frame);
        let space = Space::new(&options, remaining);
        let active_segment = Arc::new(AtomicU64::new(last.header.segment.get()));
        let is_direct = file.direct().is_some();
        let writer = Some(Box::new(Writer::new(file, file_name, last, next, head, entropy)));
        let (committers, failed, stopping) = (Vec::new(), None, false);
        let state = State { writer, committers, space, frame, next, head, failed, stopping };
        Self {
            disk,
            options,
            is_direct,
            spare_file: Mutex::new(None),
            state: Mutex::new(state),
            work: Condvar::new(),
            writer_back: Condvar::new(),
            spare_wanted: Condvar::new(),
            durable: Condvar::new(),
            watermark: AtomicU64::new(next.previous().get()),
            active_segment,
            listeners: RwLock::new(Vec::new()),
            _lock: lock,
        }
    }

    /// The batch is durable: frees its space, moves the watermark, wakes and tells everyone, and puts the writer back.
    pub(crate) fn publish(&self, writer: Box<Writer>, records: u32, took: Duration, rotated: bool) {
        let watermark = writer.next.previous();
        let commit = Commit { watermark, records, bytes: writer.frame.len() as u64, took };
        let remaining = (writer.header.segment_bytes - writer.offset) / BLOCK_BYTES;
        {
            let mut state = self.state.lock();
            state.space.committed(remaining, rotated);
            state.head = writer.head;
            self.watermark.store(commit.watermark.get(), Ordering::Release);
        }
        self.durable.notify_all();
        if rotated {
            // Relaxed: see `ActiveSegment`.
            self.active_segment.store(writer.header.segment.get(), Ordering::Relaxed);
            self.spare_wanted.notify_one();
        }
        for listener in self.listeners.read().iter() {
            listener.committed(&commit);
        }
        // Only now may the next one commit, so that the listeners are told in order.
        let next = {
            let mut state = self.state.lock();
            state.writer = Some(writer);
            state.next_committer()
        };
        self.writer_back.notify_all();
        self.call(next);
    }

    /// Tells whose turn it is.
    pub(crate) fn call(&self, next: Next) {
        match next {
            Next::Nobody => {}
            Next::Thread => {
                self.work.notify_one();
            }
            Next::Registered(committer) => committer.wanted(),
        }
    }

    /// Ends the journal; the first failure is the one that everybody sees.
    pub(crate) fn fail(&self, failure: JournalFailure) -> JournalFailure {
        let first = self.state.lock().failed.get_or_insert(failure).clone();
        self.wake_all();
        first
    }

    pub(crate) fn wake_all(&self) {
        self.work.notify_all();
        self.writer_back.notify_all();
        self.spare_wanted.notify_all();
        self.durable.notify_all();
    }

    /// Frees the room that half a spare takes.
    pub(crate) fn remove_partial_spare(&self) -> Result<(), JournalFailure> {
        match self.disk.remove(names::SPARE) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(self.fail(JournalFailure::new("remove", names::SPARE, error)))
            }
            _ => Ok(()),
        }
    }

    /// Waits until it is the commit thread's turn; `false` when it is time to stop and all is committed.
    pub(crate) fn wait_for_work(&self) -> bool {
        let mut state = self.state.lock();
        loop {
            if state.failed.is_some() {
                return true;
            }
            if let Next::Thread = state.next_committer() {
                return state.space.pending_records() > 0;
            }
            self.work.wait(&mut state);
        }
    }

    /// Waits until the spare is missing, or with `retry_in` until that long has passed; `false` when
    /// it is time to stop.
    pub(crate) fn wait_for_spare_need(&self, retry_in: Option<Duration>) -> bool {
        let mut state = self.state.lock();
        let stops = |state: &MutexGuard<'_, State>| state.stopping || state.failed.is_some();
        if let Some(pace) = retry_in {
            // A wake-up in between is a rotation or the end; a rotation is no reason to hurry.
            let until = Instant::now() + pace;
            while !stops(&state) && !self.spare_wanted.wait_until(&mut state, until).timed_out() {}
            return !stops(&state);
        }
        while !stops(&state) && state.space.spare() == SpareStatus::Ready {
            self.spare_wanted.wait(&mut state);
        }
        !stops(&state)
    }

    /// Tells both waits above that it is time to stop.
    pub(crate) fn stop_threads(&self) {
        self.state.lock().stopping = true;
        self.wake_all();
    }
}

/// Whoever panics while the writer is out ends the journal like a failed write: nobody must wait for ever.
pub(crate) struct PanicGuard<'s>(pub(crate) &'s Shared);

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let panic = std::io::Error::other("a committing thread panicked");
            self.0.fail(JournalFailure::new("run", "a commit", panic));
        }
    }
}

impl State {
    /// Gives everything pending to the writer; returns how many records that is.
    pub(crate) fn take_pending(&mut self, writer: &mut Writer) -> u32 {
        let records = self.space.pending_records();
        self.space.take_pending();
        std::mem::swap(&mut self.frame, &mut writer.frame);
        reset_frame(&mut self.frame);
        records
    }
}

/// An empty frame: room for the header, which sealing fills.
pub(crate) fn reset_frame(frame: &mut Vec<u8>) {
    frame.clear();
    frame.resize(FRAME_HEADER_BYTES, 0);
}
