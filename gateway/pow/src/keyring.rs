//! The secrets that sign challenges, and their rotation.
//!
//! Owns signing and the comparison of signatures. Must not know what is signed. Called by
//! `challenge` to sign and by `verify` to compare; the gateway builds one from its configuration.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

/// Shortest secret in bytes: 128 bits cannot be guessed.
pub const MIN_SECRET_BYTES: usize = 16;
/// Most previous secrets: each costs one HMAC when a payload is checked.
pub const MAX_PREVIOUS_SECRETS: usize = 4;

/// An HMAC-SHA-256 in bytes.
pub(crate) type Mac32 = [u8; 32];

/// The current secret, which signs, and the previous ones, whose challenges are still accepted.
///
/// To rotate, put the new secret in front and keep the old one as previous for as long as a
/// challenge lives. The secret must have no other use: what it signs is only told apart from
/// other messages by its form.
#[derive(Clone)]
pub struct Keyring {
    /// HMAC states with the key already absorbed: current first.
    states: Vec<Hmac<Sha256>>,
}

impl Keyring {
    /// A keyring that signs with `current` and also accepts what `previous` signed.
    ///
    /// # Errors
    /// [`KeyringError`] when a secret is shorter than [`MIN_SECRET_BYTES`] or there are more than
    /// [`MAX_PREVIOUS_SECRETS`] previous ones.
    pub fn new(current: &[u8], previous: &[&[u8]]) -> Result<Self, KeyringError> {
        if previous.len() > MAX_PREVIOUS_SECRETS {
            return Err(KeyringError::TooManyPrevious);
        }
        let mut states = vec![Self::state(0, current)?];
        for secret in previous {
            states.push(Self::state(states.len(), secret)?);
        }
        Ok(Self { states })
    }

    /// Signs `message` with the current secret.
    pub(crate) fn sign(&self, message: &[u8]) -> Mac32 {
        mac(&self.states[0], message)
    }

    /// Whether any secret gives `signature` for `message`. Takes the same time whichever secret
    /// it was and wherever the signatures differ.
    pub(crate) fn verifies(&self, message: &[u8], signature: &Mac32) -> bool {
        let verdict = self
            .states
            .iter()
            .fold(Choice::from(0), |verdict, state| verdict | mac(state, message).ct_eq(signature));
        verdict.into()
    }

    fn state(position: usize, secret: &[u8]) -> Result<Hmac<Sha256>, KeyringError> {
        if secret.len() < MIN_SECRET_BYTES {
            return Err(KeyringError::TooShort { position, bytes: secret.len() });
        }
        Ok(Self::absorb(secret))
    }

    fn absorb(secret: &[u8]) -> Hmac<Sha256> {
        Hmac::new_from_slice(secret).expect("HMAC takes a key of any length")
    }

    /// The published vectors are signed with a secret of two bytes.
    #[cfg(test)]
    pub(crate) fn of_any_length(secret: &[u8]) -> Self {
        Self { states: vec![Self::absorb(secret)] }
    }
}

impl fmt::Debug for Keyring {
    /// Shows how many secrets there are and nothing of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("secrets", &self.states.len()).finish_non_exhaustive()
    }
}

/// Why secrets make no keyring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// A secret that could be guessed.
    #[error("secret {position} has {bytes} bytes, at least {MIN_SECRET_BYTES} are needed")]
    TooShort {
        /// 0 is the current secret, 1 the first previous one.
        position: usize,
        /// Its length.
        bytes: usize,
    },
    /// More previous secrets than are ever tried.
    #[error("more than {MAX_PREVIOUS_SECRETS} previous secrets")]
    TooManyPrevious,
}

fn mac(state: &Hmac<Sha256>, message: &[u8]) -> Mac32 {
    state.clone().chain_update(message).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &[u8] = b"the secret of yesterday";
    const NEW: &[u8] = b"the secret of today....";

    #[test]
    fn a_secret_below_the_minimum_is_refused_wherever_it_stands() {
        let current = Keyring::new(&[1; 15], &[]).unwrap_err();
        assert_eq!(current, KeyringError::TooShort { position: 0, bytes: 15 });
        let previous = Keyring::new(&[1; 16], &[&[2; 16], &[3; 3]]).unwrap_err();
        assert_eq!(previous, KeyringError::TooShort { position: 2, bytes: 3 });
    }

    #[test]
    fn previous_secrets_are_bounded() {
        assert!(Keyring::new(NEW, &[OLD; MAX_PREVIOUS_SECRETS]).is_ok());
        let refused = Keyring::new(NEW, &[OLD; MAX_PREVIOUS_SECRETS + 1]).unwrap_err();
        assert_eq!(refused, KeyringError::TooManyPrevious);
    }

    #[test]
    fn the_current_secret_signs_and_previous_ones_only_verify() {
        let before = Keyring::new(OLD, &[]).unwrap();
        let rotated = Keyring::new(NEW, &[OLD]).unwrap();
        let dropped = Keyring::new(NEW, &[]).unwrap();
        let old_signature = before.sign(b"message");
        assert!(rotated.verifies(b"message", &old_signature));
        assert!(!dropped.verifies(b"message", &old_signature));
        assert_eq!(rotated.sign(b"message"), dropped.sign(b"message"));
    }

    #[test]
    fn debug_shows_nothing_of_a_secret() {
        let keyring = Keyring::new(NEW, &[OLD]).unwrap();
        assert_eq!(format!("{keyring:?}"), "Keyring { secrets: 2, .. }");
    }
}
