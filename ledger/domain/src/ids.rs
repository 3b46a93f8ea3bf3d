//! Newtypes for everything that has an identity.
//!
//! Numeric ids come from catalogues, are stable for ever and stand in the journal; codes are the
//! words people and URLs use. Must not know how any of them is stored or transported.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! numeric_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

numeric_id!(
    /// A state body that gives out places.
    AuthorityId(u16)
);
numeric_id!(
    /// An office, by its public number.
    OfficeId(u32)
);
numeric_id!(
    /// A service of an authority.
    ServiceId(u16)
);
numeric_id!(
    /// A desk, unique within its office.
    DeskId(u16)
);

/// A string that is not the hexadecimal form of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not {expected} hexadecimal digits")]
pub struct BadHex {
    /// How many digits were expected.
    pub expected: usize,
}

macro_rules! bytes_id {
    ($(#[$doc:meta])* $name:ident[$length:literal]) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub [u8; $length]);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut digits = [0; 2 * $length];
                hex::encode_to_slice(self.0, &mut digits).map_err(|_| fmt::Error)?;
                formatter.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}({})", stringify!($name), hex::encode(&self.0[..4]))
            }
        }

        impl FromStr for $name {
            type Err = BadHex;

            fn from_str(text: &str) -> Result<Self, BadHex> {
                let mut bytes = [0; $length];
                hex::decode_to_slice(text, &mut bytes)
                    .map_err(|_| BadHex { expected: 2 * $length })?;
                Ok(Self(bytes))
            }
        }
    };
}

bytes_id!(
    /// A booking: 128 random bits, so that knowing one tells nothing of another.
    BookingId[16]
);
bytes_id!(
    /// A person: HMAC-SHA-256 under the pepper, see [`crate::pepper::Pepper::pseudonym`].
    Pseudonym[32]
);
bytes_id!(
    /// The name of a pepper: the first 32 bits of a hash of it, which tell nothing of the secret.
    PepperId[4]
);
bytes_id!(
    /// A login session: 128 random bits.
    SessionId[16]
);
bytes_id!(
    /// The first 128 bits of an idempotency key's SHA-256; the key itself is never kept.
    KeyHash[16]
);
bytes_id!(
    /// The first 128 bits of the SHA-256 of what was asked under an idempotency key.
    Fingerprint[16]
);

/// The way a booking was made; limits and shares of a day are kept apart by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// The pages and the API.
    Web,
    /// The terminal in the office.
    Kiosk,
    /// A same-day queue without times.
    WalkIn,
}

impl Channel {
    /// All channels, each at its [`Channel::index`].
    pub const ALL: [Self; 3] = [Self::Web, Self::Kiosk, Self::WalkIn];
    /// Those through which one books a time. Who walks in takes no time but a number.
    pub const WITH_TIMES: [Self; 2] = [Self::Web, Self::Kiosk];

    /// The channel's place in [`Channel::ALL`].
    pub const fn index(self) -> usize {
        match self {
            Self::Web => 0,
            Self::Kiosk => 1,
            Self::WalkIn => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_booking_id_reads_back_from_its_own_text() {
        let id = BookingId([0xa7; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn text_of_another_length_is_no_id() {
        assert_eq!("a7".parse::<BookingId>(), Err(BadHex { expected: 32 }));
        assert_eq!("zz".repeat(16).parse::<BookingId>(), Err(BadHex { expected: 32 }));
    }
}
