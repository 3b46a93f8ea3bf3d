//! Judging a journal by itself: checksums, chain, and by replay that no place had two owners and
//! nobody exceeded a limit.
//!
//! Reads the journal's directory alone, without its lock. Must not know today's catalogue.

use talon_domain::ids::BookingId;
use talon_domain::limits::{Attempt, judge};
use talon_journal::{
    BatchInfo, ChainHash, Disk, Entry, JournalError, JournalSummary, OpenError, Sequence,
    read_journal,
};

use crate::core::BadReplay;
use crate::hash::state_hash;
use crate::record::{Booked, Fact, Moved, Record};
use crate::state::State;

/// Most breaches of a limit that a report lists; the count goes on.
pub const MAX_BREACHES_LISTED: usize = 100;

/// What a journal turned out to be.
#[derive(Debug)]
pub struct Report {
    /// What the journal says of itself.
    pub summary: JournalSummary,
    /// Bookings made, over the whole journal.
    pub bookings: u64,
    /// Cancellations.
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
/// # Errors
/// [`BadJournal`].
pub fn verify(
    disk: &dyn Disk,
    at_least: Option<(Sequence, ChainHash)>,
    progress: impl FnMut(u64, u64),
) -> Result<Report, BadJournal> {
    let mut judgement = Judgement { state: State::default(), ..Judgement::default() };
    judgement.wanted = at_least;
    let visit = |entry: Entry<'_>| match entry {
        Entry::Record { sequence, body, .. } => judgement.record(sequence, body),
        Entry::Batch(batch) => {
            judgement.batch(&batch);
            Ok(())
        }
    };
    let summary = read_journal(disk, visit, progress)
        .map_err(|error| match error {
            OpenError::Journal(error) => BadJournal::Journal(error),
            OpenError::Visit { sequence, error } => BadJournal::Replay { sequence, source: error },
        })?
        .ok_or(BadJournal::Missing)?;
    Ok(Report {
        summary,
        bookings: judgement.bookings,
        cancellations: judgement.cancellations,
        breaches: judgement.breaches,
        breaches_listed: judgement.breaches_listed,
        contains_head: at_least.map(|_| judgement.contains_head),
        state_hash: state_hash(&judgement.state),
    })
}

#[derive(Default)]
struct Judgement {
    state: State,
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
        self.contains_head |= self.wanted == Some((batch.last_sequence(), batch.chain_hash));
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
