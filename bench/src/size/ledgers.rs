//! A ledger in this process: opened, filled, aged. Each call is meant for a process of its own, so that what is
//! resident is what it made.
//!
//! Must not know how figures are shown.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use serde::{Deserialize, Serialize};
use talon_bench::authority::{OPENS_AT, Size};
use talon_bench::journals::{AUTHORITY, SERVICE, person, spread};
use talon_domain::civil::{CivilDate, MICROS_PER_SECOND, Minute, UtcMicros};
use talon_domain::ids::{Channel, Fingerprint, KeyHash, OfficeId, SessionId};
use talon_journal::{Disk, JournalKind, Options, OsEntropy, RealDisk, Sequence};
use talon_ledger::clock::{Clock, SystemClock};
use talon_ledger::core::{Core, Setup};
use talon_ledger::embedded::Embedded;
use talon_wire::{Answer, Book, Caller, Command, Ledger as _, Place, Subject, Wishes};

const UNDER_WAY: usize = 128;
const DAY_MICROS: i64 = 24 * 3600 * MICROS_PER_SECOND;
/// In which Linux counts time for programs.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a start took and left in memory.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Opened {
    pub(crate) from_snapshot: bool,
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) resident_bytes: u64,
    /// Of that, before the ledger was there.
    pub(crate) before_bytes: u64,
    /// Bookings that are not given back, and persons.
    pub(crate) live: u64,
    pub(crate) persons: u64,
}

/// What bookings took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Filled {
    pub(crate) opened: Opened,
    pub(crate) bookings: u64,
    pub(crate) per_second: f64,
    pub(crate) cpu_us: f64,
    pub(crate) resident_bytes: u64,
}

/// What there is at the end of a day.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Aged {
    pub(crate) day: u32,
    pub(crate) days_known: u64,
    pub(crate) live: u64,
    pub(crate) persons: u64,
    pub(crate) resident_bytes: u64,
    pub(crate) journal_bytes: u64,
    /// Booking all that is booked of a date took this long.
    pub(crate) release_seconds: f64,
}

/// The system's clock, some days ahead.
#[derive(Clone, Default)]
struct Ahead {
    clock: SystemClock,
    micros: Arc<AtomicI64>,
}

impl Ahead {
    fn ahead(&self) -> i64 {
        // Relaxed: it is a time of its own, and whoever moved it asks for what follows afterwards.
        self.micros.load(Ordering::Relaxed)
    }

    fn pass(&self, micros: i64) {
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Clock for Ahead {
    fn wall(&self) -> UtcMicros {
        UtcMicros(self.clock.wall().0 + self.ahead())
    }

    fn monotonic(&self) -> i64 {
        self.clock.monotonic() + self.ahead()
    }

    fn slept(&self) -> i64 {
        self.clock.slept()
    }
}

/// A ledger that is open, and what that took.
struct Ledger {
    embedded: Embedded,
    clock: Ahead,
    opened: Opened,
}

impl Ledger {
    /// As a server does: replay, then what is due.
    fn open(directory: &Path, size: Size) -> Result<Self> {
        let authority = size.authority();
        let clock = Ahead::default();
        let (before_bytes, cpu_before) = (resident_bytes()?, cpu_seconds()?);
        let disk: Arc<dyn Disk> = if directory.exists() {
            Arc::new(RealDisk::open(directory)?)
        } else {
            Arc::new(RealDisk::create(directory)?)
        };
        let setup = Setup {
            disk,
            journal: Options::new(JournalKind::Demo),
            authorities: vec![authority],
            clock: Box::new(clock.clone()),
            entropy: Box::new(OsEntropy::default()),
            journal_entropy: Box::new(OsEntropy::default()),
            release_in_micros: None,
        };
        let start = Instant::now();
        let (core, recovery) = Core::open(setup).context("the journal is not good")?;
        let embedded = Embedded::start(core, |failure| panic!("{failure}"))?;
        let (took, cpu) = (start.elapsed(), cpu_seconds()? - cpu_before);
        let (live, persons) = counts(embedded.core());
        let opened = Opened {
            from_snapshot: recovery.after != Sequence::NONE,
            seconds: took.as_secs_f64(),
            cpu_seconds: cpu,
            resident_bytes: resident_bytes()?,
            before_bytes,
            live,
            persons,
        };
        Ok(Self { embedded, clock, opened })
    }

    /// Books these, of which many are under way at any time; the journal has room sooner or later.
    fn book(&self, books: impl Iterator<Item = Book>) -> Result<Duration> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let (handle, driver) = self.embedded.handle();
        runtime.spawn(driver);
        let start = Instant::now();
        runtime.block_on(async {
            let one = async |book: Book| match handle.call(Command::Book(book)).await {
                Answer::Booked { .. } => Ok(()),
                other => Err(other),
            };
            let mut calls = books.map(one);
            let mut waiting: FuturesUnordered<_> = calls.by_ref().take(UNDER_WAY).collect();
            while let Some(booked) = waiting.next().await {
                ensure!(booked.is_ok(), "not booked: {booked:?}");
                waiting.extend(calls.next());
            }
            Ok(())
        })?;
        Ok(start.elapsed())
    }
}

/// Opens what is there.
pub(super) fn open(directory: &Path, size: Size) -> Result<Opened> {
    Ok(Ledger::open(directory, size)?.opened)
}

/// Opens and books, spread over all offices and open dates.
pub(super) fn fill(directory: &Path, size: Size, bookings: u64) -> Result<Filled> {
    let ledger = Ledger::open(directory, size)?;
    let (today, cpu_before) = (today(ledger.embedded.core()), cpu_seconds()?);
    let days = u64::from(size.days_ahead);
    // Until the time of day at which dates open, the last one that is open is a day nearer, and so is the first.
    let last = today.plus_days(size.days_ahead.cast_signed());
    let first = if is_open(ledger.embedded.core(), last) { today.plus_days(1) } else { today };
    let offices = u64::from(size.offices);
    let places = offices * days * size.places_a_day();
    let bookings = bookings.min(places);
    let took = ledger.book((0..bookings).map(|n| {
        // Offices first, then dates, then times: all days fill at once.
        let (office, rest) = (n % offices, n / offices);
        let (day, place) = (rest % days, rest / days);
        wish(n, ledger.embedded.core().now(), size, office, first.plus_days(small(day)), place)
    }))?;
    let used = cpu_seconds()? - cpu_before;
    let filled = Filled {
        opened: ledger.opened,
        bookings,
        per_second: bookings as f64 / took.as_secs_f64(),
        cpu_us: used * 1e6 / bookings as f64,
        resident_bytes: resident_bytes()?,
    };
    ledger.embedded.shutdown()?;
    Ok(filled)
}

/// Lets days pass: on each one date opens, and most of it is booked at once by persons who are new.
pub(super) fn age(directory: &Path, size: Size, days: u32, percent: u64) -> Result<Vec<Aged>> {
    let ledger = Ledger::open(directory, size)?;
    let core = ledger.embedded.core();
    let (mut all, mut next_person) = (Vec::new(), 0_u64);
    let of_office = size.places_a_day() * percent / 100;
    for day in 1..=days {
        ledger.clock.pass(DAY_MICROS);
        core.keep();
        let date = today(core).plus_days(size.days_ahead.cast_signed());
        let date = if is_open(core, date) { date } else { date.plus_days(-1) };
        let now = core.now();
        let books = (0..u64::from(size.offices) * of_office).map(|n| {
            let (office, place) = (n / of_office, n % of_office);
            wish(next_person + n, now, size, office, date, place)
        });
        let took = ledger.book(books)?;
        next_person += u64::from(size.offices) * of_office;
        let (live, persons) = counts(core);
        all.push(Aged {
            day,
            days_known: core.state().days().len() as u64,
            live,
            persons,
            resident_bytes: resident_bytes()?,
            journal_bytes: bytes_in(directory)?,
            release_seconds: took.as_secs_f64(),
        });
    }
    ledger.embedded.shutdown()?;
    Ok(all)
}

fn is_open(core: &Core, date: CivilDate) -> bool {
    let released = core.state().released_through(AUTHORITY, SERVICE, Channel::Web);
    released.is_some_and(|last| last >= date)
}

/// The authority's date.
fn today(core: &Core) -> CivilDate {
    let zone = jiff::tz::TimeZone::get("Europe/Kyiv").expect("the zones are built in");
    CivilDate::at(core.now(), &zone)
}

fn small(number: u64) -> i32 {
    i32::try_from(number).expect("the counts are small")
}

/// Person number `n` wants the `place`th place of a date: times first, then desks.
fn wish(n: u64, now: UtcMicros, size: Size, office: u64, date: CivilDate, place: u64) -> Book {
    let step = u32::try_from(place % u64::from(size.steps)).expect("a few");
    let minute = OPENS_AT + step * size.step_minutes;
    let minute = Minute::new(u16::try_from(minute).expect("a time of day"));
    let session = spread(n);
    Book {
        caller: Caller {
            authority: AUTHORITY,
            person: person(n),
            entity: None,
            session: SessionId(session),
            session_expires_at: UtcMicros(now.0 + 3600 * MICROS_PER_SECOND),
        },
        subject: Subject::Person,
        place: Place {
            authority: AUTHORITY,
            office: OfficeId(u32::try_from(office).expect("a few") + 1),
            service: SERVICE,
        },
        channel: Channel::Web,
        wishes: Wishes::Starts(vec![(date, minute.expect("a time of day"))]),
        key: KeyHash(session),
        fingerprint: Fingerprint(session),
    }
}

/// Bookings that are not given back, and persons.
fn counts(core: &Core) -> (u64, u64) {
    let mut live = 0;
    core.state().each_person(|person| {
        live += person.bookings().iter().filter(|booking| !booking.state.is_given_back()).count();
    });
    (live as u64, core.state().person_count() as u64)
}

/// What all threads of this process have used, in seconds; whoever else is at work does not matter to it.
fn cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(") ").context("the name is in brackets")?;
    // User and system time are fields 14 and 15 of the line, 12 and 13 of what follows the name.
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / TICKS_PER_SECOND)
}

/// Resident memory of this process.
fn resident_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).context("it has a size")?;
    Ok(kib.parse::<u64>()? << 10)
}

fn bytes_in(directory: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(directory)? {
        sum += entry?.metadata()?.len();
    }
    Ok(sum)
}
