//! What a gateway asks of the ledger.

use serde::{Deserialize, Serialize};
use talon_domain::booking::{Subject, Visit};
use talon_domain::civil::{CivilDate, Minute, UtcMicros};
use talon_domain::ids::{
    AuthorityId, BookingId, Channel, Fingerprint, KeyHash, OfficeId, PepperId, Pseudonym,
    ServiceId, SessionId,
};

/// Most starts in one wish list.
pub const MAX_WISHES: usize = 16;
/// Most pseudonyms under which one login knows one person or entity: every live pepper times every
/// identifier.
pub const MAX_NAMES: usize = 12;

/// One request to the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Book a slot.
    Book(Book),
    /// Cancel a booking.
    Cancel(Cancel),
    /// All bookings of the caller that still count.
    Bookings(Caller),
    /// One booking of the caller.
    Booking {
        /// Who asks.
        caller: Caller,
        /// Which one.
        booking: BookingId,
    },
    /// The dates of an office for a service, with what is free for a channel.
    Days {
        /// Where, what for.
        place: Place,
        /// For whom.
        channel: Channel,
    },
    /// The free starts of one date.
    Starts {
        /// Where, what for.
        place: Place,
        /// For whom.
        channel: Channel,
        /// When.
        date: CivilDate,
    },
    /// Refuse this session from now on.
    RevokeSession(Caller),
    /// What became of an earlier request under an idempotency key.
    Find {
        /// Who asks.
        caller: Caller,
        /// The key.
        key: KeyHash,
        /// What was asked under it.
        fingerprint: Fingerprint,
    },
    /// Whether this session is still good.
    Session(Caller),
    /// Claim another place and give back the one of a booking, in one step.
    Move(Move),
    /// Join the pseudonyms under which a login knows one person, and one entity.
    Identify(Identify),
    /// Take note of the peppers that gateways have; refused while something counts under one that
    /// is no longer among them.
    Peppers(Vec<PepperId>),
    /// Note what became of a visit.
    Conclude {
        /// Whose office.
        authority: AuthorityId,
        /// Whose booking it is.
        subject: Pseudonym,
        /// Which booking.
        booking: BookingId,
        /// What became of it.
        visit: Visit,
    },
    /// Lift a person's or an entity's block, in person.
    Unblock {
        /// Whose office.
        authority: AuthorityId,
        /// Whose block.
        subject: Pseudonym,
    },
}

/// The pseudonyms of one login at one authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identify {
    /// Which authority the pseudonyms belong to.
    pub authority: AuthorityId,
    /// Of the human, at least one and at most [`MAX_NAMES`]; the one to go by comes first: the newest
    /// pepper, and the first kind of identifier that is present.
    pub person: Vec<Pseudonym>,
    /// Of the legal entity that the human acts for, in the same order; none for themselves only.
    pub entity: Vec<Pseudonym>,
}

/// A wish to move a booking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Whose booking it is.
    pub caller: Caller,
    /// Which booking.
    pub booking: BookingId,
    /// To which office; authority, service, channel and subject stay.
    pub office: OfficeId,
    /// When.
    pub wishes: Wishes,
    /// Under which idempotency key, scoped to the caller.
    pub key: KeyHash,
    /// What was asked under that key.
    pub fingerprint: Fingerprint,
}

/// An identified human with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// Which ledger partition the pseudonym belongs to.
    pub authority: AuthorityId,
    /// Who it is.
    pub person: Pseudonym,
    /// The legal entity that they act for, as the identification hub said.
    pub entity: Option<Pseudonym>,
    /// By which login.
    pub session: SessionId,
    /// When that login ends by itself.
    pub session_expires_at: UtcMicros,
}

/// An office and what one comes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Whose office.
    pub authority: AuthorityId,
    /// Which office.
    pub office: OfficeId,
    /// Which service.
    pub service: ServiceId,
}

/// A wish to book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// Who books.
    pub caller: Caller,
    /// For whom: whose quota counts.
    pub subject: Subject,
    /// Where, what for.
    pub place: Place,
    /// By which channel.
    pub channel: Channel,
    /// When.
    pub wishes: Wishes,
    /// Under which idempotency key, scoped to the caller.
    pub key: KeyHash,
    /// What was asked under that key.
    pub fingerprint: Fingerprint,
}

/// Which starts would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wishes {
    /// The first of these that is free, in this order; at most [`MAX_WISHES`].
    Starts(Vec<(CivilDate, Minute)>),
    /// The earliest free start on these dates, both included, between these minutes of the day.
    Any {
        /// The first date.
        from: CivilDate,
        /// The last date.
        to: CivilDate,
        /// The earliest start.
        after: Minute,
        /// The first start that is too late.
        before: Minute,
    },
}

impl Wishes {
    /// The date that is wished for first; nothing when there is no wish.
    pub fn first_date(&self) -> Option<CivilDate> {
        match self {
            Self::Starts(starts) => starts.first().map(|(date, _)| *date),
            Self::Any { from, .. } => Some(*from),
        }
    }
}

/// A wish to cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// Whose booking it is.
    pub caller: Caller,
    /// Which booking.
    pub booking: BookingId,
}
