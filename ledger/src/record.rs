//! The facts that the journal keeps, and their bytes.
//!
//! A fact says what has happened, never what to do, so replay has nothing to decide. Bytes are one
//! version byte and the postcard form; a new kind of fact is a new variant at the end. Must not
//! know how facts are framed on disk. `JOURNAL.md` beside this crate's manifest describes each.

use serde::{Deserialize, Serialize};
use talon_domain::booking::Visit;
use talon_domain::civil::{CivilDate, UtcMicros};
use talon_domain::ids::{
    AuthorityId, BookingId, Channel, Fingerprint, KeyHash, OfficeId, PepperId, Pseudonym,
    ServiceId, SessionId,
};
use talon_domain::policy::Policy;
use talon_domain::shape::DayShape;

/// First byte of every record body.
pub const RECORD_VERSION: u8 = 1;

/// One fact and when it happened, by ledger time, which never goes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When.
    pub at: UtcMicros,
    /// What.
    pub fact: Fact,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fact {
    /// This policy is in force from now on.
    PolicySet(Policy),
    /// An office's date exists, with this shape, all of it unclaimed and not released.
    DayGenerated {
        /// Which day.
        day: DayKey,
        /// Its shifts and masks.
        shape: DayShape,
    },
    /// A date may be booked for a service.
    Released {
        /// Whose offices.
        authority: AuthorityId,
        /// For which service.
        service: ServiceId,
        /// By which channel.
        channel: Channel,
        /// Which date.
        date: CivilDate,
        /// In which offices: those that have the service on that date.
        offices: Vec<OfficeId>,
        /// Whether the policy's moment had been missed.
        late: bool,
    },
    /// A place is claimed, and somebody owns it.
    Booked(Booked),
    /// A booking is cancelled; its place is withheld until it returns.
    Cancelled {
        /// Whose booking it is.
        subject: Pseudonym,
        /// Which booking.
        booking: BookingId,
        /// When its place returns.
        returns_at: UtcMicros,
    },
    /// A withheld place is unclaimed again.
    Returned {
        /// The booking that had it.
        booking: BookingId,
        /// The moment for which it was withheld.
        returns_at: UtcMicros,
        /// The place.
        seat: Seat,
    },
    /// A session ended before its time.
    SessionRevoked {
        /// Which session.
        session: SessionId,
        /// When it would have ended by itself.
        expires_at: UtcMicros,
    },
    /// Visits before this date no longer count for anything and are dropped.
    Forgotten {
        /// Whose offices.
        authority: AuthorityId,
        /// The first date that is kept.
        before: CivilDate,
    },
    /// These names are one holder's: what stands under the others stands under the first now.
    Linked {
        /// The name to go by.
        into: Pseudonym,
        /// The others, in the order in which what they hold is joined.
        from: Vec<Pseudonym>,
    },
    /// A booking takes the place of another one of the same holder.
    Moved(Moved),
    /// What became of a visit is known.
    Concluded {
        /// Whose booking it is.
        subject: Pseudonym,
        /// Which booking.
        booking: BookingId,
        /// What became of it.
        visit: Visit,
        /// How many visits of a period the holder has missed by now, when that is enough for a
        /// block.
        blocks: Option<u32>,
    },
    /// A block is lifted; visits missed until now block no more.
    Unblocked {
        /// Whose block.
        subject: Pseudonym,
    },
    /// The gateways have these peppers, the one in use first.
    PeppersSet {
        /// Their names.
        peppers: Vec<PepperId>,
    },
}

/// An office on a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DayKey {
    /// Whose office.
    pub authority: AuthorityId,
    /// Which office.
    pub office: OfficeId,
    /// Which date.
    pub date: CivilDate,
}

/// Consecutive steps of one shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Seat {
    /// Which day.
    pub day: DayKey,
    /// The shift's place in the day's shape.
    pub shift: u16,
    /// The first step.
    pub step: u8,
    /// How many steps.
    pub steps: u8,
}

/// A place was claimed within the limits of its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booked {
    /// The new booking.
    pub booking: BookingId,
    /// Whose quota counts.
    pub subject: Pseudonym,
    /// The identified human who booked; nothing when it is the subject.
    pub actor: Option<Pseudonym>,
    /// By which channel.
    pub channel: Channel,
    /// What for.
    pub service: ServiceId,
    /// The place.
    pub seat: Seat,
    /// Under which idempotency key, scoped to the actor.
    pub key: KeyHash,
    /// What was asked under that key.
    pub fingerprint: Fingerprint,
}

/// A place was claimed instead of another one, which is withheld until it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The new booking.
    pub booked: Booked,
    /// The booking whose place it takes.
    pub from: BookingId,
    /// Whether both count; otherwise the new one counts in the old one's stead, with its moment of
    /// registration.
    pub counts: bool,
    /// When the old place returns.
    pub returns_at: UtcMicros,
}

/// Bytes that are no record this program knows.
#[derive(Debug, thiserror::Error)]
pub enum BadRecord {
    /// No bytes at all.
    #[error("an empty record")]
    Empty,
    /// Another version.
    #[error("record version {found}; this program knows version {RECORD_VERSION}")]
    Version {
        /// The version found.
        found: u8,
    },
    /// The version is right and the rest is not.
    #[error("a record that does not decode: {0}")]
    Body(#[from] postcard::Error),
    /// Bytes after the record.
    #[error("{extra} bytes after the record")]
    Trailing {
        /// How many.
        extra: usize,
    },
}

impl Record {
    /// Appends the record's bytes to `buffer`.
    pub fn encode_into(&self, buffer: &mut Vec<u8>) {
        Self::encode_parts(self.at, &self.fact, buffer);
    }

    /// Appends the bytes of the record of `fact` at `at` to `buffer`.
    pub fn encode_parts(at: UtcMicros, fact: &Fact, buffer: &mut Vec<u8>) {
        buffer.push(RECORD_VERSION);
        // The fields of a record one after the other, as postcard writes a structure.
        postcard::to_io(&(at, fact), buffer).expect("records are plain data and a buffer grows");
    }

    /// Reads one record, all of `bytes`.
    ///
    /// # Errors
    /// [`BadRecord`].
    pub fn decode(bytes: &[u8]) -> Result<Self, BadRecord> {
        let (&version, body) = bytes.split_first().ok_or(BadRecord::Empty)?;
        if version != RECORD_VERSION {
            return Err(BadRecord::Version { found: version });
        }
        let (record, rest) = postcard::take_from_bytes(body)?;
        if rest.is_empty() { Ok(record) } else { Err(BadRecord::Trailing { extra: rest.len() }) }
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
