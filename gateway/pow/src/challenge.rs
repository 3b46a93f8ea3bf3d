//! Challenges: their parameters on the wire, and issuing one.
//!
//! Owns the JSON of `parameters` and what a challenge is bound to. Must not know about solutions
//! or time: an expiry is a number here. The gateway calls [`issue`]; `verify` and `solve` read
//! [`Parameters`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::algorithm::{KEY_BYTES, UnknownAlgorithm};
use crate::canonical::canonical_json;
use crate::difficulty::{Difficulty, DifficultyError};
use crate::keyring::{Keyring, Mac32};

/// Longest person, action or release in bytes.
pub const MAX_BINDING_VALUE_BYTES: usize = 128;
/// Latest expiry in unix seconds: the largest integer that JavaScript reads exactly. A larger one
/// would come back changed and fail its signature.
pub const MAX_EXPIRES_AT_S: u64 = (1 << 53) - 1;

/// Key of [`Binding::person`] in `data`.
const PERSON: &str = "person";
/// Key of [`Binding::action`] in `data`.
const ACTION: &str = "action";
/// Key of [`Binding::release`] in `data`.
const RELEASE: &str = "release";

/// What a proof is good for, and nothing else.
///
/// Never an address: a phone with IPv4 and IPv6 changes it between two requests and would compute
/// for ever. Values are visible ASCII, because the stock widget encodes with `btoa`, which throws
/// on anything else. The client can read all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding<'a> {
    /// An opaque tag of the identified person, made by the caller.
    pub person: &'a str,
    /// What the person is about to do.
    pub action: &'a str,
    /// The release of places for which it is done.
    pub release: &'a str,
}

impl Binding<'_> {
    /// The flat map that goes into `data`.
    fn to_data(self) -> Result<BTreeMap<String, String>, IssueError> {
        let entries = [(PERSON, self.person), (ACTION, self.action), (RELEASE, self.release)];
        let mut data = BTreeMap::new();
        for (field, value) in entries {
            if value.is_empty() || value.len() > MAX_BINDING_VALUE_BYTES {
                return Err(IssueError::Length { field, bytes: value.len() });
            }
            if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(IssueError::NotAscii { field });
            }
            data.insert(field.to_owned(), value.to_owned());
        }
        Ok(data)
    }
}

/// Why a challenge cannot be issued. All of them are mistakes of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The stock widget would throw on this value.
    #[error("{field} is not visible ASCII")]
    NotAscii {
        /// Which part of the binding.
        field: &'static str,
    },
    /// Empty or too long.
    #[error("{field} has {bytes} bytes, not within 1..={MAX_BINDING_VALUE_BYTES}")]
    Length {
        /// Which part of the binding.
        field: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// JavaScript would round the expiry.
    #[error("expiry {expires_at_s} is after {MAX_EXPIRES_AT_S}")]
    Expiry {
        /// The refused expiry in unix seconds.
        expires_at_s: u64,
    },
}

/// The parameters of a challenge, within all bounds of [`Difficulty`]; whether they are ours is
/// another matter, which `check` decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WireParameters", into = "WireParameters")]
pub struct Parameters {
    pub(crate) difficulty: Difficulty,
    pub(crate) nonce: [u8; 16],
    pub(crate) salt: [u8; 16],
    pub(crate) expires_at_s: u64,
    data: BTreeMap<String, String>,
}

impl Parameters {
    /// How hard it is.
    pub fn difficulty(&self) -> &Difficulty {
        &self.difficulty
    }

    /// Until when a solution is accepted, in unix seconds, not including that second.
    pub fn expires_at_s(&self) -> u64 {
        self.expires_at_s
    }

    /// `data.person`, if there.
    pub(crate) fn person(&self) -> Option<&str> {
        self.data.get(PERSON).map(String::as_str)
    }

    /// `data.action`, if there.
    pub(crate) fn action(&self) -> Option<&str> {
        self.data.get(ACTION).map(String::as_str)
    }

    /// `data.release`, if there.
    pub(crate) fn release(&self) -> Option<&str> {
        self.data.get(RELEASE).map(String::as_str)
    }

    /// The bytes that the signature covers.
    pub(crate) fn to_canonical_json(&self) -> String {
        let value = serde_json::to_value(self).expect("parameters hold only strings and integers");
        canonical_json(&value)
    }
}

/// A signed challenge, as it is sent to the client.
///
/// Unknown members next to `parameters` and `signature`, such as the widget's `configuration`, are
/// ignored when one is read; within `parameters` they are refused.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Challenge {
    parameters: Parameters,
    signature: Signature,
}

impl Challenge {
    /// What the client has to solve.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The signature as 64 hex digits.
    pub fn signature(&self) -> String {
        hex::encode(self.signature.0)
    }

    /// Signs parameters as they are.
    pub(crate) fn sign(keyring: &Keyring, parameters: Parameters) -> Self {
        let signature = Signature(keyring.sign(parameters.to_canonical_json().as_bytes()));
        Self { parameters, signature }
    }
}

/// Issues a challenge: one HMAC, no key derivation.
///
/// `nonce` and `salt` come from the operating system's random number generator and are never used
/// twice. `expires_at_s` is in unix seconds; the nonce of a proof has to be remembered until then.
///
/// # Errors
/// [`IssueError`] when a part of the binding is empty, too long or not visible ASCII, or the
/// expiry is beyond [`MAX_EXPIRES_AT_S`].
pub fn issue(
    keyring: &Keyring,
    difficulty: &Difficulty,
    binding: &Binding<'_>,
    expires_at_s: u64,
    nonce: [u8; 16],
    salt: [u8; 16],
) -> Result<Challenge, IssueError> {
    if expires_at_s > MAX_EXPIRES_AT_S {
        return Err(IssueError::Expiry { expires_at_s });
    }
    let data = binding.to_data()?;
    let parameters = Parameters { difficulty: difficulty.clone(), nonce, salt, expires_at_s, data };
    Ok(Challenge::sign(keyring, parameters))
}

/// Why bytes are no challenge, or no payload, whatever the secret is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Longer than anything that can be issued and solved.
    #[error("{bytes} bytes are too long")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Not base64 in the standard alphabet.
    #[error("not standard base64")]
    NotBase64,
    /// Not JSON, or not of the expected shape.
    #[error("not the expected JSON, line {line} column {column}")]
    NotJson {
        /// Line in the decoded text, from 1.
        line: usize,
        /// Column in the decoded text, from 1.
        column: usize,
    },
    /// A field that is not hexadecimal or not of its length.
    #[error("{field} is not {digits} hex digits")]
    NotHex {
        /// Its name on the wire.
        field: &'static str,
        /// How many digits it should have.
        digits: usize,
    },
    /// An algorithm that is not spoken.
    #[error(transparent)]
    Algorithm(#[from] UnknownAlgorithm),
    /// A difficulty that would never be issued.
    #[error(transparent)]
    Difficulty(#[from] DifficultyError),
    /// Another key length than the one spoken.
    #[error("key length {bytes} is not {KEY_BYTES}")]
    KeyLength {
        /// The refused length.
        bytes: u32,
    },
    /// A challenge of the deterministic mode, which is not spoken.
    #[error("the deterministic mode is not spoken")]
    KeySignature,
}

/// `parameters` as they are on the wire. Absent members are omitted; `null` is read as absent.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WireParameters {
    algorithm: String,
    cost: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<BTreeMap<String, String>>,
    expires_at: u64,
    key_length: u32,
    key_prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_signature: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_cost: Option<u32>,
    nonce: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallelism: Option<u32>,
    salt: String,
}

impl TryFrom<WireParameters> for Parameters {
    type Error = Malformed;

    fn try_from(wire: WireParameters) -> Result<Self, Malformed> {
        if wire.key_length as usize != KEY_BYTES {
            return Err(Malformed::KeyLength { bytes: wire.key_length });
        }
        if wire.key_signature.is_some() {
            return Err(Malformed::KeySignature);
        }
        let algorithm = wire.algorithm.parse()?;
        let difficulty = Difficulty::new(
            algorithm,
            wire.cost,
            &wire.key_prefix,
            wire.memory_cost,
            wire.parallelism,
        )?;
        Ok(Self {
            difficulty,
            nonce: from_hex("nonce", &wire.nonce)?,
            salt: from_hex("salt", &wire.salt)?,
            expires_at_s: wire.expires_at,
            data: wire.data.unwrap_or_default(),
        })
    }
}

impl From<Parameters> for WireParameters {
    fn from(parameters: Parameters) -> Self {
        let Parameters { difficulty, nonce, salt, expires_at_s, data } = parameters;
        Self {
            algorithm: difficulty.algorithm().wire_name().to_owned(),
            cost: difficulty.cost(),
            data: if data.is_empty() { None } else { Some(data) },
            expires_at: expires_at_s,
            key_length: KEY_BYTES as u32,
            key_prefix: difficulty.key_prefix().to_owned(),
            key_signature: None,
            memory_cost: difficulty.memory_cost(),
            nonce: hex::encode(nonce),
            parallelism: difficulty.parallelism(),
            salt: hex::encode(salt),
        }
    }
}

/// A signature as hex digits. It has no `PartialEq`, so that nobody compares it in variable time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Signature(Mac32);

impl TryFrom<String> for Signature {
    type Error = Malformed;

    fn try_from(digits: String) -> Result<Self, Malformed> {
        from_hex("signature", &digits).map(Self)
    }
}

impl From<Signature> for String {
    fn from(signature: Signature) -> Self {
        hex::encode(signature.0)
    }
}

/// Reads exactly `N` bytes of hex, in either case.
pub(crate) fn from_hex<const N: usize>(
    field: &'static str,
    digits: &str,
) -> Result<[u8; N], Malformed> {
    let mut bytes = [0; N];
    hex::decode_to_slice(digits, &mut bytes)
        .map_err(|_| Malformed::NotHex { field, digits: 2 * N })?;
    Ok(bytes)
}

#[cfg(test)]
#[path = "challenge_tests.rs"]
mod tests;
