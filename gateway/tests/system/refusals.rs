//! What is asked wrongly is refused with its own status, type and words, in both languages.

use serde_json::{Value, json};
use talon_gateway::http::language::{Language, Texts};

use crate::harness::{Ask, Browser, Reply, Visit, day, shared, somebody};

const TOWN: u32 = 1;
const VILLAGE: u32 = 2;

/// Asks in both languages; checks everything that all refusals have in common.
pub(crate) async fn refused(who: &mut Browser, ask: Ask, status: u16, slug: &str) -> Value {
    let texts = Texts::load();
    let mut last = Value::Null;
    for language in Language::ALL {
        let tag = language.tag();
        let reply = who.send(ask.clone().header("accept-language", tag)).await;
        assert_problem(&reply, status, slug);
        assert_eq!(reply.header("content-language"), tag);
        last = reply.json();
        assert_eq!(last["title"], texts.get(language, slug, None), "{tag}");
        let detail = last["detail"].as_str().unwrap();
        assert!(!detail.is_empty() && !detail.contains(['{', '}', '$']), "{detail}");
    }
    last
}

pub(crate) fn assert_problem(reply: &Reply, status: u16, slug: &str) {
    assert_eq!((reply.status, reply.slug()), (status, slug.to_owned()), "{}", reply.text());
    assert_eq!(reply.header("content-type"), "application/problem+json");
    assert_eq!(reply.header("cache-control"), "no-store");
    let document = reply.json();
    assert_eq!(document["status"], status);
    assert!(!reply.header("x-request-id").is_empty());
    assert_eq!(document["request_id"], reply.header("x-request-id"));
    let comes_back = reply.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0);
    assert_eq!(comes_back, matches!(status, 429 | 503), "{slug}: {:?}", reply.headers);
}

fn town(service: &str, date: &str, time: &str) -> Ask {
    Visit::at(TOWN, service, date, time).ask("key")
}

#[tokio::test]
async fn what_does_not_exist_is_named() {
    let who = &mut somebody(shared());
    let visit = Visit::at(TOWN, "exam", &day(3), "08:00");
    refused(who, visit.clone().with("authority", "smal").ask("k"), 404, "unknown-authority").await;
    refused(who, visit.clone().with("office", 99).ask("k"), 404, "unknown-office").await;
    refused(who, visit.clone().with("service", "exma").ask("k"), 404, "unknown-service").await;
    // A service of the authority that this office does not offer.
    let elsewhere = visit.with("office", VILLAGE).ask("k");
    refused(who, elsewhere, 404, "unknown-service").await;

    let below = "/api/v1/authorities";
    for (path, slug) in [
        (format!("{below}/smal/services"), "unknown-authority"),
        (format!("{below}/smal/offices"), "unknown-authority"),
        (format!("{below}/small/offices/99/services/exam/days"), "unknown-office"),
        (format!("{below}/small/offices/x/services/exam/days"), "unknown-office"),
        (format!("{below}/small/offices/1/services/exma/days"), "unknown-service"),
        (
            format!("{below}/small/offices/2/services/exam/days/2026-12-01/starts"),
            "unknown-service",
        ),
    ] {
        refused(who, Ask::get(path), 404, slug).await;
    }
}

#[tokio::test]
async fn dates_and_starts_that_cannot_be_booked_are_told_apart() {
    let who = &mut somebody(shared());
    refused(who, town("exam", &day(-3), "08:00"), 422, "past-date").await;
    refused(who, town("exam", "2020-01-01", "08:00"), 422, "past-date").await;
    // Outside the hours, in the break, off the grid.
    for time in ["07:30", "18:00", "12:00", "08:10", "23:59"] {
        refused(who, town("exam", &day(3), time), 422, "unknown-start").await;
    }
    for ahead in [17, 300] {
        let problem = refused(who, town("exam", &day(ahead), "08:00"), 409, "not-released").await;
        let opens_at: jiff::Timestamp = problem["opens_at"].as_str().unwrap().parse().unwrap();
        let zone = jiff::tz::TimeZone::get("Europe/Kyiv").unwrap();
        let local = opens_at.to_zoned(zone).strftime("%F %H:%M").to_string();
        assert_eq!(local, format!("{} 00:00", day(ahead - 14)));
        assert_eq!(problem["late"], false);
    }
    let path = "/api/v1/authorities/small/offices/1/services/exam/days";
    refused(who, Ask::get(format!("{path}/{}/starts", day(-3))), 422, "past-date").await;
    refused(who, Ask::get(format!("{path}/yesterday/starts")), 400, "bad-request").await;
}

#[tokio::test]
async fn a_taken_start_is_refused_with_what_is_left() {
    let date = day(5);
    let visit = Visit::at(VILLAGE, "exchange", &date, "09:20");
    visit.book(&mut somebody(shared()), "k").await.expect(201);
    let problem = refused(&mut somebody(shared()), visit.ask("k"), 409, "slot-taken").await;
    let left = json!([{ "time": "09:00", "free": 1 }, { "time": "09:40", "free": 1 }]);
    assert_eq!(problem["free"], left);
    // Of several wishes the first that can be granted is.
    let wishes = json!([{ "date": date, "time": "09:20" }, { "date": date, "time": "09:40" }]);
    let booked = visit.with("wishes", wishes).book(&mut somebody(shared()), "k").await.expect(201);
    assert_eq!(booked.json()["time"], "09:40");
}

#[tokio::test]
async fn idempotency_keys_are_visible_ascii_and_stand_for_one_request() {
    let who = &mut somebody(shared());
    let visit = Visit::at(TOWN, "exam", &day(4), "09:00");
    let without = Ask::post("/api/v1/bookings").json(&visit.0);
    refused(who, without.clone(), 400, "idempotency-key-missing").await;
    for key in ["", "two words", &"k".repeat(129)] {
        let ask = without.clone().header("idempotency-key", key);
        refused(who, ask, 400, "idempotency-key-missing").await;
    }
    let longest = "k".repeat(128);
    let first = visit.book(who, &longest).await.expect(201).json();
    let other = Visit::at(TOWN, "exam", &day(4), "09:30").ask(&longest);
    refused(who, other, 422, "idempotency-key-reused").await;
    assert_eq!(visit.book(who, &longest).await.expect(200).json(), first);
    // Another person's key is another key.
    let mut other = somebody(shared());
    assert_ne!(visit.book(&mut other, &longest).await.expect(201).json()["id"], first["id"]);
}

#[tokio::test]
async fn a_second_live_booking_for_a_service_is_refused_by_its_rule() {
    let who = &mut somebody(shared());
    let first = Visit::any(TOWN, "exam", &day(2), &day(6)).book(who, "first").await.expect(201);
    let second = Visit::any(TOWN, "exam", &day(2), &day(6)).ask("second");
    let problem = refused(who, second.clone(), 409, "already-booked").await;
    assert_eq!(
        (&problem["rule"], &problem["count"], &problem["limit"]),
        (&json!("live-per-service"), &json!(1), &json!(1))
    );
    // One that is cancelled is live no more.
    who.post(&format!("{}/cancel", first.header("location"))).await.expect(200);
    who.send(second).await.expect(201);
}

#[tokio::test]
async fn a_fifth_booking_is_refused_with_rule_count_limit_and_reset() {
    let gateway = shared();
    let who = &mut somebody(gateway);
    let any = |service: &str| Visit::any(TOWN, service, &day(2), &day(9));
    let mut first = None;
    for service in ["exam", "exchange", "permit", "registration"] {
        first = Some(any(service).book(who, service).await.expect(201));
    }
    let fifth = any("licence");
    let problem = refused(who, fifth.ask("fifth"), 429, "quota-exceeded").await;
    assert_eq!(
        (&problem["rule"], &problem["count"], &problem["limit"]),
        (&json!("online-month"), &json!(4), &json!(4))
    );
    let zone = jiff::tz::TimeZone::get("Europe/Kyiv").unwrap();
    let resets_at: jiff::Timestamp = problem["resets_at"].as_str().unwrap().parse().unwrap();
    let local = resets_at.to_zoned(zone.clone());
    assert_eq!(local.strftime("%d %H:%M").to_string(), "01 00:00");
    assert!(
        local.duration_since(&jiff::Zoned::now().with_time_zone(zone)).as_hours() <= 31 * 24 + 1
    );
    // Repeats of what was booked are no new attempts; cancelled ones count.
    any("registration").book(who, "registration").await.expect(200);
    let ticket = first.unwrap();
    who.post(&format!("{}/cancel", ticket.header("location"))).await.expect(200);
    refused(who, fifth.ask("fifth"), 429, "quota-exceeded").await;
    fifth.book(&mut somebody(gateway), "fifth").await.expect(201);
}

#[tokio::test]
async fn a_limit_of_one_service_refuses_again_and_no_other_service() {
    let who = &mut somebody(shared());
    let any = |service: &str| Visit::any(TOWN, service, &day(2), &day(9));
    for key in ["first", "second"] {
        let ticket = any("permit").book(who, key).await.expect(201);
        who.post(&format!("{}/cancel", ticket.header("location"))).await.expect(200);
    }
    for key in ["third", "fourth"] {
        let problem = refused(who, any("permit").ask(key), 429, "quota-exceeded").await;
        assert_eq!((&problem["rule"], &problem["limit"]), (&json!("permits-a-day"), &json!(2)));
    }
    // The gateway remembers the refusal, and for what it was.
    any("exchange").book(who, "exchange").await.expect(201);
}

#[tokio::test]
async fn a_late_cancellation_is_refused_with_its_deadline() {
    let who = &mut somebody(shared());
    let visit = Visit::any(1, "visit", &day(2), &day(5)).with("authority", "strict");
    let booked = visit.book(who, "k").await.expect(201);
    let ticket = booked.json();
    let cancel = Ask::post(format!("{}/cancel", booked.header("location")));
    let problem = refused(who, cancel, 409, "too-late-to-cancel").await;
    assert_eq!(problem["until"], ticket["cancel_until"]);
    let read = who.get(booked.header("location")).await.expect(200);
    assert_eq!(read.json()["state"], "booked");
}

#[tokio::test]
async fn another_persons_booking_is_the_same_as_none() {
    let gateway = shared();
    let owner = &mut somebody(gateway);
    let booked = Visit::any(TOWN, "exam", &day(2), &day(6)).book(owner, "k").await.expect(201);
    let theirs = booked.header("location").to_owned();
    let none = format!("/api/v1/bookings/{}", "0123456789abcdef".repeat(2));
    let stranger = &mut somebody(gateway);
    for (path, absent, method) in [
        (theirs.clone(), none.clone(), Ask::get as fn(String) -> Ask),
        (format!("{theirs}/cancel"), format!("{none}/cancel"), Ask::post),
    ] {
        let theirs = stranger.send(method(path.clone())).await;
        assert_problem(&theirs, 404, "not-found");
        for absent in [absent, path.replace(&theirs_id(&path), "no-id")] {
            let none = stranger.send(method(absent)).await;
            assert_eq!(without_id(&theirs), without_id(&none));
        }
    }
    assert_eq!(stranger.get("/api/v1/bookings").await.json(), json!({ "bookings": [] }));
    assert_eq!(owner.get(&theirs).await.expect(200).json()["state"], "booked");
}

fn theirs_id(path: &str) -> String {
    path.split('/').nth(4).unwrap().to_owned()
}

/// Everything a client can see except what differs in every answer: its id, its date, and what is
/// left of the client's own pace.
fn without_id(reply: &Reply) -> (u16, Vec<(String, String)>, String) {
    let id = reply.header("x-request-id");
    let headers = reply
        .headers
        .iter()
        .filter(|(name, _)| {
            !matches!(name.as_str(), "x-request-id" | "date" | "ratelimit" | "ratelimit-policy")
        })
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    (reply.status, headers, reply.text().replace(id, "ID"))
}
