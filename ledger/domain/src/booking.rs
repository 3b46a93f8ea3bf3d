//! What a booking is apart from its place: for whom it is, and what has become of it.
//!
//! Must not know people, places or time.

use serde::{Deserialize, Serialize};

/// For whom somebody acts: whose quota counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// For themselves.
    Person,
    /// For the legal entity that their login names.
    Entity,
}

/// What has become of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BookingState {
    /// The place is held.
    Booked,
    /// It was given back.
    Cancelled,
    /// Another booking took its place.
    Moved,
    /// The person was served.
    Served,
    /// The person was served and failed, as in an exam.
    Failed,
    /// The person was not there when called: a no-show.
    Absent,
}

impl BookingState {
    /// Whether the place was given back before the visit.
    pub fn is_given_back(self) -> bool {
        matches!(self, Self::Cancelled | Self::Moved)
    }
}

/// What became of a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Visit {
    /// The person was served.
    Served,
    /// The person was served and failed, as in an exam.
    Failed,
    /// The person was not there when called.
    Absent,
}

impl Visit {
    /// The state of a booking whose visit ended so.
    pub fn state(self) -> BookingState {
        match self {
            Self::Served => BookingState::Served,
            Self::Failed => BookingState::Failed,
            Self::Absent => BookingState::Absent,
        }
    }
}
