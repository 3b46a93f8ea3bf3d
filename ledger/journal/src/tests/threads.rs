//! Many callers, the commit thread and real files.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use super::*;
use crate::{Commit, CommitListener, CommitThread, JournalError, OsEntropy, RealDisk};

const CALLERS: u64 = 8;
const RECORDS_EACH: u64 = 200;

fn open_real(path: &std::path::Path) -> Result<(Journal, Vec<Vec<u8>>), NoError> {
    let disk = Arc::new(RealDisk::create(path).expect("the directory"));
    let options = Options { segment_bytes: 256 << 10, max_batch_bytes: 64 << 10, ..SMALL };
    let mut bodies = Vec::new();
    let (journal, _) =
        Journal::open(disk, options, Box::new(OsEntropy::default()), |_, _, body| {
            bodies.push(body.to_vec());
            Ok(())
        })?;
    Ok((journal, bodies))
}

struct Watermarks {
    last: AtomicU64,
}

impl CommitListener for Watermarks {
    fn committed(&self, &Commit { watermark, .. }: &Commit) {
        assert!(self.last.swap(watermark.get(), Ordering::Relaxed) < watermark.get());
    }
}

#[test]
fn many_callers_get_dense_numbers_and_wake_when_durable() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("deep").join("journal");
    let (journal, _) = open_real(&path).expect("it opens");
    let watermarks = Arc::new(Watermarks { last: AtomicU64::new(0) });
    journal.subscribe(Arc::clone(&watermarks) as Arc<dyn CommitListener>);
    let threads = CommitThread::spawn(journal.clone(), || 7, |failure| panic!("{failure}"))
        .expect("threads start");
    let mut numbered: Vec<(u64, Vec<u8>)> = thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let journal = &journal;
                scope.spawn(move || {
                    let mut mine = Vec::new();
                    while (mine.len() as u64) < RECORDS_EACH {
                        let body = format!("{caller} {}", mine.len()).into_bytes();
                        // Busy passes by itself: the commits ahead of us free the space.
                        let Ok(sequence) = append(journal, &body) else {
                            thread::yield_now();
                            continue;
                        };
                        journal.wait_until_durable(sequence).expect("the disk works");
                        assert!(journal.watermark() >= sequence);
                        mine.push((sequence.get(), body));
                    }
                    mine
                })
            })
            .collect();
        callers.into_iter().flat_map(|caller| caller.join().expect("no panic")).collect()
    });
    threads.shutdown().expect("the disk works");
    assert_eq!(watermarks.last.load(Ordering::Relaxed), CALLERS * RECORDS_EACH);
    drop(journal);
    numbered.sort();
    assert!(numbered.iter().map(|(number, _)| *number).eq(1..=CALLERS * RECORDS_EACH));
    let (_, replayed) = open_real(&path).expect("it opens again");
    assert!(replayed.into_iter().eq(numbered.into_iter().map(|(_, body)| body)));
}

#[test]
fn shutdown_commits_what_is_pending() {
    let directory = tempfile::tempdir().expect("a directory");
    let (journal, _) = open_real(directory.path()).expect("it opens");
    let threads = CommitThread::spawn(journal.clone(), || 7, |failure| panic!("{failure}"))
        .expect("threads start");
    for _ in 0..100 {
        append(&journal, b"record").expect("space");
    }
    threads.shutdown().expect("the disk works");
    assert_eq!(journal.watermark(), Sequence::new(100));
}

#[test]
fn two_processes_cannot_have_one_real_directory() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = open_real(directory.path()).expect("it opens");
    let second = open_real(directory.path()).expect_err("the lock is held");
    assert!(matches!(second, OpenError::Journal(JournalError::Locked)), "{second}");
    drop(first);
    assert!(open_real(directory.path()).is_ok());
}

#[test]
fn a_failed_sync_is_reported_once_and_wakes_the_waiters() {
    let disk = SimDisk::new();
    let Open { journal, .. } = open(&disk);
    journal.allocate_spare().expect("there is room");
    let (told, failures) = mpsc::channel();
    let threads = CommitThread::spawn(
        journal.clone(),
        || 7,
        move |failure| told.send(failure.to_string()).expect("the test listens"),
    )
    .expect("threads start");
    disk.fail_sync(1, ErrorKind::Other);
    let sequence = append(&journal, b"record").expect("space");
    assert!(journal.wait_until_durable(sequence).is_err());
    assert!(failures.recv().expect("the failure").contains("sync"));
    assert!(threads.shutdown().is_err());
    assert_eq!(failures.try_iter().count(), 0);
    assert_eq!(journal.watermark(), Sequence::NONE);
}

#[test]
fn a_panic_in_a_listener_ends_the_journal() {
    struct Panics;
    impl CommitListener for Panics {
        fn committed(&self, _: &Commit) {
            panic!("on purpose");
        }
    }
    let Open { journal, .. } = open(&SimDisk::new());
    journal.allocate_spare().expect("there is room");
    journal.subscribe(Arc::new(Panics));
    let (told, failures) = mpsc::channel();
    let _threads = CommitThread::spawn(
        journal.clone(),
        || 7,
        move |failure| told.send(failure.to_string()).expect("the test listens"),
    )
    .expect("threads start");
    append(&journal, b"record").expect("space");
    assert!(failures.recv().expect("the failure").contains("panicked"));
    assert!(matches!(journal.reserve(Class::Reserve), Err(ReserveError::Failed)));
}

#[test]
fn a_file_is_no_journal_directory() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    assert!(RealDisk::open(file.path()).is_err());
    assert!(RealDisk::create(file.path().join("below")).is_err());
}
