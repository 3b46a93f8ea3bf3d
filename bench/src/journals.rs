//! Journals as long as is asked for, written record by record as a ledger would have.
//!
//! Owns what is in them: policies and days, then bookings on the seats of all offices one after the other.
//! Of ten records eight are bookings, one is a cancellation and one a return; a commit has 256 records. Nobody is
//! promised anything, so all is synced once, at the end: ten million records are written in seconds. Must not know what is
//! measured. Called by the program's `size` and by the bench `replay`.

use std::io;
use std::path::Path;
use std::sync::Arc;

use talon_domain::civil::{CivilDate, UtcMicros};
use talon_domain::ids::{
    AuthorityId, BookingId, Channel, Fingerprint, KeyHash, OfficeId, Pseudonym, ServiceId,
};
use talon_domain::shape::day_shape;
use talon_journal::{
    Access, Class, Disk, DiskFile, DiskLock, Journal, JournalKind, Options, OsEntropy, RealDisk,
    SpareStatus,
};
use talon_ledger::clock::{Clock, SystemClock};
use talon_ledger::record::{Booked, DayKey, Fact, Record, Seat};

use crate::authority::Size;

/// The authority of all that is booked.
pub const AUTHORITY: AuthorityId = AuthorityId(1);
/// Its only service.
pub const SERVICE: ServiceId = ServiceId(1);
const DAYS: u32 = 21;
const DESKS: u32 = 16;
const STEPS: u32 = 64;
const RECORDS_PER_COMMIT: u64 = 256;
/// Of ten records, these many are bookings.
const BOOKED_OF_TEN: u64 = 8;

/// What a journal has.
#[derive(Clone, Copy, Debug)]
pub struct Content {
    /// Records of bookings, cancellations and returns.
    pub records: u64,
    /// Bookings of each person.
    pub of_each: u64,
}

impl Content {
    fn bookings(self) -> u64 {
        self.records * BOOKED_OF_TEN / 10
    }

    /// An authority with places for that many bookings.
    ///
    /// # Panics
    /// When that takes more offices than an authority can have.
    #[must_use]
    pub fn size(self) -> Size {
        let mut size = Size {
            offices: 1,
            desks: DESKS,
            steps: STEPS,
            step_minutes: 5,
            days_ahead: DAYS,
            a_month: None,
        };
        let offices = self.bookings().div_ceil(size.places_a_day() * u64::from(DAYS)).max(1);
        size.offices = u32::try_from(offices).expect("there are not so many");
        size
    }
}

/// Appends facts, many to a commit.
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

/// Writes a journal into a folder that is not there yet.
///
/// # Panics
/// When the folder cannot be made or the disk is full.
pub fn write(directory: &Path, content: Content) {
    let size = content.size();
    let authority = size.authority();
    let disk = Arc::new(Unsynced(RealDisk::create(directory).expect("the folder is new")));
    let visit = |_, _, _: &[u8]| Ok::<(), std::convert::Infallible>(());
    let options = Options::new(JournalKind::Demo);
    let (journal, _) = Journal::open(disk, options, Box::new(OsEntropy::default()), visit)
        .expect("an empty folder opens");
    journal.allocate_spare().expect("the disk has room");
    let at = SystemClock::default().wall();
    let mut writer = Writer { journal, at, pending: 0, body: Vec::new() };
    let first = CivilDate::at(at, &jiff::tz::TimeZone::UTC).plus_days(2);
    writer.add(Fact::PolicySet(authority.policy.policy().clone()));
    let offices: Vec<OfficeId> =
        authority.catalogue.offices.iter().map(|office| office.id).collect();
    for date in (0..DAYS.cast_signed()).map(|day| first.plus_days(day)) {
        for office in &authority.catalogue.offices {
            let day = DayKey { authority: AUTHORITY, office: office.id, date };
            let shape = day_shape(&authority.catalogue, office, date);
            writer.add(Fact::DayGenerated { day, shape });
        }
        let (service, channel, offices) = (SERVICE, Channel::Web, offices.clone());
        let (authority, late) = (AUTHORITY, false);
        writer.add(Fact::Released { authority, service, channel, date, offices, late });
    }
    for n in 0..content.bookings() {
        let booked = booking(n, content.of_each, first, size);
        writer.add(Fact::Booked(booked));
        // The eighth of eight is cancelled, and its place returns.
        if n % BOOKED_OF_TEN == BOOKED_OF_TEN - 1 {
            let (subject, booking, returns_at) = (booked.subject, booked.booking, writer.at);
            writer.add(Fact::Cancelled { subject, booking, returns_at });
            writer.add(Fact::Returned { booking, returns_at, seat: booked.seat });
        }
    }
    writer.commit();
    drop(writer);
    // Otherwise whoever opens the journal would wait until the system has written all of it.
    for file in std::fs::read_dir(directory).expect("the folder is there") {
        let file = file.and_then(|file| std::fs::File::open(file.path()));
        file.and_then(|file| file.sync_all()).expect("the disk works");
    }
}

/// The `n`th booking, the seats one after the other over all offices.
fn booking(n: u64, of_each: u64, first: CivilDate, size: Size) -> Booked {
    let (day, place) = (n / size.places_a_day(), n % size.places_a_day());
    let small = |number: u64| u32::try_from(number).expect("the counts are small");
    let day = DayKey {
        authority: AUTHORITY,
        office: OfficeId(small(day / u64::from(DAYS)) + 1),
        date: first.plus_days(small(day % u64::from(DAYS)).cast_signed()),
    };
    let shift = u16::try_from(place / u64::from(STEPS)).expect("a few");
    let step = u8::try_from(place % u64::from(STEPS)).expect("a few");
    let id = spread(n);
    Booked {
        booking: BookingId(id),
        subject: person(n / of_each),
        actor: None,
        channel: Channel::Web,
        service: SERVICE,
        seat: Seat { day, shift, step, steps: 1 },
        key: KeyHash(id),
        fingerprint: Fingerprint(id),
    }
}

/// Spread like the hashes that they are in life; an odd factor keeps them apart.
#[must_use]
pub fn spread(number: u64) -> [u8; 16] {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    id
}

/// A person's name.
#[must_use]
pub fn person(number: u64) -> Pseudonym {
    let mut name = [0; 32];
    name[..16].copy_from_slice(&spread(number));
    Pseudonym(name)
}

/// A disk that leaves syncing to its user.
struct Unsynced(RealDisk);

struct UnsyncedFile(Box<dyn DiskFile>);

fn unsynced(file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
    Box::new(UnsyncedFile(file))
}

impl Disk for Unsynced {
    fn list(&self) -> io::Result<Vec<String>> {
        self.0.list()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.0.create(name).map(unsynced)
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn DiskFile>> {
        self.0.open(name, access).map(unsynced)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, name: &str) -> io::Result<Option<Box<dyn DiskLock>>> {
        self.0.lock(name)
    }
}

impl DiskFile for UnsyncedFile {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, out)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, bytes)
    }

    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
