//! The published vectors: bytes that every implementation of the wire format agrees on.
//!
//! Owns the vectors as tests, nothing else. They are signed with a secret of two bytes, shorter
//! than a [`Keyring`] takes from outside.

use crate::challenge::{Challenge, Parameters};
use crate::keyring::Keyring;
use crate::verify::{Payload, Refusal, check};
use crate::{Binding, encode_payload, solve};

const SECRET: &[u8] = b"s1";

struct Vector {
    parameters: &'static str,
    signature: &'static str,
    counter: u32,
    key: &'static str,
}

const PBKDF2: Vector = Vector {
    parameters: r#"{"algorithm":"PBKDF2/SHA-256","cost":1000,"data":{"aud":"book"},"expiresAt":4102444800,"keyLength":32,"keyPrefix":"00","nonce":"000102030405060708090a0b0c0d0e0f","salt":"101112131415161718191a1b1c1d1e1f"}"#,
    signature: "37b32114f3ea75e13d1fb12d29b3825463e6ca0f5946e87c0c24e92e1fdb3829",
    counter: 247,
    key: "00f200ab2d9ac7f93f1bcc073f5df4f7ee471668ad21853d8ff8185299da4489",
};

const SHA256: Vector = Vector {
    parameters: r#"{"algorithm":"SHA-256","cost":10,"data":{"aud":"book"},"expiresAt":4102444800,"keyLength":32,"keyPrefix":"00","nonce":"000102030405060708090a0b0c0d0e0f","salt":"101112131415161718191a1b1c1d1e1f"}"#,
    signature: "7c6df6c677d7d12217d36af80b03b44d52bc2a7fd3f5036f2903d1eb20c56e0d",
    counter: 309,
    key: "0073d7bab996704ef4b06034c1c207311ed497627cd13e3abeee6b68dde06aeb",
};

impl Vector {
    fn challenge(&self) -> Challenge {
        let parameters: Parameters = serde_json::from_str(self.parameters).unwrap();
        Challenge::sign(&Keyring::of_any_length(SECRET), parameters)
    }
}

#[test]
fn parameters_come_back_in_their_canonical_bytes() {
    for vector in [PBKDF2, SHA256] {
        let parameters: Parameters = serde_json::from_str(vector.parameters).unwrap();
        assert_eq!(parameters.to_canonical_json(), vector.parameters);
    }
}

#[test]
fn signatures_are_the_published_ones() {
    for vector in [PBKDF2, SHA256] {
        assert_eq!(vector.challenge().signature(), vector.signature);
    }
}

#[test]
fn solving_finds_the_published_counter_and_key() {
    for vector in [PBKDF2, SHA256] {
        let solution = solve(&vector.challenge(), 1_000).unwrap();
        assert_eq!(solution.counter, vector.counter);
        assert_eq!(hex::encode(solution.derived_key), vector.key);
    }
}

/// The vectors are not bound to a person, so the furthest they get is the signature and expiry.
#[test]
fn a_challenge_that_is_bound_to_nobody_is_good_for_nobody() {
    let challenge = SHA256.challenge();
    let solution = solve(&challenge, 1_000).unwrap();
    let payload = Payload::parse(&encode_payload(&challenge, &solution)).unwrap();
    let binding = Binding { person: "", action: "book", release: "r-1" };
    let refused = check(payload, &Keyring::of_any_length(SECRET), &binding, 0).unwrap_err();
    assert_eq!(refused, Refusal::WrongPerson);
}
