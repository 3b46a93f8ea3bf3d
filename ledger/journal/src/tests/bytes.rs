//! No byte of a journal can change, and none can be missing, without being noticed.

use super::*;
use crate::{BLOCK_BYTES, BatchInfo, Damage, JournalError, SegmentNumber, TornTail};

const FIRST: &str = "segment-0000000001.talon";
const SECOND: &str = "segment-0000000002.talon";

/// Two segments: the first with three frames, the second with two and an empty block.
fn two_segments() -> (SimDisk, Vec<Vec<u8>>) {
    let disk = SimDisk::new();
    let Open { journal, .. } = open(&disk);
    commit(&journal, &[b"first", &[1; 300]]);
    commit(&journal, &[&[2; 2000]]);
    commit(&journal, &[&[3; 3000]]);
    commit(&journal, &[&[4; 100], b"", &[5; 7]]);
    commit(&journal, &[&[6; 1200]]);
    drop(journal);
    let (bodies, summary) = read(&disk).expect("it reads");
    assert_eq!((summary.segments, summary.torn_tail, bodies.len()), (2, None, 8));
    (disk.kill(), bodies)
}

fn batches(disk: &SimDisk) -> Vec<BatchInfo> {
    let mut batches = Vec::new();
    let visit = |entry: Entry<'_>| {
        if let Entry::Batch(batch) = entry {
            batches.push(batch);
        }
        Ok::<(), Infallible>(())
    };
    read_journal(disk, visit, |_, _| {}).expect("it reads");
    batches
}

fn damage_of(result: Result<Open, NoError>) -> Damage {
    match result {
        Err(OpenError::Journal(JournalError::Damage { damage, .. })) => damage,
        other => panic!("expected damage, found {:?}", other.map(|open| open.recovery)),
    }
}

#[test]
fn every_flipped_byte_is_noticed() {
    let (disk, bodies) = two_segments();
    for name in [FIRST, SECOND] {
        let sound = disk.contents(name).expect("it exists");
        for at in 0..sound.len() {
            let mut flipped = sound.clone();
            flipped[at] ^= 1 << (at % 8);
            let damaged = disk.fork();
            damaged.put(name, flipped);
            match read(&damaged) {
                // Opening reads with the same code, so some of them do.
                Err(_) if at % 16 > 0 => {}
                Err(_) => assert!(try_open(&damaged).is_err(), "{name} {at}"),
                Ok((seen, summary)) => {
                    let tail = summary.torn_tail.expect("a change is never silently accepted");
                    assert_eq!(name, SECOND, "only the last segment has a tail; byte {at}");
                    assert!(bodies.starts_with(&seen), "byte {at}");
                    assert_eq!(tail.first_lost.get(), seen.len() as u64 + 1);
                    let opened = open(&damaged);
                    let cut = opened.recovery.cut.expect("opening cuts what reading reports");
                    assert_eq!((cut.tail, opened.bodies), (tail, seen), "byte {at}");
                }
            }
        }
    }
}

#[test]
fn every_truncation_is_refused_with_its_remedy() {
    let (disk, bodies) = two_segments();
    let batches = batches(&disk);
    for (number, name) in [(1, FIRST), (2, SECOND)] {
        let whole = disk.contents(name).expect("it exists");
        for length in 0..whole.len() {
            let shorter = disk.fork();
            shorter.put(name, whole[..length].to_vec());
            let refused = read(&shorter).expect_err("a shorter file is damage");
            assert!(length % 16 > 0 || try_open(&shorter).is_err(), "{name} {length}");
            if length as u64 >= BLOCK_BYTES {
                assert!(refused.to_string().contains("truncate -s"), "{refused}");
            }
            // The remedy: what is left is a part of the truth, or it is damage.
            let mut extended = whole[..length].to_vec();
            extended.resize(whole.len(), 0);
            shorter.put(name, extended);
            if let Ok((left, summary)) = read(&shorter) {
                assert!(bodies.starts_with(&left), "{name} {length}");
                let seen = left.len() as u64;
                let lost = batches.iter().find(|batch| batch.first_sequence.get() > seen);
                // Of a batch that is gone without a byte left, only a published head can tell.
                let without_trace = lost.is_none_or(|batch| {
                    batch.segment.get() == number && length as u64 <= batch.offset
                });
                assert!(summary.torn_tail.is_some() || without_trace, "{name} {length}");
            }
        }
    }
}

#[test]
fn a_longer_file_is_refused() {
    let (disk, _) = two_segments();
    for more in [1, 4096] {
        let longer = disk.fork();
        let mut contents = disk.contents(SECOND).expect("it exists");
        contents.resize(contents.len() + more, 0);
        longer.put(SECOND, contents);
        assert!(matches!(damage_of(try_open(&longer)), Damage::SegmentLength { .. }));
    }
}

#[test]
fn a_torn_tail_is_kept_aside_and_cut_once() {
    let (disk, bodies) = two_segments();
    let mut contents = disk.contents(SECOND).expect("it exists");
    let (from, to) = (8192 + 600, 8192 + 700);
    let torn = contents[8192..8192 + 1316].to_vec();
    contents[from..to].fill(0);
    disk.put(SECOND, contents);
    let opened = open(&disk);
    let cut = opened.recovery.cut.as_ref().expect("a tail was cut");
    let segment = SegmentNumber::new(2);
    let first_lost = Sequence::new(8);
    assert_eq!(cut.tail, TornTail { segment, offset: 8192, bytes: 1316, first_lost });
    assert_eq!(cut.side_file, "cut-2-8192.bin");
    let kept = disk.contents("cut-2-8192.bin").expect("the side file");
    assert_eq!((&kept[..600], &kept[700..]), (&torn[..600], &torn[700..]));
    commit(&opened.journal, &[b"new"]);
    drop(opened);
    let again = open(&disk);
    assert_eq!(again.recovery.cut, None);
    assert_eq!(again.bodies[..7], bodies[..7]);
    assert_eq!(again.bodies[7], b"new");
}

#[test]
fn a_second_tail_at_one_place_gets_its_own_side_file() {
    let (disk, _) = two_segments();
    for side_file in ["cut-2-12288.bin", "cut-2-12288-2.bin", "cut-2-12288-3.bin"] {
        let mut contents = disk.contents(SECOND).expect("it exists");
        contents[12_288..12_300].fill(7);
        disk.put(SECOND, contents);
        let cut = open(&disk).recovery.cut.expect("a tail was cut");
        assert_eq!(cut.side_file, side_file);
        assert_eq!(disk.contents(side_file).expect("it exists"), [7; 12]);
    }
}

#[test]
fn frames_of_another_segment_or_journal_never_parse() {
    let (disk, bodies) = two_segments();
    // A recycled file: the last block of segment 2 still holds a whole frame of segment 1.
    let stale = disk.contents(FIRST).expect("it exists")[8192..12_288].to_vec();
    let mut contents = disk.contents(SECOND).expect("it exists");
    contents[12_288..].copy_from_slice(&stale);
    disk.put(SECOND, contents);
    let opened = open(&disk);
    assert_eq!(opened.bodies, bodies);
    assert!(opened.recovery.cut.is_some(), "it is a tail, not a frame that follows damage");
}

#[test]
fn a_sound_frame_at_another_place_is_damage() {
    let (disk, _) = two_segments();
    let mut contents = disk.contents(SECOND).expect("it exists");
    contents.copy_within(8192..12_288, 12_288);
    disk.put(SECOND, contents.clone());
    assert!(matches!(damage_of(try_open(&disk)), Damage::UnexpectedFrame { .. }));
    contents[8192..12_288].fill(0);
    disk.put(SECOND, contents);
    assert_eq!(
        damage_of(try_open(&disk)),
        Damage::FrameBeforeFrame { next_frame: 12_288 },
        "a hole before a frame"
    );
}

#[test]
fn a_missing_segment_is_named() {
    let (disk, _) = two_segments();
    disk.take_away(FIRST);
    let refused = try_open(&disk).expect_err("the first segment is missing").to_string();
    assert!(refused.contains(FIRST) && refused.contains("missing"), "{refused}");
}

#[test]
fn a_journal_that_lost_all_its_segments_is_not_begun_anew() {
    let disk = SimDisk::new();
    disk.put("cut-1-4096.bin", vec![1]);
    assert_eq!(damage_of(try_open(&disk)), Damage::MissingSegment);
}

#[test]
fn segments_of_two_journals_do_not_mix() {
    let (disk, _) = two_segments();
    let other = SimDisk::new();
    let Open { journal, .. } = open_with(&other, SMALL, 77).expect("it opens");
    for _ in 0..5 {
        commit(&journal, &[&[9; 3000]]);
    }
    disk.put(SECOND, other.contents(SECOND).expect("it exists"));
    assert!(matches!(damage_of(try_open(&disk)), Damage::OtherJournal { .. }));
}

#[test]
fn a_segment_under_another_ones_name_is_damage() {
    let (disk, _) = two_segments();
    disk.put(SECOND, disk.contents(FIRST).expect("it exists"));
    let found = SegmentNumber::FIRST;
    assert_eq!(damage_of(try_open(&disk)), Damage::SegmentNumber { found });
}

#[test]
fn demo_and_production_do_not_open_each_other() {
    let (disk, _) = two_segments();
    let production = Options { kind: JournalKind::Production, ..SMALL };
    let mismatch = open_with(&disk, production, 1).expect_err("it is a demo journal");
    assert!(
        matches!(mismatch, OpenError::Journal(JournalError::KindMismatch { .. })),
        "{mismatch}"
    );
    assert!(read(&disk).is_ok(), "reading alone asks for no kind");
}

#[test]
fn a_leftover_spare_with_any_contents_is_replaced() {
    let (disk, bodies) = two_segments();
    disk.put("spare.talon", vec![0xee; 5000]);
    disk.put("cut.unfinished", vec![1]);
    let opened = open(&disk);
    assert_eq!(opened.bodies, bodies);
    assert_eq!(opened.recovery.cut, None);
    let names = disk.names();
    assert!(
        !names.contains(&"spare.talon".to_owned()) && !names.contains(&"cut.unfinished".to_owned())
    );
}

#[test]
fn a_directory_with_only_a_spare_becomes_a_journal() {
    let disk = SimDisk::new();
    disk.put("spare.talon", vec![0xee; 5000]);
    assert!(open(&disk).recovery.created);
}
