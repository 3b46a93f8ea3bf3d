//! A journal in a real directory with every kind of fact but one, and the program run on it.
//!
//! Two visits are booked, the first is cancelled, a person logs out, an hour later the place has
//! returned. After each step the head and the state hash are kept, as a ledger would publish them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::Value;
use talon_domain::ids::{BookingId, Channel, Fingerprint, KeyHash};
use talon_journal::RealDisk;
use talon_journal::simulation::SimDisk;
use talon_ledger::clock::manual::ManualClock;
use talon_ledger::core::{Core, Setup};
use talon_ledger::record::{Booked, Fact, Seat};
use talon_wire::Cancel;
use tempfile::TempDir;

use crate::fixture::{
    AUTHORITY, EXAM, HOUR, PERMIT, SMALL_JOURNAL, START, TOWN, VILLAGE, authority, booked, date,
    day, journal_of, person, setup, start, utc, wish,
};

/// What a ledger says of itself when all is committed.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) sequence: u64,
    /// `SEQUENCE:HASH`.
    pub(crate) head: String,
    /// In hexadecimal.
    pub(crate) state_hash: String,
}

/// The directory and what happened there.
pub(crate) struct Story {
    directory: TempDir,
    /// Person 1's exam in the town on 2026-12-02 at 08:30; cancelled, and returned.
    pub(crate) exam: BookingId,
    /// Person 2's permit in the village on 2026-12-03 at 09:10.
    pub(crate) permit: BookingId,
    /// After the days were opened, after each booking, the cancellation, the logout, the return.
    pub(crate) steps: Vec<Published>,
}

impl Story {
    /// Lets it happen.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = ManualClock::new(utc(START));
        let disk = Arc::new(RealDisk::create(directory.path()).expect("a directory"));
        let parts = setup(&SimDisk::new(), &authority(&[]), &clock, &SMALL_JOURNAL);
        let (core, _) = Core::open(Setup { disk, ..parts }).expect("the directory opens");
        core.keep();
        let mut steps = vec![publish(&core)];
        let exam = booked(core.book(&wish(1, TOWN, EXAM, start("2026-12-02", "08:30")))).id;
        steps.push(publish(&core));
        clock.advance_micros(1);
        let permit = wish(2, VILLAGE, PERMIT, start("2026-12-03", "09:10"));
        let permit = booked(core.book(&permit)).id;
        steps.push(publish(&core));
        core.cancel(&Cancel { caller: person(1), booking: exam });
        steps.push(publish(&core));
        core.revoke_session(&person(2));
        steps.push(publish(&core));
        clock.advance_micros(HOUR);
        core.keep();
        steps.push(publish(&core));
        Self { directory, exam, permit, steps }
    }

    /// The journal's directory.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// What the ledger last said of itself.
    pub(crate) fn end(&self) -> &Published {
        self.steps.last().expect("a story has steps")
    }

    /// Runs a tool on the directory, which must go well; gives what it prints.
    #[track_caller]
    pub(crate) fn run(&self, tool: &str, more: &[&str]) -> String {
        let ran = run(tool, self.path(), more);
        assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{tool} {more:?}");
        ran.output
    }

    /// The lines of `inspect`.
    #[track_caller]
    pub(crate) fn inspect(&self, more: &[&str]) -> Vec<Value> {
        lines(&self.run("inspect", more))
    }
}

/// A directory whose journal does not agree with itself: a policy, a cancellation of a booking that
/// is not there, one by person 2 for person 1 on a day that is not there, its return, a forgetting.
pub(crate) fn contradictory() -> TempDir {
    let seat = Seat { day: day(TOWN, "2026-12-02"), shift: 0, step: 3, steps: 3 };
    let (missing, booking) = (BookingId([9; 16]), BookingId([8; 16]));
    let disk = journal_of([
        Fact::PolicySet(authority(&[]).policy.policy().clone()),
        Fact::Cancelled { subject: person(3).person, booking: missing, returns_at: utc(START) },
        Fact::Booked(Booked {
            booking,
            subject: person(1).person,
            actor: Some(person(2).person),
            channel: Channel::Kiosk,
            service: EXAM,
            seat,
            key: KeyHash([1; 16]),
            fingerprint: Fingerprint([2; 16]),
        }),
        Fact::Returned { booking, returns_at: utc(START), seat },
        Fact::Forgotten { authority: AUTHORITY, before: date("2026-12-03") },
    ]);
    let directory = tempfile::tempdir().expect("a directory");
    for name in disk.names() {
        let contents = disk.contents(&name).expect("it is there");
        std::fs::write(directory.path().join(name), contents).expect("there is room");
    }
    directory
}

fn publish(core: &Core) -> Published {
    core.journal().commit_pending(core.now().0).expect("the disk works");
    let (sequence, hash) = core.journal().head();
    let state_hash = core.state_hash().map(|byte| format!("{byte:02x}")).concat();
    Published { sequence: sequence.get(), head: format!("{sequence}:{hash}"), state_hash }
}

/// JSON lines.
#[track_caller]
pub(crate) fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// How the program ended, and what it said.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
    pub(crate) errors: String,
}

/// The program, about to run a tool on a directory.
pub(crate) fn command(tool: &str, directory: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_talon-ledger"));
    command.arg(tool).arg(directory).args(more).stdin(Stdio::null());
    command
}

/// Runs a tool on a directory.
pub(crate) fn run(tool: &str, directory: &Path, more: &[&str]) -> Ran {
    let output = command(tool, directory, more).output().expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("it prints text");
    Ran { code: output.status.code(), output: text(output.stdout), errors: text(output.stderr) }
}
