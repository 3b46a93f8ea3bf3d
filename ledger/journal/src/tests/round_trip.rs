//! What was appended is what is read, whatever the sizes and the batches.

use proptest::prelude::*;

use super::*;
use crate::{ChainHash, RECORD_HEADER_BYTES, SegmentNumber};

#[test]
fn an_empty_directory_becomes_an_empty_journal() {
    let disk = SimDisk::new();
    let first = open(&disk);
    assert!(first.recovery.created);
    assert_eq!(first.recovery.last_sequence, Sequence::NONE);
    assert_eq!(first.journal.watermark(), Sequence::NONE);
    drop(first);
    let again = open(&disk);
    assert!(!again.recovery.created);
    assert_eq!(again.recovery.head, ChainHash::GENESIS);
}

#[test]
fn a_directory_without_segments_reads_as_no_journal() {
    let nothing = read_journal(&SimDisk::new(), |_| Ok::<(), Infallible>(()), |_, _| {});
    assert_eq!(nothing.expect("nothing is wrong"), None);
}

#[test]
fn the_watermark_moves_only_with_the_commit() {
    let disk = SimDisk::new();
    let Open { journal, .. } = open(&disk);
    assert_eq!(append(&journal, b"one"), Ok(Sequence::new(1)));
    assert_eq!(append(&journal, b"two"), Ok(Sequence::new(2)));
    assert_eq!(journal.watermark(), Sequence::NONE);
    assert_eq!(journal.commit_pending(5).expect("works"), Some(Sequence::new(2)));
    assert_eq!(journal.watermark(), Sequence::new(2));
    assert_eq!(journal.commit_pending(6).expect("works"), None);
}

#[test]
fn records_appended_together_are_adjacent_and_in_one_batch() {
    let disk = SimDisk::new();
    let Open { journal, .. } = open(&disk);
    let both = journal.reserve_records(Class::Ordinary, 2, 6).expect("space");
    assert_eq!(append(&journal, b"between"), Ok(Sequence::new(1)));
    assert_eq!(journal.append_all(both, &[b"one", b"two"]), Sequence::new(2));
    journal.commit_pending(5).expect("works");
    let mut batches = Vec::new();
    let visit = |entry: Entry<'_>| {
        if let Entry::Batch(batch) = entry {
            batches.push((batch.first_sequence.get(), batch.count, batch.at_micros));
        }
        Ok::<(), Infallible>(())
    };
    read_journal(&disk, visit, |_, _| {}).expect("it reads");
    assert_eq!(batches, [(1, 3, 5)]);
}

#[test]
fn the_published_head_is_the_chain_hash_of_the_last_batch() {
    let disk = SimDisk::new();
    let Open { journal, .. } = open(&disk);
    for round in 0..5_u8 {
        commit(&journal, &[&[round; 100], &[round; 50]]);
        let (_, summary) = read(&disk).expect("it reads");
        assert_eq!(journal.head(), (summary.last_sequence, summary.head));
    }
}

#[test]
fn a_reservation_that_is_dropped_makes_no_record() {
    let disk = SimDisk::new();
    let Open { journal, .. } = open(&disk);
    let space = journal.space();
    drop(journal.reserve(Class::Ordinary).expect("space"));
    assert_eq!(journal.space(), space);
    assert_eq!(journal.commit_pending(1).expect("works"), None);
}

#[test]
#[should_panic(expected = "more bytes than were reserved")]
fn appending_more_than_was_reserved_is_a_bug_of_the_caller() {
    let Open { journal, .. } = open(&SimDisk::new());
    let reservation = journal.reserve_records(Class::Ordinary, 1, 10).expect("space");
    let _ = journal.append(reservation, &[0; 11]);
}

#[test]
fn segments_follow_each_other_without_a_gap() {
    let disk = SimDisk::new();
    let Open { journal, .. } = open(&disk);
    let bodies: Vec<Vec<u8>> = (0..20_u8).map(|n| vec![n; 3000]).collect();
    for body in &bodies {
        commit(&journal, &[body]);
    }
    drop(journal);
    let reopened = open(&disk);
    assert_eq!(reopened.bodies, bodies);
    assert_eq!(reopened.recovery.segments, 7, "three frames a segment");
    commit(&reopened.journal, &[b"after"]);
    drop(reopened);
    assert_eq!(open(&disk).bodies.len(), 21);
}

#[test]
fn new_segments_take_the_new_size_and_old_ones_keep_theirs() {
    let disk = SimDisk::new();
    let Open { journal, .. } = open(&disk);
    commit(&journal, &[&[1; 3000]]);
    drop(journal);
    let larger = Options { segment_bytes: 64 << 10, ..SMALL };
    let Open { journal, .. } = open_with(&disk, larger, 2).expect("it opens");
    for _ in 0..4 {
        commit(&journal, &[&[2; 3000]]);
    }
    let (bodies, summary) = read(&disk).expect("it reads");
    assert_eq!((bodies.len(), summary.segments), (5, 2));
    let second = format!("segment-{:010}.talon", SegmentNumber::new(2).get());
    assert_eq!(disk.contents(&second).expect("it exists").len(), 64 << 10);
}

#[test]
fn the_visitor_can_refuse_a_record_and_learns_which_it_was() {
    let disk = SimDisk::new();
    commit(&open(&disk).journal, &[b"good", b"bad"]);
    let visit = |sequence: Sequence, _: i64, body: &[u8]| match body {
        b"bad" => Err(format!("no {sequence}")),
        _ => Ok(()),
    };
    let entropy = Box::new(SimEntropy::new(3));
    let refused = Journal::open(Arc::new(disk), SMALL, entropy, visit);
    match refused {
        Err(OpenError::Visit { sequence, error }) => {
            assert_eq!((sequence, error.as_str()), (Sequence::new(2), "no 2"));
        }
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn whatever_is_appended_is_replayed(
        batches in proptest::collection::vec(
            proptest::collection::vec(
                proptest::collection::vec(any::<u8>(), 0..1800),
                1..4,
            ),
            0..12,
        ),
        times in proptest::collection::vec(any::<i64>(), 12),
    ) {
        let disk = SimDisk::new();
        let Open { journal, .. } = open(&disk);
        let mut expected = Vec::new();
        for (batch, at_micros) in batches.iter().zip(times) {
            journal.allocate_spare().expect("there is room");
            let bytes: usize = batch.iter().map(|body| body.len() + RECORD_HEADER_BYTES).sum();
            prop_assume!(bytes < 8000);
            for body in batch {
                append(&journal, body).expect("there is space");
                expected.push((at_micros, body.clone()));
            }
            journal.commit_pending(at_micros).expect("the disk works");
        }
        let head = journal.head();
        drop(journal);
        let mut seen = Vec::new();
        let entropy = Box::new(SimEntropy::new(9));
        let (_, recovery) = Journal::open(Arc::new(disk), SMALL, entropy, |_, at, body| {
            seen.push((at, body.to_vec()));
            Ok::<(), Infallible>(())
        }).expect("it opens");
        prop_assert_eq!(seen, expected);
        prop_assert_eq!((recovery.last_sequence, recovery.head), head);
    }
}
