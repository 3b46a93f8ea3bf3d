//! Backing up a running ledger and restoring it, by the steps of `docs/operations.md`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::real_world::{Promises, keeps, load, open, seal, start};
use crate::tool_journal::run;

#[track_caller]
fn tool(tool: &str, directory: &Path, more: &[&str]) -> String {
    let ran = run(tool, directory, more);
    assert_eq!(ran.code, Some(0), "{tool} {more:?}: {}{}", ran.output, ran.errors);
    ran.output
}

fn head_in(output: &str) -> String {
    let line = output.lines().find(|line| line.starts_with("head")).expect("a head");
    line.split_whitespace().nth(1).expect("SEQUENCE:HASH").to_owned()
}

#[test]
fn a_journal_restored_from_a_backup_under_load_keeps_all_up_to_the_noted_head() {
    let place = tempfile::tempdir().expect("a directory");
    let (live, backup, restored) =
        (place.path().join("live"), place.path().join("backup"), place.path().join("restored"));
    let ledger = start(&live);
    let core = ledger.core();
    let mut promises: Promises = seal(core, 2);
    tool("snapshot", &live, &[]);
    let stop = AtomicBool::new(false);
    let (noted, copied) = thread::scope(|scope| {
        let clients = scope.spawn(|| load(core, &stop));
        // An earlier backup: the next one completes what it had of the segment that was being filled.
        tool("backup", &live, &[backup.to_str().expect("a plain path")]);
        let sealed = core.journal().active_segment().get();
        while core.journal().active_segment().get() == sealed {
            thread::yield_now();
        }
        let (sequence, hash) = core.journal().head();
        let noted = format!("{sequence}:{hash}");
        let copied = head_in(&tool("backup", &live, &[backup.to_str().expect("a plain path")]));
        // Relaxed: the joining orders everything else.
        stop.store(true, Ordering::Relaxed);
        promises.extend(clients.join().expect("no panic"));
        ((sequence, noted), copied)
    });
    // The computer is gone.
    drop(ledger);
    fs::remove_dir_all(&live).expect("it was there");

    let copy = Command::new("cp").arg("-a").arg(&backup).arg(&restored).status().expect("cp runs");
    assert!(copy.success());
    for head in [&noted.1, &copied] {
        tool("verify", &restored, &["--at-least", head]);
    }
    let core = open(&restored).expect("it starts");
    let before: Promises = promises.into_iter().filter(|(at, _)| *at <= noted.0).collect();
    assert!(before.len() > 20, "{} promises", before.len());
    assert!(before.into_iter().all(|(_, promise)| keeps(&core, promise)));
    core.keep();
}

#[test]
fn a_backup_of_one_journal_is_never_mixed_with_another() {
    let place = tempfile::tempdir().expect("a directory");
    let backup = place.path().join("backup");
    let to = backup.to_str().expect("a plain path");
    for (name, code) in [("one", 0), ("other", 1)] {
        let directory = place.path().join(name);
        let ledger = start(&directory);
        seal(ledger.core(), 1);
        ledger.shutdown().expect("the disk works");
        let ran = run("backup", &directory, &[to]);
        assert_eq!(ran.code, Some(code), "{}", ran.errors);
    }
}
