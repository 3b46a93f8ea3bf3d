//! Snapshots, trimmed journals, archives: what may be missing, and what must never be believed.

use std::io::{self, Read as _, Write as _};

use super::*;
use crate::{
    Access, BadSnapshot, Begin, ChainHash, CopyError, Covered, Damage, JournalError, Layers,
    SegmentNumber, SnapshotReader, SnapshotWriter, Span, SpareStatus, copy_file,
    copy_growing_segment, give_up_segment, lock_for_upkeep, prune_snapshots, read_span,
    segment_name, segments_present, snapshot_name, snapshots_present,
};

/// One batch of this size fills a segment of [`SMALL`] but its last block.
const BIG: usize = 5000;

/// A journal with this many sealed segments and an active one.
fn sealed(count: u8) -> (SimDisk, Journal) {
    let disk = SimDisk::new();
    let journal = open(&disk).journal;
    for n in 0..=count {
        commit(&journal, &[&[n; BIG]]);
    }
    (disk, journal)
}

/// What the journal is up to the end of a segment.
fn covered(disk: &SimDisk, segment: u64) -> Covered {
    let through = SegmentNumber::new(segment);
    let span = Span { begin: Begin::First, through: Some(through) };
    let visit = |_: Entry<'_>| Ok::<(), Infallible>(());
    let summary = read_span(disk, &span, visit, |_, _| {}).expect("it reads").expect("it is there");
    let JournalSummary { journal, kind, last_sequence, head, .. } = summary;
    Covered { journal, kind, segment: through, last_sequence, head }
}

pub(super) fn snapshot(disk: &SimDisk, segment: u64, body: &[u8]) -> Covered {
    let covered = covered(disk, segment);
    let mut writer = SnapshotWriter::create(disk).expect("there is room");
    writer.write_all(body).expect("there is room");
    writer.finish(&covered).expect("the disk works");
    covered
}

fn body_of(disk: &SimDisk, segment: u64) -> Result<Vec<u8>, BadSnapshot> {
    let mut body = Vec::new();
    SnapshotReader::open(disk, SegmentNumber::new(segment))?.read_to_end(&mut body)?;
    Ok(body)
}

/// The bodies after what is covered.
fn open_after(disk: &SimDisk, covered: Covered) -> Result<Vec<Vec<u8>>, NoError> {
    let mut bodies = Vec::new();
    let (entropy, disk) = (Box::new(SimEntropy::new(2)), Arc::new(disk.clone()));
    let first = covered.last_sequence.get() + 1;
    Journal::open_after(disk, SMALL, entropy, Some(covered), |sequence, _, body| {
        assert_eq!(sequence.get(), first + bodies.len() as u64, "numbers go on where it ends");
        bodies.push(body.to_vec());
        Ok(())
    })?;
    Ok(bodies)
}

#[track_caller]
fn is_missing(refused: Result<impl Sized, NoError>, segment: u64) {
    match refused.map(|_| ()) {
        Err(OpenError::Journal(JournalError::Damage { file, damage, .. })) => {
            assert_eq!(damage, Damage::MissingSegment);
            assert_eq!(file, segment_name(SegmentNumber::new(segment)));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_snapshot_reads_back_what_was_written_in_chunks_of_any_size() {
    let (disk, _journal) = sealed(2);
    for length in [0, 1, 4096, (1 << 20) - 1, 1 << 20, (2 << 20) + 7] {
        let body: Vec<u8> = (0..length).map(|n: u32| n.to_le_bytes()[0] ^ 7).collect();
        let written = snapshot(&disk, 2, &body);
        assert_eq!(body_of(&disk, 2).expect("it is good"), body);
        let reader = SnapshotReader::open(&disk, SegmentNumber::new(2)).expect("it is good");
        assert_eq!(*reader.covered(), written);
    }
}

#[test]
fn a_snapshot_has_these_bytes() {
    let disk = SimDisk::new();
    let covered = Covered {
        journal: crate::JournalId([0xab; 16]),
        kind: JournalKind::Production,
        segment: SegmentNumber::new(7),
        last_sequence: Sequence::new(258),
        head: ChainHash([0xcd; 32]),
    };
    let mut writer = SnapshotWriter::create(&disk).unwrap();
    writer.write_all(b"123456789").unwrap();
    assert_eq!(writer.finish(&covered).unwrap(), 96 + 9);
    let contents = disk.contents("snapshot-0000000007.talon").unwrap();
    let expected = [
        "54414c4f4e534e50".to_owned(), // TALONSNP
        "0100000002000000".to_owned(), // version, production
        "ab".repeat(16),
        "07000000000000000201000000000000".to_owned(), // segment, sequence
        "cd".repeat(32),
        "0900000000000000839206e3".to_owned(), // the body's length and CRC32C
    ];
    assert_eq!(hex::encode(&contents[..92]), expected.concat());
    assert_eq!(contents[92..96], crc32c::crc32c(&contents[..92]).to_le_bytes());
    assert_eq!(&contents[96..], b"123456789");
}

#[test]
fn any_flipped_byte_of_a_snapshot_is_noticed() {
    let (disk, _journal) = sealed(1);
    snapshot(&disk, 1, b"what the journal adds up to");
    let name = snapshot_name(SegmentNumber::new(1));
    let contents = disk.contents(&name).expect("it is there");
    for at in 0..contents.len() {
        let mut flipped = contents.clone();
        flipped[at] ^= 0x10;
        let damaged = disk.fork();
        damaged.put(&name, flipped);
        assert!(body_of(&damaged, 1).is_err(), "byte {at}");
    }
    for length in 0..contents.len() {
        let cut = disk.fork();
        cut.put(&name, contents[..length].to_vec());
        assert!(body_of(&cut, 1).is_err(), "{length} bytes");
    }
}

#[test]
fn a_snapshot_of_another_past_or_another_journal_does_not_fit() {
    let (disk, _journal) = sealed(2);
    snapshot(&disk, 1, b"right");
    let name = snapshot_name(SegmentNumber::new(1));
    let foreign = disk.fork();
    let mut wrong = covered(&disk, 1);
    wrong.head = ChainHash([3; 32]);
    SnapshotWriter::create(&foreign).unwrap().finish(&wrong).unwrap();
    assert!(matches!(body_of(&foreign, 1), Err(BadSnapshot::Unsound(_))));
    let other = SimDisk::new();
    let journal = open_with(&other, SMALL, 99).unwrap().journal;
    for n in 0..3 {
        commit(&journal, &[&[n; BIG]]);
    }
    other.put(&name, disk.contents(&name).unwrap());
    assert!(matches!(body_of(&other, 1), Err(BadSnapshot::Unsound(_))));
}

#[test]
fn a_power_loss_leaves_a_whole_snapshot_or_none() {
    let (disk, journal) = sealed(2);
    drop(journal);
    let body = vec![9; 3 * BIG];
    let covered = covered(&disk, 2);
    let mut seen = [false; 2];
    for operations in 0..12 {
        for seed in 0..8 {
            let disk = disk.fork();
            disk.die_after(operations);
            let wrote = SnapshotWriter::create(&disk).and_then(|mut writer| {
                writer.write_all(&body)?;
                writer.finish(&covered)
            });
            let after = disk.crash(seed);
            let is_there = !snapshots_present(&after).unwrap().is_empty();
            assert!(is_there || wrote.is_err(), "what was said to be done is there");
            if is_there {
                assert_eq!(body_of(&after, 2).expect("whole"), body, "{operations} {seed}");
            }
            seen[usize::from(is_there)] = true;
        }
    }
    assert_eq!(seen, [true; 2], "both were met");
}

#[test]
fn what_a_snapshot_covers_need_not_be_there_any_more() {
    let (disk, journal) = sealed(3);
    let (head, all) = (journal.head(), read(&disk).unwrap().0);
    drop(journal);
    let covered = snapshot(&disk, 2, b"");
    assert_eq!(open_after(&disk, covered.clone()).unwrap(), all[2..]);
    for segment in [1, 2] {
        give_up_segment(&disk, SegmentNumber::new(segment), 0).unwrap();
        assert_eq!(open_after(&disk, covered.clone()).unwrap(), all[2..]);
    }
    is_missing(try_open(&disk), 1);
    is_missing(read(&disk), 1);
    let span = Span::after(Some(covered.clone()));
    let visit = |_: Entry<'_>| Ok::<(), Infallible>(());
    let summary = read_span(&disk, &span, visit, |_, _| {}).unwrap().unwrap();
    assert_eq!((summary.last_sequence, summary.head), head);
    assert_eq!(summary.after, covered.last_sequence);
    // A hole after what is covered is damage as before.
    disk.remove(&segment_name(SegmentNumber::new(3))).unwrap();
    is_missing(open_after(&disk, covered), 3);
}

#[test]
fn a_journal_that_ends_where_its_snapshot_does_has_lost_its_last_segment() {
    let (disk, journal) = sealed(2);
    drop(journal);
    let covered = snapshot(&disk, 2, b"");
    disk.remove(&segment_name(SegmentNumber::new(3))).unwrap();
    is_missing(open_after(&disk, covered), 3);
    // Nor does an empty journal take the place of one of which only a snapshot is left.
    for segment in [1, 2] {
        disk.remove(&segment_name(SegmentNumber::new(segment))).unwrap();
    }
    is_missing(try_open(&disk), 1);
}

#[test]
fn only_the_newest_snapshots_stay() {
    let (disk, _journal) = sealed(4);
    for segment in [2, 1, 4, 3] {
        snapshot(&disk, segment, b"");
    }
    let mut unfinished = SnapshotWriter::create(&disk).unwrap();
    unfinished.write_all(&[1; 100]).unwrap();
    drop(unfinished);
    assert_eq!(prune_snapshots(&disk, 2).unwrap(), 2);
    let left: Vec<_> = snapshots_present(&disk).unwrap().iter().map(|n| n.get()).collect();
    assert_eq!(left, [4, 3]);
    assert!(!disk.names().iter().any(|name| name.contains("unfinished")));
}

#[test]
fn the_lock_for_upkeep_is_one_of_its_own() {
    let (disk, _journal) = sealed(1);
    let held = lock_for_upkeep(&disk).unwrap().expect("the journal's lock is another");
    assert!(lock_for_upkeep(&disk).unwrap().is_none());
    drop(held);
    assert!(lock_for_upkeep(&disk).unwrap().is_some());
}

#[test]
fn a_recycled_segment_is_the_next_spare_even_on_a_full_disk_and_holds_nothing_old() {
    let (disk, journal) = sealed(2);
    let used: u64 = disk.names().iter().map(|n| disk.contents(n).unwrap().len() as u64).sum();
    disk.limit_capacity(Some(used));
    assert!(journal.allocate_spare().is_err());
    assert_eq!(journal.space().spare, SpareStatus::NoRoom);
    let covered = covered(&disk, 1);
    give_up_segment(&disk, SegmentNumber::new(1), 1).unwrap();
    assert!(journal.allocate_spare().expect("its room is there already"));
    assert_eq!(disk.contents("spare.talon").unwrap(), vec![0; 16 << 10]);
    commit(&journal, &[b"after"]);
    drop(journal);
    assert_eq!(open_after(&disk, covered).unwrap().last().unwrap(), b"after");
}

#[test]
fn no_more_files_are_recycled_than_asked_for() {
    let (disk, _journal) = sealed(4);
    for segment in 1..=3 {
        give_up_segment(&disk, SegmentNumber::new(segment), 2).unwrap();
    }
    let recycled = disk.names().iter().filter(|name| name.starts_with("recycled-")).count();
    assert_eq!(recycled, 2);
    assert_eq!(segments_present(&disk).unwrap().len(), 2);
}

#[test]
fn a_copy_never_replaces_what_differs_and_is_not_made_twice() {
    let (disk, _journal) = sealed(1);
    let (to, name) = (SimDisk::new(), segment_name(SegmentNumber::FIRST));
    assert!(copy_file(&disk, &to, &name, &mut |_| {}).unwrap());
    assert_eq!(to.contents(&name), disk.contents(&name));
    assert!(!copy_file(&disk, &to, &name, &mut |_| {}).unwrap());
    let mut other = to.contents(&name).unwrap();
    other[5000] ^= 1;
    to.put(&name, other.clone());
    let refused = copy_file(&disk, &to, &name, &mut |_| {});
    assert!(matches!(refused, Err(CopyError::Differs { .. })), "{refused:?}");
    assert_eq!(to.contents(&name), Some(other));
}

#[test]
fn a_copy_is_durable_before_it_is_said_to_be_made() {
    let (disk, _journal) = sealed(1);
    let name = segment_name(SegmentNumber::FIRST);
    for seed in 0..20 {
        let to = SimDisk::new();
        copy_file(&disk, &to, &name, &mut |_| {}).unwrap();
        assert_eq!(to.crash(seed).contents(&name), disk.contents(&name));
    }
}

/// A directory whose journal gets another commit after each block that is read of it.
struct Growing {
    disk: SimDisk,
    journal: Journal,
}

struct GrowingFile {
    file: Box<dyn crate::DiskFile>,
    journal: Journal,
}

impl Disk for Growing {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }
    fn create(&self, name: &str) -> io::Result<Box<dyn crate::DiskFile>> {
        self.disk.create(name)
    }
    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn crate::DiskFile>> {
        let file = self.disk.open(name, access)?;
        Ok(Box::new(GrowingFile { file, journal: self.journal.clone() }))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }
    fn sync_directory(&self) -> io::Result<()> {
        self.disk.sync_directory()
    }
    fn lock(&self, name: &str) -> io::Result<Option<Box<dyn crate::DiskLock>>> {
        self.disk.lock(name)
    }
}

impl crate::DiskFile for GrowingFile {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, out)?;
        commit(&self.journal, &[b"meanwhile"]);
        Ok(())
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, bytes)
    }
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }
    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

#[test]
fn a_segment_that_grows_while_it_is_copied_gives_a_journal_without_holes() {
    let options = Options { segment_bytes: 64 << 10, ..SMALL };
    let disk = SimDisk::new();
    let journal = open_with(&disk, options, 1).unwrap().journal;
    commit(&journal, &[b"before"]);
    let confirmed = journal.watermark();
    let growing = Growing { disk, journal };
    let to = SimDisk::new();
    copy_growing_segment(&growing, &to, SegmentNumber::FIRST, &mut |_| {}).unwrap();
    assert!(growing.journal.watermark() > confirmed);
    let (_, summary) = read(&to).expect("it is whole");
    assert!(summary.last_sequence >= confirmed);
}

#[test]
fn an_archive_and_what_is_left_are_one_journal() {
    let (disk, _journal) = sealed(3);
    let (whole, archive) = (read(&disk).unwrap(), SimDisk::new());
    for segment in [1, 2] {
        let segment = SegmentNumber::new(segment);
        copy_file(&disk, &archive, &segment_name(segment), &mut |_| {}).unwrap();
        give_up_segment(&disk, segment, 0).unwrap();
    }
    let layers = Layers::new(vec![Box::new(disk.clone()), Box::new(archive)]);
    let mut bodies = Vec::new();
    let visit = |entry: Entry<'_>| {
        if let Entry::Record { body, .. } = entry {
            bodies.push(body.to_vec());
        }
        Ok::<(), Infallible>(())
    };
    let summary = read_journal(&layers, visit, |_, _| {}).unwrap().unwrap();
    assert_eq!((bodies, summary), whole);
    assert!(layers.create("x").is_err() && layers.remove("LOCK").is_err());
    // Looking into what is left alone takes its first header at its word.
    let span = Span { begin: Begin::Present, through: None };
    let visit = |_: Entry<'_>| Ok::<(), Infallible>(());
    let rest = read_span(&disk, &span, visit, |_, _| {}).unwrap().unwrap();
    assert_eq!((rest.after.get(), rest.head), (2, whole.1.head));
}
