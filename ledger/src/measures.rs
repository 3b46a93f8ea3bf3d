//! What the ledger measures of itself, under the names of [`talon_telemetry::table`].
//!
//! Counters are incremented where things happen; gauges are looked up when somebody wants to see them
//! ([`look`]), so that nothing is computed for nobody. Must not change anything.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use metrics::{Counter, Histogram, counter, gauge, histogram};
use parking_lot::Mutex;
use talon_journal::{Commit, CommitListener, SpareStatus};
use talon_telemetry::metric::Metric;
use talon_telemetry::table;
use talon_wire::{Answer, Command, Refusal};

use crate::embedded::Observed;

/// The days of all authorities are walked at most this often, however many ask: a bit more often than Prometheus does.
const PLACES_EVERY: Duration = Duration::from_secs(4);

/// Counts commands that change something, by outcome. One for each runtime: a handle is looked up once.
pub(crate) struct CommandCounters {
    /// By command and outcome, in the table's order.
    counters: Vec<Vec<Counter>>,
}

impl CommandCounters {
    pub(crate) fn new() -> Self {
        let of = |command: &&'static str| {
            let one = |outcome: &&'static str| counter!(table::LEDGER_COMMANDS.name, "command" => *command, "outcome" => *outcome);
            table::LEDGER_OUTCOMES.iter().map(one).collect()
        };
        Self { counters: table::LEDGER_COMMAND_NAMES.iter().map(of).collect() }
    }

    /// Counts what became of a command; those that only look are not counted.
    pub(crate) fn count(&self, command: &Command, answer: &Answer) {
        let name = match command {
            Command::Book(_) => "book",
            Command::Move(_) => "move",
            Command::Cancel(_) => "cancel",
            Command::Conclude { .. } => "conclude",
            Command::Bookings(_)
            | Command::Booking { .. }
            | Command::Days { .. }
            | Command::Starts { .. }
            | Command::RevokeSession(_)
            | Command::Session(_)
            | Command::Find { .. }
            | Command::Identify(_)
            | Command::Peppers(_)
            | Command::Unblock { .. } => return,
        };
        let place = |all: &[&str], one: &str| all.iter().position(|known| *known == one);
        let counter = place(table::LEDGER_COMMAND_NAMES, name)
            .zip(place(table::LEDGER_OUTCOMES, outcome(answer)))
            .and_then(|(command, outcome)| self.counters.get(command)?.get(outcome));
        if let Some(counter) = counter {
            counter.increment(1);
        }
        if let Answer::Refused(Refusal::Limit { refusal, .. }) = answer {
            counter!(table::LEDGER_LIMIT_REFUSALS.name, "rule" => refusal.rule.clone())
                .increment(1);
        }
    }
}

fn outcome(answer: &Answer) -> &'static str {
    match answer {
        Answer::Booked { repeated: true, .. } => "repeated",
        Answer::Refused(refusal) => match refusal {
            Refusal::Taken { .. } => "taken",
            Refusal::Limit { .. } | Refusal::MovedTooOften { .. } => "limit",
            Refusal::NotReleased(_) => "not_released",
            Refusal::Past => "past",
            Refusal::JournalFull => "journal_full",
            Refusal::Busy => "busy",
            Refusal::Unavailable => "unavailable",
            Refusal::SessionRevoked
            | Refusal::UnknownOffice
            | Refusal::UnknownService
            | Refusal::UnknownStart
            | Refusal::KeyReused
            | Refusal::NotFound
            | Refusal::NoEntity
            | Refusal::NotLive(_)
            | Refusal::NotBegun { .. }
            | Refusal::PepperCounts { .. }
            | Refusal::TooLate { .. } => "refused",
        },
        _ => "done",
    }
}

/// A limit in shadow mode would have refused somebody.
pub(crate) fn limit_on_trial(rule: &str) {
    counter!(table::LEDGER_LIMIT_SHADOW_REFUSALS.name, "rule" => rule.to_owned()).increment(1);
}

/// A date was opened.
pub(crate) fn released(late: bool) {
    let late = if late { "yes" } else { "no" };
    counter!(table::LEDGER_RELEASES.name, "late" => late).increment(1);
}

/// The journal was opened.
pub(crate) fn replayed(took: Duration) {
    gauge!(table::LEDGER_REPLAY_DURATION.name).set(took.as_secs_f64());
}

/// A snapshot was made.
pub(crate) fn snapshot_made() {
    counter!(table::LEDGER_SNAPSHOTS.name, "outcome" => "made").increment(1);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    gauge!(table::LEDGER_SNAPSHOT_TIME.name).set(now.as_secs_f64());
}

/// A snapshot could not be made.
pub(crate) fn snapshot_failed() {
    counter!(table::LEDGER_SNAPSHOTS.name, "outcome" => "failed").increment(1);
}

/// Measures every commit.
pub(crate) struct Commits {
    took: Histogram,
    records: Histogram,
    bytes: Counter,
}

impl Commits {
    pub(crate) fn new() -> Self {
        Self {
            took: histogram!(table::JOURNAL_COMMIT_DURATION.name),
            records: histogram!(table::JOURNAL_COMMIT_RECORDS.name),
            bytes: counter!(table::JOURNAL_BYTES.name),
        }
    }
}

impl CommitListener for Commits {
    fn committed(&self, commit: &Commit) {
        self.took.record(commit.took);
        self.records.record(f64::from(commit.records));
        self.bytes.increment(commit.bytes);
    }
}

/// Brings every gauge up to date. Takes milliseconds for a country's days; not for a runtime that serves.
pub(crate) fn look(ledger: &Observed, directory: &Path) {
    let core = &ledger.core;
    look_at_state(ledger);
    if ledger.places_looked_at.is_due(Instant::now()) {
        look_at_places(core);
    }
    look_at_journal(core);
    look_at_disk(directory);
}

/// When something was last looked at that takes long, so that several who ask cost no more than one.
#[derive(Debug, Default)]
pub(crate) struct LookedAt(Mutex<Option<Instant>>);

impl LookedAt {
    /// Whether it has to be looked at again, which is taken to happen then.
    fn is_due(&self, now: Instant) -> bool {
        let mut last = self.0.lock();
        let is_due = last.is_none_or(|last| now.duration_since(last) >= PLACES_EVERY);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

fn look_at_state(ledger: &Observed) {
    let core = &ledger.core;
    let set = |metric: Metric, value: usize| gauge!(metric.name).set(value as f64);
    let flag = |metric: Metric, is: bool| gauge!(metric.name).set(f64::from(u8::from(is)));
    set(table::LEDGER_WITHHELD, core.state().withheld_count());
    set(table::LEDGER_HOLDERS, core.state().person_count());
    set(table::LEDGER_REVOKED_SESSIONS, core.state().revoked_count());
    set(table::LEDGER_ANSWERS_WAITING, ledger.answers_waiting());
    flag(table::LEDGER_CLOCK_TRUSTED, core.clock.is_trusted());
    flag(table::LEDGER_KEEPER_AT_WORK, ledger.is_keeper_at_work());
}

fn look_at_places(core: &crate::core::Core) {
    for (catalogue, sum) in core.places() {
        let states = [("free", sum.free), ("taken", sum.taken), ("unreleased", sum.unreleased)];
        for (state, count) in states {
            let code = catalogue.code.to_string();
            gauge!(table::LEDGER_PLACES.name, "authority" => code, "state" => state)
                .set(count as f64);
        }
    }
}

fn look_at_journal(core: &crate::core::Core) {
    let journal = core.journal();
    let space = journal.space();
    gauge!(table::JOURNAL_APPENDED.name).set(journal.appended().get() as f64);
    gauge!(table::JOURNAL_WATERMARK.name).set(journal.watermark().get() as f64);
    gauge!(table::JOURNAL_PENDING.name).set(f64::from(space.pending_records));
    gauge!(table::JOURNAL_SEGMENT_LEFT.name).set(space.remaining_bytes as f64);
    let is_ready = space.spare == SpareStatus::Ready;
    gauge!(table::JOURNAL_SPARE_READY.name).set(f64::from(u8::from(is_ready)));
    let has_failed = journal.failure().is_some();
    gauge!(table::JOURNAL_FAILED.name).set(f64::from(u8::from(has_failed)));
}

fn look_at_disk(directory: &Path) {
    // A disk that does not even say how large it is shows as the last values, and by its failures.
    if let Ok(disk) = rustix::fs::statvfs(directory) {
        gauge!(table::DISK_FREE.name).set((disk.f_bavail * disk.f_frsize) as f64);
        gauge!(table::DISK_SIZE.name).set((disk.f_blocks * disk.f_frsize) as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_ask_the_days_are_walked_once_in_a_while() {
        let (looked_at, start) = (LookedAt::default(), Instant::now());
        let due = |after: Duration| looked_at.is_due(start + after);
        assert!(due(Duration::ZERO));
        assert!(!due(Duration::ZERO) && !due(PLACES_EVERY - Duration::from_nanos(1)));
        assert!(due(PLACES_EVERY));
        assert!(!due(PLACES_EVERY), "who asks at the same moment shares it");
    }
}
