//! Moving a booking: another place in exchange, or everything as it was.

use serde_json::{Value, json};

use crate::harness::{Ask, Browser, Reply, Visit, day, eventually, log_in, shared, somebody};
use crate::proof::proof;
use crate::refusals::refused;

const TOWN: u32 = 1;
const VILLAGE: u32 = 2;
const HALL: u32 = 3;

fn to(date: &str, time: &str) -> Value {
    json!({ "wishes": [{ "date": date, "time": time }] })
}

fn ask(booked: &Reply, key: &str, body: &Value) -> Ask {
    Ask::post(format!("{}/move", booked.header("location")))
        .header("idempotency-key", key)
        .json(body)
}

async fn state(who: &mut Browser, booked: &Reply) -> Value {
    who.get(booked.header("location")).await.expect(200).json()["state"].clone()
}

#[tokio::test]
async fn a_move_takes_the_new_place_and_gives_the_old_one_back() {
    let who = &mut somebody(shared());
    let booked = Visit::at(VILLAGE, "exchange", &day(10), "09:00").book(who, "k").await.expect(201);
    let moved = who.send(ask(&booked, "move", &to(&day(11), "09:20"))).await.expect(201);
    let ticket = moved.json();
    assert_ne!(ticket["id"], booked.json()["id"]);
    let location = format!("/api/v1/bookings/{}", ticket["id"].as_str().unwrap());
    assert_eq!(moved.header("location"), location);
    for (member, value) in [("date", day(11)), ("time", "09:20".to_owned())] {
        assert_eq!(ticket[member], value);
    }
    assert_eq!((&ticket["state"], &ticket["for"]), (&json!("booked"), &json!("person")));
    assert_eq!(state(who, &booked).await, "moved");
    assert_eq!(state(who, &moved).await, "booked");

    // The lost answer: the same request finds the same booking, and is no second move.
    let again = who.send(ask(&booked, "move", &to(&day(11), "09:20"))).await.expect(200);
    assert_eq!((again.json(), again.header("idempotent-replay")), (ticket, "true"));
    let other = ask(&booked, "move", &to(&day(11), "09:40"));
    refused(who, other, 422, "idempotency-key-reused").await;

    let path = format!(
        "/api/v1/authorities/small/offices/{VILLAGE}/services/exchange/days/{}/starts",
        day(10)
    );
    let mut watcher = who.twin();
    eventually("the old place is free again", async || {
        let starts = watcher.get(&path).await.expect(200).json()["starts"].clone();
        starts.as_array().unwrap().iter().any(|start| start["time"] == "09:00").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_move_may_go_to_another_office_that_has_the_service() {
    let who = &mut somebody(shared());
    let booked = Visit::any(TOWN, "exam", &day(2), &day(5)).book(who, "k").await.expect(201);
    let mut body = json!({ "any": { "from": day(6), "to": day(9) }, "office": HALL });
    let moved = who.send(ask(&booked, "move", &body)).await.expect(201);
    assert_eq!(moved.json()["office"], HALL);
    body["office"] = json!(VILLAGE);
    refused(who, ask(&moved, "again", &body), 404, "unknown-service").await;
    body["office"] = json!(99);
    refused(who, ask(&moved, "again", &body), 404, "unknown-office").await;
}

#[tokio::test]
async fn a_refused_move_leaves_the_booking_where_it_was() {
    let gateway = shared();
    let (who, other) = (&mut somebody(gateway), &mut somebody(gateway));
    let booked = Visit::at(VILLAGE, "exchange", &day(12), "09:00").book(who, "k").await.expect(201);
    Visit::at(VILLAGE, "exchange", &day(12), "09:20").book(other, "k").await.expect(201);
    let taken = ask(&booked, "m", &to(&day(12), "09:20"));
    let problem = refused(who, taken, 409, "slot-taken").await;
    assert_eq!(problem["free"].as_array().unwrap().len(), 1);
    for (body, status, slug) in [
        (to(&day(12), "09:10"), 422, "unknown-start"),
        (to(&day(200), "09:00"), 409, "not-released"),
        (to("2020-01-01", "09:00"), 422, "past-date"),
        (json!({}), 400, "bad-request"),
        (json!({ "wishes": [], "service": "exam" }), 400, "bad-request"),
    ] {
        refused(who, ask(&booked, "m", &body), status, slug).await;
    }
    let target = format!("{}/move", booked.header("location"));
    let body = to(&day(12), "09:40");
    refused(who, Ask::post(&target).json(&body), 400, "idempotency-key-missing").await;
    let text = Ask::post(&target).header("idempotency-key", "m").bytes("text/plain", "{}");
    refused(who, text, 400, "bad-request").await;
    assert_eq!(state(who, &booked).await, "booked");
    who.send(ask(&booked, "m", &body)).await.expect(201);
}

#[tokio::test]
async fn only_a_live_booking_of_ones_own_moves_and_not_for_ever() {
    let gateway = shared();
    let who = &mut somebody(gateway);
    let body = |ahead| json!({ "any": { "from": day(ahead), "to": day(ahead) } });
    let booked = Visit::any(TOWN, "exam", &day(2), &day(2)).book(who, "k").await.expect(201);
    refused(&mut somebody(gateway), ask(&booked, "m", &body(3)), 404, "not-found").await;
    let once = who.send(ask(&booked, "1", &body(3))).await.expect(201);
    refused(who, ask(&booked, "2", &body(4)), 409, "not-live").await;
    let twice = who.send(ask(&once, "2", &body(4))).await.expect(201);
    let problem = refused(who, ask(&twice, "3", &body(5)), 409, "moved-too-often").await;
    assert_eq!((&problem["count"], &problem["limit"]), (&json!(2), &json!(2)));
    who.post(&format!("{}/cancel", twice.header("location"))).await.expect(200);
    let problem = refused(who, ask(&twice, "3", &body(5)), 409, "not-live").await;
    assert_eq!(problem["state"], "cancelled");
}

#[tokio::test]
async fn a_move_after_its_deadline_is_refused_with_it() {
    let who = &mut somebody(shared());
    let visit = Visit::any(1, "visit", &day(2), &day(5)).with("authority", "strict");
    let booked = visit.book(who, "k").await.expect(201);
    let body = json!({ "any": { "from": day(2), "to": day(6) } });
    let problem = refused(who, ask(&booked, "m", &body), 409, "too-late-to-move").await;
    assert_eq!(problem["until"], booked.json()["move_until"]);
    assert!(problem["until"].is_string());
}

#[tokio::test]
async fn whoever_has_used_up_their_month_may_still_move() {
    let who = &mut somebody(shared());
    let any = |service: &str| Visit::any(TOWN, service, &day(2), &day(9));
    let booked = any("exam").book(who, "exam").await.expect(201);
    for service in ["exchange", "permit", "registration"] {
        any(service).book(who, service).await.expect(201);
    }
    // Remembered now.
    any("licence").book(who, "fifth").await.refused(429, "quota-exceeded");
    let body = json!({ "any": { "from": day(10), "to": day(11) } });
    who.send(ask(&booked, "m", &body)).await.expect(201);
    any("licence").book(who, "fifth").await.refused(429, "quota-exceeded");
}

#[tokio::test]
async fn a_move_takes_a_scarce_place_and_costs_a_proof_where_booking_does() {
    let who = &mut somebody(shared());
    let solved = proof(who).await;
    let visit = Visit::any(TOWN, "driving", &day(2), &day(5)).with("altcha", solved.as_str());
    let booked = visit.book(who, "k").await.expect(201);
    let mut body = json!({ "any": { "from": day(6), "to": day(9) } });
    refused(who, ask(&booked, "m", &body), 403, "pow-required").await;
    body["altcha"] = json!(solved);
    refused(who, ask(&booked, "m", &body), 403, "pow-replayed").await;
    body["altcha"] = json!(proof(who).await);
    let moved = who.send(ask(&booked, "m", &body)).await.expect(201);
    // The lost answer, with the proof that is spent, and without any.
    let again = who.send(ask(&booked, "m", &body)).await.expect(200);
    body.as_object_mut().unwrap().remove("altcha");
    let without = who.send(ask(&booked, "m", &body)).await.expect(200);
    assert_eq!((again.json(), without.json()), (moved.json(), moved.json()));
}

#[tokio::test]
async fn other_sites_move_nothing() {
    let gateway = shared();
    let mut who = log_in(gateway, 80).await;
    let booked = Visit::any(TOWN, "exam", &day(2), &day(5)).book(&mut who, "k").await.expect(201);
    let body = json!({ "any": { "from": day(6), "to": day(9) } });
    let evil = ask(&booked, "m", &body).header("origin", "https://evil.example");
    refused(&mut who, evil, 403, "forbidden-origin").await;
    assert_eq!(state(&mut who, &booked).await, "booked");
}
