//! Disks that refuse: nothing is acknowledged after a failure, and a full disk is said in advance.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::{Commit, CommitListener, JournalError, MAX_PENDING_RECORDS, SpareError, SpareStatus};

#[test]
fn after_a_failed_write_or_sync_nothing_is_acknowledged() {
    let orders: [fn(&SimDisk, ErrorKind); 2] =
        [|disk, kind| disk.fail_write(1, kind), |disk, kind| disk.fail_sync(1, kind)];
    for order in orders {
        for kind in [ErrorKind::Other, ErrorKind::StorageFull] {
            let disk = SimDisk::new();
            let Open { journal, .. } = open(&disk);
            commit(&journal, &[b"good"]);
            let reserved = journal.reserve(Class::Ordinary).expect("space");
            append(&journal, b"lost").expect("space");
            order(&disk, kind);
            assert!(journal.commit_pending(2).is_err());
            let operations = disk.operations();
            assert_eq!(journal.append(reserved, b"late"), Sequence::new(3));
            assert!(
                journal.commit_pending(3).is_err(),
                "the fault was for once, the end is for ever"
            );
            assert!(journal.allocate_spare().is_err());
            assert!(journal.wait_until_durable(Sequence::new(2)).is_err());
            assert!(matches!(journal.reserve(Class::Reserve), Err(ReserveError::Failed)));
            assert_eq!(journal.watermark(), Sequence::new(1));
            assert_eq!(disk.operations(), operations, "nothing was tried again");
            assert!(journal.failure().is_some());
        }
    }
}

#[test]
fn a_failure_while_the_next_segment_is_activated_ends_the_journal() {
    for nth_sync in 1..=3 {
        let disk = SimDisk::new();
        let Open { journal, .. } = open(&disk);
        for _ in 0..3 {
            commit(&journal, &[&[1; 3000]]);
        }
        append(&journal, &[2; 3000]).expect("the spare is there");
        disk.fail_sync(nth_sync, ErrorKind::Other);
        assert!(journal.commit_pending(2).is_err(), "sync {nth_sync}");
        assert_eq!(journal.watermark(), Sequence::new(3));
        let replayed = open(&disk.crash(nth_sync)).bodies;
        assert!((3..=4).contains(&replayed.len()), "sync {nth_sync}: {}", replayed.len());
    }
}

#[test]
fn an_io_error_while_the_spare_is_made_ends_the_journal() {
    let disk = SimDisk::new();
    let Open { journal, .. } = open(&disk);
    disk.fail_sync(1, ErrorKind::Other);
    assert!(matches!(journal.allocate_spare(), Err(SpareError::Failed(_))));
    assert!(journal.failure().is_some());
}

#[test]
fn a_full_disk_is_said_before_anything_is_claimed_and_cancels_go_on() {
    let disk = SimDisk::new();
    let Open { journal, .. } = open(&disk);
    disk.limit_capacity(Some(SMALL.segment_bytes));
    assert!(matches!(journal.allocate_spare(), Err(SpareError::NoRoom(_))));
    assert!(!disk.names().contains(&"spare.talon".to_owned()), "half a spare takes no room");
    assert_eq!(journal.space().spare, SpareStatus::NoRoom);
    for _ in 0..2 {
        append(&journal, b"booking").expect("two blocks are not the reserve");
        journal.commit_pending(1).expect("the segment is there already");
    }
    assert_eq!(append(&journal, b"booking"), Err(ReserveError::Full));
    let cancel = journal.reserve(Class::Reserve).expect("the reserve is for this");
    journal.append(cancel, b"cancel");
    journal.commit_pending(2).expect("the segment is there already");
    assert!(matches!(journal.reserve(Class::Reserve), Err(ReserveError::Full)));
    disk.limit_capacity(None);
    assert!(journal.allocate_spare().expect("there is room again"));
    commit(&journal, &[b"booking"]);
    assert_eq!(journal.watermark(), Sequence::new(4));
}

#[test]
fn a_spare_that_is_still_being_made_is_busy_and_not_full() {
    let Open { journal, .. } = open(&SimDisk::new());
    for _ in 0..2 {
        append(&journal, b"record").expect("space");
        journal.commit_pending(1).expect("works");
    }
    assert_eq!(append(&journal, b"record"), Err(ReserveError::Busy));
}

#[test]
fn pending_records_and_bytes_are_bounded() {
    let options = Options { segment_bytes: 2 << 20, max_batch_bytes: 1 << 20, ..SMALL };
    let Open { journal, .. } = open_with(&SimDisk::new(), options, 1).expect("it opens");
    for _ in 0..MAX_PENDING_RECORDS {
        append(&journal, b"x").expect("below the bound");
    }
    assert_eq!(append(&journal, b"x"), Err(ReserveError::Busy));
    journal.commit_pending(1).expect("works");
    assert!(append(&journal, b"x").is_ok());
    append(&journal, &[0; 900_000]).expect("below the bound");
    assert_eq!(append(&journal, &[0; 200_000]), Err(ReserveError::Busy));
}

#[test]
fn one_process_at_a_time_has_the_directory() {
    let disk = SimDisk::new();
    let first = open(&disk);
    let second = try_open(&disk).expect_err("the lock is held");
    assert!(matches!(second, OpenError::Journal(JournalError::Locked)), "{second}");
    assert!(read(&disk).is_ok(), "reading takes no lock");
    drop(first);
    assert!(try_open(&disk).is_ok());
}

#[test]
fn listeners_are_told_once_per_commit_and_after_durability() {
    struct Check {
        disk: SimDisk,
        told: AtomicU64,
    }
    impl CommitListener for Check {
        fn committed(&self, &Commit { watermark, .. }: &Commit) {
            // Whatever the power loss takes, the records up to the watermark are there.
            for seed in 0..20 {
                let survivors = open(&self.disk.crash(seed)).bodies.len() as u64;
                assert!(survivors >= watermark.get());
            }
            self.told.fetch_add(1, Ordering::Relaxed);
        }
    }
    let disk = SimDisk::new();
    let Open { journal, .. } = open(&disk);
    let check = Arc::new(Check { disk, told: AtomicU64::new(0) });
    journal.subscribe(Arc::clone(&check) as Arc<dyn CommitListener>);
    for _ in 0..8 {
        commit(&journal, &[&[1; 1500], &[2; 1500]]);
    }
    assert_eq!(check.told.load(Ordering::Relaxed), 8);
}

#[test]
fn a_tail_that_cannot_be_kept_aside_is_not_cut() {
    let disk = SimDisk::new();
    drop(open(&disk));
    let name = "segment-0000000001.talon";
    let mut contents = disk.contents(name).expect("it exists");
    contents[9000] = 1;
    disk.put(name, contents.clone());
    disk.limit_capacity(Some(SMALL.segment_bytes));
    assert!(try_open(&disk).is_err());
    assert_eq!(disk.contents(name), Some(contents));
}
