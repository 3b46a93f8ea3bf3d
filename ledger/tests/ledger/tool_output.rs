//! What all tools have in common: exit codes, outputs that close or are full, and that a journal
//! is only read.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::path::Path;

use crate::tool_journal::{Story, command, run};

/// Every tool with arguments that suit any journal.
const TOOLS: [(&str, &[&str]); 5] = [
    ("verify", &[]),
    ("inspect", &[]),
    ("state-hash", &[]),
    ("replay", &["--until", "1"]),
    ("export", &[]),
];

#[test]
fn no_journal_is_not_found_and_wrong_usage_is_told_apart() {
    let directory = tempfile::tempdir().expect("a directory");
    for (tool, more) in TOOLS {
        let ran = run(tool, directory.path(), more);
        assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{tool}");
        assert!(ran.errors.contains("there is no journal in this directory"), "{}", ran.errors);
        let missing = run(tool, &directory.path().join("nothing"), more);
        assert_eq!(missing.code, Some(1), "{tool}");
        assert!(missing.errors.contains("cannot open"), "{}", missing.errors);
        assert_eq!(run(tool, directory.path(), &["--no-such-flag"]).code, Some(2), "{tool}");
    }
    let wrong: [(&str, &[&str]); 11] = [
        ("inspect", &["--person", "xyz"]),
        ("inspect", &["--person", ""]),
        ("inspect", &["--day", "2026-13-01"]),
        ("inspect", &["--kind", "dreamt"]),
        ("inspect", &["--office", "town"]),
        ("inspect", &["--limit", "0"]),
        ("inspect", &["--from", "5", "--to", "4"]),
        ("replay", &[]),
        ("replay", &["--until", "yesterday"]),
        ("replay", &["--until", "-1"]),
        ("export", &["--format", "csv"]),
    ];
    for (tool, more) in wrong {
        assert_eq!(run(tool, directory.path(), more).code, Some(2), "{tool} {more:?}");
    }
}

#[test]
fn an_output_that_nobody_reads_ends_a_tool_quietly() {
    let story = Story::new();
    for (tool, more) in TOOLS {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = command(tool, story.path(), more).stdout(writer).output();
        let output = output.expect("the program runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), errors.as_ref()), (Some(0), ""), "{tool}");
    }
}

#[test]
fn a_journal_that_is_bad_is_so_even_when_nobody_reads_the_output() {
    let directory = crate::tool_journal::contradictory();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = command("verify", directory.path(), &[]).stdout(writer).output();
    assert_eq!(output.expect("the program runs").status.code(), Some(1));
}

#[test]
fn an_output_that_is_full_is_an_error() {
    let story = Story::new();
    for (tool, more) in TOOLS {
        let full = OpenOptions::new().write(true).open("/dev/full").expect("the device");
        let output = command(tool, story.path(), more).stdout(full).output();
        let output = output.expect("the program runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{tool}");
        assert!(errors.contains("cannot write to standard output"), "{tool}: {errors}");
    }
}

#[test]
fn tools_leave_the_directory_as_it_is_and_need_no_lock() {
    let story = Story::new();
    let lock = File::open(story.path().join("LOCK")).expect("a ledger was here");
    lock.lock().expect("the ledger is gone");
    let before = contents(story.path());
    for (tool, more) in TOOLS {
        assert_eq!(run(tool, story.path(), more).code, Some(0), "{tool}");
    }
    assert!(before == contents(story.path()));
}

fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(directory).expect("a directory");
    files
        .map(|file| {
            let file = file.expect("a file");
            let name = file.file_name().into_string().expect("a plain name");
            (name, std::fs::read(file.path()).expect("a file"))
        })
        .collect()
}

#[test]
fn a_torn_tail_is_told_and_what_is_before_it_is_shown() {
    let story = Story::new();
    let last = story.run("inspect", &["--from", &story.end().sequence.to_string()]);
    let last: serde_json::Value = serde_json::from_str(&last).expect("JSON");
    let offset = last["offset"].as_u64().expect("a number");
    let segment = story.path().join("segment-0000000001.talon");
    let mut bytes = std::fs::read(&segment).expect("the segment");
    bytes[usize::try_from(offset).expect("a small number") + 100] ^= 1;
    std::fs::write(&segment, bytes).expect("the segment");
    let ran = run("state-hash", story.path(), &[]);
    let before = &story.steps[story.steps.len() - 2];
    assert_eq!(ran.code, Some(0));
    assert!(ran.output.contains(&before.head) && ran.output.contains(&before.state_hash));
    let lost = format!("records from {} on may be lost", story.end().sequence);
    assert!(ran.errors.contains("torn tail") && ran.errors.contains(&lost), "{}", ran.errors);
}
