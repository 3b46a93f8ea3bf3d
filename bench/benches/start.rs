//! How long a ledger takes to start, and what it holds in memory, against how much its journal has.
//!
//! Owns the journals that it makes, below `target`, and removes them. Called by
//! `cargo bench -p talon-bench --bench start -- [RECORDS]…`, 100000 records without an argument. Of ten
//! records eight are bookings, one is a cancellation and one a return; a person has two bookings; a commit
//! has 64 records. Each start is a process of its own, so that its memory is its own:
//!
//! - `all segments`: the journal is replayed from its first record;
//! - `snapshot`: after `talon-ledger snapshot`, only what followed the last sealed segment is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use talon_domain::civil::{CivilDate, UtcMicros};
use talon_domain::ids::{
    AuthorityId, BookingId, Channel, Fingerprint, KeyHash, OfficeId, Pseudonym, ServiceId,
};
use talon_domain::shape::day_shape;
use talon_journal::{
    Class, Disk, Journal, JournalKind, Options, OsEntropy, RealDisk, Sequence, SpareStatus,
};
use talon_ledger::clock::{Clock, SystemClock};
use talon_ledger::core::{Authority, Core, Setup};
use talon_ledger::load::parse;
use talon_ledger::record::{Booked, DayKey, Fact, Record, Seat};
use talon_ledger::snapshot::{Made, fold};

const AUTHORITY: AuthorityId = AuthorityId(1);
const SERVICE: ServiceId = ServiceId(1);
const DAYS: i32 = 21;
const DESKS: u16 = 16;
const STEPS: u8 = 64;
const PLACES_PER_DAY: u64 = DESKS as u64 * STEPS as u64;
const RECORDS_PER_COMMIT: u64 = 64;
/// Of ten records, these many are bookings.
const BOOKED_OF_TEN: u64 = 8;
const DEFAULT_RECORDS: u64 = 100_000;
/// In which Linux counts time for programs.
const TICKS_PER_SECOND: f64 = 100.0;
/// How a start of its own process is asked for.
const OPEN: &str = "--open-as-child";

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [flag, directory, records] = arguments.as_slice()
        && flag == OPEN
    {
        return open(Path::new(directory), records.parse().expect("a number"));
    }
    let counts: Vec<u64> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    let counts = if counts.is_empty() { vec![DEFAULT_RECORDS] } else { counts };
    println!("   records from            seconds     CPU s   RSS MiB     B per live");
    for records in counts {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("cargo made it");
        let journal = folder.path().join("journal");
        write_journal(&journal, records);
        open_in_child(&journal, records);
        let before = Instant::now();
        let disk = RealDisk::open(&journal).expect("it is there");
        if let Some(Made { bytes, .. }) =
            fold(&disk, 1, |_, _| {}, || true).expect("the journal is good").made
        {
            let (seconds, mib) = (before.elapsed().as_secs_f64(), bytes >> 20);
            println!("{records:>10} {:<13} {seconds:>9.2} {mib:>19} in the file", "(folding)");
            open_in_child(&journal, records);
        }
    }
}

/// An authority with places for that many bookings.
fn authority(bookings: u64) -> Authority {
    let offices = bookings.div_ceil(PLACES_PER_DAY * DAYS.unsigned_abs() as u64);
    let days: String = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        .map(|day| format!("{day} = [\"08:00-13:20\"]"))
        .join(", ");
    let desks: String =
        (1..=DESKS).map(|id| format!("{{ id = {id}, services = [\"visit\"] }},")).collect();
    let name = "{ uk = \"Б\", en = \"B\" }";
    let mut catalogue = format!(
        "[authority]\nid = 1\ncode = \"bench\"\nzone = \"Europe/Kyiv\"\nname = {name}\n\
         [[service]]\nid = 1\ncode = \"visit\"\nname = {name}\nminutes = 5\ngrid_minutes = 5\n\
         [[region]]\ncode = \"UA-30\"\nname = {name}\n\
         [[profile]]\ncode = \"all\"\nstep_minutes = 5\nhours = {{ {days} }}\ndesks = [{desks}]\n"
    );
    for id in 1..=offices {
        catalogue += &format!(
            "[[office]]\nid = {id}\nname = {name}\nregion = \"UA-30\"\naddress = {name}\n\
             profile = \"all\"\n"
        );
    }
    let policy = "authority = \"bench\"\nzone = \"Europe/Kyiv\"\nlimit = []\n\
                  [release]\ndays_ahead = 21\ntime = \"06:00\"\nlate_delay_minutes = 10\n\
                  [cancel]\ndeadline_minutes = 120\nreturns_after_minutes = [5, 60]\n";
    parse(("catalogue", &catalogue), ("policy", policy)).expect("the files are good")
}

/// Appends facts, 64 to a commit.
struct Writer {
    journal: Journal,
    at: UtcMicros,
    pending: u64,
    body: Vec<u8>,
}

impl Writer {
    fn add(&mut self, fact: Fact) {
        self.at = UtcMicros(self.at.0 + 1);
        self.body.clear();
        Record { at: self.at, fact }.encode_into(&mut self.body);
        let room = self.journal.reserve_records(Class::Ordinary, 1, self.body.len());
        let room = room.expect("commits keep up, and a segment is ready");
        self.journal.append(room, &self.body);
        self.pending += 1;
        if self.pending == RECORDS_PER_COMMIT {
            self.commit();
        }
    }

    fn commit(&mut self) {
        self.journal.commit_pending(self.at.0).expect("the disk works");
        if self.journal.space().spare != SpareStatus::Ready {
            self.journal.allocate_spare().expect("the disk has room");
        }
        self.pending = 0;
    }
}

fn write_journal(directory: &Path, records: u64) {
    let bookings = records * BOOKED_OF_TEN / 10;
    let authority = authority(bookings);
    let disk = Arc::new(RealDisk::create(directory).expect("the folder is new"));
    let visit = |_, _, _: &[u8]| Ok::<(), std::convert::Infallible>(());
    let options = Options::new(JournalKind::Demo);
    let (journal, _) =
        Journal::open(disk, options, Box::new(OsEntropy), visit).expect("an empty folder opens");
    journal.allocate_spare().expect("the disk has room");
    let at = SystemClock::default().wall();
    let mut writer = Writer { journal, at, pending: 0, body: Vec::new() };
    let first = CivilDate::at(at, &jiff::tz::TimeZone::UTC).plus_days(2);
    writer.add(Fact::PolicySet(authority.policy.policy().clone()));
    let offices: Vec<OfficeId> =
        authority.catalogue.offices.iter().map(|office| office.id).collect();
    for date in (0..DAYS).map(|day| first.plus_days(day)) {
        for office in &authority.catalogue.offices {
            let day = DayKey { authority: AUTHORITY, office: office.id, date };
            let shape = day_shape(&authority.catalogue, office, date);
            writer.add(Fact::DayGenerated { day, shape });
        }
        let (service, channel, offices) = (SERVICE, Channel::Web, offices.clone());
        let (authority, late) = (AUTHORITY, false);
        writer.add(Fact::Released { authority, service, channel, date, offices, late });
    }
    for n in 0..bookings {
        let booked = booking(n, first);
        writer.add(Fact::Booked(booked));
        // The eighth of eight is cancelled, and its place returns.
        if n % BOOKED_OF_TEN == BOOKED_OF_TEN - 1 {
            let (subject, booking, returns_at) = (booked.subject, booked.booking, writer.at);
            writer.add(Fact::Cancelled { subject, booking, returns_at });
            writer.add(Fact::Returned { booking, returns_at, seat: booked.seat });
        }
    }
    writer.commit();
}

/// The `n`th booking: two to a person, the seats one after the other over all offices.
fn booking(n: u64, first: CivilDate) -> Booked {
    let (day, place) = (n / PLACES_PER_DAY, n % PLACES_PER_DAY);
    let days = u64::from(DAYS.unsigned_abs());
    let small = |number: u64| u32::try_from(number).expect("the counts are small");
    let day = DayKey {
        authority: AUTHORITY,
        office: OfficeId(small(day / days) + 1),
        date: first.plus_days(i32::try_from(day % days).expect("a few")),
    };
    let shift = u16::try_from(place / u64::from(STEPS)).expect("a few");
    let step = u8::try_from(place % u64::from(STEPS)).expect("a few");
    // Spread like the hashes that they are in life; an odd factor keeps them apart.
    let spread = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    let mut subject = [0; 32];
    subject[..8].copy_from_slice(&spread(n / 2));
    let mut id = [0; 16];
    id[..8].copy_from_slice(&spread(n));
    Booked {
        booking: BookingId(id),
        subject: Pseudonym(subject),
        actor: None,
        channel: Channel::Web,
        service: SERVICE,
        seat: Seat { day, shift, step, steps: 1 },
        key: KeyHash(id),
        fingerprint: Fingerprint(id),
    }
}

fn open_in_child(journal: &Path, records: u64) {
    let program: PathBuf = std::env::current_exe().expect("a program has a path");
    let arguments = [OPEN.as_ref(), journal.as_os_str()];
    let status = Command::new(program).args(arguments).arg(records.to_string()).status();
    assert!(status.expect("the program runs").success());
}

/// Opens as a server does, and says what that took.
fn open(directory: &Path, records: u64) {
    let authority = authority(records * BOOKED_OF_TEN / 10);
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(directory).expect("it is there"));
    let (resident_before, cpu_before) = (resident_bytes(), cpu_seconds());
    let setup = Setup {
        disk,
        journal: Options::new(JournalKind::Demo),
        authorities: vec![authority],
        clock: Box::new(SystemClock::default()),
        entropy: Box::new(OsEntropy),
        journal_entropy: Box::new(OsEntropy),
        release_in_micros: None,
    };
    let start = Instant::now();
    let (core, recovery) = Core::open(setup).expect("the journal is good");
    let (took, cpu): (Duration, f64) = (start.elapsed(), cpu_seconds() - cpu_before);
    let resident = resident_bytes();
    let live: usize = core
        .state()
        .persons()
        .iter()
        .map(|(_, person)| {
            person.lock().bookings().iter().filter(|b| !b.state.is_given_back()).count()
        })
        .sum();
    let from = if recovery.after == Sequence::NONE { "all segments" } else { "snapshot" };
    let (seconds, mib) = (took.as_secs_f64(), resident >> 20);
    let each = resident.saturating_sub(resident_before) / live.max(1) as u64;
    println!("{records:>10} {from:<13} {seconds:>9.2} {cpu:>9.2} {mib:>9} {each:>14}");
}

/// What all threads of this process have used, in seconds; whoever else is at work does not matter to it.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux tells");
    let (_, fields) = stat.rsplit_once(") ").expect("the name is in brackets");
    // User and system time are fields 14 and 15 of the line, 12 and 13 of what follows the name.
    let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<f64>());
    ticks.map(|ticks| ticks.expect("a number")).sum::<f64>() / TICKS_PER_SECOND
}

/// Resident memory of this process.
fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it has a size");
    let kib: u64 = line.split_whitespace().nth(1).expect("a number").parse().expect("a number");
    kib << 10
}
