//! The ledger inside a gateway's process: threads for the journal and the calendar, and the trait
//! that gateways call.
//!
//! An operation runs at once on the caller's thread; only its answer waits. Each runtime has a
//! handle of its own, so a commit wakes each runtime once, not each request. Must not know HTTP.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use talon_journal::{Commit, CommitListener, CommitThread, Journal, JournalFailure, Sequence};
use talon_telemetry::spans;
use talon_wire::{AnswerFuture, Command, Finding, Health, Ledger};
use tokio::sync::{Notify, oneshot};

use crate::committing::{CommitBy, commit_here};
use crate::core::{Authorities, Core, Outcome};
use crate::measures::{CommandCounters, Commits, LookedAt};

/// Most answers that wait for the disk on one runtime; at it, the outcome has to be asked for again
/// under its key.
pub const MAX_WAITING_ANSWERS: usize = 65_536;

const _: () = assert!(MAX_WAITING_ANSWERS > talon_journal::MAX_PENDING_RECORDS as usize);

/// A running ledger. Dropping it commits what is pending and stops its threads.
pub struct Embedded {
    core: Arc<Core>,
    keeper: Option<JoinHandle<()>>,
    stopping: Arc<AtomicBool>,
    /// Whether the keeper is at work; false when it has panicked or was stopped.
    keeping: Arc<AtomicBool>,
    commits: Option<CommitThread>,
    commit_by: CommitBy,
    waiters: Arc<AllWaiters>,
}

/// What waits on each runtime that has a handle.
type AllWaiters = Mutex<Vec<Weak<Waiters>>>;

/// A running ledger, to be looked at; keeps nothing running.
pub(crate) struct Observed {
    pub(crate) core: Arc<Core>,
    keeping: Arc<AtomicBool>,
    waiters: Arc<AllWaiters>,
    pub(crate) places_looked_at: LookedAt,
}

impl Observed {
    /// How many answers wait for their record to be durable, over all runtimes.
    pub(crate) fn answers_waiting(&self) -> usize {
        let all = self.waiters.lock();
        all.iter().filter_map(Weak::upgrade).map(|waiters| waiters.queue.lock().len()).sum()
    }

    /// Whether the thread that opens dates and gives places back is there.
    pub(crate) fn is_keeper_at_work(&self) -> bool {
        // Relaxed: see `AtWork`.
        self.keeping.load(Ordering::Relaxed)
    }
}

impl Embedded {
    /// Does what was due while the process was down, then starts the threads; commits are up to a thread.
    ///
    /// `on_failure` is called once when a write or a sync fails: nothing is promised any more,
    /// and the process has to end.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        core: Core,
        on_failure: impl Fn(&JournalFailure) + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        Self::start_with(core, CommitBy::Thread, on_failure)
    }

    /// Like [`Embedded::start`], with a choice of who commits.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start_with(
        core: Core,
        commit_by: CommitBy,
        on_failure: impl Fn(&JournalFailure) + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let core = Arc::new(core);
        core.journal().subscribe(Arc::new(Commits::new()));
        let clock = Arc::clone(&core);
        let commits =
            CommitThread::spawn(core.journal().clone(), move || clock.now().0, on_failure)?;
        core.keep();
        let stopping = Arc::new(AtomicBool::new(false));
        let keeping = Arc::new(AtomicBool::new(true));
        let (kept, stop, at_work) =
            (Arc::clone(&core), Arc::clone(&stopping), AtWork(Arc::clone(&keeping)));
        let keeper =
            std::thread::Builder::new().name("talon-keeper".to_owned()).spawn(move || {
                let _at_work = at_work;
                keep_until(&kept, &stop);
            })?;
        let (keeper, commits, waiters) = (Some(keeper), Some(commits), Arc::default());
        let commit_by = commit_by.choose(core.journal());
        Ok(Self { core, keeper, stopping, keeping, commits, commit_by, waiters })
    }

    /// The core, for tools and tests.
    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// A handle for one runtime that serves, and the future that this runtime has to run for it: answers wait
    /// for it, and where runtimes commit the journal, it does. Such a runtime needs its I/O enabled.
    pub fn handle(&self) -> (Handle, impl Future<Output = ()> + Send + use<>) {
        self.handle_with(self.commit_by)
    }

    /// A handle for a runtime that has other things to do: it commits nothing, so nobody waits for it.
    pub fn bystander(&self) -> (Handle, impl Future<Output = ()> + Send + use<>) {
        self.handle_with(CommitBy::Thread)
    }

    fn handle_with(
        &self,
        commit_by: CommitBy,
    ) -> (Handle, impl Future<Output = ()> + Send + use<>) {
        let waiters = Arc::new(Waiters::default());
        self.core.journal().subscribe(Arc::clone(&waiters) as Arc<dyn CommitListener>);
        let waking = drive(Arc::clone(&waiters), self.core.journal().clone());
        let committing = commit_here(Arc::clone(&self.core), commit_by);
        let driver = async move {
            tokio::join!(waking, committing);
        };
        let keeping = Arc::clone(&self.keeping);
        let mut all = self.waiters.lock();
        all.retain(|waiters| waiters.strong_count() > 0);
        all.push(Arc::downgrade(&waiters));
        let counters = Arc::new(CommandCounters::new());
        (Handle { core: Arc::clone(&self.core), waiters, keeping, counters }, driver)
    }

    /// What can be looked at of it.
    pub(crate) fn observed(&self) -> Observed {
        let (core, keeping) = (Arc::clone(&self.core), Arc::clone(&self.keeping));
        let (waiters, places_looked_at) = (Arc::clone(&self.waiters), LookedAt::default());
        Observed { core, keeping, waiters, places_looked_at }
    }

    /// Commits what is pending and stops.
    ///
    /// # Errors
    /// The failure that ended the journal.
    pub fn shutdown(mut self) -> Result<(), JournalFailure> {
        self.stop_keeper();
        self.commits.take().map_or(Ok(()), CommitThread::shutdown)
    }

    fn stop_keeper(&mut self) {
        // Relaxed: the unparking and the joining order everything else.
        self.stopping.store(true, Ordering::Relaxed);
        if let Some(keeper) = self.keeper.take() {
            keeper.thread().unpark();
            if keeper.join().is_err() {
                tracing::error!("the keeper had panicked");
            }
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.stop_keeper();
    }
}

/// Says, when it is dropped, that the keeper is no longer at work.
struct AtWork(Arc<AtomicBool>);

impl Drop for AtWork {
    fn drop(&mut self) {
        // Relaxed: a flag of its own.
        self.0.store(false, Ordering::Relaxed);
    }
}

fn keep_until(core: &Core, stop: &AtomicBool) {
    // Relaxed: see `stop_keeper`.
    while !stop.load(Ordering::Relaxed) {
        let next = core.keep();
        let pause = next.0.saturating_sub(core.now().0).max(1).unsigned_abs();
        std::thread::park_timeout(Duration::from_micros(pause));
    }
}

/// One runtime's way to the ledger.
#[derive(Clone)]
pub struct Handle {
    core: Arc<Core>,
    waiters: Arc<Waiters>,
    keeping: Arc<AtomicBool>,
    counters: Arc<CommandCounters>,
}

impl Handle {
    /// The catalogues and policies in force.
    pub(crate) fn authorities(&self) -> Arc<Authorities> {
        self.core.authorities.load_full()
    }

    fn carry_out(&self, command: &Command) -> Outcome {
        match command {
            Command::Book(book) => self.core.book(book),
            Command::Cancel(cancel) => self.core.cancel(cancel),
            Command::Bookings(caller) => self.core.bookings(caller),
            Command::Booking { caller, booking } => self.core.booking(caller, *booking),
            Command::Days { place, channel } => self.core.days(place, *channel),
            Command::Starts { place, channel, date } => self.core.starts(place, *channel, *date),
            Command::RevokeSession(caller) => self.core.revoke_session(caller),
            Command::Session(caller) => self.core.session(caller),
            Command::Find { caller, key, fingerprint } => {
                self.core.find(caller, *key, *fingerprint)
            }
            Command::Move(wanted) => self.core.move_booking(wanted),
            Command::Identify(identify) => self.core.identify(identify),
            Command::Peppers(ids) => self.core.know_peppers(ids),
            Command::Conclude { authority, subject, booking, visit } => {
                self.core.conclude(*authority, subject, *booking, *visit)
            }
            Command::Unblock { subject, .. } => self.core.unblock(subject),
        }
    }
}

impl Ledger for Handle {
    fn call(&self, command: Command) -> AnswerFuture {
        let outcome = self.carry_out(&command);
        self.counters.count(&command, &outcome.answer);
        let journal = self.core.journal();
        if outcome.after <= journal.watermark() {
            return Box::pin(std::future::ready(outcome.answer));
        }
        let Some(durable) = self.waiters.wait(outcome.after, journal) else {
            let unavailable = talon_wire::Answer::Refused(talon_wire::Refusal::Unavailable);
            return Box::pin(std::future::ready(unavailable));
        };
        Box::pin(async move {
            if spans::step("durable", durable).await.is_err() {
                // The runtime is going down; the outcome is found under the same key.
                return talon_wire::Answer::Refused(talon_wire::Refusal::Unavailable);
            }
            outcome.answer
        })
    }

    fn health(&self) -> Health {
        let journal = self.core.journal();
        let found = |problem: Option<String>, kind: fn(String) -> Finding| {
            problem.map_or(Finding::Good, kind)
        };
        let failure = found(journal.failure().map(|failure| failure.to_string()), Finding::Failed);
        // Bookings go on by the monotonic clock, and every gateway has the same ledger: nobody is served better
        // elsewhere.
        let clock = (!self.core.clock.is_trusted())
            .then(|| "the wall clock jumped; bookings go on, no date opens".to_owned());
        let clock = found(clock, Finding::Impaired);
        // Relaxed: see `AtWork`.
        let keeper = (!self.keeping.load(Ordering::Relaxed))
            .then(|| "the thread that opens dates has ended; restart".to_owned());
        let keeper = found(keeper, Finding::Failed);
        let checks = [("journal", failure), ("clock", clock), ("keeper", keeper)];
        Health { checks: checks.map(|(name, finding)| (name.to_owned(), finding)).to_vec() }
    }
}

/// What waits on one runtime for the watermark.
#[derive(Default)]
struct Waiters {
    queue: Mutex<BinaryHeap<Reverse<Waiting>>>,
    commit: Notify,
}

struct Waiting {
    after: Sequence,
    wake: oneshot::Sender<()>,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.after == other.after
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.after.cmp(&other.after)
    }
}

impl Waiters {
    /// Something to wait for, unless too many wait.
    fn wait(&self, after: Sequence, journal: &Journal) -> Option<oneshot::Receiver<()>> {
        let (wake, durable) = oneshot::channel();
        let mut queue = self.queue.lock();
        if queue.len() >= MAX_WAITING_ANSWERS {
            return None;
        }
        queue.push(Reverse(Waiting { after, wake }));
        drop(queue);
        if journal.watermark() >= after {
            // The commit came between the look and the queue.
            self.commit.notify_one();
        }
        Some(durable)
    }

    fn wake(&self, watermark: Sequence) {
        let mut queue = self.queue.lock();
        while queue.peek().is_some_and(|Reverse(waiting)| waiting.after <= watermark) {
            if let Some(Reverse(waiting)) = queue.pop() {
                // Whoever gave up waiting has dropped the receiver.
                let _ = waiting.wake.send(());
            }
        }
    }
}

impl CommitListener for Waiters {
    fn committed(&self, _: &Commit) {
        if !self.queue.lock().is_empty() {
            self.commit.notify_one();
        }
    }
}

async fn drive(waiters: Arc<Waiters>, journal: Journal) {
    loop {
        waiters.commit.notified().await;
        waiters.wake(journal.watermark());
    }
}

#[cfg(test)]
mod tests {
    use talon_journal::simulation::{SimDisk, SimEntropy};
    use talon_journal::{JournalKind, Options};

    use super::*;

    fn journal() -> Journal {
        let options = Options {
            segment_bytes: 64 << 10,
            max_batch_bytes: 32 << 10,
            ..Options::new(JournalKind::Demo)
        };
        let visit = |_, _, _: &[u8]| Ok::<(), std::convert::Infallible>(());
        let entropy = Box::new(SimEntropy::new(1));
        Journal::open(Arc::new(SimDisk::new()), options, entropy, visit).unwrap().0
    }

    #[test]
    fn no_more_answers_wait_than_the_bound_says_and_the_next_commit_makes_room() {
        let (waiters, journal) = (Waiters::default(), journal());
        let after = Sequence::new(1);
        let waiting: Vec<_> =
            (0..MAX_WAITING_ANSWERS).filter_map(|_| waiters.wait(after, &journal)).collect();
        assert_eq!(waiting.len(), MAX_WAITING_ANSWERS);
        assert!(waiters.wait(after, &journal).is_none());
        waiters.wake(after);
        assert!(waiting.into_iter().all(|mut durable| durable.try_recv().is_ok()));
        assert!(waiters.wait(Sequence::new(2), &journal).is_some());
    }

    #[test]
    fn a_commit_wakes_only_what_is_durable() {
        let (waiters, journal) = (Waiters::default(), journal());
        let mut later = waiters.wait(Sequence::new(9), &journal).unwrap();
        let mut sooner = waiters.wait(Sequence::new(3), &journal).unwrap();
        waiters.wake(Sequence::new(8));
        assert!(sooner.try_recv().is_ok());
        assert!(later.try_recv().is_err());
    }
}
