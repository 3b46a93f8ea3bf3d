//! The bytes of a small journal, and a reader that shares no code with this crate.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use super::*;
use crate::Entropy;

const FIXTURE: &str = include_str!("../../tests/fixtures/golden.hex");
const ROW: usize = 32;

/// 0, 1, 2 and so on: nonces that a reader of the fixture recognises.
struct Counting(u8);

impl Entropy for Counting {
    fn fill(&mut self, out: &mut [u8]) -> io::Result<()> {
        for byte in out {
            *byte = self.0;
            self.0 = self.0.wrapping_add(1);
        }
        Ok(())
    }
}

/// Two segments, batches of one and of three records, an empty body, a time before 1970.
fn golden_journal() -> (SimDisk, Journal) {
    let disk = SimDisk::new();
    let entropy = Box::new(Counting(0));
    let (journal, _) =
        Journal::open(Arc::new(disk.clone()), SMALL, entropy, |_, _, _| Ok::<(), Infallible>(()))
            .expect("it opens");
    let batches: [(i64, &[&[u8]]); 4] = [
        (1_700_000_000_000_000, &[b"first"]),
        (1_700_000_000_000_001, &[b"second", b"", b"fourth"]),
        (-1, &[&[5; 5000]]),
        (1_700_000_000_000_002, &[b"in the second segment"]),
    ];
    for (at_micros, bodies) in batches {
        journal.allocate_spare().expect("there is room");
        for body in bodies {
            append(&journal, body).expect("space");
        }
        journal.commit_pending(at_micros).expect("the disk works");
    }
    (disk, journal)
}

/// One line for each row that is not zero: file, offset, bytes.
fn dump(disk: &SimDisk) -> String {
    let mut text = String::new();
    for name in disk.names().iter().filter(|name| name.starts_with("segment-")) {
        let contents = disk.contents(name).expect("it exists");
        for (row, bytes) in contents.chunks(ROW).enumerate() {
            if bytes.iter().any(|byte| *byte != 0) {
                writeln!(text, "{name} {:04x} {}", row * ROW, hex::encode(bytes))
                    .expect("a string");
            }
        }
    }
    text
}

fn write_fixture(directory: &Path) {
    let mut files: std::collections::BTreeMap<&str, Vec<u8>> = std::collections::BTreeMap::new();
    for line in FIXTURE.lines() {
        let mut words = line.split(' ');
        let (Some(name), Some(at), Some(bytes)) = (words.next(), words.next(), words.next()) else {
            panic!("three words a line");
        };
        let at = usize::from_str_radix(at, 16).expect("an offset");
        let file = files.entry(name).or_insert_with(|| vec![0; 16 << 10]);
        file[at..at + ROW].copy_from_slice(&hex::decode(bytes).expect("hexadecimal"));
    }
    for (name, contents) in files {
        fs::write(directory.join(name), contents).expect("the directory is ours");
    }
}

#[test]
fn the_bytes_on_disk_do_not_change() {
    let (disk, _) = golden_journal();
    let dump = dump(&disk);
    for (line, (found, expected)) in dump.lines().zip(FIXTURE.lines()).enumerate() {
        assert_eq!(found, expected, "line {}", line + 1);
    }
    assert_eq!(dump.len(), FIXTURE.len());
}

/// What the reader that shares no code with this crate prints.
fn read_by_description(directory: &Path) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reader.py");
    let output = Command::new("python3")
        .arg(script)
        .arg(directory)
        .output()
        .expect("python3 is needed to run the second reader");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints text")
}

#[test]
fn a_reader_written_from_the_description_alone_agrees() {
    let directory = tempfile::tempdir().expect("a directory");
    write_fixture(directory.path());
    let (disk, journal) = golden_journal();
    let (last, head) = journal.head();
    let expected = format!("1 5\n2 6\n3 0\n4 6\n5 5000\n6 21\nhead {last}:{head}\n");
    assert_eq!(read_by_description(directory.path()), expected);
    // The same without the first segment, from a snapshot of it.
    super::snapshots::snapshot(&disk, 1, b"what it adds up to");
    let first = crate::segment_name(crate::SegmentNumber::FIRST);
    fs::remove_file(directory.path().join(first)).expect("it was there");
    let snapshot = crate::snapshot_name(crate::SegmentNumber::FIRST);
    let contents = disk.contents(&snapshot).expect("it is there");
    fs::write(directory.path().join(snapshot), contents).expect("the directory is ours");
    let said = read_by_description(directory.path());
    assert!(said.len() < expected.len() && expected.ends_with(&said), "{said}");
}
