//! What a journal can be found to break, with the facts.
//!
//! Ids of bookings and numbers of synthetic people only. Made by the checker, shown by the report.

use super::Seat;
use crate::history::Person;

/// A broken promise or rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A confirmation that the journal does not have.
    #[error("person {person} was confirmed booking {id}, and the journal does not have it")]
    Missing {
        /// Whose.
        person: Person,
        /// The booking's id.
        id: String,
    },
    /// A confirmation that the journal has otherwise.
    #[error(
        "person {person} was confirmed booking {promised} elsewhere than the journal: {found:?}"
    )]
    Differs {
        /// Whose.
        person: Person,
        /// The booking's id.
        promised: String,
        /// Where it is.
        found: Box<Seat>,
    },
    /// A confirmed cancellation that the journal does not have.
    #[error("person {person} cancelled booking {id}, and the journal has it live")]
    CancelMissing {
        /// Whose.
        person: Person,
        /// The booking's id.
        id: String,
    },
    /// A confirmed move that the journal does not have.
    #[error("person {person} moved booking {id}, and the journal does not have it moved")]
    MoveMissing {
        /// Whose.
        person: Person,
        /// The id of the booking that was exchanged.
        id: String,
    },
    /// A booking took the place of another than its person said, or of none.
    #[error("booking {id} of person {person} is instead of {found:?} in the journal")]
    InsteadOfAnother {
        /// Whose.
        person: Person,
        /// The booking's id.
        id: String,
        /// The id of the other.
        found: Option<String>,
    },
    /// A booking that its person kept is given back.
    #[error("booking {id} of person {person} is given back, and nobody asked for it")]
    GivenBackByNobody {
        /// Whose.
        person: Person,
        /// The booking's id.
        id: String,
    },
    /// Two persons under one name.
    #[error("the journal has persons {persons:?} under one name")]
    OneName {
        /// Who.
        persons: [Person; 2],
    },
    /// More bookings than were asked for.
    #[error("{} bookings that nobody was told of, with {unanswered} attempts unanswered", ids.len())]
    Unexplained {
        /// Which.
        ids: Vec<String>,
        /// How many attempts may explain one each.
        unanswered: usize,
    },
    /// A place with two owners.
    #[error("bookings {owners:?} both own {seat:?}")]
    TwoOwners {
        /// Who.
        owners: [String; 2],
        /// Where.
        seat: Box<Seat>,
    },
    /// More than a limit allows.
    #[error("booking {booking} at {at} is number {count} under rule {rule}, which allows {limit}")]
    OverLimit {
        /// The rule's name.
        rule: String,
        /// How many there were then.
        count: u32,
        /// How many are allowed.
        limit: u32,
        /// The booking's id.
        booking: String,
        /// When, in UTC.
        at: String,
    },
}
