//! What a start costs: a journal opened again, beside reading its bytes and its parts alone.
//!
//! Owns the comparison and nothing else; nothing calls it but `cargo bench`. A journal of [`RECORDS`] records is
//! written once, on the disk that the build is on; it is in the system's cache then, so that no disk is
//! measured. Of ten records eight are bookings, one is a cancellation and one a return; each person has two
//! bookings. An element is one record, so criterion's `elem/s` are records a second.
//!
//! - `bytes`: the segments read from front to back with a CRC32C over them: no reader that notices a flipped bit
//!   does less;
//! - `checked`: all that a reader of the journal checks: the same, SHA-256 over each record, the Merkle tree, the
//!   chain;
//! - `decoded`: only taking the bodies apart, which are in memory;
//! - `applied`: only applying what was taken apart to an empty state;
//! - `opened`: a ledger opened: all of these, on two threads.
//!
//! `opened` beside `bytes` says how far a start is from the floor; beside `checked` and `decoded` together, and
//! `applied`, which of the two threads the other waits for.

use std::convert::Infallible;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput};
use talon_bench::journals::{self, Content};
use talon_journal::{Entry, JournalKind, Options, OsEntropy, RealDisk, Sequence, read_journal};
use talon_ledger::clock::SystemClock;
use talon_ledger::core::{Core, Setup};
use talon_ledger::record::Record;
use talon_ledger::state::State;

const RECORDS: u64 = 200_000;
/// So few, where the question is whether the bench still runs.
const RECORDS_OF_A_TRIAL: u64 = 1_000;
const SAMPLES: usize = 10;
/// The system is asked for so much at once.
const READ_BYTES: usize = 1 << 20;

fn crc_of_all(directory: &Path, buffer: &mut [u8]) -> u32 {
    let mut checksum = 0;
    for entry in std::fs::read_dir(directory).expect("the journal is there") {
        let path = entry.expect("it can be listed").path();
        if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("segment-")) {
            continue;
        }
        let mut file = File::open(path).expect("it can be read");
        loop {
            let read = file.read(buffer).expect("it can be read");
            if read == 0 {
                break;
            }
            checksum = crc32c::crc32c_append(checksum, &buffer[..read]);
        }
    }
    checksum
}

fn bodies(directory: &Path) -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    read(directory, |entry| {
        if let Entry::Record { body, .. } = entry {
            bodies.push(body.to_vec());
        }
    });
    bodies
}

fn read(directory: &Path, mut see: impl FnMut(Entry<'_>)) {
    let disk = RealDisk::open(directory).expect("the journal is there");
    let visit = |entry: Entry<'_>| {
        see(entry);
        Ok::<(), Infallible>(())
    };
    read_journal(&disk, visit, |_, _| {}).expect("the journal is good");
}

fn decode(bodies: &[Vec<u8>]) -> Vec<Record> {
    bodies.iter().map(|body| Record::decode(body).expect("it is a record")).collect()
}

fn apply(records: Vec<Record>) -> State {
    let state = State::default();
    for (sequence, record) in (1..).map(Sequence::new).zip(records) {
        state.apply(sequence, record).expect("no record contradicts another");
    }
    state
}

fn open(directory: &Path, content: Content) -> Core {
    let setup = Setup {
        disk: Arc::new(RealDisk::open(directory).expect("the journal is there")),
        journal: Options::new(JournalKind::Demo),
        authorities: vec![content.size().authority()],
        clock: Box::new(SystemClock::default()),
        entropy: Box::new(OsEntropy::default()),
        journal_entropy: Box::new(OsEntropy::default()),
        release_in_micros: None,
    };
    Core::open(setup).expect("the journal is good").0
}

fn main() {
    // Without it this is a test that the bench still runs.
    let measures = std::env::args().any(|argument| argument == "--bench");
    let records = if measures { RECORDS } else { RECORDS_OF_A_TRIAL };
    let content = Content { records, of_each: 2 };
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("cargo made the folder");
    let journal = folder.path().join("journal");
    journals::write(&journal, content);
    let bodies = bodies(&journal);
    let records = decode(&bodies);
    let mut buffer = vec![0; READ_BYTES];

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("replay");
    group.sample_size(SAMPLES).throughput(Throughput::Elements(bodies.len() as u64));
    group.bench_function("bytes", |bencher| bencher.iter(|| crc_of_all(&journal, &mut buffer)));
    group.bench_function("checked", |bencher| {
        bencher.iter(|| {
            let mut bytes = 0;
            read(&journal, |entry| {
                if let Entry::Record { body, .. } = entry {
                    bytes += body.len();
                }
            });
            bytes
        });
    });
    group.bench_function("decoded", |bencher| {
        bencher.iter(|| bodies.iter().filter(|body| Record::decode(body).is_ok()).count());
    });
    group.bench_function("applied", |bencher| {
        bencher.iter_batched(|| records.clone(), apply, BatchSize::PerIteration);
    });
    group.bench_function("opened", |bencher| {
        // Each is dropped before the next one: a journal is open once.
        bencher.iter_batched(|| (), |()| open(&journal, content), BatchSize::PerIteration);
    });
    group.finish();
    criterion.final_summary();
}
