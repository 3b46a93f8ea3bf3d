//! The body of a snapshot: ledger time, the parts of the state, the state hash.
//!
//! Owns these bytes, which `JOURNAL.md` describes. Must not know files: it writes to and reads from
//! whatever it is given.

use std::io::{self, Read, Write};

use talon_domain::civil::UtcMicros;

use crate::hash::{LENGTH_BYTES, PartHasher, encode_part};
use crate::state::{BadParts, FROZEN_VERSION, Frozen, State, Thaw};

/// The longest part that is read: far more than any person or shape has. 64 MiB.
const MAX_PART_BYTES: usize = 64 << 20;

/// What a snapshot's body says.
#[derive(Debug)]
pub struct SnapshotBody {
    /// The state.
    pub state: State,
    /// The latest ledger time of any record that is in it.
    pub at: UtcMicros,
    /// Its hash.
    pub state_hash: [u8; 32],
}

/// Why a body cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BadBody {
    /// It cannot be read at all, or ends too soon.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// Another version.
    #[error("its state has version {found}; this program reads version {FROZEN_VERSION}")]
    Version {
        /// The version found.
        found: u32,
    },
    /// A part that is too long or does not decode.
    #[error("a part of its state does not decode")]
    Part,
    /// Parts that do not fit each other.
    #[error(transparent)]
    Parts(#[from] BadParts),
    /// The parts do not have the hash that stands at the end.
    #[error("its state does not have the hash that it says")]
    Hash,
}

/// Writes the body of a snapshot of `state`; returns the state hash.
///
/// # Errors
/// What `output` says.
pub(super) fn write(state: &State, at: UtcMicros, output: &mut impl Write) -> io::Result<[u8; 32]> {
    output.write_all(&FROZEN_VERSION.to_le_bytes())?;
    output.write_all(&at.0.to_le_bytes())?;
    let mut hasher = PartHasher::default();
    let mut bytes = Vec::new();
    state.freeze(|part| {
        encode_part(part, &mut bytes);
        hasher.add(&bytes);
        output.write_all(&bytes)
    })?;
    let hash = hasher.finish();
    output.write_all(&[0; LENGTH_BYTES])?;
    output.write_all(&hash)?;
    Ok(hash)
}

/// Reads what follows [`read_head`], to the body's end.
///
/// # Errors
/// [`BadBody`].
pub(super) fn read_after_head(
    input: &mut impl Read,
    at: UtcMicros,
) -> Result<SnapshotBody, BadBody> {
    let mut hasher = PartHasher::default();
    let mut thaw = Thaw::default();
    let mut bytes = Vec::new();
    loop {
        let length: [u8; LENGTH_BYTES] = array(input)?;
        let part = u32::from_le_bytes(length) as usize;
        if part == 0 {
            break;
        }
        if part > MAX_PART_BYTES {
            return Err(BadBody::Part);
        }
        bytes.clear();
        bytes.extend_from_slice(&length);
        bytes.resize(LENGTH_BYTES + part, 0);
        input.read_exact(&mut bytes[LENGTH_BYTES..])?;
        hasher.add(&bytes);
        let (part, rest) = postcard::take_from_bytes::<Frozen>(&bytes[LENGTH_BYTES..])
            .map_err(|_| BadBody::Part)?;
        if !rest.is_empty() {
            return Err(BadBody::Part);
        }
        thaw.add(part)?;
    }
    let state_hash = hasher.finish();
    if array(input)? != state_hash {
        return Err(BadBody::Hash);
    }
    Ok(SnapshotBody { state: thaw.finish(), at, state_hash })
}

/// The version, which must be ours, and the ledger time.
pub(super) fn read_head(input: &mut impl Read) -> Result<UtcMicros, BadBody> {
    let found = u32::from_le_bytes(array(input)?);
    if found != FROZEN_VERSION {
        return Err(BadBody::Version { found });
    }
    Ok(UtcMicros(i64::from_le_bytes(array(input)?)))
}

fn array<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&State::default(), UtcMicros(7), &mut bytes).expect("a buffer grows");
        bytes
    }

    fn read_all(bytes: &[u8]) -> Result<SnapshotBody, BadBody> {
        let mut input = bytes;
        let at = read_head(&mut input)?;
        read_after_head(&mut input, at)
    }

    #[test]
    fn a_body_says_its_version_its_time_and_the_hash_of_its_parts() {
        let bytes = written();
        let hash = hex::encode(crate::hash::state_hash(&State::default()));
        assert_eq!(hex::encode(&bytes), format!("01000000{}00000000{hash}", "0700000000000000"));
        assert_eq!(read_all(&bytes).expect("it is good").at, UtcMicros(7));
    }

    #[test]
    fn a_part_beyond_the_bound_is_not_even_read() {
        let mut bytes = written()[..12].to_vec();
        let length = u32::try_from(MAX_PART_BYTES + 1).expect("it is small");
        bytes.extend_from_slice(&length.to_le_bytes());
        assert!(matches!(read_all(&bytes), Err(BadBody::Part)));
        bytes.truncate(12);
        let length = u32::try_from(MAX_PART_BYTES).expect("it is small");
        bytes.extend_from_slice(&length.to_le_bytes());
        assert!(matches!(read_all(&bytes), Err(BadBody::Disk(_))), "it ends too soon");
    }

    #[test]
    fn a_part_that_does_not_decode_is_refused() {
        for part in [&[99][..], &[6], &[6, 1, 2, 0]] {
            let mut bytes = written()[..12].to_vec();
            bytes.extend_from_slice(&u32::try_from(part.len()).expect("small").to_le_bytes());
            bytes.extend_from_slice(part);
            assert!(matches!(read_all(&bytes), Err(BadBody::Part)), "{part:?}");
        }
    }
}
