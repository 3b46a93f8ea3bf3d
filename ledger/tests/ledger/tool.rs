//! `verify`, in the library and as the program with its exit codes.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use talon_journal::{ChainHash, RealDisk, Sequence};
use talon_ledger::clock::manual::ManualClock;
use talon_ledger::core::{Core, Setup};
use talon_ledger::verify::BadJournal;

use crate::fixture::{
    EXAM, PERMIT, SMALL_JOURNAL, START, TOWN, World, authority, booked, judge, setup, span, utc,
    wish,
};

/// Where the frames begin.
const FIRST_FRAME: usize = 4096;

#[test]
fn a_good_journal_is_judged_good_and_counted() {
    let world = World::new();
    let booking = world.books(1, EXAM, "2026-12-02", "08:30");
    world.books(2, EXAM, "2026-12-02", "09:00");
    world.cancel(1, booking.id);
    world.commit();
    let report = judge(&world.disk, None).expect("it is good");
    assert!(report.is_good());
    assert_eq!((report.bookings, report.cancellations, report.breaches), (2, 1, 0));
    assert_eq!(report.state_hash, world.core.state_hash());
    assert_eq!((report.summary.last_sequence, report.summary.head), world.core.journal().head());
    assert_eq!(report.contains_head, None);
}

#[test]
fn a_published_head_is_contained_or_its_loss_is_proved() {
    let world = World::new();
    world.books(1, EXAM, "2026-12-02", "08:30");
    world.commit();
    let before = world.disk.fork();
    let earlier = world.core.journal().head();
    world.books(2, EXAM, "2026-12-02", "09:00");
    world.commit();
    let latest = world.core.journal().head();
    for head in [earlier, latest] {
        let report = judge(&world.disk, Some(head)).expect("it is whole");
        assert_eq!((report.contains_head, report.is_good()), (Some(true), true));
    }
    // A disk that lost the last commit looks whole, and is found out by the head alone.
    assert!(judge(&before, None).expect("it looks whole").is_good());
    let report = judge(&before, Some(latest)).expect("it looks whole");
    assert_eq!((report.contains_head, report.is_good()), (Some(false), false));
    let forged = (latest.0, ChainHash([7; 32]));
    assert!(!judge(&world.disk, Some(forged)).expect("it is whole").is_good());
    let inside_a_batch = (Sequence::new(2), earlier.1);
    assert!(!judge(&world.disk, Some(inside_a_batch)).expect("it is whole").is_good());
}

#[test]
fn any_flipped_byte_before_the_last_commit_is_refused() {
    let world = World::new();
    for n in 0..3 {
        let wishes = span("2026-12-02", "2026-12-08");
        booked(world.core.book(&wish(n, TOWN, PERMIT, wishes)));
        world.commit();
    }
    let name = world.disk.names().into_iter().find(|name| name.contains("segment-")).expect("one");
    let contents = world.disk.contents(&name).expect("it is there");
    let used = contents.iter().rposition(|byte| *byte != 0).expect("it has frames");
    let last_frame = used / FIRST_FRAME * FIRST_FRAME;
    assert!(last_frame > 3 * FIRST_FRAME);
    for at in (0..last_frame).step_by(61) {
        let mut flipped = contents.clone();
        flipped[at] ^= 0x40;
        let disk = world.disk.fork();
        disk.put(&name, flipped);
        let judged = judge(&disk, None);
        assert!(matches!(judged, Err(BadJournal::Journal(_))), "byte {at}: {judged:?}");
    }
}

#[test]
fn no_journal_is_no_good_journal() {
    let empty = talon_journal::simulation::SimDisk::new();
    assert!(matches!(judge(&empty, None), Err(BadJournal::Missing)));
}

/// Books in a real directory; returns the head, as it is published.
fn real_journal(directory: &Path, first_person: u16) -> String {
    let clock = ManualClock::new(utc(START));
    let simulated = talon_journal::simulation::SimDisk::new();
    let disk = Arc::new(RealDisk::create(directory).expect("a directory"));
    let setup = Setup { disk, ..setup(&simulated, &authority(&[]), &clock, &SMALL_JOURNAL) };
    let (core, _) = Core::open(setup).expect("the directory opens");
    core.keep();
    core.journal().commit_pending(core.now().0).expect("the disk works");
    for n in first_person..first_person + 2 {
        booked(core.book(&wish(n, TOWN, EXAM, span("2026-12-02", "2026-12-08"))));
        core.journal().commit_pending(core.now().0).expect("the disk works");
    }
    let (sequence, hash) = core.journal().head();
    format!("{sequence}:{hash}")
}

fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_talon-ledger"))
        .args(arguments)
        .output()
        .expect("the program runs");
    let text = [stdout, stderr].concat();
    (status.code(), String::from_utf8(text).expect("it prints text"))
}

#[test]
fn the_program_says_by_its_exit_code_whether_a_journal_is_good() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().to_str().expect("a plain path");
    let earlier = real_journal(directory.path(), 1);
    let head = real_journal(directory.path(), 3);
    let (code, said) = run(&["verify", path]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("bookings       4 (0 cancelled)"), "{said}");
    assert!(said.contains(&format!("head           {head}")), "{said}");
    assert!(said.contains("cannot be excluded"), "{said}");
    for head in [earlier, head.clone()] {
        let (code, said) = run(&["verify", path, "--at-least", &head]);
        assert_eq!(code, Some(0), "{said}");
    }
    let beyond = head.replacen(':', "9:", 1);
    let (code, said) = run(&["verify", path, "--at-least", &beyond]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("LACKS THAT HEAD"), "{said}");
    // A byte of the first frame.
    let segment = directory.path().join("segment-0000000001.talon");
    let mut bytes = std::fs::read(&segment).expect("the segment");
    bytes[FIRST_FRAME + 200] ^= 1;
    std::fs::write(&segment, bytes).expect("the segment");
    let (code, said) = run(&["verify", path]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("segment-0000000001.talon, byte 4096"), "{said}");
}

#[test]
fn the_program_refuses_what_is_no_journal_and_wrong_usage() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().to_str().expect("a plain path");
    let missing = directory.path().join("nothing");
    assert_eq!(run(&["verify", path]).0, Some(1));
    assert_eq!(run(&["verify", missing.to_str().expect("a plain path")]).0, Some(1));
    for wrong in [&[][..], &["verify"], &["verify", path, "--at-least", "7"], &["mend", path]] {
        assert_eq!(run(wrong).0, Some(2), "{wrong:?}");
    }
}

#[test]
fn the_program_finds_who_is_over_a_limit() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = crate::replay::two_live_exams();
    for name in disk.names() {
        let contents = disk.contents(&name).expect("it is there");
        std::fs::write(directory.path().join(name), contents).expect("there is room");
    }
    let (code, said) = run(&["verify", directory.path().to_str().expect("a plain path")]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("over a limit   1"), "{said}");
    assert!(said.contains("record 6: booking 02020202"), "{said}");
    assert!(said.contains("by rule live-per-service (1 of 1)"), "{said}");
}
