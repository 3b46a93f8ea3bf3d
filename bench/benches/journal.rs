//! What group commit buys: the journal with few and many waiters, beside one sync for each record.
//!
//! Owns the comparison and nothing else; nothing calls it but `cargo bench`. All write to the disk
//! that the build is on, below `target`; a temporary directory may be memory, where a sync is free.
//! An element is one durable record, so criterion's `elem/s` are records a second.
//!
//! - `one_sync_each`: a block of 4096 bytes and `fdatasync`, in a file that was filled before, one
//!   record after the other: what a program without group commit can do at best;
//! - `waiters/N`: the journal with its commit thread and N waiters on one thread, as the requests of
//!   one runtime wait. Each appends a record, and the next one when that is durable; so N records
//!   are under way at any time, and a batch forms while the one before it is being written.
//!
//! Only the ratio to `one_sync_each` of the same run means anything. With one waiter there is no
//! group: that ratio is below 1, and says what the journal's threads and hashes cost.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use criterion::{BenchmarkId, Criterion, Throughput};
use talon_journal::{
    Class, CommitThread, Journal, JournalKind, Options, OsEntropy, RealDisk, Reservation,
    ReserveError, Sequence,
};
use tempfile::TempDir;

/// About what the record of a booking has.
const BODY_BYTES: usize = 96;
const WAITERS: &[usize] = &[1, 16, 256];
/// The unit in which the journal fills its segments.
const BLOCK_BYTES: usize = 4096;
/// Blocks of the file of `one_sync_each`, written round and round. 64 MiB, as a segment.
const FILE_BLOCKS: u64 = 16_384;
/// The disk is slow enough that few samples say as much as many; and the journal grows meanwhile.
const SAMPLES: usize = 20;
const WARM_UP: Duration = Duration::from_secs(1);
const MEASUREMENT: Duration = Duration::from_secs(4);
/// How long an append waits when the next segment is not made yet.
const SEGMENT_PAUSE: Duration = Duration::from_millis(1);

/// A file as long as a segment, with every block allocated.
struct Blocks {
    file: File,
    next: u64,
}

impl Blocks {
    fn new(folder: &Path) -> Self {
        let file = OpenOptions::new().write(true).create_new(true).open(folder.join("blocks"));
        let file = file.expect("the folder is new");
        for block in 0..FILE_BLOCKS {
            write_block(&file, block);
        }
        file.sync_all().expect("the disk has room");
        Self { file, next: 0 }
    }

    fn write_one(&mut self) {
        write_block(&self.file, self.next);
        self.file.sync_data().expect("the disk works");
        self.next = (self.next + 1) % FILE_BLOCKS;
    }
}

fn write_block(file: &File, block: u64) {
    let bytes = [0xA5; BLOCK_BYTES];
    file.write_all_at(&bytes, block * BLOCK_BYTES as u64).expect("the disk has room");
}

/// A running journal in a folder of its own.
struct Running {
    journal: Journal,
    _commits: CommitThread,
}

impl Running {
    fn new(folder: &Path) -> Self {
        let disk = RealDisk::create(folder.join("journal")).expect("the folder is new");
        let options = Options::new(JournalKind::Demo);
        let visit = |_: Sequence, _: i64, _: &[u8]| Ok::<(), std::convert::Infallible>(());
        let (journal, _) =
            Journal::open(Arc::new(disk), options, Box::new(OsEntropy::default()), visit)
                .expect("an empty folder becomes a journal");
        let commits = CommitThread::spawn(journal.clone(), now_micros, |failure| {
            panic!("the journal failed: {failure}");
        });
        Self { journal, _commits: commits.expect("the system gives a thread") }
    }

    /// The time in which `waiters` waiters get `rounds` records each.
    fn write(&self, waiters: usize, rounds: u64) -> Duration {
        let body = [0x5A; BODY_BYTES];
        let append = || self.journal.append(self.reserve(), &body);
        let mut left = waiters as u64 * rounds;
        let start = Instant::now();
        let mut waiting: VecDeque<Sequence> = VecDeque::with_capacity(waiters);
        while left > 0 || !waiting.is_empty() {
            while left > 0 && waiting.len() < waiters {
                waiting.push_back(append());
                left -= 1;
            }
            let oldest = *waiting.front().expect("somebody waits, or the loop had ended");
            self.journal.wait_until_durable(oldest).expect("the disk works");
            let watermark = self.journal.watermark();
            // Everybody whose record is durable is woken at once.
            while waiting.front().is_some_and(|sequence| *sequence <= watermark) {
                waiting.pop_front();
            }
        }
        start.elapsed()
    }

    fn reserve(&self) -> Reservation {
        loop {
            match self.journal.reserve(Class::Ordinary) {
                Ok(reservation) => return reservation,
                // Written faster than segments are made: that time is part of the price.
                Err(ReserveError::Full) => thread::sleep(SEGMENT_PAUSE),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn now_micros() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    i64::try_from(elapsed.as_micros()).expect("it is before the year 292277")
}

/// On the disk of the build.
fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("cargo made the folder around it")
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("durable_records");
    group.sample_size(SAMPLES).warm_up_time(WARM_UP).measurement_time(MEASUREMENT);

    group.throughput(Throughput::Elements(1));
    group.bench_function("one_sync_each", |bencher| {
        let folder = folder();
        let mut blocks = Blocks::new(folder.path());
        bencher.iter(|| blocks.write_one());
    });
    for &waiters in WAITERS {
        group.throughput(Throughput::Elements(waiters as u64));
        group.bench_function(BenchmarkId::new("waiters", waiters), |bencher| {
            let folder = folder();
            let running = Running::new(folder.path());
            bencher.iter_custom(|rounds| running.write(waiters, rounds));
        });
    }

    group.finish();
    criterion.final_summary();
}
