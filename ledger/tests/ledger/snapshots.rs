//! Snapshots: a start from one is a start from the first record, and a bad one is no reason to stop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use talon_journal::simulation::SimDisk;
use talon_journal::{
    Damage, Disk, JournalError, SegmentNumber, Sequence, give_up_segment, lock_for_upkeep,
    segment_name, segments_present, snapshot_name, snapshots_present,
};
use talon_ledger::clock::manual::ManualClock;
use talon_ledger::core::BadLedger;
use talon_ledger::snapshot::keeper::SnapshotKeeper;
use talon_ledger::snapshot::{FoldError, Folded, SNAPSHOTS_KEPT, best, fold};
use talon_ledger::state::FROZEN_VERSION;
use talon_wire::{Answer, Identify};

use crate::fixture::{
    AUTHORITY, DAY, EXAM, PERMIT, START, TOWN, World, authority, booked, judge, refused, span, utc,
    wish,
};
use crate::random::Operation;
use crate::real_world::TINY_JOURNAL;

/// Until a thread has done what it was woken for; far more than it takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn tiny_world() -> World {
    let clock = ManualClock::new(utc(START));
    let world = World::open(&SimDisk::new(), authority(&[]), &clock, TINY_JOURNAL);
    let world = world.expect("an empty disk opens");
    world.core.keep();
    world.commit();
    world
}

/// Books and commits until this many segments are sealed.
fn seal(world: &World, segments: u64) {
    let sealed = || world.core.journal().active_segment().get().get() - 1;
    let mut n = 0;
    while sealed() < segments {
        let book = wish(n, TOWN, PERMIT, span("2026-12-02", "2026-12-08"));
        let view = booked(world.core.book(&book));
        world.commit();
        world.cancel(n, view.id);
        world.commit();
        n += 1;
    }
}

#[track_caller]
fn folded(disk: &SimDisk) -> Folded {
    fold(disk, 1, |_, _| {}, || true).expect("the journal is good")
}

#[track_caller]
fn covers(disk: &SimDisk) -> Option<u64> {
    best(disk, |_, _| true).expect("it lists").covered.map(|covered| covered.segment.get())
}

fn reopen(world: World) -> Result<World, BadLedger> {
    let authority = world.authority.clone();
    world.reopen_with(authority)
}

fn spoil(disk: &SimDisk, snapshot: u64) {
    let name = snapshot_name(SegmentNumber::new(snapshot));
    let mut contents = disk.contents(&name).expect("it is there");
    let middle = contents.len() / 2;
    contents[middle] ^= 1;
    disk.put(&name, contents);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_snapshot_and_what_follows_are_what_a_full_replay_gives(
        numbers in prop::collection::vec(any::<u64>(), 50..250),
        months in 0..2_i64,
        archives in any::<bool>(),
    ) {
        let mut world = tiny_world();
        let archive = SimDisk::new();
        for number in numbers {
            let operation = Operation::of(number, world.core.now());
            world.ask(&operation);
            match operation {
                Operation::Pass { micros } => world.pass(micros * (1 + 9 * months)),
                Operation::Commit => {
                    world.commit();
                    fold(&world.disk, 1 + number % 2, |_, _| {}, || true).expect("it is good");
                }
                Operation::Restart => {
                    world.commit();
                    let hash = world.core.state_hash();
                    // The whole journal, before anything is taken away from it.
                    let report = judge(&world.disk, None).expect("the journal is good");
                    prop_assert_eq!(report.state_hash, hash);
                    prop_assert!(report.bad_snapshots.is_empty(), "{:?}", report.bad_snapshots);
                    if archives {
                        take_away_what_snapshots_cover(&world.disk, &archive);
                    }
                    world = world.reopen();
                    prop_assert_eq!(world.core.state_hash(), hash);
                }
                _ => {}
            }
        }
        world.pass(months * 20 * DAY);
        let hash = world.core.state_hash();
        folded(&world.disk);
        let loaded = best(&world.disk, |_, _| true).expect("it lists");
        prop_assert!(loaded.skipped.is_empty());
        let report = judge(&world.disk, None).expect("the journal is good");
        prop_assert!(report.is_good() && report.bad_snapshots.is_empty());
        prop_assert_eq!(report.state_hash, hash);
        prop_assert_eq!(world.reopen().core.state_hash(), hash);
    }
}

#[test]
fn a_holder_who_only_logged_in_is_in_the_snapshot_with_all_that_a_replay_finds() {
    let world = tiny_world();
    let names = [900, 901].map(|n| crate::fixture::person(n).person).to_vec();
    let identify = Identify { authority: AUTHORITY, person: names, entity: Vec::new() };
    assert!(matches!(world.core.identify(&identify).answer, Answer::Identified { .. }));
    seal(&world, 1);
    folded(&world.disk);
    // The link is older than the snapshot, the booking younger.
    world.clock.advance_micros(DAY);
    booked(world.core.book(&wish(900, TOWN, EXAM, span("2026-12-03", "2026-12-08"))));
    seal(&world, 2);
    let hash = world.core.state_hash();
    folded(&world.disk);
    let report = judge(&world.disk, None).expect("the journal is good");
    assert!(report.is_good() && report.bad_snapshots.is_empty());
    assert_eq!(reopen(world).expect("it opens").core.state_hash(), hash);
}

#[test]
fn a_copy_that_is_there_already_is_durable_before_its_original_may_go() {
    let world = tiny_world();
    seal(&world, 1);
    let name = segment_name(SegmentNumber::new(1));
    let contents = world.disk.contents(&name).expect("it is sealed");
    for seed in 0..50 {
        let archive = SimDisk::new();
        // What `cp` leaves, or an archive that was stopped before the last sync.
        let copy = archive.create(&name).expect("there is room");
        copy.write_at(0, &contents).expect("there is room");
        let made = talon_journal::copy_file(&world.disk, &archive, &name, &mut |_| {});
        assert!(!made.expect("they are the same"));
        assert_eq!(archive.crash(seed).contents(&name).as_ref(), Some(&contents), "{seed}");
    }
}

/// As `archive` does, on simulated disks.
fn take_away_what_snapshots_cover(disk: &SimDisk, archive: &SimDisk) {
    let Some(oldest) = snapshots_present(disk).expect("it lists").last().copied() else { return };
    for segment in segments_present(disk).expect("it lists") {
        if segment <= oldest {
            let name = segment_name(segment);
            talon_journal::copy_file(disk, archive, &name, &mut |_| {}).expect("there is room");
            give_up_segment(disk, segment, 1).expect("the disk works");
        }
    }
}

#[test]
fn the_next_snapshot_is_the_one_before_it_plus_what_was_sealed_since() {
    let world = tiny_world();
    assert!(folded(&world.disk).made.is_none(), "nothing is sealed");
    seal(&world, 1);
    let first = folded(&world.disk).made.expect("a segment is sealed");
    assert_eq!(first.covered.segment.get(), 1);
    assert!(folded(&world.disk).made.is_none(), "nothing further is sealed");
    // Without the first segment only the first snapshot can be what it goes on from.
    give_up_segment(&world.disk, SegmentNumber::FIRST, 0).expect("the disk works");
    seal(&world, 3);
    assert!(fold(&world.disk, 3, |_, _| {}, || true).expect("it is good").made.is_none());
    let second = folded(&world.disk).made.expect("two segments are sealed");
    assert_eq!(second.covered.segment.get(), 3);
    let hash = world.core.state_hash();
    assert_eq!(world.reopen().core.state_hash(), hash);
}

#[test]
fn the_newest_snapshots_stay_and_older_ones_go() {
    let world = tiny_world();
    for sealed in 1..=4 {
        seal(&world, sealed);
        folded(&world.disk);
        let present = snapshots_present(&world.disk).expect("it lists");
        assert_eq!(present.len() as u64, sealed.min(SNAPSHOTS_KEPT as u64));
        assert_eq!(present[0].get(), sealed);
    }
}

#[test]
fn ledger_time_does_not_go_back_behind_a_snapshot() {
    let world = tiny_world();
    seal(&world, 2);
    folded(&world.disk);
    let (now, disk) = (world.core.now(), world.disk.clone());
    drop(world);
    let early = ManualClock::new(utc("2026-11-01T00:00:00Z"));
    let world = World::open(&disk, authority(&[]), &early, TINY_JOURNAL).expect("it opens");
    assert!(world.core.now() >= now);
}

#[test]
fn a_bad_snapshot_is_passed_over_for_an_older_one_or_a_full_replay() {
    let mut world = tiny_world();
    seal(&world, 1);
    folded(&world.disk);
    seal(&world, 3);
    folded(&world.disk);
    world.commit();
    let hash = world.core.state_hash();
    assert_eq!(covers(&world.disk), Some(3));
    for (spoilt, left) in [(3, Some(1)), (1, None)] {
        spoil(&world.disk, spoilt);
        assert_eq!(covers(&world.disk), left);
        world = reopen(world).expect("it is never fatal while the segments are there");
        assert_eq!(world.core.state_hash(), hash);
    }
    let report = judge(&world.disk, None).expect("the journal is good");
    assert_eq!((report.is_good(), report.bad_snapshots.len(), report.snapshots), (true, 2, 0));
    // The next one is made anew, from the first record, in the place of the bad one.
    assert_eq!(folded(&world.disk).made.expect("one is made").covered.segment.get(), 3);
    assert_eq!(covers(&world.disk), Some(3));
}

#[test]
fn a_snapshot_of_another_version_is_passed_over() {
    let world = tiny_world();
    seal(&world, 1);
    folded(&world.disk);
    let loaded = best(&world.disk, |_, _| true).expect("it lists");
    let covered = loaded.covered.expect("it is good");
    let later = (FROZEN_VERSION + 1).to_le_bytes();
    let mut writer = talon_journal::SnapshotWriter::create(&world.disk).expect("there is room");
    std::io::Write::write_all(&mut writer, &later).expect("there is room");
    writer.finish(&covered).expect("there is room");
    let loaded = best(&world.disk, |_, _| true).expect("it lists");
    assert!(loaded.covered.is_none());
    assert!(loaded.skipped[0].reason.contains("version"), "{:?}", loaded.skipped);
}

#[test]
fn a_snapshot_whose_state_has_another_hash_is_passed_over() {
    let world = tiny_world();
    seal(&world, 1);
    folded(&world.disk);
    let covered = best(&world.disk, |_, _| true).expect("it lists").covered.expect("it is good");
    let name = snapshot_name(covered.segment);
    let mut body = world.disk.contents(&name).expect("it is there")[96..].to_vec();
    let last = body.len() - 1;
    body[last] ^= 1;
    let mut writer = talon_journal::SnapshotWriter::create(&world.disk).expect("there is room");
    std::io::Write::write_all(&mut writer, &body).expect("there is room");
    writer.finish(&covered).expect("there is room");
    assert_eq!(covers(&world.disk), None);
}

#[test]
fn without_the_first_segments_and_without_a_good_snapshot_a_start_is_refused() {
    let world = tiny_world();
    seal(&world, 2);
    folded(&world.disk);
    let archive = SimDisk::new();
    take_away_what_snapshots_cover(&world.disk, &archive);
    let hash = world.core.state_hash();
    let mut world = reopen(world).expect("the snapshot stands for them");
    assert_eq!(world.core.state_hash(), hash);
    let report = judge(&world.disk, None).expect("what is left is good");
    let trusted = report.trusted.expect("the snapshot is taken at its word");
    assert_eq!((trusted.segment.get(), report.state_hash), (2, hash));
    spoil(&world.disk, 2);
    let (disk, clock) = (world.disk.clone(), world.clock.clone());
    drop(world);
    match World::open(&disk, authority(&[]), &clock, TINY_JOURNAL).map(|_| ()) {
        Err(BadLedger::Journal(JournalError::Damage { file, damage, .. })) => {
            assert_eq!(
                (file.as_str(), damage),
                ("segment-0000000001.talon", Damage::MissingSegment)
            );
        }
        other => panic!("{other:?}"),
    }
    // What was archived, put back, is all it takes.
    for segment in segments_present(&archive).expect("it lists") {
        let name = segment_name(segment);
        disk.put(&name, archive.contents(&name).expect("it is there"));
    }
    world = World::open(&disk, authority(&[]), &clock, TINY_JOURNAL).expect("all is there");
    assert_eq!(world.core.state_hash(), hash);
}

#[test]
fn a_bookings_key_and_a_logout_are_remembered_behind_a_snapshot() {
    let world = tiny_world();
    let book = wish(500, TOWN, EXAM, span("2026-12-02", "2026-12-08"));
    let view = booked(world.core.book(&book));
    world.core.revoke_session(&crate::fixture::person(501));
    seal(&world, 1);
    folded(&world.disk);
    take_away_what_snapshots_cover(&world.disk, &SimDisk::new());
    let world = reopen(world).expect("it opens");
    let again = world.core.book(&book);
    assert_eq!(booked(again).id, view.id);
    let other = wish(501, TOWN, EXAM, span("2026-12-02", "2026-12-08"));
    assert_eq!(refused(world.core.book(&other)), talon_wire::Refusal::SessionRevoked);
}

#[test]
fn a_full_disk_makes_no_snapshot_and_leaves_none_behind() {
    let world = tiny_world();
    seal(&world, 1);
    let used: usize =
        world.disk.names().iter().filter_map(|n| world.disk.contents(n)).map(|c| c.len()).sum();
    world.disk.limit_capacity(Some(used as u64 + 200));
    let refused = fold(&world.disk, 1, |_, _| {}, || true);
    assert!(matches!(refused, Err(FoldError::Disk { .. })), "{refused:?}");
    assert!(!world.disk.names().iter().any(|name| name.contains("snapshot")));
    world.disk.limit_capacity(None);
    assert!(folded(&world.disk).made.is_some());
}

#[test]
fn one_makes_a_snapshot_at_a_time_and_it_can_be_given_up() {
    let world = tiny_world();
    seal(&world, 1);
    let held = lock_for_upkeep(&world.disk).expect("the disk works");
    assert!(matches!(fold(&world.disk, 1, |_, _| {}, || true), Err(FoldError::Busy)));
    drop(held);
    assert!(matches!(fold(&world.disk, 1, |_, _| {}, || false), Err(FoldError::Stopped)));
    assert!(snapshots_present(&world.disk).expect("it lists").is_empty());
}

#[test]
fn a_running_ledger_makes_snapshots_as_segments_are_sealed_and_lets_its_journal_go() {
    let world = tiny_world();
    seal(&world, 1);
    let disk = Arc::new(world.disk.clone());
    let keeper = SnapshotKeeper::start(world.core.journal(), disk, 2).expect("a thread");
    for sealed in [2, 4] {
        seal(&world, sealed);
        let since = Instant::now();
        while covers(&world.disk) != Some(sealed) {
            assert!(since.elapsed() < PATIENCE, "no snapshot of {sealed} segments");
            std::thread::yield_now();
        }
    }
    drop(keeper);
    let hash = world.core.state_hash();
    // Its lock is free again, so nothing of the keeper holds the journal.
    let world = reopen(world).expect("it opens");
    assert_eq!(world.core.state_hash(), hash);
    assert_ne!(world.core.journal().watermark(), Sequence::NONE);
}
