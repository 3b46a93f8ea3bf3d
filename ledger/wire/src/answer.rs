//! What the ledger answers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use talon_domain::booking::{BookingState, Subject};
use talon_domain::civil::{CivilDate, Minute, UtcMicros};
use talon_domain::ids::{AuthorityId, BookingId, Channel, KeyHash, OfficeId, Pseudonym, ServiceId};
use talon_domain::limits::{LimitRefusal, Usage};

/// The ledger's answer to one command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The booking exists, durably.
    Booked {
        /// The booking.
        booking: BookingView,
        /// Whether an earlier request under the same key made it.
        repeated: bool,
        /// How far the person has now used the limit that a gateway may remember.
        usage: Option<Usage>,
        /// The sequence number of the fact behind `usage`.
        sequence: u64,
    },
    /// The booking is cancelled, durably.
    Cancelled(BookingView),
    /// The caller's bookings, by visit.
    Bookings(Vec<BookingView>),
    /// One booking.
    Booking(BookingView),
    /// The dates of an office for a service.
    Days(Vec<DayView>),
    /// The starts of one date.
    Starts(StartsView),
    /// The session is refused from now on.
    SessionRevoked,
    /// The session was not ended by a logout.
    SessionLive,
    /// Who a login is, durably: the names to go by.
    Identified {
        /// The human.
        person: Pseudonym,
        /// The legal entity, when one was named.
        entity: Option<Pseudonym>,
    },
    /// The peppers are known.
    PeppersKnown,
    /// What became of the visit is noted, durably.
    Concluded(BookingView),
    /// Nothing blocks the subject, durably.
    Unblocked,
    /// Nothing was done.
    Refused(Refusal),
}

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The session was ended by a logout.
    SessionRevoked,
    /// No such office.
    UnknownOffice,
    /// No such service, or the office does not offer it.
    UnknownService,
    /// The wished start is over.
    Past,
    /// No visit for this service starts then.
    UnknownStart,
    /// The date is not open yet.
    NotReleased(Release),
    /// Somebody else has it.
    Taken {
        /// What is left of the first wished date.
        free: Vec<FreeStart>,
    },
    /// The idempotency key was used to ask for something else.
    KeyReused,
    /// A limit of the policy; `sequence` is that of the fact it rests on.
    Limit {
        /// Which limit, and how far it is used.
        refusal: LimitRefusal,
        /// How far the person has used the limit that a gateway may remember.
        usage: Option<Usage>,
        /// The person's last sequence number.
        sequence: u64,
        /// The idempotency keys of the person's bookings: repeats of these are no new attempts.
        keys: Vec<KeyHash>,
    },
    /// The caller has no such booking.
    NotFound,
    /// The login names no legal entity to act for.
    NoEntity,
    /// The booking is no longer live: cancelled, moved, or its visit is over.
    NotLive(BookingState),
    /// The policy allows no further move of this booking.
    MovedTooOften {
        /// How often it was moved.
        count: u8,
        /// How often it may be.
        limit: u8,
    },
    /// The visit has not begun, so nothing can have become of it.
    NotBegun {
        /// When it begins.
        starts_at: UtcMicros,
    },
    /// Something still counts under a pepper that is no longer among those given.
    PepperCounts {
        /// How many persons.
        persons: u64,
    },
    /// The deadline for cancelling or moving has passed.
    TooLate {
        /// The deadline.
        until: UtcMicros,
    },
    /// The journal has no room for bookings.
    JournalFull,
    /// Too much is waiting for the disk; try again soon.
    Busy,
    /// The ledger cannot be reached or has failed; the outcome is found under the same key.
    Unavailable,
}

/// When a date opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The moment, when one is planned.
    pub opens_at: Option<UtcMicros>,
    /// Whether that is later than the policy's moment, because that one was missed.
    pub late: bool,
}

/// A booking as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingView {
    /// Its id.
    pub id: BookingId,
    /// Whose office.
    pub authority: AuthorityId,
    /// Which office.
    pub office: OfficeId,
    /// What for.
    pub service: ServiceId,
    /// The civil date of the visit.
    pub date: CivilDate,
    /// The minute at which it starts, on the office's clocks.
    pub start: Minute,
    /// How long it lasts.
    pub minutes: u16,
    /// The start in UTC, by the office's zone rules of today.
    pub starts_at: UtcMicros,
    /// IANA name of the office's zone.
    pub zone: Arc<str>,
    /// The last moment at which it may be cancelled.
    pub cancel_until: UtcMicros,
    /// The last moment at which it may be moved; nothing when it may not be at all.
    pub move_until: Option<UtcMicros>,
    /// By which channel it was booked.
    pub channel: Channel,
    /// Whether it is a legal entity's.
    pub subject: Subject,
    /// What has become of it.
    pub state: BookingState,
}

/// One date of an office for a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayView {
    /// The date.
    pub date: CivilDate,
    /// How many visits still fit.
    pub free: u32,
    /// When it opens, unless it is open.
    pub release: Option<Release>,
}

/// A start at which a visit still fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreeStart {
    /// The minute of the day.
    pub start: Minute,
    /// At how many desks.
    pub desks: u16,
}

/// The starts of one date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartsView {
    /// When the date opens, unless it is open.
    pub release: Option<Release>,
    /// The free starts, in order; none while the date is not open.
    pub free: Vec<FreeStart>,
}

/// Whether the ledger can promise anything, and why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Each check with what it found.
    pub checks: Vec<(String, Finding)>,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Finding {
    /// Nothing.
    Good,
    /// What keeps people from booking.
    Failed(String),
    /// What somebody has to look at, while people book as before: no reason to turn them away.
    Impaired(String),
}

impl Health {
    /// Whether no check failed.
    pub fn is_ready(&self) -> bool {
        !self.checks.iter().any(|(_, finding)| matches!(finding, Finding::Failed(_)))
    }
}

/// As it stands behind the name of its check.
impl std::fmt::Display for Finding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Good => formatter.write_str("ok"),
            Self::Failed(what) => formatter.write_str(what),
            Self::Impaired(what) => write!(formatter, "impaired: {what}"),
        }
    }
}
