//! What a proof is not is told, each by a type of its own, and nothing is spent by it: neither the
//! challenge nor the person's pace.

use serde_json::Value;
use talon_pow::{Algorithm, Binding, Challenge, Difficulty, Keyring, encode_payload, issue, solve};

use crate::harness::{Browser, Gateway, Launch, Visit, day, now_s, somebody};
use crate::proof::{MAX_COUNTER, challenge};
use crate::refusals::refused;

/// What the gateway signs challenges for one person with.
struct Issuer {
    secret: Vec<u8>,
    difficulty: Difficulty,
    person: String,
    release: String,
    nonce: [u8; 16],
}

impl Issuer {
    async fn of(gateway: &Gateway, who: &mut Browser) -> Self {
        let given = challenge(who).await.json();
        let data = &given["parameters"]["data"];
        let text = |name: &str| data[name].as_str().unwrap().to_owned();
        assert_eq!(text("action"), "book");
        let (person, release) = (text("person"), text("release"));
        let secret = std::fs::read(gateway.launch().data().join("keys/proof.key")).unwrap();
        // As the policy says.
        let difficulty = Difficulty::new(Algorithm::Sha256, 10, "0", None, None).unwrap();
        let mut nonce = [0; 16];
        hex::decode_to_slice(given["parameters"]["nonce"].as_str().unwrap(), &mut nonce).unwrap();
        Self { secret, difficulty, person, release, nonce }
    }

    fn binding(&self) -> Binding<'_> {
        Binding { person: &self.person, action: "book", release: &self.release }
    }

    /// Always the same nonce: what is spent by one proof is spent for all.
    fn issue(&self, secret: &[u8], binding: Binding<'_>, expires_at_s: u64) -> Challenge {
        let keyring = Keyring::new(secret, &[]).unwrap();
        issue(&keyring, &self.difficulty, &binding, expires_at_s, self.nonce, [1; 16]).unwrap()
    }
}

fn solved(challenge: &Challenge) -> String {
    encode_payload(challenge, &solve(challenge, MAX_COUNTER).unwrap())
}

/// The proof of a challenge in which a parameter was changed before it was solved.
fn tampered(challenge: &Challenge, parameter: &str, value: Value) -> String {
    let mut changed = serde_json::to_value(challenge).unwrap();
    assert_ne!(changed["parameters"][parameter], value);
    changed["parameters"][parameter] = value;
    solved(&serde_json::from_value(changed).unwrap())
}

/// A claim of a key that does not start as the challenge asks: that of the first counter which gives none.
fn without_work(challenge: &Challenge) -> String {
    let mut solution = solve(challenge, MAX_COUNTER).unwrap();
    solution.derived_key[0] |= 0xF0;
    encode_payload(challenge, &solution)
}

#[tokio::test]
async fn what_a_proof_is_not_is_told_by_its_type_and_nothing_is_spent() {
    // Who was charged for one of them would have to wait for a minute.
    let pace = ["admission.write_interval_ms=60000", "admission.write_burst=1"];
    let gateway = pace.into_iter().fold(Launch::new(), Launch::set).start();
    let who = &mut somebody(&gateway);
    let issuer = Issuer::of(&gateway, who).await;
    let (later, own) = (now_s() + 300, issuer.binding());
    let good = issuer.issue(&issuer.secret, own, later);
    let ours = |binding| solved(&issuer.issue(&issuer.secret, binding, later));
    let visit = Visit::any(1, "driving", &day(2), &day(9));
    for (slug, proof) in [
        ("pow-wrong-person", ours(Binding { person: "somebody-else", ..own })),
        ("pow-wrong-action", ours(Binding { action: "cancel", ..own })),
        ("pow-wrong-release", ours(Binding { release: "1:1", ..own })),
        ("pow-too-weak", without_work(&good)),
        ("pow-expired", solved(&issuer.issue(&issuer.secret, own, now_s() - 1))),
        ("pow-forged", solved(&issuer.issue(&[7; 32], own, later))),
        ("pow-forged", tampered(&good, "cost", 1.into())),
        ("pow-forged", tampered(&good, "expiresAt", (later + 1).into())),
        ("pow-forged", tampered(&good, "keyPrefix", "f".into())),
        ("pow-invalid", "no proof at all".to_owned()),
    ] {
        let ask = visit.clone().with("altcha", proof).ask("k");
        refused(who, ask, 403, slug).await;
    }
    visit.with("altcha", solved(&good)).book(who, "k").await.expect(201);
}
