//! The key derivation functions that are spoken, their wire names, and one derivation.
//!
//! Owns the bytes that go into a derivation. Must not know about signatures, bindings or bounds:
//! a [`Difficulty`] that reaches this file is already within them. Called by `solve` and `verify`.

use std::fmt;
use std::str::FromStr;

use argon2::{Argon2, Params, Version};
use sha2::{Digest, Sha256};

use crate::difficulty::Difficulty;

/// Length of every derived key in bytes, on the wire `keyLength`.
pub const KEY_BYTES: usize = 32;

/// Characters of an unknown algorithm's name that its error repeats.
const MAX_REPORTED_CHARS: usize = 32;

/// A key derivation function of ALTCHA v2 that this crate speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `PBKDF2/SHA-256`: cost is the number of iterations. The one to use: browsers have it
    /// natively in WebCrypto, which evens out phones without a just-in-time compiler.
    Pbkdf2Sha256,
    /// `SHA-256`: the hash of salt and password, hashed again until `cost` rounds are done.
    Sha256,
    /// `ARGON2ID`: cost is the number of passes over the memory.
    Argon2id,
}

impl Algorithm {
    /// The name in a challenge's `algorithm`.
    pub const fn wire_name(self) -> &'static str {
        match self {
            Self::Pbkdf2Sha256 => "PBKDF2/SHA-256",
            Self::Sha256 => "SHA-256",
            Self::Argon2id => "ARGON2ID",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.wire_name())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Reads a wire name exactly: other spellings, and names of algorithms that ALTCHA has and
    /// this crate does not speak, are refused.
    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        match name {
            "PBKDF2/SHA-256" => Ok(Self::Pbkdf2Sha256),
            "SHA-256" => Ok(Self::Sha256),
            "ARGON2ID" => Ok(Self::Argon2id),
            _ => Err(UnknownAlgorithm { name: name.chars().take(MAX_REPORTED_CHARS).collect() }),
        }
    }
}

/// A name that belongs to no algorithm spoken here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown algorithm {name:?}, known are PBKDF2/SHA-256, SHA-256 and ARGON2ID")]
pub struct UnknownAlgorithm {
    /// The beginning of the name.
    pub name: String,
}

/// The memory that Argon2id asks for was not to be had; the proof itself may be good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no memory for the key derivation")]
pub struct OutOfMemory;

/// One derivation: the key that belongs to `counter`.
pub(crate) fn derive_key(
    difficulty: &Difficulty,
    nonce: &[u8; 16],
    salt: &[u8; 16],
    counter: u32,
) -> Result<[u8; KEY_BYTES], OutOfMemory> {
    let password = password(nonce, counter);
    match difficulty.algorithm() {
        Algorithm::Pbkdf2Sha256 => {
            Ok(pbkdf2::pbkdf2_hmac_array::<Sha256, KEY_BYTES>(&password, salt, difficulty.cost()))
        }
        Algorithm::Sha256 => Ok(rehash(&password, salt, difficulty.cost())),
        Algorithm::Argon2id => argon2id(&password, salt, difficulty),
    }
}

/// Nonce bytes, then the counter as 32 bits, big-endian.
fn password(nonce: &[u8; 16], counter: u32) -> [u8; 20] {
    let mut password = [0; 20];
    password[..16].copy_from_slice(nonce);
    password[16..].copy_from_slice(&counter.to_be_bytes());
    password
}

/// SHA-256 of salt and password, then of the previous hash, `rounds` hashes in all.
fn rehash(password: &[u8], salt: &[u8; 16], rounds: u32) -> [u8; KEY_BYTES] {
    let mut hash = Sha256::new().chain_update(salt).chain_update(password).finalize();
    for _ in 1..rounds {
        hash = Sha256::digest(hash);
    }
    hash.into()
}

fn argon2id(
    password: &[u8],
    salt: &[u8; 16],
    difficulty: &Difficulty,
) -> Result<[u8; KEY_BYTES], OutOfMemory> {
    let memory_kib = difficulty.memory_cost().expect("a validated Argon2id difficulty has memory");
    let lanes = difficulty.parallelism().unwrap_or(1);
    let params = Params::new(memory_kib, difficulty.cost(), lanes, Some(KEY_BYTES))
        .expect("a validated difficulty is within Argon2's own bounds");
    let mut key = [0; KEY_BYTES];
    // The lengths are fixed here and the parameters are checked above; what is left is memory.
    Argon2::new(argon2::Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password, salt, &mut key)
        .map_err(|_| OutOfMemory)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_is_found_under_its_wire_name() {
        for algorithm in [Algorithm::Pbkdf2Sha256, Algorithm::Sha256, Algorithm::Argon2id] {
            assert_eq!(algorithm.wire_name().parse(), Ok(algorithm));
            assert_eq!(algorithm.to_string(), algorithm.wire_name());
        }
    }

    #[test]
    fn algorithms_that_are_not_spoken_are_refused_by_name() {
        for name in ["SHA-512", "PBKDF2/SHA-512", "SCRYPT", "sha-256", " SHA-256", ""] {
            let refused = name.parse::<Algorithm>();
            assert_eq!(refused, Err(UnknownAlgorithm { name: name.into() }));
        }
    }

    #[test]
    fn a_long_unknown_name_is_cut_in_the_error() {
        let error = "Я".repeat(5_000).parse::<Algorithm>().unwrap_err();
        assert_eq!(error.name.chars().count(), MAX_REPORTED_CHARS);
    }

    #[test]
    fn the_password_is_the_nonce_and_the_counter_big_endian() {
        let bytes = password(&[0xAA; 16], 0x0102_0304);
        assert_eq!(&bytes[..16], &[0xAA; 16]);
        assert_eq!(&bytes[16..], &[1, 2, 3, 4]);
    }
}
