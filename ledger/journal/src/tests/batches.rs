//! Batches that others than the commit thread take to the disk: whose turn it is, and what becomes of a batch.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use super::*;
use crate::{Batch, Commit, CommitListener, CommitThread, Committer, OsEntropy, RealDisk};

/// Counts how often it was called.
#[derive(Default)]
struct Called(AtomicU32);

impl Committer for Called {
    fn wanted(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Called {
    fn times(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

fn open_real(path: &Path) -> Journal {
    let disk = Arc::new(RealDisk::create(path).expect("the directory"));
    let visit = |_, _, _: &[u8]| Ok::<(), Infallible>(());
    let options = Options { segment_bytes: 64 << 10, ..SMALL };
    let (journal, _) =
        Journal::open(disk, options, Box::new(OsEntropy::default()), visit).expect("it opens");
    journal.allocate_spare().expect("there is room");
    journal
}

/// A file system without direct files has nothing for these tests.
fn directory() -> Option<tempfile::TempDir> {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = RealDisk::open(directory.path()).expect("a directory");
    disk.create("probe").expect("there is room").direct()?;
    disk.remove("probe").expect("it is ours");
    Some(directory)
}

/// Writes a batch through the page cache, which does for a test.
fn write(path: &Path, batch: &Batch) -> io::Result<()> {
    let segments = RealDisk::open(path)?.list()?;
    let name = segments.into_iter().filter(|name| name.starts_with("segment-")).max();
    let file = File::options().write(true).open(path.join(name.expect("there is one")))?;
    file.write_all_at(batch.frame(), batch.offset())?;
    file.sync_all()
}

#[test]
fn while_a_batch_is_under_way_nobody_else_commits() {
    let Some(directory) = directory() else { return };
    let journal = open_real(directory.path());
    let called = Arc::new(Called::default());
    let registered = journal.register(Arc::clone(&called) as Arc<dyn Committer>);
    append(&journal, b"first").expect("space");
    assert_eq!(called.times(), 1);
    let batch = journal.begin_batch(7).expect("the disk works").expect("it is our turn");
    append(&journal, b"second").expect("space");
    assert!(journal.begin_batch(7).expect("the disk works").is_none());
    assert_eq!((called.times(), journal.watermark()), (1, Sequence::NONE));
    thread::scope(|scope| {
        // It waits for the batch, or comes after it.
        let other = scope.spawn(|| journal.commit_pending(8).expect("the disk works"));
        write(directory.path(), &batch).expect("the disk works");
        batch.finish(Ok(())).expect("the disk works");
        assert!(other.join().expect("no panic").is_some());
    });
    journal.commit_pending(8).expect("the disk works");
    assert_eq!(journal.watermark(), Sequence::new(2));
    drop((journal, registered));
    assert_eq!(open_real(directory.path()).watermark(), Sequence::new(2));
}

#[test]
fn whoever_finishes_is_called_again_for_what_came_meanwhile() {
    let Some(directory) = directory() else { return };
    let journal = open_real(directory.path());
    let called = Arc::new(Called::default());
    let _registered = journal.register(Arc::clone(&called) as Arc<dyn Committer>);
    append(&journal, b"first").expect("space");
    let batch = journal.begin_batch(7).expect("the disk works").expect("it is our turn");
    for _ in 0..3 {
        append(&journal, b"more").expect("space");
    }
    assert_eq!(called.times(), 1);
    write(directory.path(), &batch).expect("the disk works");
    batch.finish(Ok(())).expect("the disk works");
    assert_eq!(called.times(), 2);
    assert_eq!(journal.watermark(), Sequence::new(1));
}

#[test]
fn whoever_comes_while_something_is_pending_is_called() {
    let Some(directory) = directory() else { return };
    let journal = open_real(directory.path());
    append(&journal, b"early").expect("space");
    let called = Arc::new(Called::default());
    let _registered = journal.register(Arc::clone(&called) as Arc<dyn Committer>);
    assert_eq!(called.times(), 1);
}

#[test]
fn when_the_last_one_goes_the_thread_commits() {
    let Some(directory) = directory() else { return };
    let journal = open_real(directory.path());
    let threads = CommitThread::spawn(journal.clone(), || 7, |failure| panic!("{failure}"));
    let called = Arc::new(Called::default());
    let registered = journal.register(Arc::clone(&called) as Arc<dyn Committer>);
    let sequence = append(&journal, b"left alone").expect("space");
    assert_eq!((called.times(), journal.watermark()), (1, Sequence::NONE));
    drop(registered);
    journal.wait_until_durable(sequence).expect("the disk works");
    threads.expect("threads start").shutdown().expect("the disk works");
}

#[test]
fn at_the_end_the_thread_commits_whoever_is_there() {
    let Some(directory) = directory() else { return };
    let journal = open_real(directory.path());
    let threads = CommitThread::spawn(journal.clone(), || 7, |failure| panic!("{failure}"));
    let _registered = journal.register(Arc::new(Called::default()));
    append(&journal, b"left alone").expect("space");
    threads.expect("threads start").shutdown().expect("the disk works");
    assert_eq!(journal.watermark(), Sequence::new(1));
}

#[test]
fn what_needs_the_next_segment_is_the_threads() {
    let Some(directory) = directory() else { return };
    let journal = open_real(directory.path());
    let called = Arc::new(Called::default());
    // Fifteen blocks a segment.
    for _ in 0..15 {
        append(&journal, b"one").expect("space");
        journal.commit_pending(7).expect("the disk works");
    }
    let _registered = journal.register(Arc::clone(&called) as Arc<dyn Committer>);
    append(&journal, b"next").expect("space");
    assert_eq!(called.times(), 0);
    assert!(journal.begin_batch(7).expect("the disk works").is_none());
    journal.commit_pending(7).expect("the disk works");
    append(&journal, b"after").expect("space");
    assert_eq!(called.times(), 1);
}

#[test]
fn a_batch_that_cannot_be_written_or_is_given_up_ends_the_journal() {
    let give_up = |batch: Batch| drop(batch);
    let refuse = |batch: Batch| {
        let refused = batch.finish(Err(io::ErrorKind::StorageFull.into()));
        assert!(refused.is_err());
    };
    for end in [give_up as fn(Batch), refuse as fn(Batch)] {
        let Some(directory) = directory() else { return };
        let journal = open_real(directory.path());
        let _registered = journal.register(Arc::new(Called::default()));
        let sequence = append(&journal, b"lost").expect("space");
        end(journal.begin_batch(7).expect("the disk works").expect("it is our turn"));
        assert!(journal.wait_until_durable(sequence).is_err());
        assert!(journal.commit_pending(7).is_err() && journal.begin_batch(7).is_err());
        assert_eq!(journal.watermark(), Sequence::NONE);
    }
}

#[test]
fn a_segment_is_locked_as_long_as_a_write_of_an_earlier_process_may_come() {
    let Some(directory) = directory() else { return };
    let journal = open_real(directory.path());
    let registered = journal.register(Arc::new(Called::default()));
    append(&journal, b"first").expect("space");
    let batch = journal.begin_batch(7).expect("the disk works").expect("it is our turn");
    // What the kernel holds on to while it writes.
    let held_by_the_kernel = batch.file();
    write(directory.path(), &batch).expect("the disk works");
    batch.finish(Ok(())).expect("the disk works");
    drop((registered, journal));
    let segment =
        File::open(directory.path().join("segment-0000000001.talon")).expect("it is there");
    let is_locked = || matches!(segment.try_lock(), Err(std::fs::TryLockError::WouldBlock));
    assert!(is_locked());
    drop(held_by_the_kernel);
    assert!(!is_locked());
    drop(segment);
    assert_eq!(open_real(directory.path()).watermark(), Sequence::new(1));
}

#[test]
fn a_panic_while_a_batch_is_published_ends_the_journal() {
    struct Panics;
    impl CommitListener for Panics {
        fn committed(&self, _: &Commit) {
            panic!("on purpose");
        }
    }
    let Some(directory) = directory() else { return };
    let journal = open_real(directory.path());
    let _registered = journal.register(Arc::new(Called::default()));
    journal.subscribe(Arc::new(Panics));
    append(&journal, b"first").expect("space");
    let batch = journal.begin_batch(7).expect("the disk works").expect("it is our turn");
    write(directory.path(), &batch).expect("the disk works");
    let finishing = std::panic::AssertUnwindSafe(|| batch.finish(Ok(())));
    assert!(std::panic::catch_unwind(finishing).is_err());
    assert!(journal.failure().is_some_and(|failure| failure.to_string().contains("panicked")));
}
