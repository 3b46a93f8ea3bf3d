//! The journal's promises as tests, on the simulated disk unless real files are the point.

mod batches;
mod bytes;
mod crashes;
mod faults;
mod golden;
mod round_trip;
mod snapshots;
mod threads;

use std::convert::Infallible;
use std::sync::Arc;

use crate::simulation::{SimDisk, SimEntropy};
use crate::{
    Class, Disk, Entry, Journal, JournalKind, JournalSummary, OpenError, Options, Recovery,
    ReserveError, Sequence, read_journal,
};

/// Three data blocks a segment, one of them the reserve, and two a batch.
const SMALL: Options =
    Options { segment_bytes: 16 << 10, kind: JournalKind::Demo, max_batch_bytes: 8 << 10 };

type NoError = OpenError<Infallible>;

/// An open journal and what its replay showed.
#[derive(Debug)]
struct Open {
    journal: Journal,
    recovery: Recovery,
    bodies: Vec<Vec<u8>>,
}

fn open_with(disk: &SimDisk, options: Options, seed: u64) -> Result<Open, NoError> {
    let mut bodies = Vec::new();
    let entropy = Box::new(SimEntropy::new(seed));
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let (journal, recovery) = Journal::open(disk, options, entropy, |sequence, _, body| {
        bodies.push(body.to_vec());
        assert_eq!(sequence.get(), bodies.len() as u64, "numbers are dense from 1");
        Ok(())
    })?;
    Ok(Open { journal, recovery, bodies })
}

fn open(disk: &SimDisk) -> Open {
    open_with(disk, SMALL, 1).expect("the journal opens")
}

fn try_open(disk: &SimDisk) -> Result<Open, NoError> {
    open_with(disk, SMALL, 1)
}

/// What reading alone shows.
fn read(disk: &SimDisk) -> Result<(Vec<Vec<u8>>, JournalSummary), NoError> {
    let mut bodies = Vec::new();
    let visit = |entry: Entry<'_>| {
        if let Entry::Record { body, .. } = entry {
            bodies.push(body.to_vec());
        }
        Ok(())
    };
    let summary = read_journal(disk, visit, |done, total| assert!(done <= total))?;
    Ok((bodies, summary.expect("there is a journal")))
}

fn append(journal: &Journal, body: &[u8]) -> Result<Sequence, ReserveError> {
    let reservation = journal.reserve_records(Class::Ordinary, 1, body.len())?;
    Ok(journal.append(reservation, body))
}

/// Appends and commits one batch, making the next segment first where it is missing.
fn commit(journal: &Journal, bodies: &[&[u8]]) {
    journal.allocate_spare().expect("there is room");
    for body in bodies {
        append(journal, body).expect("there is space");
    }
    journal.commit_pending(1_700_000_000_000_000).expect("the disk works");
}
