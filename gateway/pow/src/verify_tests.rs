//! Tests of verifying: each mistake known from other servers, each field tampered with, and
//! anything at all as a payload. Called by nobody.

use std::sync::LazyLock;

use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{Algorithm, Challenge, Difficulty, DifficultyError, Solution};
use crate::{encode_payload, issue, solve};

const SECRET: &[u8] = b"a secret of sixteen bytes or more";
const NEW_SECRET: &[u8] = b"another secret after the rotation";
const BINDING: Binding<'_> = Binding { person: "p-1", action: "book", release: "mvs-2026-12-01" };
const NONCE: [u8; 16] = [0x1A; 16];
const EXPIRES_AT_S: u64 = 2_000;
const NOW_S: u64 = 1_000;

/// A challenge and its first solution, which the tests below spoil.
static SOLVED: LazyLock<(Challenge, Solution)> = LazyLock::new(|| {
    let difficulty = Difficulty::new(Algorithm::Pbkdf2Sha256, 10, "00", None, None).unwrap();
    let challenge =
        issue(&keyring(), &difficulty, &BINDING, EXPIRES_AT_S, NONCE, [0x2B; 16]).unwrap();
    let solution = solve(&challenge, 10_000).unwrap();
    (challenge, solution)
});

fn keyring() -> Keyring {
    Keyring::new(SECRET, &[]).unwrap()
}

fn good() -> String {
    encode_payload(&SOLVED.0, &SOLVED.1)
}

/// The good payload with one member replaced.
fn with(pointer: &str, value: Value) -> String {
    let mut payload: Value = serde_json::from_slice(&STANDARD.decode(good()).unwrap()).unwrap();
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    payload.pointer_mut(parent).unwrap()[member] = value;
    STANDARD.encode(payload.to_string())
}

/// All of verifying, as a gateway does it.
fn verify(sent: &str, binding: &Binding<'_>, now_s: u64) -> Result<Proved, Refusal> {
    check(Payload::parse(sent)?, &keyring(), binding, now_s)?.derive()
}

fn verdict(sent: &str) -> Result<Proved, Refusal> {
    verify(sent, &BINDING, NOW_S)
}

#[test]
fn a_solved_challenge_is_proved_and_names_its_nonce_and_expiry() {
    let checked = check(Payload::parse(&good()).unwrap(), &keyring(), &BINDING, NOW_S).unwrap();
    assert_eq!((checked.nonce(), checked.expires_at_s()), (NONCE, EXPIRES_AT_S));
    let proved = checked.derive().unwrap();
    assert_eq!((proved.nonce(), proved.expires_at_s()), (NONCE, EXPIRES_AT_S));
}

#[test]
fn one_derivation_at_counter_zero_does_not_pass_for_work() {
    let (challenge, solution) = &*SOLVED;
    let parameters = challenge.parameters();
    let derived_key = derive_key(&parameters.difficulty, &NONCE, &parameters.salt, 0).unwrap();
    assert_ne!(solution.counter, 0);
    let lazy = Solution { counter: 0, derived_key, time_ms: None };
    assert_eq!(verdict(&encode_payload(challenge, &lazy)), Err(Refusal::TooWeak));
}

#[test]
fn the_derived_key_must_have_the_prefix_even_if_the_claim_was_not_looked_at() {
    let parameters = SOLVED.0.parameters().clone();
    let claimed_key = derive_key(&parameters.difficulty, &NONCE, &parameters.salt, 0).unwrap();
    let checked = Checked { parameters, counter: 0, claimed_key };
    assert_eq!(checked.derive(), Err(Refusal::TooWeak));
}

#[test]
fn an_invented_key_with_the_prefix_does_not_pass_for_work() {
    let invented = json!("00".repeat(32));
    assert_eq!(verdict(&with("/solution/derivedKey", invented)), Err(Refusal::WrongKey));
    let counter = json!(SOLVED.1.counter + 1);
    assert_eq!(verdict(&with("/solution/counter", counter)), Err(Refusal::WrongKey));
}

#[test]
fn the_signature_is_checked_before_anything_that_it_covers() {
    // Everything is wrong with this payload: nothing but the signature may be told.
    let stranger = Binding { person: "p-2", action: "cancel", release: "r-2" };
    let forged = with("/challenge/signature", json!("00".repeat(32)));
    assert_eq!(verify(&forged, &stranger, EXPIRES_AT_S + 1), Err(Refusal::BadSignature));
    let bogus_nonce = with("/challenge/parameters/nonce", json!("ff".repeat(16)));
    assert_eq!(verify(&bogus_nonce, &stranger, EXPIRES_AT_S + 1), Err(Refusal::BadSignature));
}

#[test]
fn expiry_is_checked_before_person_and_person_before_action_and_action_before_release() {
    let mut stranger = Binding { person: "p-2", action: "cancel", release: "r-2" };
    let expired = Refusal::Expired { expires_at_s: EXPIRES_AT_S, now_s: EXPIRES_AT_S };
    let weak = with("/solution/derivedKey", json!("ff".repeat(32)));
    assert_eq!(verify(&weak, &stranger, EXPIRES_AT_S), Err(expired));
    assert_eq!(verify(&weak, &stranger, NOW_S), Err(Refusal::WrongPerson));
    stranger.person = BINDING.person;
    assert_eq!(verify(&weak, &stranger, NOW_S), Err(Refusal::WrongAction));
    stranger.action = BINDING.action;
    assert_eq!(verify(&weak, &stranger, NOW_S), Err(Refusal::WrongRelease));
    stranger.release = BINDING.release;
    assert_eq!(verify(&weak, &stranger, NOW_S), Err(Refusal::TooWeak));
}

#[test]
fn a_challenge_is_over_in_the_second_of_its_expiry() {
    assert!(verify(&good(), &BINDING, EXPIRES_AT_S - 1).is_ok());
    for now_s in [EXPIRES_AT_S, u64::MAX] {
        let refused = verify(&good(), &BINDING, now_s);
        assert_eq!(refused, Err(Refusal::Expired { expires_at_s: EXPIRES_AT_S, now_s }));
    }
}

#[test]
fn every_altered_parameter_fails_the_signature() {
    for (member, value) in [
        ("algorithm", json!("SHA-256")),
        ("cost", json!(1)),
        ("data", json!({})),
        ("data", Value::Null),
        ("data/person", json!("p-2")),
        ("data/action", json!("cancel")),
        ("data/release", json!("mvs-2026-12-02")),
        ("data/more", json!("x")),
        ("expiresAt", json!(EXPIRES_AT_S + 1)),
        ("keyPrefix", json!("0")),
        ("nonce", json!("00".repeat(16))),
        ("salt", json!("00".repeat(16))),
    ] {
        let sent = with(&format!("/challenge/parameters/{member}"), value);
        assert_eq!(verdict(&sent), Err(Refusal::BadSignature), "{member}");
    }
}

#[test]
fn parameters_that_are_never_issued_do_not_even_reach_the_signature() {
    let refused = verdict(&with("/challenge/parameters/cost", json!(u32::MAX)));
    let cost = DifficultyError::Cost {
        algorithm: Algorithm::Pbkdf2Sha256,
        cost: u32::MAX,
        max: crate::MAX_PBKDF2_ITERATIONS,
    };
    assert_eq!(refused, Err(Refusal::Malformed(cost.into())));
    for (member, value) in [
        ("algorithm", json!("SCRYPT")),
        ("keyLength", json!(1)),
        ("keyPrefix", json!("")),
        ("keySignature", json!("00".repeat(32))),
        ("memoryCost", json!(8)),
        ("unknown", json!(1)),
        ("data", json!({"person": {"nested": "map"}})),
        ("expiresAt", Value::Null),
    ] {
        let sent = with(&format!("/challenge/parameters/{member}"), value);
        assert!(matches!(verdict(&sent), Err(Refusal::Malformed(_))), "{member}");
    }
}

#[test]
fn a_challenge_signed_before_the_rotation_is_accepted_until_its_secret_is_dropped() {
    let payload = Payload::parse(&good()).unwrap();
    let rotated = Keyring::new(NEW_SECRET, &[SECRET]).unwrap();
    assert!(check(payload.clone(), &rotated, &BINDING, NOW_S).unwrap().derive().is_ok());
    let dropped = Keyring::new(NEW_SECRET, &[]).unwrap();
    let refused = check(payload, &dropped, &BINDING, NOW_S).unwrap_err();
    assert_eq!(refused, Refusal::BadSignature);
}

#[test]
fn another_spelling_of_a_payload_is_the_same_nonce() {
    for (member, value) in [
        ("/solution/time", json!(1234.5)),
        ("/solution/time", Value::Null),
        ("/solution/derivedKey", json!(hex::encode_upper(SOLVED.1.derived_key))),
        ("/challenge/parameters/nonce", json!("1A".repeat(16))),
        ("/challenge/configuration", json!({})),
        ("/test", json!(true)),
    ] {
        assert_eq!(verdict(&with(member, value)).unwrap().nonce(), NONCE, "{member}");
    }
}

#[test]
fn base64_is_the_standard_alphabet_with_or_without_padding() {
    // Spaces in JSON shift the bytes, so that each length of padding and both special characters
    // of the alphabet are met.
    let json = String::from_utf8(STANDARD.decode(good()).unwrap()).unwrap();
    for spaces in 0..3 {
        let text = format!("{}{json}", " ".repeat(spaces));
        assert!(verdict(&STANDARD.encode(&text)).is_ok());
        assert!(verdict(&STANDARD_NO_PAD.encode(&text)).is_ok());
    }
    let special = with("/solution/note", json!("???>>>~~~"));
    assert!(special.contains(['+', '/']) && verdict(&special).is_ok());
    let url_safe = URL_SAFE.encode(STANDARD.decode(&special).unwrap());
    for spoilt in [url_safe, format!(" {}", good()), format!("{}\n", good()), "=".into()] {
        assert_eq!(verdict(&spoilt), Err(Refusal::Malformed(Malformed::NotBase64)));
    }
}

#[test]
fn a_payload_beyond_the_bound_is_refused_before_it_is_decoded() {
    let bytes = MAX_PAYLOAD_BYTES + 1;
    let refused = verdict(&"!".repeat(bytes));
    assert_eq!(refused, Err(Refusal::Malformed(Malformed::TooLong { bytes })));
    let refused = verdict(&"!".repeat(MAX_PAYLOAD_BYTES));
    assert_eq!(refused, Err(Refusal::Malformed(Malformed::NotBase64)));
}

#[test]
fn json_of_another_shape_is_refused_with_its_place() {
    let deep = "[".repeat(2_000);
    for json in ["", "{}", "null", "[]", "{\"challenge\":{}}", "\u{feff}{}", &deep] {
        let refused = verdict(&STANDARD.encode(json));
        assert!(matches!(refused, Err(Refusal::Malformed(Malformed::NotJson { .. }))), "{json}");
    }
    for counter in [json!(-1), json!(1_u64 << 32), json!(1.5), json!("1"), Value::Null] {
        let refused = verdict(&with("/solution/counter", counter));
        assert!(matches!(refused, Err(Refusal::Malformed(Malformed::NotJson { .. }))));
    }
}

#[test]
fn a_key_or_signature_of_another_length_is_refused() {
    for (pointer, field) in
        [("/solution/derivedKey", "derivedKey"), ("/challenge/signature", "signature")]
    {
        for value in ["", "0", "00", &"00".repeat(33), &"0g".repeat(32)] {
            let refused = verdict(&with(pointer, json!(value)));
            let expected = Malformed::NotHex { field, digits: 64 };
            assert_eq!(refused, Err(Refusal::Malformed(expected)));
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_refused_without_a_panic(text in ".*") {
        prop_assert!(matches!(verdict(&text), Err(Refusal::Malformed(_))));
    }

    #[test]
    fn any_bytes_in_base64_are_refused_without_a_panic(bytes: Vec<u8>) {
        prop_assert!(matches!(verdict(&STANDARD.encode(bytes)), Err(Refusal::Malformed(_))));
    }

    /// A changed byte is refused, or it changed nothing that counts: then the nonce is the same.
    #[test]
    fn a_changed_byte_never_gives_another_nonce(at: prop::sample::Index, byte: u8) {
        let mut json = STANDARD.decode(good()).unwrap();
        let at = at.index(json.len());
        json[at] = byte;
        if let Ok(proved) = verdict(&STANDARD.encode(json)) {
            prop_assert_eq!(proved.nonce(), NONCE);
        }
    }
}
