//! Proof of work in the ALTCHA v2 wire format: issue a challenge, solve it, verify the solution.
//!
//! # The story
//! Proof of work paces, it does not defend: a rented server computes orders of magnitude more than
//! a phone. So it is off when calm, bounded, bound to one person and one action, usable once, and
//! it never orders who gets a place. Any stock ALTCHA client can speak to this crate.
//!
//! 1. [`issue`] signs a [`Challenge`]: one HMAC and no key derivation, so a flood of requests for
//!    challenges stays cheap.
//! 2. The client looks for a counter whose derived key starts with the key prefix ([`solve`]) and
//!    sends both back in base64 ([`encode_payload`]).
//! 3. [`Payload::parse`] reads the base64 within named bounds and trusts nothing in it.
//! 4. [`check`] verifies signature, expiry, person, action, release and the claimed key's prefix,
//!    in that order. It costs one HMAC for every secret in the [`Keyring`] and belongs on the
//!    thread that does I/O.
//! 5. [`Checked::derive`] runs the key derivation, which takes milliseconds, and belongs on
//!    another thread. It gives [`Proved`].
//! 6. The caller spends the nonce, atomically, in a store whose entries live until
//!    [`Proved::expires_at_s`]. Only a nonce that passed the signature check can be read at all:
//!
//! ```
//! # use talon_pow::*;
//! let keyring = Keyring::new(b"a secret of sixteen bytes or more", &[])?;
//! let difficulty = Difficulty::new(Algorithm::Sha256, 10, "0", None, None)?;
//! let binding = Binding { person: "p-1", action: "book", release: "mvs-2026-12-01" };
//! let (expires_at_s, now_s) = (2_000, 1_000);
//!
//! let challenge = issue(&keyring, &difficulty, &binding, expires_at_s, [7; 16], [9; 16])?;
//! let solution = solve(&challenge, 10_000).expect("one in sixteen counters is a solution");
//! let sent = encode_payload(&challenge, &solution);
//!
//! let payload = Payload::parse(&sent)?;
//! let checked = check(payload, &keyring, &binding, now_s)?;
//! let proved = checked.derive()?;
//! assert_eq!(proved.nonce(), [7; 16]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An unchecked payload has no nonce to give, so bogus nonces cannot fill the store:
//!
//! ```compile_fail,E0599
//! # use talon_pow::*;
//! let payload = Payload::parse("…").unwrap();
//! let nonce = payload.nonce();
//! ```
//!
//! # What this crate must not know
//! HTTP, Redis, clocks, random number generators, threads. Time, nonce and salt are arguments.
//! The gateway calls it to issue and verify, the load tester to solve.
//!
//! # What of ALTCHA is not spoken
//! The *deterministic mode* and its `keySignature`. There the server runs the key derivation when
//! it issues a challenge, so an unauthenticated flood of requests for challenges becomes a denial
//! of service. In the probabilistic mode spoken here issuing is one HMAC, and verifying is one
//! HMAC and one key derivation. A challenge with a `keySignature` is refused as malformed.

mod algorithm;
mod canonical;
mod challenge;
mod difficulty;
mod keyring;
mod pressure;
mod solve;
#[cfg(test)]
mod vectors;
mod verify;

pub use algorithm::{Algorithm, KEY_BYTES, OutOfMemory, UnknownAlgorithm};
pub use challenge::{
    Binding, Challenge, IssueError, MAX_BINDING_VALUE_BYTES, MAX_EXPIRES_AT_S, Malformed,
    Parameters, issue,
};
pub use difficulty::{
    CHEAP_PHONE_ROUNDS_PER_SECOND, Difficulty, DifficultyError, MAX_ARGON2_LANES,
    MAX_ARGON2_MEMORY_KIB, MAX_ARGON2_PASSES, MAX_EXPECTED_ROUNDS, MAX_KEY_PREFIX_DIGITS,
    MAX_PBKDF2_ITERATIONS, MAX_PHONE_ROUNDS, MAX_SHA256_ROUNDS, MIN_ARGON2_MEMORY_KIB_PER_LANE,
};
pub use keyring::{Keyring, KeyringError, MAX_PREVIOUS_SECRETS, MIN_SECRET_BYTES};
pub use pressure::{Controller, MAX_STEP, Pressure, PressureRules};
pub use solve::{Solution, encode_payload, solve};
pub use verify::{Checked, MAX_PAYLOAD_BYTES, Payload, Proved, Refusal, check};
