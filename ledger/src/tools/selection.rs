//! Which records `inspect` shows.
//!
//! Owns the filters and what each means for each kind of fact. Must not know how records are
//! printed. `inspect` asks it about every record.

use std::num::ParseIntError;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use serde::Serialize;
use talon_domain::civil::CivilDate;
use talon_domain::ids::{AuthorityId, OfficeId, Pseudonym};
use talon_journal::Sequence;
use talon_ledger::record::{Booked, DayKey, Fact};

use super::places::Places;

/// The kinds of facts, by the names they have in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// A policy came into force
    PolicySet,
    /// An office's date came to exist
    DayGenerated,
    /// A date opened for a service
    Released,
    /// A place was claimed
    Booked,
    /// A booking was cancelled
    Cancelled,
    /// A cancelled place became free again
    Returned,
    /// Somebody logged out
    SessionRevoked,
    /// Visits before a date were dropped
    Forgotten,
    /// Names turned out to be one holder's
    Linked,
    /// A booking took the place of another
    Moved,
    /// What became of a visit was noted
    Concluded,
    /// A block for missed visits was lifted
    Unblocked,
    /// The gateways' peppers changed
    PeppersSet,
}

impl From<&Fact> for Kind {
    fn from(fact: &Fact) -> Self {
        match fact {
            Fact::PolicySet(_) => Self::PolicySet,
            Fact::DayGenerated { .. } => Self::DayGenerated,
            Fact::Released { .. } => Self::Released,
            Fact::Booked(_) => Self::Booked,
            Fact::Cancelled { .. } => Self::Cancelled,
            Fact::Returned { .. } => Self::Returned,
            Fact::SessionRevoked { .. } => Self::SessionRevoked,
            Fact::Forgotten { .. } => Self::Forgotten,
            Fact::Linked { .. } => Self::Linked,
            Fact::Moved(_) => Self::Moved,
            Fact::Concluded { .. } => Self::Concluded,
            Fact::Unblocked { .. } => Self::Unblocked,
            Fact::PeppersSet { .. } => Self::PeppersSet,
        }
    }
}

/// The filters; a record is shown when it passes all of them.
#[derive(Args)]
pub(crate) struct Selection {
    /// Bookings by or for a person and what became of them, links of names and lifted blocks, by the
    /// first digits of the pseudonym.
    #[arg(long, value_name = "HEX_PREFIX")]
    person: Option<HexPrefix>,
    /// Days, releases and bookings of an office, and their cancellations and returns.
    #[arg(long, value_parser = office)]
    office: Option<OfficeId>,
    /// What concerns an authority; the end of a session, a link of names, a lifted block and the
    /// peppers concern none.
    #[arg(long, value_parser = authority)]
    authority: Option<AuthorityId>,
    /// The day and releases of a date, bookings for it, and their cancellations and returns.
    #[arg(long, value_name = "YYYY-MM-DD")]
    day: Option<CivilDate>,
    /// Facts of this kind; may be given several times.
    #[arg(long = "kind", value_name = "KIND", value_enum)]
    kinds: Vec<Kind>,
    /// The first record.
    #[arg(long, value_name = "SEQUENCE", default_value_t = 1)]
    from: u64,
    /// The last record.
    #[arg(long, value_name = "SEQUENCE")]
    to: Option<u64>,
    /// The most records that are shown.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

/// The first digits of a pseudonym.
#[derive(Clone, Debug)]
struct HexPrefix(String);

/// Text that no pseudonym begins with.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a pseudonym begins with 1 to {MAX_PREFIX_DIGITS} hexadecimal digits")]
struct BadPrefix;

/// Digits of a whole pseudonym.
const MAX_PREFIX_DIGITS: usize = 2 * size_of::<Pseudonym>();

impl FromStr for HexPrefix {
    type Err = BadPrefix;

    fn from_str(text: &str) -> Result<Self, BadPrefix> {
        let is_prefix = (1..=MAX_PREFIX_DIGITS).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_prefix.then(|| Self(text.to_ascii_lowercase())).ok_or(BadPrefix)
    }
}

impl HexPrefix {
    fn begins(&self, pseudonym: &Pseudonym) -> bool {
        hex::encode(pseudonym.0).starts_with(&self.0)
    }
}

fn office(text: &str) -> Result<OfficeId, ParseIntError> {
    text.parse().map(OfficeId)
}

fn authority(text: &str) -> Result<AuthorityId, ParseIntError> {
    text.parse().map(AuthorityId)
}

impl Selection {
    /// Whether the filters agree with each other.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        match self.to {
            Some(to) if to < self.from => Err("--to is before --from"),
            _ => Ok(()),
        }
    }

    /// Whether nothing after record `sequence` can be shown, when `shown` have been.
    pub(crate) fn ends(&self, sequence: Sequence, shown: u64) -> bool {
        self.to.is_some_and(|to| sequence.get() >= to) || self.is_full(shown)
    }

    /// Whether as many are shown as were asked for.
    pub(crate) fn is_full(&self, shown: u64) -> bool {
        self.limit.is_some_and(|limit| shown >= limit)
    }

    /// Whether a record is wanted, given what the records before it say.
    pub(crate) fn wants(&self, sequence: Sequence, fact: &Fact, places: &Places) -> bool {
        sequence.get() >= self.from
            && self.to.is_none_or(|to| sequence.get() <= to)
            && (self.kinds.is_empty() || self.kinds.contains(&Kind::from(fact)))
            && self.person.as_ref().is_none_or(|prefix| concerns_person(prefix, fact, places))
            && self.wants_place(fact, places)
    }

    fn wants_place(&self, fact: &Fact, places: &Places) -> bool {
        if self.authority.is_none() && self.office.is_none() && self.day.is_none() {
            return true;
        }
        let has = |authority: Option<AuthorityId>, offices: &[OfficeId], date| {
            self.authority.is_none_or(|wanted| authority == Some(wanted))
                && self.office.is_none_or(|wanted| offices.contains(&wanted))
                && self.day.is_none_or(|wanted| date == Some(wanted))
        };
        let on = |day: &DayKey| has(Some(day.authority), &[day.office], Some(day.date));
        match fact {
            Fact::PolicySet(policy) => has(Some(policy.authority), &[], None),
            Fact::DayGenerated { day, .. } => on(day),
            Fact::Released { authority, date, offices, .. } => {
                has(Some(*authority), offices, Some(*date))
            }
            Fact::Booked(booked) => on(&booked.seat.day),
            Fact::Moved(moved) => {
                let before = places.booking(&moved.from);
                on(&moved.booked.seat.day) || before.is_some_and(|known| on(&known.seat.day))
            }
            Fact::Cancelled { booking, .. } | Fact::Concluded { booking, .. } => {
                places.booking(booking).is_some_and(|known| on(&known.seat.day))
            }
            Fact::Returned { seat, .. } => on(&seat.day),
            Fact::SessionRevoked { .. }
            | Fact::Linked { .. }
            | Fact::Unblocked { .. }
            | Fact::PeppersSet { .. } => false,
            Fact::Forgotten { authority, .. } => has(Some(*authority), &[], None),
        }
    }
}

/// Whether a fact is about a booking that the person has or made.
fn concerns_person(prefix: &HexPrefix, fact: &Fact, places: &Places) -> bool {
    let of_known = |booking| {
        places.booking(booking).is_some_and(|known| {
            prefix.begins(&known.subject) || known.actor.is_some_and(|actor| prefix.begins(&actor))
        })
    };
    let of_booked = |booked: &Booked| {
        prefix.begins(&booked.subject) || booked.actor.is_some_and(|actor| prefix.begins(&actor))
    };
    match fact {
        Fact::Booked(booked) => of_booked(booked),
        Fact::Moved(moved) => of_booked(&moved.booked),
        Fact::Cancelled { subject, booking, .. } | Fact::Concluded { subject, booking, .. } => {
            prefix.begins(subject) || of_known(booking)
        }
        Fact::Returned { booking, .. } => of_known(booking),
        Fact::Linked { into, from } => {
            prefix.begins(into) || from.iter().any(|name| prefix.begins(name))
        }
        Fact::Unblocked { subject } => prefix.begins(subject),
        Fact::PolicySet(_)
        | Fact::DayGenerated { .. }
        | Fact::Released { .. }
        | Fact::SessionRevoked { .. }
        | Fact::Forgotten { .. }
        | Fact::PeppersSet { .. } => false,
    }
}
