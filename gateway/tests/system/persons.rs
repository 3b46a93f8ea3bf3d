//! Who a person is: over changes of the pepper, over ways of logging in, and for an organisation.

use serde_json::{Value, json};

use crate::harness::{Browser, Launch, Reply, Visit, day, log_in, log_in_with, shared, somebody};
use crate::refusals::refused;

/// A month's worth of services, and one more.
const MONTH: [&str; 4] = ["exam", "exchange", "permit", "registration"];
const ONE_MORE: &str = "licence";

fn visit(service: &str) -> Visit {
    Visit::any(1, service, &day(2), &day(9))
}

fn for_entity(service: &str) -> Visit {
    visit(service).with("for", "entity")
}

async fn listed(who: &mut Browser) -> Vec<Value> {
    who.get("/api/v1/bookings").await.expect(200).json()["bookings"].as_array().unwrap().clone()
}

fn id(reply: &Reply) -> Value {
    reply.json()["id"].clone()
}

fn rename(launch: &Launch, from: &str, to: &str) {
    let keys = launch.data().join("keys");
    std::fs::rename(keys.join(from), keys.join(to)).unwrap();
}

#[tokio::test]
async fn a_new_pepper_leaves_people_their_bookings_and_no_fifth_one() {
    let gateway = Launch::new().start();
    let mut citizen = log_in_with(&gateway, 60, "&entity=1").await;
    for service in MONTH {
        visit(service).book(&mut citizen, service).await.expect(201);
    }
    for_entity("exam").book(&mut citizen, "entity").await.expect(201);
    let before = listed(&mut citizen).await;
    assert_eq!(before.len(), 5);

    let launch = gateway.stop();
    rename(&launch, "pepper.key", "pepper.previous.key");
    let gateway = launch.start();
    let mut again = log_in_with(&gateway, 60, "&entity=1").await;
    assert_eq!(listed(&mut again).await, before);
    visit(ONE_MORE).book(&mut again, "fifth").await.refused(429, "quota-exceeded");
    for_entity("exam").book(&mut again, "more").await.refused(409, "already-booked");
    // The session from before the change is the same person.
    let mut citizen = citizen.twin_at(gateway.public());
    visit(ONE_MORE).book(&mut citizen, "fifth").await.refused(429, "quota-exceeded");
    assert_eq!(listed(&mut citizen).await, before);
    // The lost answer from before the change: its key still finds what it booked.
    let repeated = visit(MONTH[0]).book(&mut again, MONTH[0]).await.expect(200);
    assert!(before.iter().any(|booking| booking["id"] == id(&repeated)));
    // Somebody who was not there before is nobody's twin.
    let mut other = log_in(&gateway, 61).await;
    assert!(listed(&mut other).await.is_empty());
}

#[tokio::test]
async fn as_many_peppers_as_there_may_be_are_one_person_and_one_more_is_refused() {
    let mut gateway = Launch::new().start();
    let mut citizen = log_in(&gateway, 71).await;
    visit("exam").book(&mut citizen, "k").await.expect(201);
    let names =
        ["pepper.key", "pepper.previous.key", "pepper.previous-2.key", "pepper.previous-3.key"];
    for change in 1..names.len() {
        let launch = gateway.stop();
        for older in (0..change).rev() {
            rename(&launch, names[older], names[older + 1]);
        }
        gateway = launch.start();
        let mut again = log_in(&gateway, 71).await;
        assert_eq!(listed(&mut again).await.len(), 1, "change {change}");
        visit("exam").book(&mut again, "more").await.refused(409, "already-booked");
    }
    let launch = gateway.stop();
    let keys = launch.data().join("keys");
    std::fs::copy(keys.join("session.key"), keys.join("pepper.previous-4.key")).unwrap();
    let (code, said) = launch.run_to_the_end();
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("5 peppers; there are 1 to 4"), "{said}");
}

#[tokio::test]
async fn a_pepper_under_which_nobody_counts_may_go() {
    let launch = Launch::new().start().stop();
    rename(&launch, "pepper.key", "pepper.previous.key");
    let launch = launch.start().stop();
    std::fs::remove_file(launch.data().join("keys/pepper.previous.key")).unwrap();
    let gateway = launch.start();
    let mut citizen = log_in(&gateway, 72).await;
    visit("exam").book(&mut citizen, "k").await.expect(201);
}

#[tokio::test]
async fn a_pepper_under_which_somebody_counts_is_not_to_be_taken_away() {
    let gateway = Launch::new().start();
    let mut citizen = log_in(&gateway, 62).await;
    visit("exam").book(&mut citizen, "k").await.expect(201);
    let launch = gateway.stop();
    rename(&launch, "pepper.key", "gone");
    let (code, said) = launch.run_to_the_end();
    assert_eq!(code, Some(78), "{said}");
    let told = "keys.directory: a pepper was taken away while 1 persons still count under it";
    assert!(said.contains(told) && said.contains("put its file back"), "{said}");

    rename(&launch, "gone", "pepper.previous.key");
    let gateway = launch.start();
    let mut again = log_in(&gateway, 62).await;
    assert_eq!(listed(&mut again).await.len(), 1);
}

#[tokio::test]
async fn every_way_to_log_in_is_the_same_person() {
    let gateway = shared();
    let mut by_number = log_in_with(gateway, 63, "&without=unzr").await;
    visit("exam").book(&mut by_number, "k").await.expect(201);
    // Both numbers: now the ledger knows that they are one human's.
    let mut by_both = log_in(gateway, 63).await;
    visit("exam").book(&mut by_both, "other").await.refused(409, "already-booked");
    let mut by_register = log_in_with(gateway, 63, "&without=rnokpp").await;
    visit("exam").book(&mut by_register, "other").await.refused(409, "already-booked");
    // And that login had the passport besides.
    let mut by_passport = log_in_with(gateway, 63, "&without=rnokpp,unzr").await;
    visit("exam").book(&mut by_passport, "other").await.refused(409, "already-booked");
    for who in [&mut by_number, &mut by_both, &mut by_register, &mut by_passport] {
        assert_eq!(listed(who).await.len(), 1);
    }
}

#[tokio::test]
async fn two_halves_that_booked_apart_count_together_once_they_are_one() {
    let gateway = shared();
    let mut by_number = log_in_with(gateway, 64, "&without=unzr").await;
    let mut by_passport = log_in_with(gateway, 64, "&without=rnokpp").await;
    for service in &MONTH[..2] {
        visit(service).book(&mut by_number, service).await.expect(201);
    }
    for service in &MONTH[2..] {
        visit(service).book(&mut by_passport, service).await.expect(201);
    }
    let mut whole = log_in(gateway, 64).await;
    assert_eq!(listed(&mut whole).await.len(), 4);
    for who in [&mut whole, &mut by_number, &mut by_passport] {
        visit(ONE_MORE).book(who, "fifth").await.refused(429, "quota-exceeded");
    }
}

#[tokio::test]
async fn a_session_says_whether_it_is_for_an_organisation_and_not_for_which() {
    let gateway = shared();
    let mut director = log_in_with(gateway, 65, "&entity=11").await;
    let said = director.get("/api/v1/session").await.expect(200);
    assert_eq!(said.json()["entity"], true);
    let known = talon_standins::entity(11);
    assert!(!said.text().contains(&known.edrpou) && !said.text().contains(&known.name));
    let mut citizen = log_in(gateway, 65).await;
    assert_eq!(citizen.get("/api/v1/session").await.expect(200).json()["entity"], false);
}

#[tokio::test]
async fn a_booking_for_an_organisation_is_its_own_and_not_the_persons() {
    let gateway = shared();
    let mut director = log_in_with(gateway, 66, "&entity=12").await;
    let own = visit("exam").book(&mut director, "own").await.expect(201);
    let theirs = for_entity("exam").book(&mut director, "theirs").await.expect(201);
    assert_eq!((&own.json()["for"], &theirs.json()["for"]), (&json!("person"), &json!("entity")));
    assert_eq!(theirs.json()["channel"], "web");
    for_entity("exam").book(&mut director, "more").await.refused(409, "already-booked");

    // Another representative is another person, and it is the same organisation.
    let mut deputy = log_in_with(gateway, 67, "&entity=12").await;
    for_entity("exam").book(&mut deputy, "more").await.refused(409, "already-booked");
    visit("exam").book(&mut deputy, "own").await.expect(201);
    let seen: Vec<Value> = listed(&mut deputy).await.iter().map(|b| b["id"].clone()).collect();
    assert!(seen.contains(&id(&theirs)) && !seen.contains(&id(&own)), "{seen:?}");

    // Whoever does not act for it does not see it, be it the same human.
    let mut citizen = log_in(gateway, 66).await;
    let seen: Vec<Value> = listed(&mut citizen).await.iter().map(|b| b["id"].clone()).collect();
    assert!(seen.contains(&id(&own)), "{seen:?}");
    let mut stranger = log_in_with(gateway, 68, "&entity=13").await;
    stranger.get(theirs.header("location")).await.refused(404, "not-found");
    for_entity("exam").book(&mut stranger, "k").await.expect(201);
}

#[tokio::test]
async fn whoever_represents_nobody_books_for_themselves_only() {
    let gateway = shared();
    let who = &mut somebody(gateway);
    refused(who, for_entity("exam").ask("k"), 403, "no-entity").await;
    for nonsense in [json!("organisation"), json!("99000110"), json!(null), json!(1)] {
        let ask = visit("exam").with("for", nonsense).ask("k");
        refused(who, ask, 400, "bad-request").await;
    }
    visit("exam").with("for", "person").book(who, "k").await.expect(201);
}

#[tokio::test]
async fn a_key_for_the_person_is_no_key_for_the_organisation() {
    let gateway = shared();
    let mut director = log_in_with(gateway, 69, "&entity=14").await;
    let own = visit("exam").book(&mut director, "k").await.expect(201);
    for_entity("exam").book(&mut director, "k").await.refused(422, "idempotency-key-reused");
    assert_eq!(id(&visit("exam").book(&mut director, "k").await.expect(200)), id(&own));
}

#[tokio::test]
async fn a_full_month_of_an_organisation_leaves_the_person_theirs_and_the_other_way_round() {
    let gateway = shared();
    let mut director = log_in_with(gateway, 70, "&entity=15").await;
    for service in MONTH {
        for_entity(service).book(&mut director, service).await.expect(201);
    }
    // The second refusal is from memory.
    for _ in 0..2 {
        for_entity(ONE_MORE).book(&mut director, "fifth").await.refused(429, "quota-exceeded");
    }
    visit(ONE_MORE).book(&mut director, "own").await.expect(201);
    // The same human for another organisation.
    let mut elsewhere = log_in_with(gateway, 70, "&entity=16").await;
    for_entity(ONE_MORE).book(&mut elsewhere, "k").await.expect(201);
    for service in &MONTH[..3] {
        visit(service).book(&mut elsewhere, &format!("own-{service}")).await.expect(201);
    }
    for _ in 0..2 {
        visit(MONTH[3]).book(&mut elsewhere, "own-fifth").await.refused(429, "quota-exceeded");
    }
    for_entity(MONTH[3]).book(&mut elsewhere, "theirs").await.expect(201);
}

#[tokio::test]
async fn what_one_human_books_for_all_they_act_for_has_a_cap() {
    let gateway = shared();
    let strict = |subject: &str| {
        let visit = Visit::any(1, "visit", &day(2), &day(6)).with("authority", "strict");
        visit.with("for", subject)
    };
    let mut director = log_in_with(gateway, 73, "&entity=17").await;
    strict("person").book(&mut director, "1").await.expect(201);
    strict("entity").book(&mut director, "2").await.expect(201);
    let mut elsewhere = log_in_with(gateway, 73, "&entity=18").await;
    strict("entity").book(&mut elsewhere, "3").await.expect(201);
    let mut third = log_in_with(gateway, 73, "&entity=19").await;
    for subject in ["entity", "person", "entity"] {
        let problem = strict(subject).book(&mut third, "4").await.refused(429, "quota-exceeded");
        let told = (&problem["rule"], &problem["count"], &problem["limit"]);
        assert_eq!(told, (&json!("actor-month"), &json!(3), &json!(3)), "{subject}");
    }
    // The organisation is free to send somebody else.
    let mut deputy = log_in_with(gateway, 74, "&entity=19").await;
    strict("entity").book(&mut deputy, "4").await.expect(201);
}
