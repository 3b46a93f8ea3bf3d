//! Who takes batches to the disk: whoever it is, what was answered is there after a restart. Real files, so that there
//! is something to write past the page cache; where the kernel has no io_uring, the thread does all of it.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use talon_journal::simulation::SimDisk;
use talon_journal::{OsEntropy, RealDisk};
use talon_ledger::clock::manual::ManualClock;
use talon_ledger::committing::CommitBy;
use talon_ledger::core::{Core, Setup};
use talon_ledger::embedded::{Embedded, Handle};
use talon_wire::{Answer, Command, Ledger, Refusal};
use tempfile::TempDir;

use crate::fixture::{PERMIT, START, TOWN, authority, person, setup, span, utc, wish};
use crate::real_world::TINY_JOURNAL;
use crate::watched::{Watch, Watched};

/// How long a test waits for what must come; nobody waits that long in a good run.
const PATIENCE: Duration = Duration::from_secs(30);
/// People who ask at once.
const CROWD: u16 = 8;

/// What is seen of the disk, and what is done to it.
#[derive(Debug, Default)]
struct Seen {
    /// Batches that came the thread's way: what it writes, it syncs.
    syncs: AtomicU32,
    /// There is no room for what is written past the page cache.
    is_full: bool,
}

impl Watch for Seen {
    fn sync(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn direct(&self, file: Arc<File>) -> Arc<File> {
        let full = || File::options().write(true).open("/dev/full").expect("every Linux has it");
        if self.is_full { Arc::new(full()) } else { file }
    }
}

/// A running ledger in a directory.
struct Running {
    ledger: Embedded,
    seen: Arc<Seen>,
    failed: mpsc::Receiver<String>,
}

fn directory() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory")
}

fn open(directory: &Path, seen: &Arc<Seen>) -> Core {
    let disk = RealDisk::create(directory).expect("a directory");
    let disk = Arc::new(Watched { disk, watch: Arc::clone(seen) });
    let clock = ManualClock::new(utc(START));
    let parts = setup(&SimDisk::new(), &authority(&[]), &clock, &TINY_JOURNAL);
    let journal_entropy = Box::new(OsEntropy::default());
    Core::open(Setup { disk, journal_entropy, ..parts }).expect("the directory opens").0
}

impl Running {
    /// Starts, and waits until the disk has nothing left to do.
    fn new(directory: &Path, by: CommitBy) -> Self {
        Self::with(directory, by, Seen::default())
    }

    fn with(directory: &Path, by: CommitBy, seen: Seen) -> Self {
        let seen = Arc::new(seen);
        let (tell, failed) = mpsc::channel();
        let told = move |failure: &talon_journal::JournalFailure| {
            // The test may have ended.
            let _ = tell.send(failure.to_string());
        };
        let ledger = Embedded::start_with(open(directory, &seen), by, told).expect("threads");
        let running = Self { ledger, seen, failed };
        running.settle();
        running
    }

    fn settle(&self) {
        let journal = self.ledger.core().journal();
        let is_done = || {
            let space = journal.space();
            space.spare == talon_journal::SpareStatus::Ready && space.promised_bytes == 0
        };
        while !is_done() {
            std::thread::yield_now();
        }
    }

    /// Whether kernel and file system have what it takes.
    fn runtimes_commit(&self) -> bool {
        talon_ring::check().is_ok() && self.ledger.core().journal().is_direct()
    }

    fn syncs(&self) -> u32 {
        self.seen.syncs.load(Ordering::SeqCst)
    }
}

/// Runs `work` on a runtime of one thread, as a lane of a gateway does.
fn on_lane<F: Future>(ledger: &Embedded, work: impl FnOnce(Handle) -> F) -> F::Output {
    let (handle, driver) = ledger.handle();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.expect("the system gives a runtime");
    runtime.spawn(driver);
    runtime.block_on(work(handle))
}

fn book(n: u16) -> Command {
    Command::Book(wish(n, TOWN, PERMIT, span("2026-12-02", "2026-12-08")))
}

/// Persons `from..to` book, a crowd at a time; those who got a place.
async fn book_all(handle: &Handle, from: u16, to: u16) -> Vec<u16> {
    let mut booked = Vec::new();
    for first in (from..to).step_by(CROWD.into()) {
        let crowd: Vec<_> =
            (first..to.min(first + CROWD)).map(|n| (n, handle.call(book(n)))).collect();
        for (n, answer) in crowd {
            match answer.await {
                Answer::Booked { .. } => booked.push(n),
                // The next segment is being made.
                Answer::Refused(Refusal::Busy) => {}
                other => panic!("{other:?}"),
            }
        }
    }
    booked
}

/// Everybody who was told of a place has it in the directory.
fn assert_kept(directory: &Path, booked: &[u16]) {
    let core = open(directory, &Arc::default());
    for n in booked {
        let Answer::Bookings(bookings) = core.bookings(&person(*n)).answer else {
            panic!("everybody may ask")
        };
        assert_eq!(bookings.len(), 1, "{n}");
    }
}

#[test]
fn whoever_commits_what_was_answered_is_there_after_a_restart() {
    for by in [CommitBy::Thread, CommitBy::Auto] {
        let directory = directory();
        let running = Running::new(directory.path(), by);
        let booked: Vec<u16> = std::thread::scope(|scope| {
            let lane = |number: u16| {
                let ledger = &running.ledger;
                let work = move |handle: Handle| async move {
                    book_all(&handle, number * 100, number * 100 + 40).await
                };
                scope.spawn(move || on_lane(ledger, work))
            };
            let lanes: Vec<_> = (0..3).map(lane).collect();
            lanes.into_iter().flat_map(|lane| lane.join().expect("no panic")).collect()
        });
        assert!(booked.len() > 40, "{by:?} {}", booked.len());
        running.ledger.shutdown().expect("the disk works");
        assert_kept(directory.path(), &booked);
    }
}

#[test]
fn with_io_uring_the_runtimes_commit_and_the_thread_sleeps() {
    let directory = directory();
    let running = Running::new(directory.path(), CommitBy::Auto);
    let syncs = on_lane(&running.ledger, async |handle| {
        // The driver registers in its first turn.
        tokio::task::yield_now().await;
        let before = running.syncs();
        assert_eq!(book_all(&handle, 0, 8).await.len(), 8);
        running.syncs() - before
    });
    if running.runtimes_commit() {
        assert_eq!(syncs, 0);
    } else {
        assert!(syncs > 0);
    }
}

#[test]
fn the_next_segment_is_entered_by_the_thread_and_the_runtimes_go_on() {
    let directory = directory();
    let running = Running::new(directory.path(), CommitBy::Auto);
    let segment = || running.ledger.core().journal().active_segment().get().get();
    let before = segment();
    let booked = on_lane(&running.ledger, async |handle| {
        let mut booked = Vec::new();
        // One batch a booking, of which a segment has fifteen; some are refused while the next one is made.
        for n in 0..1000 {
            booked.extend(book_all(&handle, n, n + 1).await);
            if segment() >= before + 2 {
                break;
            }
        }
        booked
    });
    assert!(segment() >= before + 2, "{booked:?}");
    running.ledger.shutdown().expect("the disk works");
    assert_kept(directory.path(), &booked);
}

#[test]
fn what_a_runtime_leaves_at_its_end_the_thread_commits() {
    let directory = directory();
    let running = Running::new(directory.path(), CommitBy::Auto);
    let pending = on_lane(&running.ledger, async |handle| {
        book_all(&handle, 0, 3).await;
        // The runtime ends with these under way.
        (3..11).map(|n| handle.call(book(n))).collect::<Vec<_>>()
    });
    drop(pending);
    let journal = running.ledger.core().journal();
    journal.wait_until_durable(journal.appended()).expect("the disk works");
    let syncs = running.syncs();
    running.ledger.shutdown().expect("the disk works");
    assert!(syncs > 0);
    assert_kept(directory.path(), &(0..11).collect::<Vec<_>>());
}

#[test]
fn a_write_that_the_kernel_refuses_ends_the_journal_and_every_promise() {
    let directory = directory();
    let seen = Seen { is_full: true, ..Seen::default() };
    let running = Running::with(directory.path(), CommitBy::Auto, seen);
    if !running.runtimes_commit() {
        return;
    }
    let failed = running.failed;
    let (told, health) = on_lane(&running.ledger, async |handle| {
        // The driver registers in its first turn.
        tokio::task::yield_now().await;
        let promised = handle.call(book(1));
        // The driver runs while this waits.
        let told = tokio::task::spawn_blocking(move || failed.recv_timeout(PATIENCE)).await;
        assert!(futures_util::FutureExt::now_or_never(promised).is_none(), "never confirmed");
        let later = handle.call(book(2)).await;
        assert_eq!(later, Answer::Refused(Refusal::Unavailable));
        (told.expect("it only waits"), handle.health())
    });
    let told = told.expect("the failure is told");
    assert!(told.contains("write") && told.contains("No space"), "{told}");
    assert!(!health.is_ready());
    assert!(running.ledger.shutdown().is_err());
    let answer = open(directory.path(), &Arc::default()).bookings(&person(1)).answer;
    assert_eq!(answer, Answer::Bookings(Vec::new()));
}
