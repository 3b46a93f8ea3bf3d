//! `replay` and `state-hash`: what the journal adds up to, at its end or before.
//!
//! Owns how far a replay goes; applying facts is the library's. Limits are not judged here, that
//! is `verify`. `main` calls it, and `export` for the state.

use std::io::{self, Write};
use std::str::FromStr;

use anyhow::bail;
use talon_domain::booking::BookingState;
use talon_domain::civil::UtcMicros;
use talon_journal::{ChainHash, Entry, JournalSummary, Layers, Sequence, segments_present};
use talon_ledger::hash::state_hash;
use talon_ledger::record::Record;
use talon_ledger::snapshot;
use talon_ledger::state::State;

use super::{Source, Stop, print, progress_bar, read, tell_skipped};

/// How far to replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// Through this record, which must be there.
    Record(Sequence),
    /// Up to the first record that is later than this, by ledger time.
    Moment(UtcMicros),
}

/// Text that is neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is the number of a record, or a moment such as 2026-12-01T08:00:00Z")]
pub(crate) struct BadUntil;

impl FromStr for Until {
    type Err = BadUntil;

    fn from_str(text: &str) -> Result<Self, BadUntil> {
        if let Ok(number) = text.parse() {
            return Ok(Self::Record(Sequence::new(number)));
        }
        let moment: jiff::Timestamp = text.parse().map_err(|_| BadUntil)?;
        Ok(Self::Moment(moment.into()))
    }
}

/// A state, and where in the journal it was the state.
pub(crate) struct Replayed {
    /// The state.
    pub(crate) state: State,
    /// The last record that is in it.
    pub(crate) last: Sequence,
    /// The latest ledger time of any record that is in it; 1970 when there is none.
    pub(crate) at: UtcMicros,
    /// Where the last batch that is in it whole ended, and its chain hash.
    pub(crate) ended: Option<(Sequence, ChainHash)>,
    /// What the journal says of itself, when it was read to its end.
    pub(crate) summary: Option<JournalSummary>,
}

/// Replays a journal up to `until`, or to its end, beginning with the newest snapshot before it.
pub(crate) fn replay(source: &Source, until: Option<Until>) -> anyhow::Result<Replayed> {
    let disk = source.open()?;
    let loaded = snapshot::best(&disk, |covered, at| match until {
        None => true,
        Some(Until::Record(wanted)) => covered.last_sequence <= wanted,
        Some(Until::Moment(moment)) => at <= moment,
    })?;
    tell_skipped(&loaded.skipped);
    let span = loaded.rest();
    if until.is_some() && loaded.covered.is_none() {
        refuse_trimmed(&disk)?;
    }
    let begins = loaded.covered.as_ref().map(|covered| (covered.last_sequence, covered.head));
    let mut replayed = Replayed {
        state: loaded.state,
        last: begins.map_or(Sequence::NONE, |(last, _)| last),
        at: loaded.at,
        ended: begins.or(Some((Sequence::NONE, ChainHash::GENESIS))),
        summary: None,
    };
    let summary = read(source, &disk, &span, &progress_bar(), |entry| match entry {
        Entry::Record { sequence, body, .. } => replayed.take(until, sequence, body),
        Entry::Batch(batch) => {
            replayed.ended = Some((batch.last_sequence(), batch.chain_hash));
            Ok(())
        }
    })?;
    replayed.summary = summary;
    match until {
        Some(Until::Record(wanted)) if wanted > replayed.last => {
            bail!("there is no record {wanted}: the journal ends with record {}", replayed.last)
        }
        _ => Ok(replayed),
    }
}

/// What was before all snapshots needs the segments from the first on.
fn refuse_trimmed(disk: &Layers) -> anyhow::Result<()> {
    match segments_present(disk)?.first() {
        Some(first) if first.get() > 1 => bail!(
            "that is before the oldest snapshot, and the segments before {first} are not here; give the \
             archive that has them with --archive"
        ),
        _ => Ok(()),
    }
}

impl Replayed {
    fn take(&mut self, until: Option<Until>, sequence: Sequence, body: &[u8]) -> Result<(), Stop> {
        if matches!(until, Some(Until::Record(wanted)) if sequence > wanted) {
            return Err(Stop::Enough);
        }
        let record = Record::decode(body)?;
        if matches!(until, Some(Until::Moment(moment)) if record.at > moment) {
            return Err(Stop::Enough);
        }
        let at = record.at;
        self.state.apply(sequence, record)?;
        self.at = self.at.max(at);
        self.last = sequence;
        Ok(())
    }

    /// `SEQUENCE:HASH` as a ledger publishes it, when a batch ends with the last record.
    pub(crate) fn head(&self) -> Option<String> {
        let (_, hash) = self.ended.filter(|(last, _)| *last == self.last)?;
        Some(format!("{}:{hash}", self.last))
    }
}

/// Prints the head of a journal and the state hash after it.
pub(crate) fn state_hash_of(source: &Source) -> anyhow::Result<()> {
    let replayed = replay(source, None)?;
    print(|output| write_hashes(&replayed, output))
}

/// Prints what the state was, `until` then.
pub(crate) fn run(source: &Source, until: Until) -> anyhow::Result<()> {
    let replayed = replay(source, Some(until))?;
    let now = match until {
        Until::Record(_) => replayed.at,
        Until::Moment(moment) => moment,
    };
    print(|output| write_summary(&replayed, now, output))
}

fn write_hashes(replayed: &Replayed, output: &mut dyn Write) -> io::Result<()> {
    match replayed.head() {
        Some(head) => writeln!(output, "head           {head}")?,
        None => writeln!(output, "head           none: no commit ends with this record")?,
    }
    writeln!(output, "state hash     {}", hex::encode(state_hash(&replayed.state)))
}

/// `now` decides which bookings are live.
fn write_summary(replayed: &Replayed, now: UtcMicros, output: &mut dyn Write) -> io::Result<()> {
    let state = &replayed.state;
    let persons = state.persons();
    let (mut bookings, mut cancelled, mut live) = (0_u64, 0_u64, 0_u64);
    for (_, person) in &persons {
        for fact in state.facts(person.lock().bookings()) {
            bookings += 1;
            cancelled += u64::from(fact.state.is_given_back());
            live += u64::from(fact.state == BookingState::Booked && fact.ends_at > now);
        }
    }
    writeln!(output, "last record    {} ({})", replayed.last, replayed.at.timestamp())?;
    writeln!(output, "policies       {}", state.authorities().len())?;
    writeln!(output, "days           {}", state.days().len())?;
    writeln!(output, "persons        {}", persons.len())?;
    writeln!(output, "bookings       {bookings} ({cancelled} cancelled)")?;
    writeln!(output, "live bookings  {live}")?;
    writeln!(output, "withheld       {}", state.withheld().len())?;
    writeln!(output, "sessions       {} revoked", state.revoked_count())?;
    write_hashes(replayed, output)
}
