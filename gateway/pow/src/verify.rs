//! Verifying a payload in two steps: the cheap one, then the key derivation.
//!
//! Owns the order of the checks. The types allow no other: [`Payload`] shows nothing of what it
//! claims, only [`check`] turns it into [`Checked`], which has a nonce, and only
//! [`Checked::derive`] turns that into [`Proved`]. Must not know where nonces are spent or what
//! time it is. The gateway calls it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use serde::Deserialize;
use subtle::ConstantTimeEq;

use crate::algorithm::{KEY_BYTES, OutOfMemory, derive_key};
use crate::challenge::{Binding, Malformed, Parameters, WireParameters, from_hex};
use crate::keyring::{Keyring, Mac32};

/// Longest payload in base64 characters. The longest that can be issued and solved is below half.
pub const MAX_PAYLOAD_BYTES: usize = 4_096;

/// A payload that was read and that nobody has reason to believe yet.
#[derive(Clone, Debug)]
pub struct Payload {
    parameters: Parameters,
    signature: Mac32,
    counter: u32,
    claimed_key: [u8; KEY_BYTES],
}

impl Payload {
    /// Reads the form field `altcha`: base64 in the standard alphabet, padded or not.
    ///
    /// Unknown members are ignored outside of `parameters`. The client's claim about how long it
    /// took is not read.
    ///
    /// # Errors
    /// [`Malformed`] when it is longer than [`MAX_PAYLOAD_BYTES`] or is nothing that a client
    /// could have made from a challenge of ours.
    pub fn parse(encoded: &str) -> Result<Self, Malformed> {
        if encoded.len() > MAX_PAYLOAD_BYTES {
            return Err(Malformed::TooLong { bytes: encoded.len() });
        }
        let json = STANDARD_PAD_INDIFFERENT.decode(encoded).map_err(|_| Malformed::NotBase64)?;
        let wire: WirePayload = serde_json::from_slice(&json).map_err(|error| {
            // The message of the error could repeat what the client sent; the place cannot.
            Malformed::NotJson { line: error.line(), column: error.column() }
        })?;
        Ok(Self {
            parameters: wire.challenge.parameters.try_into()?,
            signature: from_hex("signature", &wire.challenge.signature)?,
            counter: wire.solution.counter,
            claimed_key: from_hex("derivedKey", &wire.solution.derived_key)?,
        })
    }
}

/// Why a payload proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It could not be read.
    #[error("malformed payload: {0}")]
    Malformed(#[from] Malformed),
    /// No secret of the keyring signed these parameters: forged, altered, or signed with a secret
    /// that was dropped.
    #[error("the signature is not ours")]
    BadSignature,
    /// The challenge is ours and its time is over.
    #[error("expired at {expires_at_s}, it is {now_s}")]
    Expired {
        /// The signed expiry in unix seconds.
        expires_at_s: u64,
        /// The time given to [`check`] in unix seconds.
        now_s: u64,
    },
    /// Computed for another person.
    #[error("bound to another person")]
    WrongPerson,
    /// Computed for another action.
    #[error("bound to another action")]
    WrongAction,
    /// Computed for another release.
    #[error("bound to another release")]
    WrongRelease,
    /// The key does not start with the prefix: no work was done.
    #[error("the key does not start with the key prefix")]
    TooWeak,
    /// The counter gives another key than the claimed one.
    #[error("the counter gives another key")]
    WrongKey,
    /// The proof may be good and the server cannot tell: try again later.
    #[error(transparent)]
    OutOfMemory(#[from] OutOfMemory),
}

/// The cheap part of verifying, cheapest refusal first among those that may be believed:
/// signature, expiry, person, action, release, prefix of the claimed key.
///
/// Costs one HMAC for every secret. `now_s` is in unix seconds; a challenge is over in the very
/// second of its expiry. It is the caller's to spend [`Checked::nonce`] or [`Proved::nonce`].
///
/// # Errors
/// [`Refusal`], but neither `Malformed` nor `OutOfMemory`.
pub fn check(
    payload: Payload,
    keyring: &Keyring,
    binding: &Binding<'_>,
    now_s: u64,
) -> Result<Checked, Refusal> {
    let Payload { parameters, signature, counter, claimed_key } = payload;
    if !keyring.verifies(parameters.to_canonical_json().as_bytes(), &signature) {
        return Err(Refusal::BadSignature);
    }
    let expires_at_s = parameters.expires_at_s;
    if now_s >= expires_at_s {
        return Err(Refusal::Expired { expires_at_s, now_s });
    }
    if parameters.person() != Some(binding.person) {
        return Err(Refusal::WrongPerson);
    }
    if parameters.action() != Some(binding.action) {
        return Err(Refusal::WrongAction);
    }
    if parameters.release() != Some(binding.release) {
        return Err(Refusal::WrongRelease);
    }
    // `derive` checks the derived key too; a claim that could not pass is not worth a derivation.
    if !parameters.difficulty.accepts(&claimed_key) {
        return Err(Refusal::TooWeak);
    }
    Ok(Checked { parameters, counter, claimed_key })
}

/// A payload whose challenge is ours, alive, and for this person, action and release. Whether work
/// was done is still open.
#[derive(Clone, Debug)]
#[must_use = "only `derive` tells whether work was done"]
pub struct Checked {
    parameters: Parameters,
    counter: u32,
    claimed_key: [u8; KEY_BYTES],
}

impl Checked {
    /// The nonce of the challenge: the key under which it is spent. Not the payload's hash, since
    /// one challenge has many solutions and one solution many spellings.
    pub fn nonce(&self) -> [u8; 16] {
        self.parameters.nonce
    }

    /// Until when the nonce must be remembered once it is spent, in unix seconds.
    pub fn expires_at_s(&self) -> u64 {
        self.parameters.expires_at_s
    }

    /// Runs the key derivation once: milliseconds of a core, and the memory cost if there is one.
    /// Not for a thread that does I/O.
    ///
    /// # Errors
    /// [`Refusal::WrongKey`] when the counter gives another key than the claimed one,
    /// [`Refusal::TooWeak`] when that key does not start with the prefix,
    /// [`Refusal::OutOfMemory`] when there is no memory for Argon2id.
    pub fn derive(self) -> Result<Proved, Refusal> {
        let Parameters { difficulty, nonce, salt, expires_at_s, .. } = &self.parameters;
        let key = derive_key(difficulty, nonce, salt, self.counter)?;
        if !bool::from(key.ct_eq(&self.claimed_key)) {
            return Err(Refusal::WrongKey);
        }
        if !difficulty.accepts(&key) {
            return Err(Refusal::TooWeak);
        }
        Ok(Proved { nonce: *nonce, expires_at_s: *expires_at_s })
    }
}

/// Work was done for a challenge of ours. It counts once: the caller spends the nonce.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a proof counts once, its nonce has to be spent"]
pub struct Proved {
    nonce: [u8; 16],
    expires_at_s: u64,
}

impl Proved {
    /// The nonce to spend, see [`Checked::nonce`].
    pub fn nonce(&self) -> [u8; 16] {
        self.nonce
    }

    /// Until when the nonce must be remembered, in unix seconds.
    pub fn expires_at_s(&self) -> u64 {
        self.expires_at_s
    }
}

#[derive(Deserialize)]
struct WirePayload {
    challenge: WireChallenge,
    solution: WireSolution,
}

#[derive(Deserialize)]
struct WireChallenge {
    parameters: WireParameters,
    signature: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSolution {
    counter: u32,
    derived_key: String,
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
