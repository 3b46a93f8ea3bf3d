//! Solving a challenge and sending the solution: the client's side.
//!
//! Owns the search and the payload's encoding. Must not know secrets or time. The load tester
//! calls it, and the tests.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

use crate::algorithm::{KEY_BYTES, derive_key};
use crate::challenge::Challenge;

/// A counter and the key derived from it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Solution {
    /// The last four bytes of the password.
    pub counter: u32,
    /// The derived key, on the wire as hex digits.
    #[serde(serialize_with = "as_hex")]
    pub derived_key: [u8; KEY_BYTES],
    /// How long the client says it took, in milliseconds. No server believes it.
    #[serde(rename = "time", skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<f64>,
}

/// Tries the counters from 0 to `max_counter`, both included, and gives the first solution.
///
/// [`Difficulty::expected_rounds`](crate::Difficulty::expected_rounds) tells how long that takes.
/// `None` when no counter in the range is a solution, or there is no memory for Argon2id.
pub fn solve(challenge: &Challenge, max_counter: u32) -> Option<Solution> {
    let parameters = challenge.parameters();
    let difficulty = parameters.difficulty();
    for counter in 0..=max_counter {
        let derived_key =
            derive_key(difficulty, &parameters.nonce, &parameters.salt, counter).ok()?;
        if difficulty.accepts(&derived_key) {
            return Some(Solution { counter, derived_key, time_ms: None });
        }
    }
    None
}

/// The form field `altcha`: challenge and solution in standard base64, padded.
pub fn encode_payload(challenge: &Challenge, solution: &Solution) -> String {
    let payload = SentPayload { challenge, solution };
    STANDARD.encode(serde_json::to_vec(&payload).expect("a payload is always valid JSON"))
}

#[derive(Serialize)]
struct SentPayload<'a> {
    challenge: &'a Challenge,
    solution: &'a Solution,
}

fn as_hex<S: Serializer>(key: &[u8; KEY_BYTES], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Algorithm, Binding, Difficulty, Keyring, check, issue};
    use crate::{MAX_BINDING_VALUE_BYTES, MAX_EXPIRES_AT_S, MAX_PAYLOAD_BYTES, Payload};

    const SECRET: &[u8] = b"a secret of sixteen bytes or more";
    const BINDING: Binding<'_> = Binding { person: "p-1", action: "book", release: "r-1" };

    fn challenge(difficulty: &Difficulty, binding: &Binding<'_>) -> Challenge {
        let keyring = Keyring::new(SECRET, &[]).unwrap();
        issue(&keyring, difficulty, binding, MAX_EXPIRES_AT_S, [1; 16], [2; 16]).unwrap()
    }

    #[test]
    fn what_is_solved_verifies_for_every_algorithm() {
        let keyring = Keyring::new(SECRET, &[]).unwrap();
        for (algorithm, cost, memory, lanes) in [
            (Algorithm::Pbkdf2Sha256, 3, None, None),
            (Algorithm::Sha256, 1, None, None),
            (Algorithm::Sha256, 2, None, None),
            (Algorithm::Argon2id, 1, Some(8), None),
            (Algorithm::Argon2id, 2, Some(64), Some(2)),
        ] {
            let difficulty = Difficulty::new(algorithm, cost, "0", memory, lanes).unwrap();
            let challenge = challenge(&difficulty, &BINDING);
            let solution = solve(&challenge, 1_000).unwrap();
            let payload = Payload::parse(&encode_payload(&challenge, &solution)).unwrap();
            let proved = check(payload, &keyring, &BINDING, 0).unwrap().derive().unwrap();
            assert_eq!(proved.nonce(), [1; 16]);
        }
    }

    #[test]
    fn the_first_solution_is_found_and_the_range_is_kept() {
        let difficulty = Difficulty::new(Algorithm::Sha256, 1, "00", None, None).unwrap();
        let challenge = challenge(&difficulty, &BINDING);
        let first = solve(&challenge, u32::MAX).unwrap();
        assert!(first.counter > 0);
        assert_eq!(solve(&challenge, first.counter), Some(first.clone()));
        assert_eq!(solve(&challenge, first.counter - 1), None);
    }

    #[test]
    fn the_claimed_time_is_sent_when_there_is_one() {
        let mut solution = Solution { counter: 7, derived_key: [0xAB; 32], time_ms: None };
        let key = "ab".repeat(32);
        let json = serde_json::to_string(&solution).unwrap();
        assert_eq!(json, format!(r#"{{"counter":7,"derivedKey":"{key}"}}"#));
        solution.time_ms = Some(12.5);
        let json = serde_json::to_string(&solution).unwrap();
        assert_eq!(json, format!(r#"{{"counter":7,"derivedKey":"{key}","time":12.5}}"#));
    }

    #[test]
    fn the_longest_payload_is_below_half_the_bound() {
        // Every character of a quote is doubled in JSON, so quotes are the longest values.
        let value = "\"".repeat(MAX_BINDING_VALUE_BYTES);
        let binding = Binding { person: &value, action: &value, release: &value };
        let difficulty =
            Difficulty::new(Algorithm::Argon2id, 1, "0000", Some(32), Some(4)).unwrap();
        let solution =
            Solution { counter: u32::MAX, derived_key: [0; 32], time_ms: Some(123_456.789_012_3) };
        let sent = encode_payload(&challenge(&difficulty, &binding), &solution);
        assert!(sent.len() < MAX_PAYLOAD_BYTES / 2, "{} characters", sent.len());
        assert!(Payload::parse(&sent).is_ok());
    }
}
