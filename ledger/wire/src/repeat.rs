//! What may be done about a command whose answer was lost on the way.
//!
//! Owns the list of which commands may be sent again. Must not know connections. Called by whoever
//! loses one.

use talon_domain::ids::{Fingerprint, KeyHash};

use crate::{Caller, Command};

/// How the outcome of a command is found when its answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Sending it again changes nothing that the first copy did not change, and answers the same.
    Again,
    /// It is asked for under its key first, and sent again under the same key only when there is
    /// nothing.
    ByKey {
        /// Who asked.
        caller: Caller,
        /// The idempotency key.
        key: KeyHash,
        /// What was asked under it.
        fingerprint: Fingerprint,
    },
    /// A second copy could be answered as if the first had not been the same; the outcome stays
    /// unknown.
    Never,
}

impl Command {
    /// What may be done when its answer was lost.
    pub fn repeat(&self) -> Repeat {
        match self {
            Self::Book(book) => {
                Repeat::ByKey { caller: book.caller, key: book.key, fingerprint: book.fingerprint }
            }
            Self::Move(moved) => Repeat::ByKey {
                caller: moved.caller,
                key: moved.key,
                fingerprint: moved.fingerprint,
            },
            // A second cancellation is told the same; the rest reads, joins or forbids for good.
            Self::Cancel(_)
            | Self::Bookings(_)
            | Self::Booking { .. }
            | Self::Days { .. }
            | Self::Starts { .. }
            | Self::RevokeSession(_)
            | Self::Find { .. }
            | Self::Session(_)
            | Self::Identify(_)
            | Self::Peppers(_)
            | Self::Unblock { .. } => Repeat::Again,
            // The second copy would hear that the booking is no longer live.
            Self::Conclude { .. } => Repeat::Never,
        }
    }
}
