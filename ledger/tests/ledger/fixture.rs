//! A small authority, a ledger on a simulated disk, and short words for what people ask of it.
//!
//! Every test starts on Tuesday 2026-12-01 at 10:00 in Kyiv, with the dates up to 2026-12-08 open.

use std::sync::Arc;

use talon_domain::civil::{CivilDate, Minute, UtcMicros};
use talon_domain::ids::{
    AuthorityId, BookingId, Channel, Fingerprint, KeyHash, OfficeId, Pseudonym, ServiceId,
    SessionId,
};
use talon_domain::policy::{
    CompiledPolicy, Holder, Limit, LimitKind, Mode, Moment, Period, Policy, Subjects,
};
use talon_journal::simulation::{SimDisk, SimEntropy};
use talon_journal::{
    ChainHash, Class, Entry, Journal, JournalKind, Options, Sequence, read_journal,
};
use talon_ledger::clock::manual::ManualClock;
use talon_ledger::core::{Authority, BadLedger, Core, Outcome, Setup};
use talon_ledger::load::parse;
use talon_ledger::record::{DayKey, Fact, Record};
use talon_ledger::verify::{BadJournal, Report, verify};
use talon_wire::{Answer, Book, BookingView, Caller, Cancel, Place, Refusal, Subject, Wishes};

pub(crate) const CATALOGUE: &str = include_str!("catalogue.toml");
pub(crate) const POLICY: &str = include_str!("policy.toml");

pub(crate) const AUTHORITY: AuthorityId = AuthorityId(1);
pub(crate) const TOWN: OfficeId = OfficeId(1);
pub(crate) const VILLAGE: OfficeId = OfficeId(2);
/// 30 minutes, at one desk of the town.
pub(crate) const EXAM: ServiceId = ServiceId(1);
/// 20 minutes, at every desk.
pub(crate) const EXCHANGE: ServiceId = ServiceId(2);
/// 10 minutes, at every desk.
pub(crate) const PERMIT: ServiceId = ServiceId(3);
/// When tests start: 10:00 in Kyiv.
pub(crate) const START: &str = "2026-12-01T08:00:00Z";
pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// Segments small enough to be crossed in a test, large enough for the shapes of the days.
pub(crate) const SMALL_JOURNAL: Options =
    Options { segment_bytes: 256 << 10, kind: JournalKind::Demo, max_batch_bytes: 64 << 10 };

#[track_caller]
pub(crate) fn utc(text: &str) -> UtcMicros {
    text.parse::<jiff::Timestamp>().expect("a moment").into()
}

#[track_caller]
pub(crate) fn date(text: &str) -> CivilDate {
    text.parse().expect("a date")
}

#[track_caller]
pub(crate) fn minute(text: &str) -> Minute {
    text.parse().expect("a time")
}

/// The small authority with pieces of its files replaced.
#[track_caller]
pub(crate) fn authority(replaced: &[(&str, &str)]) -> Authority {
    let (mut catalogue, mut policy) = (CATALOGUE.to_owned(), POLICY.to_owned());
    for (from, to) in replaced {
        let before = (catalogue.clone(), policy.clone());
        catalogue = catalogue.replace(from, to);
        policy = policy.replace(from, to);
        assert_ne!(before, (catalogue.clone(), policy.clone()), "nothing says {from}");
    }
    parse(("catalogue.toml", &catalogue), ("policy.toml", &policy)).expect("the files are good")
}

/// Person number `n`, logged in by session number `n`.
pub(crate) fn person(n: u16) -> Caller {
    let mut pseudonym = [0x77; 32];
    pseudonym[..2].copy_from_slice(&n.to_le_bytes());
    let mut session = [0x55; 16];
    session[..2].copy_from_slice(&n.to_le_bytes());
    Caller {
        authority: AUTHORITY,
        person: Pseudonym(pseudonym),
        entity: None,
        session: SessionId(session),
        session_expires_at: UtcMicros(utc(START).0 + 400 * DAY),
    }
}

/// Person number `n`, logged in for entity number `entity`.
pub(crate) fn representative(n: u16, entity: u16) -> Caller {
    Caller { entity: Some(entity_name(entity)), ..person(n) }
}

/// The name of entity number `n`.
pub(crate) fn entity_name(n: u16) -> Pseudonym {
    let mut pseudonym = [0x33; 32];
    pseudonym[..2].copy_from_slice(&n.to_le_bytes());
    Pseudonym(pseudonym)
}

/// An enforced limit by the month of registration on the web.
pub(crate) fn monthly(name: &str, holder: Holder, subjects: Subjects, max: u32) -> Limit {
    let kind = LimitKind::PerPeriod {
        period: Period::Month,
        of: Moment::Registration,
        count_cancelled: true,
        channel: Channel::Web,
    };
    let (name, mode) = (name.to_owned(), Mode::Enforced);
    Limit { name, kind, holder, max, mode, subjects, services: Vec::new() }
}

/// A wish of person `n` for the entity of their login.
pub(crate) fn wish_for(n: u16, entity: u16, service: ServiceId, wishes: Wishes) -> Book {
    let book = wish(n, TOWN, service, wishes);
    Book { caller: representative(n, entity), subject: Subject::Entity, ..book }
}

/// One start.
#[track_caller]
pub(crate) fn start(day: &str, time: &str) -> Wishes {
    Wishes::Starts(vec![(date(day), minute(time))])
}

/// Any start on these dates.
#[track_caller]
pub(crate) fn span(from: &str, to: &str) -> Wishes {
    Wishes::Any { from: date(from), to: date(to), after: minute("00:00"), before: minute("24:00") }
}

/// A wish of person `n`; wishes that differ have keys that differ.
pub(crate) fn wish(n: u16, office: OfficeId, service: ServiceId, wishes: Wishes) -> Book {
    let said = format!("{n} {office} {service} {wishes:?}");
    let digest = <sha2::Sha256 as sha2::Digest>::digest(said.as_bytes());
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    Book {
        caller: person(n),
        subject: Subject::Person,
        place: Place { authority: AUTHORITY, office, service },
        channel: Channel::Web,
        wishes,
        key: KeyHash(half),
        fingerprint: Fingerprint(half),
    }
}

/// A running ledger and all it was opened with.
pub(crate) struct World {
    pub(crate) disk: SimDisk,
    pub(crate) clock: ManualClock,
    pub(crate) core: Core,
    pub(crate) authority: Authority,
    pub(crate) options: Options,
}

impl World {
    /// The small authority on an empty disk, its horizon open.
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// The same with pieces of the files replaced.
    #[track_caller]
    pub(crate) fn with(replaced: &[(&str, &str)]) -> Self {
        let clock = ManualClock::new(utc(START));
        let world = Self::open(&SimDisk::new(), authority(replaced), &clock, SMALL_JOURNAL);
        let world = world.expect("an empty disk opens");
        world.settle();
        world
    }

    /// The small authority with a policy that is changed in place.
    #[track_caller]
    pub(crate) fn under(change: impl FnOnce(&mut Policy)) -> Self {
        let clock = ManualClock::new(utc(START));
        let mut authority = authority(&[]);
        let mut policy = authority.policy.policy().clone();
        change(&mut policy);
        authority.policy = CompiledPolicy::new(policy).expect("its zones exist");
        let world = Self::open(&SimDisk::new(), authority, &clock, SMALL_JOURNAL);
        let world = world.expect("an empty disk opens");
        world.settle();
        world
    }

    /// Opens what is on a disk; nothing is kept yet.
    pub(crate) fn open(
        disk: &SimDisk,
        authority: Authority,
        clock: &ManualClock,
        options: Options,
    ) -> Result<Self, BadLedger> {
        let (core, _recovery) = Core::open(setup(disk, &authority, clock, &options))?;
        Ok(Self { disk: disk.clone(), clock: clock.clone(), core, authority, options })
    }

    /// Stops in order, and starts again with the same files.
    #[track_caller]
    pub(crate) fn reopen(self) -> Self {
        let authority = self.authority.clone();
        self.reopen_with(authority).expect("the journal opens again")
    }

    /// Stops in order, and starts again with other files.
    pub(crate) fn reopen_with(self, authority: Authority) -> Result<Self, BadLedger> {
        let Self { disk, clock, core, options, .. } = self;
        core.journal().commit_pending(core.now().0).expect("the disk works");
        drop(core);
        Self::open(&disk, authority, &clock, options)
    }

    /// Does what is due and makes it durable.
    #[track_caller]
    pub(crate) fn settle(&self) -> UtcMicros {
        let next = self.core.keep();
        self.commit();
        next
    }

    /// Makes durable what is pending, and the next segment.
    #[track_caller]
    pub(crate) fn commit(&self) {
        self.core.journal().commit_pending(self.core.now().0).expect("the disk works");
        self.core.journal().allocate_spare().expect("the disk has room");
    }

    /// Lets time pass, and does what is due then.
    pub(crate) fn pass(&self, micros: i64) {
        self.clock.advance_micros(micros);
        self.settle();
    }

    /// Books by key, or panics with the refusal.
    #[track_caller]
    pub(crate) fn books(&self, n: u16, service: ServiceId, day: &str, time: &str) -> BookingView {
        booked(self.core.book(&wish(n, TOWN, service, start(day, time))))
    }

    /// Is refused, or panics with the booking.
    #[track_caller]
    pub(crate) fn is_refused(&self, n: u16, service: ServiceId, day: &str, time: &str) -> Refusal {
        refused(self.core.book(&wish(n, TOWN, service, start(day, time))))
    }

    /// Cancels for person `n`.
    pub(crate) fn cancel(&self, n: u16, booking: BookingId) -> Outcome {
        self.core.cancel(&Cancel { caller: person(n), booking })
    }

    /// Whether a date is open for a service in an office.
    #[track_caller]
    pub(crate) fn is_open(&self, office: OfficeId, service: ServiceId, text: &str) -> bool {
        self.core
            .state()
            .day(&day(office, text))
            .is_some_and(|day| day.is_released(service, Channel::Web))
    }

    /// The free starts of the town as text.
    #[track_caller]
    pub(crate) fn free(&self, service: ServiceId, day: &str) -> Vec<String> {
        let place = Place { authority: AUTHORITY, office: TOWN, service };
        match self.core.starts(&place, Channel::Web, date(day)).answer {
            Answer::Starts(view) => view.free.iter().map(|free| free.start.to_string()).collect(),
            other => panic!("{other:?}"),
        }
    }
}

/// What a ledger is opened with.
pub(crate) fn setup(
    disk: &SimDisk,
    authority: &Authority,
    clock: &ManualClock,
    options: &Options,
) -> Setup {
    // Ids and nonces differ between one opening and the next, as they do in life.
    let wall = talon_ledger::clock::Clock::wall(clock).0.unsigned_abs();
    let seed = wall.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ disk.operations();
    Setup {
        disk: Arc::new(disk.clone()),
        journal: options.clone(),
        authorities: vec![authority.clone()],
        clock: Box::new(clock.clone()),
        entropy: Box::new(SimEntropy::new(seed ^ 0xb00c)),
        journal_entropy: Box::new(SimEntropy::new(seed ^ 0x10)),
        release_in_micros: None,
    }
}

/// The booking of an answer that must be one, and that must wait for its record.
#[track_caller]
pub(crate) fn booked(outcome: Outcome) -> BookingView {
    match outcome.answer {
        Answer::Booked { booking, .. } => {
            assert_ne!(outcome.after, Sequence::NONE, "a confirmation waits for its record");
            booking
        }
        other => panic!("not booked: {other:?}"),
    }
}

/// The refusal of an answer that must be one.
#[track_caller]
pub(crate) fn refused(outcome: Outcome) -> Refusal {
    match outcome.answer {
        Answer::Refused(refusal) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

/// An office's date of the small authority.
#[track_caller]
pub(crate) fn day(office: OfficeId, text: &str) -> DayKey {
    DayKey { authority: AUTHORITY, office, date: date(text) }
}

/// All facts on a disk.
#[track_caller]
pub(crate) fn facts(disk: &SimDisk) -> Vec<Record> {
    let mut records = Vec::new();
    let visit = |entry: Entry<'_>| {
        if let Entry::Record { body, .. } = entry {
            records.push(Record::decode(body).expect("a record"));
        }
        Ok::<(), std::convert::Infallible>(())
    };
    read_journal(disk, visit, |_, _| {}).expect("the journal is good").expect("there is one");
    records
}

/// A disk whose journal holds exactly these facts, each a second after the one before, in a batch
/// of its own.
pub(crate) fn journal_of(facts: impl IntoIterator<Item = Fact>) -> SimDisk {
    let disk = SimDisk::new();
    let entropy = Box::new(SimEntropy::new(1));
    let visit = |_, _, _: &[u8]| Ok::<(), std::convert::Infallible>(());
    let (journal, _) = Journal::open(Arc::new(disk.clone()), SMALL_JOURNAL, entropy, visit)
        .expect("an empty disk opens");
    for (second, fact) in (0..).zip(facts) {
        let at = UtcMicros(utc(START).0 + second * SECOND);
        let mut body = Vec::new();
        Record { at, fact }.encode_into(&mut body);
        let room = journal.reserve_records(Class::Ordinary, 1, body.len()).expect("room");
        journal.append(room, &body);
        journal.commit_pending(at.0).expect("the disk works");
        journal.allocate_spare().expect("the disk has room");
    }
    disk
}

/// Judges the journal on a disk.
pub(crate) fn judge(
    disk: &SimDisk,
    at_least: Option<(Sequence, ChainHash)>,
) -> Result<Report, BadJournal> {
    verify(disk, at_least, |_, _| {})
}
