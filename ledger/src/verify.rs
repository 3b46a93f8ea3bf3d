//! Judging a journal by itself: checksums, chain, and by replay that no place had two owners and
//! nobody exceeded a limit.
//!
//! Reads the journal's directory alone, without its lock. Must not know today's catalogue.

use std::collections::BTreeMap;

use talon_domain::ids::BookingId;
use talon_domain::limits::{Attempt, judge};
use talon_journal::{
    BatchInfo, ChainHash, Covered, Disk, Entry, JournalError, JournalSummary, OpenError,
    SegmentNumber, Sequence, read_span, segments_present, snapshots_present,
};

use crate::core::BadReplay;
use crate::hash::state_hash;
use crate::record::{Booked, Fact, Moved, Record};
use crate::snapshot::{self, Loaded, Skipped, SnapshotBody};
use crate::state::State;

/// Most breaches of a limit that a report lists; the count goes on.
pub const MAX_BREACHES_LISTED: usize = 100;

/// What a journal turned out to be.
#[derive(Debug)]
pub struct Report {
    /// What the journal says of itself.
    pub summary: JournalSummary,
    /// What was taken from a snapshot, unchecked, because its segments are not there; nothing when the
    /// journal was judged from its first record.
    pub trusted: Option<Covered>,
    /// Snapshots that say what replay says at their place.
    pub snapshots: u64,
    /// Snapshots that are not good, or say something else. The journal is good without them.
    pub bad_snapshots: Vec<Skipped>,
    /// Bookings made, in the records that were read.
    pub bookings: u64,
    /// Cancellations in them.
    pub cancellations: u64,
    /// Bookings that exceeded a limit in force.
    pub breaches: u64,
    /// The first of them.
    pub breaches_listed: Vec<Breach>,
    /// Whether the head asked for with `at_least` is part of this journal; nothing when none was.
    pub contains_head: Option<bool>,
    /// The state hash after the last record.
    pub state_hash: [u8; 32],
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.breaches == 0 && self.contains_head != Some(false)
    }
}

/// A booking beyond a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Its record.
    pub sequence: Sequence,
    /// The booking.
    pub booking: BookingId,
    /// The rule.
    pub rule: String,
    /// How many there were already.
    pub count: u32,
    /// How many are allowed.
    pub limit: u32,
}

/// Why a journal could not be judged to its end.
#[derive(Debug, thiserror::Error)]
pub enum BadJournal {
    /// There is none.
    #[error("there is no journal in this directory")]
    Missing,
    /// Damage, or a disk that does not read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A record that cannot be read, or that contradicts those before it.
    #[error("record {sequence}: {source}")]
    Replay {
        /// Which record.
        sequence: Sequence,
        /// Why.
        source: BadReplay,
    },
}

/// Reads and judges the journal in `disk`.
///
/// `at_least` is a published head: a sequence number and the chain hash of the batch that it
/// ends. `progress` gets bytes done and bytes in all.
///
/// Where the first segments are not there, it begins with the oldest good snapshot. Every snapshot is
/// compared with what replay says at its place.
///
/// # Errors
/// [`BadJournal`].
pub fn verify(
    disk: &dyn Disk,
    at_least: Option<(Sequence, ChainHash)>,
    progress: impl FnMut(u64, u64),
) -> Result<Report, BadJournal> {
    let (good, bad_snapshots) = snapshots(disk)?;
    let loaded = beginning(disk, &good)?;
    let span = loaded.rest();
    let trusted = loaded.covered;
    let trusted_head = trusted.as_ref().map(|covered| (covered.last_sequence, covered.head));
    let mut judgement = Judgement {
        state: loaded.state,
        good,
        bad_snapshots,
        wanted: at_least,
        contains_head: at_least.is_some() && trusted_head == at_least,
        ..Judgement::default()
    };
    let visit = |entry: Entry<'_>| match entry {
        Entry::Record { sequence, body, .. } => judgement.record(sequence, body),
        Entry::Batch(batch) => {
            judgement.batch(&batch);
            Ok(())
        }
    };
    let summary = read_span(disk, &span, visit, progress)
        .map_err(|error| match error {
            OpenError::Journal(error) => BadJournal::Journal(error),
            OpenError::Visit { sequence, error } => BadJournal::Replay { sequence, source: error },
        })?
        .ok_or(BadJournal::Missing)?;
    Ok(Report {
        summary,
        trusted,
        snapshots: judgement.snapshots_agreed,
        bad_snapshots: judgement.bad_snapshots,
        bookings: judgement.bookings,
        cancellations: judgement.cancellations,
        breaches: judgement.breaches,
        breaches_listed: judgement.breaches_listed,
        contains_head: at_least.map(|_| judgement.contains_head),
        state_hash: state_hash(&judgement.state),
    })
}

fn unreadable(source: std::io::Error) -> BadJournal {
    JournalError::Disk { action: "list", file: ".".to_owned(), source }.into()
}

/// A snapshot that can be read: what it covers, and the state hash that it says.
type Good = (Covered, [u8; 32]);

/// The snapshots that can be read, by the record at which they stand, and the others.
fn snapshots(disk: &dyn Disk) -> Result<(BTreeMap<Sequence, Good>, Vec<Skipped>), BadJournal> {
    let (mut good, mut bad) = (BTreeMap::new(), Vec::new());
    for segment in snapshots_present(disk).map_err(unreadable)? {
        match snapshot::load(disk, segment) {
            Ok((covered, body)) => {
                good.insert(covered.last_sequence, (covered, body.state_hash));
            }
            Err(reason) => bad.push(Skipped { segment, reason }),
        }
    }
    Ok((good, bad))
}

/// Where judging begins: with the first record, or where that is not there any more, after the oldest
/// snapshot that the segments go on from.
fn beginning(disk: &dyn Disk, good: &BTreeMap<Sequence, Good>) -> Result<Loaded, BadJournal> {
    let first = segments_present(disk).map_err(unreadable)?.first().copied();
    let Some(first) = first.filter(|first| *first > SegmentNumber::FIRST) else {
        return Ok(Loaded::default());
    };
    let oldest = good.values().find(|(covered, _)| covered.segment.get() + 1 >= first.get());
    let loaded = oldest.map(|(covered, _)| snapshot::load(disk, covered.segment));
    // One that could be read a moment ago and now cannot leaves the missing segment to be named.
    Ok(match loaded {
        Some(Ok((covered, SnapshotBody { state, at, state_hash }))) => {
            let (covered, state_hash) = (Some(covered), Some(state_hash));
            Loaded { state, at, covered, state_hash, skipped: Vec::new() }
        }
        Some(Err(_)) | None => Loaded::default(),
    })
}

#[derive(Default)]
struct Judgement {
    state: State,
    good: BTreeMap<Sequence, Good>,
    snapshots_agreed: u64,
    bad_snapshots: Vec<Skipped>,
    bookings: u64,
    cancellations: u64,
    breaches: u64,
    breaches_listed: Vec<Breach>,
    wanted: Option<(Sequence, ChainHash)>,
    contains_head: bool,
}

impl Judgement {
    fn record(&mut self, sequence: Sequence, body: &[u8]) -> Result<(), BadReplay> {
        let record = Record::decode(body)?;
        match &record.fact {
            Fact::Booked(booked) => {
                self.bookings += 1;
                self.judge_limits(sequence, &record, booked, None);
            }
            Fact::Moved(moved) => {
                self.bookings += 1;
                self.judge_limits(sequence, &record, &moved.booked, Some(moved));
            }
            Fact::Cancelled { .. } => self.cancellations += 1,
            _ => {}
        }
        Ok(self.state.apply(sequence, record)?)
    }

    fn batch(&mut self, batch: &BatchInfo) {
        let last = batch.last_sequence();
        self.contains_head |= self.wanted == Some((last, batch.chain_hash));
        let Some((covered, hash)) = self.good.get(&last) else { return };
        if (covered.head, *hash) == (batch.chain_hash, state_hash(&self.state)) {
            self.snapshots_agreed += 1;
        } else {
            let reason = "it is not what the journal adds up to there".to_owned();
            self.bad_snapshots.push(Skipped { segment: covered.segment, reason });
        }
    }

    fn judge_limits(
        &mut self,
        sequence: Sequence,
        record: &Record,
        booked: &Booked,
        moved: Option<&Moved>,
    ) {
        let Some(policy) = self.state.policy(booked.seat.day.authority) else { return };
        let (actor, entity) = match &booked.actor {
            Some(actor) => (actor, Some(&booked.subject)),
            None => (&booked.subject, None),
        };
        let Some(parties) = self.state.parties_or_new(actor, entity) else { return };
        let before = moved.and_then(|moved| parties.booking(moved.from));
        let counts = moved.is_none_or(|moved| moved.counts);
        let attempt = Attempt {
            now: record.at,
            registered_at: before.filter(|_| !counts).map_or(record.at, |b| b.registered_at),
            service: booked.service,
            channel: booked.channel,
            visit_date: booked.seat.day.date,
            subject: parties.subject(),
        };
        let standings = match before {
            Some(before) => self.state.standings_instead(&parties, before, counts),
            None => self.state.standings(&parties),
        };
        let judged = judge(&policy, &attempt, standings.subject(), standings.actor());
        let Some(refusal) = judged.refusal else { return };
        self.breaches += 1;
        if self.breaches_listed.len() < MAX_BREACHES_LISTED {
            self.breaches_listed.push(Breach {
                sequence,
                booking: booked.booking,
                rule: refusal.rule,
                count: refusal.count,
                limit: refusal.limit,
            });
        }
    }
}
