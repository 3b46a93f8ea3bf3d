//! `snapshot`, `archive`, and what every tool makes of a journal whose first segments are elsewhere.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::real_world::{keeps, open, seal, start};
use crate::tool_journal::{Ran, lines, run};

/// A journal with this many sealed segments, at rest, and a place for its archive.
struct Office {
    directory: TempDir,
}

impl Office {
    fn with(segments: u64) -> Self {
        let office = Self { directory: tempfile::tempdir().expect("a directory") };
        let ledger = start(&office.journal());
        seal(ledger.core(), segments);
        ledger.shutdown().expect("the disk works");
        office
    }

    fn journal(&self) -> PathBuf {
        self.directory.path().join("journal")
    }

    fn archive(&self) -> PathBuf {
        self.directory.path().join("archive")
    }

    #[track_caller]
    fn run(&self, tool: &str, more: &[&str]) -> String {
        let ran = run(tool, &self.journal(), more);
        assert_eq!(ran.code, Some(0), "{tool} {more:?}: {}{}", ran.output, ran.errors);
        ran.output
    }

    fn archives(&self, more: &[&str]) -> Ran {
        let archive = self.archive();
        let to = [&[text(&archive)], more].concat();
        run("archive", &self.journal(), &to)
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

fn names(directory: &Path, part: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .expect("it is there")
        .map(|entry| entry.expect("it lists").file_name().into_string().expect("a plain name"))
        .filter(|name| name.contains(part))
        .collect();
    names.sort_unstable();
    names
}

/// What stands after a word at the beginning of a line.
#[track_caller]
fn value<'t>(output: &'t str, word: &str) -> &'t str {
    let line = output.lines().find(|line| line.starts_with(word));
    line.unwrap_or_else(|| panic!("no {word} in\n{output}"))[word.len()..].trim()
}

#[test]
fn what_is_archived_is_gone_here_and_the_ledger_and_the_tools_go_on() {
    let office = Office::with(4);
    let whole = office.run("verify", &[]);
    let (hash, head) = (value(&whole, "state hash").to_owned(), value(&whole, "head").to_owned());
    let export = office.run("export", &[]);
    assert_eq!(value(&whole, "judged"), "from the first record");

    let made = office.run("snapshot", &[]);
    assert!(value(&made, "snapshot").starts_with("snapshot-0000000004.talon"), "{made}");
    assert!(office.run("snapshot", &[]).contains("none"));
    assert!(value(&office.run("verify", &[]), "snapshots").starts_with('1'));

    let ran = office.archives(&["--keep", "1"]);
    assert_eq!(ran.code, Some(0), "{}", ran.errors);
    assert_eq!(names(&office.archive(), "segment-").len(), 3);
    assert_eq!(names(&office.journal(), "segment-").len(), 2);
    assert_eq!(names(&office.journal(), "recycled-").len(), 1);
    assert_eq!(value(&ran.output, "begins with"), "segment 4");
    // Again there is nothing to do but what was kept.
    assert_eq!(office.archives(&[]).code, Some(0));
    assert_eq!(names(&office.journal(), "segment-"), ["segment-0000000005.talon"]);

    let trimmed = office.run("verify", &[]);
    assert!(value(&trimmed, "judged").starts_with("FROM RECORD"), "{trimmed}");
    assert_eq!((value(&trimmed, "state hash"), value(&trimmed, "head")), (&*hash, &*head));
    office.run("verify", &["--at-least", &head]);
    let archive = office.archive();
    let from_all = office.run("verify", &["--archive", text(&archive)]);
    assert_eq!(value(&from_all, "judged"), "from the first record");
    assert_eq!(value(&from_all, "bookings"), value(&whole, "bookings"));
    assert_eq!(value(&office.run("state-hash", &[]), "state hash"), hash);
    assert_eq!(office.run("export", &[]), export);
    let core = open(&office.journal()).expect("it opens");
    assert_eq!(core.state_hash().map(|byte| format!("{byte:02x}")).concat(), hash);
}

#[test]
fn what_is_before_the_snapshot_needs_the_archive_and_every_tool_says_so() {
    let office = Office::with(3);
    let late = value(&office.run("state-hash", &[]), "head").split(':').next().unwrap().to_owned();
    // One client asked, so every record at the end is a commit of its own.
    let until = (late.parse::<u64>().expect("a number") - 20).to_string();
    let until = ["--until", &until];
    let early = office.run("replay", &until);
    let head = value(&early, "head").to_owned();
    office.run("snapshot", &[]);
    assert_eq!(office.archives(&[]).code, Some(0));
    let archive = office.archive();
    let with = ["--archive", text(&archive)];

    let refused = run("replay", &office.journal(), &until);
    assert_eq!((refused.code, refused.output.as_str()), (Some(1), ""));
    assert!(refused.errors.contains("--archive"), "{}", refused.errors);
    office.run("replay", &["--until", &late]);
    assert_eq!(office.run("replay", &[&until[..], &with[..]].concat()), early);

    let lacking = run("verify", &office.journal(), &["--at-least", &head]);
    assert_eq!(lacking.code, Some(1));
    assert!(lacking.output.contains("older than what was judged"), "{}", lacking.output);
    office.run("verify", &[&["--at-least", &head], &with[..]].concat());

    let shown = run("inspect", &office.journal(), &["--limit", "1"]);
    assert_eq!(shown.code, Some(0));
    assert!(shown.errors.contains("--archive"), "{}", shown.errors);
    let first = |text: &str| lines(text)[0]["sequence"].as_u64().expect("a number");
    assert!(first(&shown.output) > 1);
    assert_eq!(first(&office.run("inspect", &[&["--limit", "1"], &with[..]].concat())), 1);
}

#[test]
fn a_segment_goes_only_when_a_good_snapshot_covers_it_and_its_copy_is_sound() {
    let office = Office::with(2);
    let refused = office.archives(&[]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.errors.contains("no good snapshot"), "{}", refused.errors);
    office.run("snapshot", &[]);
    assert_eq!(office.archives(&["--copy-only"]).code, Some(0));
    assert_eq!(names(&office.journal(), "segment-").len(), 3);
    assert_eq!(names(&office.archive(), "segment-").len(), 2);
    // The archive's disk lost a byte: nothing is overwritten and nothing goes.
    let copy = office.archive().join("segment-0000000001.talon");
    let mut bytes = fs::read(&copy).expect("it is there");
    bytes[9000] ^= 1;
    fs::write(&copy, &bytes).expect("there is room");
    let refused = office.archives(&[]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.errors.contains("other contents"), "{}", refused.errors);
    assert_eq!(fs::read(&copy).expect("it is there"), bytes);
    assert_eq!(names(&office.journal(), "segment-").len(), 3);
    // An archive of another journal.
    let other = Office::with(2);
    other.run("snapshot", &[]);
    let archive = office.archive();
    let refused = run("archive", &other.journal(), &[text(&archive)]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.errors.contains("holds segments of journal"), "{}", refused.errors);
}

#[test]
fn a_ledger_goes_on_while_its_segments_are_archived() {
    let office = Office { directory: tempfile::tempdir().expect("a directory") };
    let ledger = start(&office.journal());
    let mut promises = seal(ledger.core(), 2);
    office.run("snapshot", &[]);
    assert_eq!(office.archives(&[]).code, Some(0));
    promises.extend(seal(ledger.core(), 4));
    // The recycled file was zeroed and filled again; nothing of it is taken for a record.
    assert!(names(&office.journal(), "recycled-").is_empty());
    let hash = ledger.core().state_hash();
    ledger.shutdown().expect("the disk works");
    let archive = office.archive();
    office.run("verify", &["--archive", text(&archive)]);
    let core = open(&office.journal()).expect("it opens");
    assert_eq!(core.state_hash(), hash);
    assert!(promises.into_iter().all(|(_, promise)| keeps(&core, promise)));
}
