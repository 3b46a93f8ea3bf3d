//! Tests of issuing and of the JSON of challenges. Called by nobody.

use serde_json::{Value, json};

use super::*;
use crate::Algorithm;

const BINDING: Binding<'_> = Binding { person: "p-1", action: "book", release: "mvs-2026-12-01" };

fn keyring() -> Keyring {
    Keyring::new(b"a secret of sixteen bytes or more", &[]).unwrap()
}

fn difficulty() -> Difficulty {
    Difficulty::new(Algorithm::Pbkdf2Sha256, 1_000, "00", None, None).unwrap()
}

fn issue_for(binding: &Binding<'_>) -> Result<Challenge, IssueError> {
    issue(&keyring(), &difficulty(), binding, 2_000, [0x1A; 16], [0x2B; 16])
}

#[test]
fn an_issued_challenge_has_these_members_and_no_null() {
    let challenge = issue_for(&BINDING).unwrap();
    let expected = json!({
        "parameters": {
            "algorithm": "PBKDF2/SHA-256",
            "cost": 1000,
            "data": {"action": "book", "person": "p-1", "release": "mvs-2026-12-01"},
            "expiresAt": 2000,
            "keyLength": 32,
            "keyPrefix": "00",
            "nonce": "1a".repeat(16),
            "salt": "2b".repeat(16),
        },
        "signature": challenge.signature(),
    });
    assert_eq!(serde_json::to_value(&challenge).unwrap(), expected);
}

#[test]
fn memory_and_parallelism_are_signed_where_they_are_used() {
    let difficulty = Difficulty::new(Algorithm::Argon2id, 1, "0", Some(64), Some(2)).unwrap();
    let challenge = issue(&keyring(), &difficulty, &BINDING, 2_000, [0; 16], [0; 16]).unwrap();
    let canonical = challenge.parameters().to_canonical_json();
    assert!(canonical.contains(r#""keyPrefix":"0","memoryCost":64,"nonce":"#), "{canonical}");
    assert!(canonical.contains(r#""parallelism":2,"salt":"#), "{canonical}");
}

#[test]
fn data_that_is_not_visible_ascii_is_not_issued() {
    for value in ["Оксана", "é", "a b", "a\nb", "\u{7f}", "\0"] {
        for (field, binding) in [
            ("person", Binding { person: value, ..BINDING }),
            ("action", Binding { action: value, ..BINDING }),
            ("release", Binding { release: value, ..BINDING }),
        ] {
            assert_eq!(issue_for(&binding).unwrap_err(), IssueError::NotAscii { field });
        }
    }
}

#[test]
fn data_that_is_empty_or_too_long_is_not_issued() {
    let long = "x".repeat(MAX_BINDING_VALUE_BYTES + 1);
    for value in ["", &long] {
        let refused = issue_for(&Binding { person: value, ..BINDING }).unwrap_err();
        assert_eq!(refused, IssueError::Length { field: "person", bytes: value.len() });
    }
    assert!(issue_for(&Binding { person: &long[1..], ..BINDING }).is_ok());
}

#[test]
fn an_expiry_that_javascript_would_round_is_not_issued() {
    let expires_at_s = MAX_EXPIRES_AT_S + 1;
    let refused = issue(&keyring(), &difficulty(), &BINDING, expires_at_s, [0; 16], [0; 16]);
    assert_eq!(refused.unwrap_err(), IssueError::Expiry { expires_at_s });
}

#[test]
fn a_client_reads_a_challenge_whatever_else_the_server_configures() {
    let mut sent = serde_json::to_value(issue_for(&BINDING).unwrap()).unwrap();
    sent["configuration"] = json!({"workers": 4});
    let read: Challenge = serde_json::from_value(sent).unwrap();
    assert_eq!(read.parameters(), issue_for(&BINDING).unwrap().parameters());
}

/// Reads parameters in which one member is replaced.
fn read_with(member: &str, value: Value) -> Result<Parameters, Malformed> {
    let mut parameters = serde_json::to_value(issue_for(&BINDING).unwrap().parameters()).unwrap();
    parameters[member] = value;
    serde_json::from_value::<WireParameters>(parameters).unwrap().try_into()
}

#[test]
fn null_is_read_as_absent() {
    for member in ["memoryCost", "parallelism", "keySignature"] {
        let read = read_with(member, Value::Null).unwrap();
        assert_eq!(&read, issue_for(&BINDING).unwrap().parameters());
    }
}

#[test]
fn parameters_that_are_not_spoken_are_refused_with_the_reason() {
    let unknown = UnknownAlgorithm { name: "SCRYPT".into() };
    assert_eq!(read_with("algorithm", json!("SCRYPT")), Err(unknown.into()));
    assert_eq!(read_with("keyLength", json!(16)), Err(Malformed::KeyLength { bytes: 16 }));
    assert_eq!(read_with("keySignature", json!("ab")), Err(Malformed::KeySignature));
    let nonce = Malformed::NotHex { field: "nonce", digits: 32 };
    assert_eq!(read_with("nonce", json!("00")), Err(nonce));
    let salt = Malformed::NotHex { field: "salt", digits: 32 };
    assert_eq!(read_with("salt", json!("zz".repeat(16))), Err(salt));
    let empty = DifficultyError::KeyPrefixLength { digits: 0 };
    assert_eq!(read_with("keyPrefix", json!("")), Err(empty.into()));
    assert!(matches!(
        read_with("cost", json!(u32::MAX)),
        Err(Malformed::Difficulty(DifficultyError::Cost { .. }))
    ));
}

#[test]
fn an_unknown_parameter_is_refused() {
    let mut parameters = serde_json::to_value(issue_for(&BINDING).unwrap().parameters()).unwrap();
    parameters["free"] = json!(true);
    assert!(serde_json::from_value::<Parameters>(parameters).is_err());
}
