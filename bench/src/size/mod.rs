//! What starts, memory and throughput cost against size: offices, days, records, persons; and how memory goes
//! up and down while days pass.
//!
//! Owns the sizes and their table. Each step is a process of its own (this program again, `size-step`), which
//! prints its figures as JSON; the ledger is the real one on the real disk, without HTTP and Redis.

mod ledgers;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use talon_bench::authority::Size;
use talon_bench::journals::{self, Content};
use talon_journal::RealDisk;
use talon_ledger::snapshot::fold;

use crate::peers::machine::Machine;
use crate::peers::output;
use crate::report::{Bound, Spread};
use ledgers::{Aged, Filled, Opened};

const OFFICES: [u32; 3] = [10, 100, 1000];
const DAYS: [u32; 3] = [1, 21, 180];
/// Desks of an office, and visits of each a day: an ordinary office.
const DESKS: u32 = 12;
const STEPS: u32 = 54;
const STEP_MINUTES: u32 = 10;
/// Bookings behind a throughput.
const BOOKINGS: u64 = 200_000;
/// Bookings of a person in the journals that are replayed.
const OF_EACH: u64 = 2;
/// Days that pass, enough for a month to be forgotten twice; at so many offices, of whose places so much is
/// booked the moment a date opens.
const DAYS_PASSED: u32 = 100;
const AGED_OFFICES: u32 = 24;
const BOOKED_PERCENT: u64 = 80;
/// Which days are shown, besides those on which something was forgotten.
const SHOWN_EVERY: u32 = 20;

/// A start from so many records has a goal, and so have the bytes of a booking.
const GOAL_RECORDS: u64 = 10_000_000;
const GOAL_SECONDS: f64 = 10.0;
const GOAL_BYTES: f64 = 250.0;
const MANY_BOOKINGS: u64 = 500_000;

/// What can be told.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Where journals are written: on a real disk, removed at the end.
    #[arg(long)]
    work_dir: PathBuf,
    /// The longest journal, in records.
    #[arg(long, default_value_t = GOAL_RECORDS)]
    max_records: u64,
}

/// One measurement, in a process of its own.
#[derive(Args, Clone, Debug)]
pub(crate) struct Step {
    /// The journal's directory.
    directory: PathBuf,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Clone, Debug)]
enum What {
    /// Open a journal of so many records.
    Replay { records: u64, of_each: u64 },
    /// Open and fill an authority of this size.
    Fill { offices: u32, days: u32 },
    /// Open an authority of this size again.
    Reopen { offices: u32, days: u32 },
    /// Let days pass.
    Age,
}

/// An authority's size, and what it cost.
#[derive(Serialize, Deserialize)]
struct Filling {
    offices: u32,
    days: u32,
    filled: Filled,
    reopened: Opened,
}

/// A journal's length, and what a start from it cost.
#[derive(Serialize, Deserialize)]
struct Replay {
    records: u64,
    of_each: u64,
    journal_bytes: u64,
    whole: Opened,
    /// What folding the segments took, and the start after it, when there was something to fold.
    snapshot: Option<(f64, Opened)>,
}

/// All of a run, as it is kept.
#[derive(Serialize, Deserialize)]
pub(crate) struct Results {
    machine: Machine,
    fillings: Vec<Filling>,
    replays: Vec<Replay>,
    aged: Vec<Aged>,
}

fn authority(offices: u32, days: u32) -> Size {
    Size {
        offices,
        desks: DESKS,
        steps: STEPS,
        step_minutes: STEP_MINUTES,
        days_ahead: days,
        a_month: Some(4),
    }
}

/// Does one step and prints its figures.
///
/// # Errors
/// When a ledger does not open.
pub(crate) fn step(step: &Step) -> Result<()> {
    let folder = step.directory.as_path();
    let figures = match step.what {
        What::Replay { records, of_each } => {
            serde_json::to_string(&ledgers::open(folder, Content { records, of_each }.size())?)
        }
        What::Fill { offices, days } => {
            serde_json::to_string(&ledgers::fill(folder, authority(offices, days), BOOKINGS)?)
        }
        What::Reopen { offices, days } => {
            serde_json::to_string(&ledgers::open(folder, authority(offices, days))?)
        }
        What::Age => {
            let size = authority(AGED_OFFICES, DAYS[1]);
            serde_json::to_string(&ledgers::age(folder, size, DAYS_PASSED, BOOKED_PERCENT)?)
        }
    };
    println!("{}", figures.context("figures as JSON")?);
    Ok(())
}

/// Measures all sizes.
///
/// # Errors
/// When a journal cannot be written or a step fails.
pub(crate) fn run(options: &Options) -> Result<Results> {
    let machine = Machine::look()?;
    std::fs::create_dir_all(&options.work_dir).context("the work directory")?;
    let (mut fillings, mut replays) = (Vec::new(), Vec::new());
    for offices in OFFICES {
        for days in DAYS {
            fillings.push(timed(&format!("{offices} offices, {days} days"), || {
                filling(&options.work_dir, offices, days)
            })?);
        }
    }
    let counts = (3..).map(|power| 10_u64.pow(power));
    for records in counts.take_while(|records| *records <= options.max_records) {
        replays.push(timed(&format!("{records} records"), || {
            replay(&options.work_dir, Content { records, of_each: OF_EACH })
        })?);
    }
    // A million bookings that are not given back, each of somebody else: 7 of 10 records are such.
    let resident = Content { records: 10_000_000 / 7, of_each: 1 };
    replays.push(timed("a million persons", || replay(&options.work_dir, resident))?);
    let folder = tempfile::tempdir_in(&options.work_dir).context("a folder for a journal")?;
    let aged = timed("days that pass", || child(&folder.path().join("journal"), &["age".into()]))?;
    Ok(Results { machine, fillings, replays, aged })
}

fn timed<T>(what: &str, measure: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let measured = measure().with_context(|| format!("measuring {what}"))?;
    println!("{what}: {:.1} s", start.elapsed().as_secs_f64());
    Ok(measured)
}

fn filling(work_dir: &Path, offices: u32, days: u32) -> Result<Filling> {
    let folder = tempfile::tempdir_in(work_dir).context("a folder for a journal")?;
    let journal = folder.path().join("journal");
    let size = [offices.to_string(), days.to_string()];
    let asked = |what: &str| [&[what.to_owned()], size.as_slice()].concat();
    let filled = child(&journal, &asked("fill"))?;
    let reopened = child(&journal, &asked("reopen"))?;
    Ok(Filling { offices, days, filled, reopened })
}

fn replay(work_dir: &Path, content: Content) -> Result<Replay> {
    let folder = tempfile::tempdir_in(work_dir).context("a folder for a journal")?;
    let journal = folder.path().join("journal");
    journals::write(&journal, content);
    let Content { records, of_each } = content;
    let asked = ["replay".to_owned(), records.to_string(), of_each.to_string()];
    let whole = child(&journal, &asked)?;
    let start = Instant::now();
    let disk = RealDisk::open(&journal)?;
    let folded = fold(&disk, 1, |_, _| {}, || true).context("folding")?.made.is_some();
    let seconds = start.elapsed().as_secs_f64();
    drop(disk);
    let snapshot = match folded {
        true => Some((seconds, child(&journal, &asked)?)),
        false => None,
    };
    Ok(Replay { records, of_each, journal_bytes: used_bytes(&journal)?, whole, snapshot })
}

/// What the journal takes on disk; of its segments one or two are allocated ahead.
fn used_bytes(journal: &Path) -> Result<u64> {
    let files = std::fs::read_dir(journal)?.map(|entry| Ok(entry?.metadata()?.len()));
    files.sum::<Result<u64>>()
}

/// Runs a step in a process of its own.
fn child<T: DeserializeOwned>(journal: &Path, what: &[String]) -> Result<T> {
    let program = std::env::current_exe().context("this program has a path")?;
    let said = output(Command::new(program).arg("size-step").arg(journal).args(what))?;
    let line = said.lines().last().unwrap_or_default();
    serde_json::from_str(line).with_context(|| format!("reading {line:?}"))
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

impl Opened {
    /// Resident bytes for each live booking, persons included.
    fn each(&self) -> f64 {
        self.resident_bytes.saturating_sub(self.before_bytes) as f64 / self.live.max(1) as f64
    }
}

impl Results {
    /// The tables, for the document.
    pub(crate) fn document(&self) -> String {
        let mut text = format!(
            "\n## Cost against size\n{}{}\nThe ledger in one process on the real disk, without HTTP and Redis. \
             An office has {DESKS} desks of {STEPS} visits a day.\n",
            self.machine.sentence(),
            self.machine.busy(),
        );
        self.goals(&mut text);
        self.fillings(&mut text).expect("a string takes everything");
        self.replays(&mut text).expect("a string takes everything");
        self.days(&mut text).expect("a string takes everything");
        text
    }

    fn goals(&self, text: &mut String) {
        *text += "\n| of a start | goal | min | median | max | |\n|---|---|---|---|---|---|\n";
        let longest = self.replays.iter().filter(|replay| replay.records >= GOAL_RECORDS);
        if let Some(seconds) = Spread::of(longest.map(|replay| replay.whole.seconds)) {
            let what = format!("{} million records, seconds", GOAL_RECORDS / 1_000_000);
            *text += &Bound::AtMost(GOAL_SECONDS).row(&what, seconds);
        }
        // Where there are few, the program's own memory is more than theirs.
        let many = |replay: &&Replay| replay.whole.live >= MANY_BOOKINGS;
        let many: Vec<&Replay> = self.replays.iter().filter(many).collect();
        for (of_each, what) in [
            (1, "resident bytes of a live booking, one for each person"),
            (OF_EACH, "the same, two for each person"),
        ] {
            let of_these = many.iter().filter(|replay| replay.of_each == of_each);
            if let Some(bytes) = Spread::of(of_these.map(|replay| replay.whole.each())) {
                *text += &Bound::AtMost(GOAL_BYTES).row(what, bytes);
            }
        }
    }

    fn fillings(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "\n| offices | days | first start s | CPU s | resident MiB | bookings | a second | CPU µs each | \
             resident MiB then | next start s |\n|---|---|---|---|---|---|---|---|---|---|"
        )?;
        for Filling { offices, days, filled, reopened } in &self.fillings {
            writeln!(
                text,
                "| {offices} | {days} | {:.2} | {:.2} | {:.0} | {} | {:.0} | {:.2} | {:.0} | {:.2} |",
                filled.opened.seconds,
                filled.opened.cpu_seconds,
                mib(filled.opened.resident_bytes),
                filled.bookings,
                filled.per_second,
                filled.cpu_us,
                mib(filled.resident_bytes),
                reopened.seconds,
            )?;
        }
        Ok(())
    }

    fn replays(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "\nStarts by the length of the journal; of ten records eight are bookings, one of which is \
             cancelled. A start with a snapshot reads it and what followed; making it (folding) goes on \
             beside the work, once for each few segments.\n\n\
             | records | persons | live bookings | journal MiB | start s | CPU s | resident MiB | B per \
             live booking | folding s | start with snapshot s |\n|---|---|---|---|---|---|---|---|---|---|"
        )?;
        for Replay { records, journal_bytes, whole, snapshot, .. } in &self.replays {
            let seconds = |seconds: Option<f64>| {
                seconds.map_or_else(|| "–".to_owned(), |seconds| format!("{seconds:.2}"))
            };
            writeln!(
                text,
                "| {records} | {} | {} | {:.0} | {:.2} | {:.2} | {:.0} | {:.0} | {} | {} |",
                whole.persons,
                whole.live,
                mib(*journal_bytes),
                whole.seconds,
                whole.cpu_seconds,
                mib(whole.resident_bytes),
                whole.each(),
                seconds(snapshot.map(|(folding, _)| folding)),
                seconds(snapshot.map(|(_, opened)| opened.seconds)),
            )?;
        }
        Ok(())
    }

    fn days(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "\nDays that pass at {AGED_OFFICES} offices with {} days open: each day one date opens and \
             {BOOKED_PERCENT} % of it is booked at once by persons who are new. What no limit counts any more \
             is forgotten after the end of a month; those days stand with the one before them.\n\n\
             | day | office days known | bookings | persons | resident MiB | journal MiB | release sold in s \
             |\n|---|---|---|---|---|---|---|",
            DAYS[1]
        )?;
        let forgets = |index: usize| {
            index > 0 && self.aged[index].days_known < self.aged[index - 1].days_known
        };
        for (index, aged) in self.aged.iter().enumerate() {
            let is_shown = index == 0
                || aged.day.is_multiple_of(SHOWN_EVERY)
                || forgets(index)
                || (index + 1 < self.aged.len() && forgets(index + 1));
            if is_shown {
                writeln!(
                    text,
                    "| {} | {} | {} | {} | {:.0} | {:.0} | {:.2} |",
                    aged.day,
                    aged.days_known,
                    aged.live,
                    aged.persons,
                    mib(aged.resident_bytes),
                    mib(aged.journal_bytes),
                    aged.release_seconds,
                )?;
            }
        }
        Ok(())
    }
}
