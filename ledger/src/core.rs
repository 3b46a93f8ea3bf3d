//! The ledger's core: state, journal and clock held together, and how a fact becomes both.
//!
//! Owns opening (recovery, replay, policies of today) and appending. The operations live beside
//! it: [`crate::booking`], [`crate::reading`], [`crate::keeper`]. Must not know how callers wait;
//! each operation returns the sequence number that its answer rests on.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};
use talon_domain::booking::BookingState;
use talon_domain::catalogue::Catalogue;
use talon_domain::civil::{CivilDate, UtcMicros};
use talon_domain::ids::{AuthorityId, BookingId, Channel, OfficeId, ServiceId};
use talon_domain::policy::CompiledPolicy;
use talon_journal::{
    Class, Disk, Entropy, Journal, JournalError, OpenError, Options, Recovery, Reservation,
    ReserveError, Sequence,
};
use talon_wire::{Answer, Refusal};

use crate::apply::Violation;
use crate::clock::{Clock, LedgerClock};
use crate::hash::state_hash;
use crate::keeper::Keeping;
use crate::pipeline::{Refused, apply_beside};
use crate::record::{BadRecord, DayKey, Fact, Record};
use crate::snapshot::{self, Loaded, Skipped};
use crate::state::State;

/// An authority as the files of today describe it.
#[derive(Clone, Debug)]
pub struct Authority {
    /// Its offices and services.
    pub catalogue: Arc<Catalogue>,
    /// Its policy.
    pub policy: CompiledPolicy,
    /// SHA-256 over the texts of both files, so that two processes can tell whether they have the
    /// same.
    pub digest: [u8; 32],
}

/// All authorities of a partition, by id.
pub type Authorities = BTreeMap<AuthorityId, Authority>;

/// What a ledger is opened with.
pub struct Setup {
    /// The journal's directory.
    pub disk: Arc<dyn Disk>,
    /// How the journal is kept.
    pub journal: Options,
    /// The authorities of this partition.
    pub authorities: Vec<Authority>,
    /// Where time comes from.
    pub clock: Box<dyn Clock>,
    /// Where booking ids and the moments of returns come from.
    pub entropy: Box<dyn Entropy>,
    /// Where the journal's nonces come from.
    pub journal_entropy: Box<dyn Entropy>,
    /// For demonstrations: the next dates that have visits open this long after the start.
    pub release_in_micros: Option<i64>,
}

/// Why a ledger does not open.
#[derive(Debug, thiserror::Error)]
pub enum BadLedger {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The snapshots cannot be looked for.
    #[error("the snapshots: {0}")]
    Snapshots(#[source] std::io::Error),
    /// A record cannot be read.
    #[error("record {sequence}: {source}")]
    Record {
        /// Which record.
        sequence: Sequence,
        /// Why.
        source: BadRecord,
    },
    /// The records contradict each other.
    #[error("record {sequence}: {source}")]
    Contradiction {
        /// Which record.
        sequence: Sequence,
        /// How.
        source: Violation,
    },
    /// Today's catalogue lacks what live bookings are for.
    #[error(
        "the catalogue lacks what {count} live bookings are for; put it back, or cancel them \
         first:{}",
        lines(.listed)
    )]
    Displaced {
        /// How many bookings.
        count: usize,
        /// What is lacking, at most [`MAX_DISPLACED_LISTED`] lines.
        listed: Vec<Displaced>,
    },
    /// A policy of today cannot be written.
    #[error("the journal has no room for the policy of authority {0}; make room on its disk")]
    NoRoomForPolicy(AuthorityId),
}

/// Most lines that a refusal lists.
pub const MAX_DISPLACED_LISTED: usize = 50;

/// Something that live bookings are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Displaced {
    /// Whose catalogue lacks it.
    pub authority: AuthorityId,
    /// In which office.
    pub office: OfficeId,
    /// Which service.
    pub service: ServiceId,
    /// On which date.
    pub date: CivilDate,
}

fn lines(displaced: &[Displaced]) -> String {
    let line = |of: &Displaced| {
        let Displaced { authority, office, service, date } = of;
        format!("\n  authority {authority}, office {office}, service {service}, {date}")
    };
    displaced.iter().map(line).collect()
}

/// Why a record of a replay is refused.
#[derive(Debug, thiserror::Error)]
pub enum BadReplay {
    /// It cannot be read.
    #[error(transparent)]
    Record(#[from] BadRecord),
    /// It contradicts the records before it.
    #[error(transparent)]
    Violation(#[from] Violation),
}

/// Applies one record of a replay; `at` becomes the latest ledger time so far.
pub(crate) fn replay(
    state: &State,
    at: &mut UtcMicros,
    sequence: Sequence,
    body: &[u8],
) -> Result<(), BadReplay> {
    Ok(replay_decoded(state, at, sequence, Record::decode(body)?)?)
}

/// The same for a record that was read elsewhere.
fn replay_decoded(
    state: &State,
    at: &mut UtcMicros,
    sequence: Sequence,
    record: Record,
) -> Result<(), Violation> {
    *at = record.at.max(*at);
    state.apply(sequence, record)
}

/// An answer, and the record that has to be durable before it may leave.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What to say.
    pub answer: Answer,
    /// After which record; [`Sequence::NONE`] promises nothing and leaves at once.
    pub after: Sequence,
}

impl Outcome {
    pub(crate) fn now(answer: Answer) -> Self {
        Self { answer, after: Sequence::NONE }
    }

    pub(crate) fn refused(refusal: Refusal) -> Self {
        Self::now(Answer::Refused(refusal))
    }
}

/// The authority on who has which place.
pub struct Core {
    pub(crate) state: State,
    /// Replaced as a whole by [`crate::reload`].
    pub(crate) authorities: ArcSwap<Authorities>,
    pub(crate) journal: Journal,
    pub(crate) clock: LedgerClock,
    pub(crate) keeping: Keeping,
    /// Held shared by whoever decides about a holder or a session, from the first look until the record
    /// is applied, and alone while what they stand on changes as a whole: policies, and what is not
    /// forgotten. So nothing is decided by one policy and recorded under the next, and a record stands on
    /// the same side of a forgetting in the journal and here.
    pub(crate) deciding: RwLock<()>,
    entropy: Mutex<Box<dyn Entropy>>,
}

impl Core {
    /// Opens the journal, replays it, and puts the policies of today in force.
    ///
    /// The caller then runs [`Core::keep`] once before it serves anything.
    ///
    /// # Errors
    /// [`BadLedger`].
    pub fn open(setup: Setup) -> Result<(Self, Recovery), BadLedger> {
        let Loaded { state, at: mut last_at, covered, skipped, .. } =
            snapshot::best(&*setup.disk, |_, _| true).map_err(BadLedger::Snapshots)?;
        for Skipped { segment, reason } in &skipped {
            tracing::warn!(snapshot = %segment, reason, "a snapshot is not good and was passed over");
        }
        let (options, entropy) = (setup.journal, setup.journal_entropy);
        let (opened, applied) = apply_beside(
            |sequence, record| replay_decoded(&state, &mut last_at, sequence, record),
            |feeder| {
                let visit = |sequence, _committed_at, body: &[u8]| feeder.push(sequence, body);
                Journal::open_after(setup.disk, options, entropy, covered, visit)
            },
        );
        // What was refused comes before whatever the reading found after it.
        applied.map_err(|Refused { sequence, source }| match source {
            BadReplay::Record(source) => BadLedger::Record { sequence, source },
            BadReplay::Violation(source) => BadLedger::Contradiction { sequence, source },
        })?;
        let (journal, recovery) = opened.map_err(|error| match error {
            OpenError::Journal(error) => BadLedger::Journal(error),
            OpenError::Visit { .. } => unreachable!("the reading ends when a record was refused"),
        })?;
        let clock = LedgerClock::new(setup.clock, last_at);
        let authorities = by_id(setup.authorities);
        let keeping = Keeping::new(
            clock.now(),
            never_released(&state, &authorities),
            setup.release_in_micros,
        );
        let entropy = Mutex::new(setup.entropy);
        let authorities = ArcSwap::from_pointee(authorities);
        let deciding = RwLock::new(());
        let core = Self { state, authorities, journal, clock, keeping, deciding, entropy };
        core.refuse_displaced(&core.authorities.load())?;
        core.set_policies()?;
        Ok((core, recovery))
    }

    /// The journal, for its commit thread and its measures.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The state hash; taken while nothing is going on.
    pub fn state_hash(&self) -> [u8; 32] {
        state_hash(&self.state)
    }

    /// The state, for those who check it.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Ledger time now.
    pub fn now(&self) -> UtcMicros {
        self.clock.now()
    }

    /// Writes the policies of today where they differ from those in force.
    fn set_policies(&self) -> Result<(), BadLedger> {
        for (id, authority) in self.authorities.load().iter() {
            if self.is_policy_new(*id, authority) {
                let fact = Fact::PolicySet(authority.policy.policy().clone());
                self.append_own(self.clock.now(), fact).ok_or(BadLedger::NoRoomForPolicy(*id))?;
                self.state.set_policy(authority.policy.clone());
            }
        }
        Ok(())
    }

    /// Whether an authority's policy is not the one in force.
    pub(crate) fn is_policy_new(&self, id: AuthorityId, authority: &Authority) -> bool {
        let in_force = self.state.policy(id);
        in_force.is_none_or(|policy| policy.policy() != authority.policy.policy())
    }

    /// Refuses authorities that lack what live bookings are for.
    pub(crate) fn refuse_displaced(&self, authorities: &Authorities) -> Result<(), BadLedger> {
        let now = self.clock.now();
        let mut displaced = Vec::new();
        let offers = |day: &DayKey, service| {
            let authority = authorities.get(&day.authority);
            let office = authority.and_then(|of| of.catalogue.office(day.office));
            office.is_some_and(|office| office.offers(service))
        };
        // A booking is for a service of a day that is there, and days are few beside bookings. Nearly
        // always nothing is lacking.
        let mut is_any_lacking = false;
        self.state.each_day(|key, day| {
            let mut services = day.shape().services().iter();
            is_any_lacking |= services.any(|service| !offers(key, *service));
        });
        if !is_any_lacking {
            return Ok(());
        }
        self.state.each_person(|person| {
            for booking in person.bookings() {
                let is_known = || offers(&booking.seat.day, booking.service);
                let is_live =
                    || booking.state == BookingState::Booked && self.state.ends_at(booking) > now;
                if !is_known() && is_live() {
                    let DayKey { authority, office, date } = booking.seat.day;
                    displaced.push(Displaced { authority, office, service: booking.service, date });
                }
            }
        });
        if displaced.is_empty() {
            return Ok(());
        }
        displaced.sort_unstable();
        let count = displaced.len();
        displaced.dedup();
        displaced.truncate(MAX_DISPLACED_LISTED);
        Err(BadLedger::Displaced { count, listed: displaced })
    }

    /// Appends a fact for which room is reserved.
    pub(crate) fn append(&self, reservation: Reservation, at: UtcMicros, fact: &Fact) -> Sequence {
        thread_local! {
            static BODY: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        BODY.with_borrow_mut(|body| {
            body.clear();
            Record::encode_parts(at, fact, body);
            self.journal.append(reservation, body)
        })
    }

    /// Appends a fact of the ledger's own making, waiting for the disk when too much is pending.
    /// Returns nothing when the journal is full or has failed; the fact has then not happened.
    pub(crate) fn append_own(&self, at: UtcMicros, fact: Fact) -> Option<Sequence> {
        let mut body = Vec::new();
        Record { at, fact }.encode_into(&mut body);
        let reservation = self.reserve_own(at, body.len())?;
        Some(self.journal.append(reservation, &body))
    }

    /// Appends a fact of the ledger's own making if there is room at this moment: whoever serves must not wait.
    pub(crate) fn append_now(&self, at: UtcMicros, fact: Fact) -> Result<Sequence, ReserveError> {
        let mut body = Vec::new();
        Record { at, fact }.encode_into(&mut body);
        let reservation = self.journal.reserve_records(Class::Ordinary, 1, body.len())?;
        Ok(self.journal.append(reservation, &body))
    }

    /// Reserves room for a fact of the ledger's own making, as [`Core::append_own`] does.
    pub(crate) fn reserve_own(&self, at: UtcMicros, body_bytes: usize) -> Option<Reservation> {
        loop {
            match self.journal.reserve_records(Class::Ordinary, 1, body_bytes) {
                Ok(reservation) => return Some(reservation),
                Err(ReserveError::Busy) => self.make_room(at)?,
                Err(error) => {
                    tracing::warn!(%error, "the ledger cannot write a fact of its own now");
                    return None;
                }
            }
        }
    }

    /// Waits for the disk, whoever commits; nothing when no room can come of it.
    fn make_room(&self, at: UtcMicros) -> Option<()> {
        if self.journal.commit_pending(at.0).ok()?.is_some() {
            return Some(());
        }
        // Nothing was pending, so only the next segment can help. While the ledger opens no thread
        // makes one yet.
        match self.journal.allocate_spare() {
            Ok(true) => {}
            // The room is promised to others, who are about to append.
            Ok(false) => std::thread::yield_now(),
            Err(error) => {
                tracing::warn!(%error, "the ledger cannot write a fact of its own now");
                return None;
            }
        }
        Some(())
    }

    pub(crate) fn random<const N: usize>(&self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.entropy.lock().fill(&mut bytes).ok()?;
        Some(bytes)
    }

    pub(crate) fn new_booking_id(&self) -> Option<BookingId> {
        self.random().map(BookingId)
    }
}

/// Authorities by their ids.
pub(crate) fn by_id(authorities: Vec<Authority>) -> Authorities {
    authorities.into_iter().map(|authority| (authority.catalogue.authority, authority)).collect()
}

/// The services of which nothing has ever been released to a channel: their whole horizon opens to
/// it at once.
pub(crate) fn never_released(
    state: &State,
    authorities: &Authorities,
) -> BTreeSet<(AuthorityId, ServiceId, Channel)> {
    authorities
        .values()
        .flat_map(|authority| {
            let id = authority.catalogue.authority;
            authority.catalogue.services.iter().map(move |service| (id, service.id))
        })
        .flat_map(|(authority, service)| {
            Channel::WITH_TIMES.map(|channel| (authority, service, channel))
        })
        .filter(|(authority, service, channel)| {
            state.released_through(*authority, *service, *channel).is_none()
        })
        .collect()
}

/// What a full or busy journal means to somebody who wants something.
pub(crate) fn refusal_of(error: &ReserveError) -> Refusal {
    match error {
        ReserveError::Full | ReserveError::TooLarge { .. } => Refusal::JournalFull,
        ReserveError::Busy => Refusal::Busy,
        ReserveError::Failed => Refusal::Unavailable,
    }
}
