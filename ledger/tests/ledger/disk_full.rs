//! A file system that is really full, under the running ledger: a small `tmpfs`.
//!
//! Mounting needs root. Where it is not allowed the test says so as loud as it can and shows nothing;
//! `room.rs` shows the same rules on a simulated disk.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use talon_journal::SpareStatus;
use talon_ledger::core::Core;
use talon_ledger::verify::verify;
use talon_wire::{Answer, Cancel, Refusal};
use tempfile::TempDir;

use crate::fixture::{PERMIT, TOWN, VILLAGE, person, span, wish};
use crate::real_world::{Confirmed, Promises, TINY_JOURNAL, keeps, open, start};
use crate::tool_journal::run;

/// Room for four segments and a bit: two, a snapshot and the ballast.
const SMALL_DISK_KIB: u64 = 4 * 64 + 32;
/// The journal tries for a segment every 5 s; this is for a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// A mounted file system; unmounted when dropped.
struct SmallDisk {
    mount: TempDir,
}

impl SmallDisk {
    /// Nothing where mounting is not allowed.
    fn mount() -> Option<Self> {
        let mount = tempfile::tempdir().expect("a directory");
        let size = format!("size={SMALL_DISK_KIB}k");
        let arguments = ["-t", "tmpfs", "-o", &size, "talon-test"];
        let mounted = Command::new("mount").args(arguments).arg(mount.path()).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self { mount }),
            refused => {
                let mut terminal = std::io::stderr().lock();
                writeln!(terminal, "!!! SKIPPED: no small disk can be mounted here: {refused:?}")
                    .expect("standard error");
                None
            }
        }
    }

    fn journal(&self) -> PathBuf {
        self.mount.path().join("journal")
    }

    fn ballast(&self) -> PathBuf {
        self.mount.path().join("ballast")
    }

    /// Writes until nothing more fits.
    fn fill(&self) {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.ballast())
            .expect("a name fits");
        while file.write_all(&[0x55; 4096]).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.ballast()).expect("it was there");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.mount.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "it was mounted");
    }
}

/// Books for ever new people, the first of them `n`, until it is refused; gives the refusal.
fn fill_journal(core: &Core, mut n: u16, promises: &mut Promises) -> Refusal {
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        let office = if n.is_multiple_of(5) { VILLAGE } else { TOWN };
        let outcome = core.book(&wish(n, office, PERMIT, span("2026-12-02", "2026-12-08")));
        match outcome.answer {
            Answer::Booked { booking, .. } => {
                core.journal().wait_until_durable(outcome.after).expect("the disk works");
                promises.push((outcome.after, Confirmed::Booked(n, booking.id)));
                n += 1;
            }
            // The next segment is being made, or it was just found that it cannot be.
            Answer::Refused(Refusal::Busy) => std::thread::yield_now(),
            Answer::Refused(refusal) => return refusal,
            other => panic!("{other:?}"),
        }
    }
    panic!("the journal never fills")
}

/// Waits until there is a next segment again.
fn wait_for_room(core: &Core) {
    let since = Instant::now();
    while core.journal().space().spare != SpareStatus::Ready {
        assert!(since.elapsed() < PATIENCE, "no segment although there is room");
        std::thread::yield_now();
    }
}

fn bookings_in(directory: &Path) -> u64 {
    let disk = talon_journal::RealDisk::open(directory).expect("it is there");
    let report = verify(&disk, None, |_, _| {}).expect("the journal is good");
    assert!(report.is_good(), "{report:?}");
    report.bookings
}

#[test]
fn a_full_disk_refuses_bookings_keeps_promises_and_recovers_without_a_restart() {
    let Some(disk) = SmallDisk::mount() else { return };
    let ledger = start(&disk.journal());
    let core = ledger.core();
    wait_for_room(core);
    disk.fill();
    let mut promises = Promises::new();
    assert_eq!(fill_journal(core, 0, &mut promises), Refusal::JournalFull);
    assert!(promises.len() > 5, "the segments that were there are used up first");
    let space = core.journal().space();
    assert_eq!(space.spare, SpareStatus::NoRoom);
    assert!(space.remaining_bytes < TINY_JOURNAL.segment_bytes);

    // A cancellation uses the reserve; reading and asking again for what one has need no room.
    let (_, Confirmed::Booked(n, booking)) = promises[0] else { panic!("a booking came first") };
    let cancelled = core.cancel(&Cancel { caller: person(n), booking });
    assert!(matches!(cancelled.answer, Answer::Cancelled(_)), "{:?}", cancelled.answer);
    core.journal().wait_until_durable(cancelled.after).expect("the disk works");
    assert!(matches!(core.bookings(&person(n)).answer, Answer::Bookings(_)));

    // Room on the disk is all it takes.
    disk.free();
    wait_for_room(core);
    let before = promises.len();
    let refusal = fill_journal(core, 2000, &mut promises);
    assert!(promises.len() > before, "{refusal:?}");
    let hash = core.state_hash();
    ledger.shutdown().expect("the disk never failed");

    // A restart on a full disk needs no room.
    disk.fill();
    let core = open(&disk.journal()).expect("it opens");
    assert_eq!(core.state_hash(), hash);
    assert!(promises.iter().all(|(_, promise)| keeps(&core, *promise)));
    drop(core);
    assert_eq!(bookings_in(&disk.journal()), promises.len() as u64);
}

#[test]
fn archiving_makes_room_on_a_full_disk_beside_the_running_ledger() {
    let Some(disk) = SmallDisk::mount() else { return };
    let elsewhere = tempfile::tempdir().expect("a directory");
    let ledger = start(&disk.journal());
    let core = ledger.core();
    wait_for_room(core);
    let mut promises = Promises::new();
    assert_eq!(fill_journal(core, 0, &mut promises), Refusal::JournalFull);
    for (tool, more) in [("snapshot", None), ("archive", elsewhere.path().to_str())] {
        let more: Vec<&str> = more.into_iter().collect();
        let ran = run(tool, &disk.journal(), &more);
        assert_eq!(ran.code, Some(0), "{tool}: {}", ran.errors);
    }
    wait_for_room(core);
    let before = promises.len();
    fill_journal(core, 3000, &mut promises);
    assert!(promises.len() > before);
    drop(ledger);
    let core = open(&disk.journal()).expect("it opens");
    assert!(promises.into_iter().all(|(_, promise)| keeps(&core, promise)));
}
