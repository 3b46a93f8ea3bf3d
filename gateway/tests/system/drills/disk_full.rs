//! Disk full: a small file system under the data directory, filled while the gateway runs; a restart on it; room again.
//!
//! Mounting needs root. Where it is not allowed the drill says so as loud as it can and shows nothing; what the ledger
//! does without room is shown on a simulated disk as well (`ledger/tests/ledger/room.rs`).

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Sign;
use crate::harness::{Gateway, Launch, Prometheus, Visit, day, somebody};

/// Room for two segments of 8 MiB and a fifth more.
const SMALL_DISK: &str = "size=20m";

pub(super) const NEARLY_FULL: Sign = Sign {
    alert: "TalonDiskNearlyFull",
    dashboard: "Ledger and journal",
    panel: "Disk free",
    tells: |share| share < 0.1,
};

pub(super) const NO_ROOM: Sign = Sign {
    alert: "TalonNoRoomForTheNextSegment",
    dashboard: "Ledger and journal",
    panel: "Next segment ready",
    tells: |ready| ready < 1.0,
};

/// A small file system; unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Nothing where mounting is not allowed.
    fn mount(on: &Path) -> Option<Self> {
        fs::create_dir(on).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", SMALL_DISK, "talon-test"])
            .arg(on)
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(on.to_owned())),
            refused => {
                let mut terminal = std::io::stderr().lock();
                writeln!(terminal, "!!! SKIPPED: no small disk can be mounted here: {refused:?}")
                    .expect("standard error");
                None
            }
        }
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Writes until nothing more fits.
    fn fill(&self) {
        let mut file =
            fs::OpenOptions::new().create(true).append(true).open(self.ballast()).unwrap();
        while file.write_all(&[0x55; 4096]).is_ok() {}
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "it was mounted");
    }
}

async fn book(gateway: &Gateway) {
    let visit = Visit::any(1, "exam", &day(2), &day(9));
    visit.book(&mut somebody(gateway), "k").await.expect(201);
}

#[tokio::test]
async fn a_full_disk_is_seen_a_segment_early_and_room_ends_it_without_a_restart() {
    let launch = Launch::new();
    let Some(disk) = SmallDisk::mount(&launch.data()) else { return };
    let gateway = launch.start();
    let prometheus = Prometheus::start(gateway.admin()).await;
    book(&gateway).await;
    NEARLY_FULL.is_quiet(&prometheus).await;
    NO_ROOM.is_quiet(&prometheus).await;

    disk.fill();
    NEARLY_FULL.is_seen(&prometheus).await;
    book(&gateway).await;

    // Somebody makes room for a moment by taking the spare away: a restart finds no room for another.
    let launch = gateway.stop();
    fs::remove_file(launch.journal().join("spare.talon")).unwrap();
    disk.fill();
    let gateway = launch.start();
    NO_ROOM.is_seen(&prometheus).await;
    book(&gateway).await;

    fs::remove_file(disk.ballast()).unwrap();
    NO_ROOM.is_over(&prometheus).await;
    NEARLY_FULL.is_over(&prometheus).await;
}
