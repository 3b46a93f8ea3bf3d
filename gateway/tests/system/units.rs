//! The service manager: what the process tells it, and the units that describe the process to it.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Command;

use crate::harness::{Launch, PATIENCE};

/// The exposure that `systemd-analyze security` may find at most, in tenths of its points: 0 is locked up, 100
/// open to all.
const MAX_EXPOSURE: u32 = 20;

#[test]
fn the_service_manager_is_told_when_it_serves_and_when_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let said = || {
        let mut buffer = [0; 256];
        let length = manager.recv(&mut buffer).expect("it tells in time");
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };
    let gateway = Launch::new().variable("NOTIFY_SOCKET", &path).start();
    assert_eq!(said().trim(), "READY=1");
    gateway.terminate();
    assert_eq!(said().trim(), "STOPPING=1");
    assert!(gateway.wait().0.success());
}

#[test]
fn the_units_are_good_and_leave_the_process_little_to_harm() {
    let units = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../configs/systemd");
    let folder = tempfile::tempdir().unwrap();
    for (unit, program) in [("talon.service", "talon"), ("talon-ledger.service", "talon-ledger")] {
        let text = std::fs::read_to_string(units.join(unit)).unwrap();
        let installed = format!("/usr/local/bin/{program} ");
        assert!(text.contains(&format!("ExecStart={installed}serve --config /etc/talon/")));
        // The programs are not installed where the tests run.
        let text = text.replace(&installed, "/bin/true ");
        let path = folder.path().join(unit);
        std::fs::write(&path, text).unwrap();
        let exposure = format!("--threshold={MAX_EXPOSURE}");
        for arguments in [
            vec!["verify", "--man=no"],
            vec!["security", "--no-pager", "--offline=true", &exposure],
        ] {
            let judged = Command::new("systemd-analyze").args(arguments).arg(&path).output();
            let judged = judged.expect("systemd-analyze is installed");
            let said =
                String::from_utf8_lossy(&judged.stdout) + String::from_utf8_lossy(&judged.stderr);
            assert!(judged.status.success(), "{unit}: {said}");
        }
    }
}
