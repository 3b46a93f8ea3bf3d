//! The journal while it is written: reserve, append, commit, publish.
//!
//! It must not know what bodies mean, nor who waits for them. The ledger reserves and appends;
//! `commit_thread` or a simulation commits.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::batch::{Batch, Committer, Registration};
use crate::disk::Disk;
use crate::entropy::Entropy;
use crate::error::{JournalFailure, OpenError, ReserveError, SpareError};
use crate::format::{self, SINGLE_BLOCK_BODY_BYTES};
use crate::options::Options;
use crate::recovery::{self, Recovery};
use crate::scan::Entry;
use crate::segment;
use crate::shared::{CommitListener, PanicGuard, Shared};
use crate::space::{Claim, Class, SpaceReport, SpareStatus};
use crate::span::{Covered, Span};
use crate::words::{ChainHash, SegmentNumber, Sequence};

/// The open journal. Clones are handles to the same one; the directory's lock is released with the
/// last of them, reservations included.
#[derive(Clone)]
pub struct Journal {
    shared: Arc<Shared>,
}

/// The number of the segment that a journal is filling; all before it are sealed. Keeps nothing of the
/// journal alive.
#[derive(Clone, Debug)]
pub struct ActiveSegment(Arc<AtomicU64>);

impl ActiveSegment {
    /// The number now.
    #[must_use]
    pub fn get(&self) -> SegmentNumber {
        // Relaxed: who reads the files rests on what is in them, not on this number.
        SegmentNumber::new(self.0.load(Ordering::Relaxed))
    }
}

/// Space promised to records that are not appended yet. Dropping it gives the space back.
#[must_use = "dropping a reservation gives its space back"]
pub struct Reservation {
    shared: Arc<Shared>,
    claim: Option<Claim>,
}

impl fmt::Debug for Reservation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reservation").field("claim", &self.claim).finish_non_exhaustive()
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Journal")
            .field("watermark", &self.watermark())
            .finish_non_exhaustive()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(claim) = self.claim.take() {
            self.shared.state.lock().space.give_back(claim);
        }
    }
}

impl Journal {
    /// Opens the journal in `disk`'s directory, or creates one when the directory holds none: takes
    /// the lock, shows every record to `visit` in order (number, microseconds since the Unix epoch when
    /// it was committed, body), cuts a torn tail into a side file, and makes durable what was read.
    ///
    /// # Errors
    /// Damage, a lock held by another process, a refusal by the file system, or the visitor's error.
    pub fn open<E>(
        disk: Arc<dyn Disk>,
        options: Options,
        entropy: Box<dyn Entropy>,
        visit: impl FnMut(Sequence, i64, &[u8]) -> Result<(), E>,
    ) -> Result<(Self, Recovery), OpenError<E>> {
        Self::open_after(disk, options, entropy, None, visit)
    }

    /// Like [`Journal::open`], for a caller that knows what a part of the journal adds up to: only the
    /// records after `covered` are shown, and the segments up to there need not be there any more.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_after<E>(
        disk: Arc<dyn Disk>,
        options: Options,
        mut entropy: Box<dyn Entropy>,
        covered: Option<Covered>,
        mut visit: impl FnMut(Sequence, i64, &[u8]) -> Result<(), E>,
    ) -> Result<(Self, Recovery), OpenError<E>> {
        let mut visit_records = |entry: Entry<'_>| match entry {
            Entry::Record { sequence, at_micros, body } => visit(sequence, at_micros, body),
            Entry::Batch(_) => Ok(()),
        };
        let span = Span::after(covered);
        let (opened, recovery) =
            recovery::open(&*disk, &options, &mut *entropy, &span, &mut visit_records)?;
        let journal = Self { shared: Arc::new(Shared::new(disk, options, entropy, opened)) };
        Ok((journal, recovery))
    }

    /// Promises space to one record of at most [`SINGLE_BLOCK_BODY_BYTES`]. To be asked before anything
    /// is claimed that the record is about.
    ///
    /// # Errors
    /// [`ReserveError`]; nothing was promised.
    pub fn reserve(&self, class: Class) -> Result<Reservation, ReserveError> {
        self.reserve_records(class, 1, SINGLE_BLOCK_BODY_BYTES)
    }

    /// Promises space to `records` records whose bodies have at most `body_bytes` together, which is at
    /// most [`Options::max_record_bytes`] however many they are.
    ///
    /// # Errors
    /// [`ReserveError`]; nothing was promised.
    ///
    /// # Panics
    /// When `records` is 0.
    pub fn reserve_records(
        &self,
        class: Class,
        records: u32,
        body_bytes: usize,
    ) -> Result<Reservation, ReserveError> {
        assert!(records > 0, "a reservation is for at least one record");
        let claim = Claim { records, body_bytes };
        let mut state = self.shared.state.lock();
        if state.failed.is_some() {
            return Err(ReserveError::Failed);
        }
        state.space.reserve(class, claim)?;
        drop(state);
        Ok(Reservation { shared: Arc::clone(&self.shared), claim: Some(claim) })
    }

    /// Gives `body` the next sequence number and a place in the next batch. Never waits for the disk.
    ///
    /// # Panics
    /// When the body is larger than what was reserved, or the reservation is another journal's.
    pub fn append(&self, reservation: Reservation, body: &[u8]) -> Sequence {
        self.append_all(reservation, &[body])
    }

    /// Like [`Journal::append`] for several records: they get adjacent numbers and are in the same
    /// batch, so that a crash keeps all or none. Returns the first number.
    ///
    /// # Panics
    /// When there are no bodies, when there are more of them or more bytes than were reserved, or when
    /// the reservation is another journal's.
    pub fn append_all(&self, mut reservation: Reservation, bodies: &[&[u8]]) -> Sequence {
        assert!(Arc::ptr_eq(&self.shared, &reservation.shared), "a reservation of this journal");
        let promised = reservation.claim.take().expect("a reservation is used once");
        let used = Claim {
            records: u32::try_from(bodies.len()).expect("no more than were reserved"),
            body_bytes: bodies.iter().map(|body| body.len()).sum(),
        };
        assert!(used.records > 0, "at least one record is appended");
        let mut state = self.shared.state.lock();
        state.space.append(promised, used);
        for body in bodies {
            format::push_record(&mut state.frame, body);
        }
        let first = state.next;
        state.next = first.plus(u64::from(used.records));
        let next = state.next_committer();
        drop(state);
        self.shared.call(next);
        first
    }

    /// Commits everything pending as one batch: seals it, writes it, syncs it, publishes the watermark
    /// and calls the listeners. `at_micros` is the batch's time, in microseconds since the Unix epoch.
    /// Returns the new watermark, or `None` when nothing was pending. When somebody else has a batch under
    /// way it waits for that one instead; so it must not be called where that batch has to be finished.
    ///
    /// # Errors
    /// The first failed write or sync ends the journal: this and every later call returns it.
    pub fn commit_pending(&self, at_micros: i64) -> Result<Option<Sequence>, JournalFailure> {
        let shared = &*self.shared;
        let mut state = shared.state.lock();
        let mut writer = loop {
            if let Some(failure) = &state.failed {
                return Err(failure.clone());
            }
            if let Some(writer) = state.writer.take() {
                break writer;
            }
            let before = self.watermark();
            shared.writer_back.wait(&mut state);
            // Others are quicker to take the writer again; but what they have made durable serves as well.
            if self.watermark() > before {
                return Ok(Some(self.watermark()));
            }
        };
        if state.space.pending_records() == 0 {
            state.writer = Some(writer);
            return Ok(None);
        }
        let records = state.take_pending(&mut writer);
        drop(state);
        let _guard = PanicGuard(shared);
        let began = Instant::now();
        match writer.write_batch(shared, records, at_micros) {
            Ok(rotated) => {
                let watermark = writer.next.previous();
                shared.publish(writer, records, began.elapsed(), rotated);
                Ok(Some(watermark))
            }
            Err(fault) => Err(shared.fail(fault.into())),
        }
    }

    /// Lets `committer` take batches to the disk, as long as the registration lives; on this thread, it is called first.
    /// What needs the next segment stays with the commit thread, and so does everything on a disk that has no
    /// [`direct`](crate::DiskFile::direct) files.
    #[must_use]
    pub fn register(&self, committer: Arc<dyn Committer>) -> Registration {
        Registration::new(self.clone(), committer)
    }

    /// Whether there is something for a registered committer to do: the disk has
    /// [`direct`](crate::DiskFile::direct) files.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.shared.is_direct
    }

    /// Everything pending as one batch, for a registered committer to take to the disk; `None` when nothing is pending
    /// or it is somebody else's turn. `at_micros` as for [`Journal::commit_pending`].
    ///
    /// # Errors
    /// The failure that ended the journal.
    pub fn begin_batch(&self, at_micros: i64) -> Result<Option<Batch>, JournalFailure> {
        Batch::begin(self, at_micros)
    }

    /// Makes the next segment if there is none; `false` when there was nothing to do. May take as long
    /// as writing a whole segment.
    ///
    /// # Errors
    /// [`SpareError::NoRoom`] leaves the journal as it is, and reservations will say `Full` at its end;
    /// anything else ends the journal.
    pub fn allocate_spare(&self) -> Result<bool, SpareError> {
        let shared = &*self.shared;
        let mut spare_file = shared.spare_file.lock();
        {
            let state = shared.state.lock();
            if let Some(failure) = &state.failed {
                return Err(failure.clone().into());
            }
            if state.space.spare() == SpareStatus::Ready {
                return Ok(false);
            }
        }
        match segment::make_spare(&*shared.disk, shared.options.segment_bytes) {
            Ok(file) => {
                *spare_file = Some(file);
                shared.state.lock().space.set_spare(SpareStatus::Ready);
                Ok(true)
            }
            Err(fault) if fault.is_no_room() => {
                shared.remove_partial_spare()?;
                shared.state.lock().space.set_spare(SpareStatus::NoRoom);
                Err(SpareError::NoRoom(fault.source))
            }
            Err(fault) => Err(shared.fail(fault.into()).into()),
        }
    }

    /// Calls `listener` after every later commit.
    pub fn subscribe(&self, listener: Arc<dyn CommitListener>) {
        self.shared.listeners.write().push(listener);
    }

    /// The last durable record.
    #[must_use]
    pub fn watermark(&self) -> Sequence {
        Sequence::new(self.shared.watermark.load(Ordering::Acquire))
    }

    /// The last record, durable or not.
    #[must_use]
    pub fn appended(&self) -> Sequence {
        self.shared.state.lock().next.previous()
    }

    /// The last durable record and the chain hash of its batch: what a published head says.
    #[must_use]
    pub fn head(&self) -> (Sequence, ChainHash) {
        let state = self.shared.state.lock();
        // Published under the same lock, so the two belong together.
        (self.watermark(), state.head)
    }

    /// The segment that is being filled, to be watched.
    #[must_use]
    pub fn active_segment(&self) -> ActiveSegment {
        ActiveSegment(Arc::clone(&self.shared.active_segment))
    }

    /// Waits until `sequence` is durable. Blocks the thread; not for asynchronous callers.
    ///
    /// # Errors
    /// When the journal failed first.
    pub fn wait_until_durable(&self, sequence: Sequence) -> Result<(), JournalFailure> {
        let mut state = self.shared.state.lock();
        while self.watermark() < sequence {
            if let Some(failure) = &state.failed {
                return Err(failure.clone());
            }
            self.shared.durable.wait(&mut state);
        }
        Ok(())
    }

    /// The failure that ended the journal, if one did.
    #[must_use]
    pub fn failure(&self) -> Option<JournalFailure> {
        self.shared.state.lock().failed.clone()
    }

    /// What is promised and what there is, for metrics.
    #[must_use]
    pub fn space(&self) -> SpaceReport {
        self.shared.state.lock().space.report()
    }

    /// What the two threads wait on.
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }
}
