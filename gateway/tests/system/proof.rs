//! Proof of work, where a release asks for it: bound to one person, good for one booking.

use futures_util::future::join_all;
use talon_pow::{Challenge, encode_payload, solve};

use crate::harness::{Browser, Reply, Visit, day, shared, somebody};
use crate::refusals::{assert_problem, refused};

const TOWN: u32 = 1;
pub(crate) const CHALLENGE: &str = "/api/v1/challenge?authority=small&office=1&service=driving";
/// One counter in sixteen is a solution.
pub(crate) const MAX_COUNTER: u32 = 10_000;

fn visit() -> Visit {
    Visit::any(TOWN, "driving", &day(2), &day(9))
}

pub(crate) async fn challenge(who: &mut Browser) -> Reply {
    let reply = who.get(CHALLENGE).await.expect(200);
    assert_eq!(reply.header("cache-control"), "no-store");
    reply
}

/// A solved challenge, as the form field `altcha`.
pub(crate) async fn proof(who: &mut Browser) -> String {
    let reply = challenge(who).await;
    let challenge: Challenge = serde_json::from_slice(&reply.body).unwrap();
    let solution = solve(&challenge, MAX_COUNTER).expect("it is solvable");
    encode_payload(&challenge, &solution)
}

#[tokio::test]
async fn a_proof_is_good_for_one_booking_of_its_person() {
    let gateway = shared();
    let who = &mut somebody(gateway);
    refused(who, visit().ask("first"), 403, "pow-required").await;
    let proof = proof(who).await;
    let proven = visit().with("altcha", proof.as_str());
    let booked = proven.book(who, "first").await.expect(201);

    // The answer was lost: the same request again, with a proof that is spent, or with none.
    let repeat = proven.book(who, "first").await.expect(200);
    assert_eq!(repeat.json(), booked.json());
    assert_eq!(repeat.header("idempotent-replay"), "true");
    assert_eq!(visit().book(who, "first").await.expect(200).json(), booked.json());

    refused(who, proven.ask("second"), 403, "pow-replayed").await;
    let other = &mut somebody(gateway);
    refused(other, proven.ask("first"), 403, "pow-wrong-person").await;
}

#[tokio::test]
async fn what_is_no_proof_is_refused() {
    let who = &mut somebody(shared());
    let good = proof(who).await;
    let reply = challenge(who).await;
    let unsolved: Challenge = serde_json::from_slice(&reply.body).unwrap();
    let mut wrong = solve(&unsolved, MAX_COUNTER).unwrap();
    wrong.derived_key[31] ^= 1;
    for bad in [
        String::new(),
        "!".to_owned(),
        "e30=".to_owned(),
        good[..good.len() / 2].to_owned(),
        "A".repeat(6000),
    ] {
        let ask = visit().with("altcha", bad.as_str()).ask("k");
        refused(who, ask, 403, "pow-invalid").await;
    }
    // What was made up costs the challenge: deriving a key is dearer than issuing another.
    let made_up = visit().with("altcha", encode_payload(&unsolved, &wrong));
    let reply = made_up.book(who, "k").await;
    assert_problem(&reply, 403, "pow-invalid");
    let right = encode_payload(&unsolved, &solve(&unsolved, MAX_COUNTER).unwrap());
    visit().with("altcha", right).book(who, "k").await.refused(403, "pow-replayed");
    visit().with("altcha", good).book(who, "k").await.expect(201);
}

#[tokio::test]
async fn a_proof_for_one_service_is_none_for_another_release() {
    let who = &mut somebody(shared());
    let reply = who.get("/api/v1/challenge?authority=small&office=1&service=exam").await;
    reply.refused(404, "proof-not-needed");
    for (query, status, slug) in [
        ("", 400, "bad-request"),
        ("?authority=small&office=x&service=driving", 400, "bad-request"),
        ("?authority=small&office=9&service=driving", 404, "unknown-office"),
        ("?authority=small&office=2&service=driving", 404, "unknown-service"),
    ] {
        who.get(&format!("/api/v1/challenge{query}")).await.refused(status, slug);
    }
    // A proof that nobody asked for does no harm.
    let ask = Visit::any(TOWN, "exam", &day(2), &day(9)).with("altcha", "whatever");
    ask.book(who, "k").await.expect(201);
}

#[tokio::test]
async fn of_a_hundred_requests_with_one_proof_one_passes() {
    let gateway = crate::harness::Launch::new().set("admission.write_interval_ms=1").start();
    let mut who = somebody(&gateway);
    let proven = visit().with("altcha", proof(&mut who).await);
    // In two bursts, below the fence of one person.
    let mut replies = Vec::new();
    let request = async |number: usize| proven.book(&mut who.twin(), &number.to_string()).await;
    for burst in [0..40, 40..70, 70..100] {
        replies.extend(join_all(burst.map(request)).await);
    }
    let passed = replies.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(passed, 1, "exactly one");
    let replayed = replies.iter().filter(|reply| reply.slug() == "pow-replayed").count();
    let limited = replies.iter().filter(|reply| reply.status == 429).count();
    assert_eq!(passed + replayed + limited, 100, "{:?}", replies.last().map(Reply::text));
    assert!(replayed >= 40, "{replayed} of 100 met the proof");
}

/// A promise instead of a proof.
async fn promise(who: &mut Browser) -> String {
    let promise = who.get(&format!("{CHALLENGE}&lane=slow")).await.expect(200);
    assert_eq!(promise.header("cache-control"), "no-store");
    let promise = promise.json();
    assert!(promise["ready_at_s"].is_u64());
    promise["altcha"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn who_cannot_compute_may_wait_where_the_authority_allows_it() {
    let gateway = shared();
    let who = &mut somebody(gateway);
    let waited = visit().with("altcha", promise(who).await);
    let other = &mut somebody(gateway);
    refused(other, waited.ask("theirs"), 403, "pow-invalid").await;
    let booked = waited.book(who, "first").await.expect(201);
    assert_eq!(waited.book(who, "first").await.expect(200).json(), booked.json());
}

#[tokio::test]
async fn who_waited_and_found_the_place_taken_has_three_tries_a_day() {
    let gateway = shared();
    let any = Visit::any(TOWN, "driving", &day(13), &day(13));
    let crowd = async |visit: Visit| {
        let other = &mut somebody(gateway);
        visit.with("altcha", proof(other).await).book(other, "k").await
    };
    let time = crowd(any.clone()).await.expect(201).json()["time"].as_str().unwrap().to_owned();
    let start = Visit::at(TOWN, "driving", &day(13), &time);
    while crowd(start.clone()).await.status == 201 {}

    let who = &mut somebody(gateway);
    let waited = promise(who).await;
    let taken = start.with("altcha", &*waited);
    taken.book(who, "first").await.refused(409, "slot-taken");
    let any = any.with("altcha", &*waited);
    let booked = any.book(who, "second").await.expect(201);
    any.book(who, "third").await.refused(409, "already-booked");

    // All promises of the day are the same one.
    let again = any.with("altcha", promise(who).await);
    refused(who, again.ask("fourth"), 403, "pow-replayed").await;
    assert_eq!(again.book(who, "second").await.expect(200).json(), booked.json());
}

#[tokio::test]
async fn what_a_service_asks_for_is_public() {
    let who = &mut somebody(shared());
    let about = |service: &str| format!("/api/v1/authorities/small/services/{service}/proof");
    let asked = who.get(&about("driving")).await.expect(200).json();
    assert_eq!(asked["needed_now"], true);
    assert_eq!(asked["slow_lane_minutes"], 0);
    assert_problem(&who.get(&about("exam")).await, 404, "proof-not-needed");
    assert_problem(&who.get(&about("none")).await, 404, "unknown-service");
}
