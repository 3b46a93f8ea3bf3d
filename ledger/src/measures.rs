//! What the ledger measures of itself, under the names of [`talon_telemetry::table`].
//!
//! Counters are incremented where things happen; gauges are looked up when somebody wants to see them
//! ([`look`]), so that nothing is computed for nobody. Must not change anything.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use metrics::{Counter, Histogram, counter, gauge, histogram};
use talon_domain::civil::CivilDate;
use talon_domain::ids::Channel;
use talon_journal::{Commit, CommitListener, SpareStatus};
use talon_telemetry::metric::Metric;
use talon_telemetry::table;
use talon_wire::{Answer, Command, Refusal};

use crate::day::Tally;
use crate::embedded::Observed;

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
    look_at_places(core);
    look_at_journal(core);
    look_at_disk(directory);
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
    let now = core.now();
    for (id, authority) in core.authorities.load().iter() {
        let today = CivilDate::at(now, authority.policy.zone());
        let mut sum = Tally::default();
        core.state().each_day(|key, day| {
            if key.authority == *id && key.date >= today {
                let of_day = day.tally(Channel::Web);
                sum.free += of_day.free;
                sum.taken += of_day.taken;
                sum.unreleased += of_day.unreleased;
            }
        });
        let states = [("free", sum.free), ("taken", sum.taken), ("unreleased", sum.unreleased)];
        for (state, count) in states {
            let code = authority.catalogue.code.to_string();
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
