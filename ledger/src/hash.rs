//! The state hash: SHA-256 over the parts of a state in their canonical order.
//!
//! The same before a stop and after the replay, so it is the proof that replay is exact. Taken at
//! quiescence; what changes meanwhile may or may not be in it. Must not know what the parts are: that
//! is [`Frozen`]'s. Snapshots use the same bytes.
//!
//! Visits are in it by their civil time, so that new rules of a time zone change no hash; moments in
//! UTC are those of past decisions.

use std::convert::Infallible;

use sha2::{Digest, Sha256};

use crate::state::{Frozen, State};

/// The hash of a state.
pub fn state_hash(state: &State) -> [u8; 32] {
    let mut hasher = PartHasher::default();
    let mut bytes = Vec::new();
    let Ok(()) = state.freeze(|part| {
        encode_part(part, &mut bytes);
        hasher.add(&bytes);
        Ok::<(), Infallible>(())
    });
    hasher.finish()
}

/// The bytes of one part, in place of what was in `bytes`: its length, then its postcard form.
pub(crate) fn encode_part(part: &Frozen, bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.extend_from_slice(&[0; LENGTH_BYTES]);
    postcard::to_io(part, &mut *bytes).expect("the state is plain data and a buffer grows");
    let length = u32::try_from(bytes.len() - LENGTH_BYTES).expect("a part is far from 4 GiB");
    bytes[..LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
}

/// Bytes of a part's length.
pub(crate) const LENGTH_BYTES: usize = 4;

/// The hash of parts that come one after the other.
#[derive(Default)]
pub(crate) struct PartHasher(Sha256);

impl PartHasher {
    /// Takes the bytes of the next part, its length included.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
