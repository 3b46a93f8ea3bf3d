//! Requests that are not understood, too large, or to nowhere, and people who ask too fast.

use std::net::SocketAddr;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Ask, Launch, Visit, day, shared, somebody};
use crate::refusals::{assert_problem, refused};

const BOOKINGS: &str = "/api/v1/bookings";
const MEGABYTE: usize = 1 << 20;

fn body(text: &str) -> Ask {
    Ask::post(BOOKINGS).header("idempotency-key", "k").bytes("application/json", text.to_owned())
}

#[tokio::test]
async fn a_body_that_is_not_understood_is_refused_with_the_place_of_the_mistake() {
    let who = &mut somebody(shared());
    let good = Visit::at(1, "exam", &day(3), "08:00");
    let changed = |name: &str, value| good.clone().with(name, value).0.to_string();
    for (text, place) in [
        (String::new(), "no JSON"),
        ("{".to_owned(), "no JSON"),
        ("\u{0}\u{1}garbage".to_owned(), "no JSON"),
        (format!("{} x", good.0), "something after"),
        ("[]".to_owned(), "not what is expected"),
        ("\"text\"".to_owned(), "not what is expected"),
        ("null".to_owned(), "not what is expected"),
        (changed("office", json!("1")), "office"),
        (changed("office", json!(-1)), "office"),
        (changed("office", json!(1e300)), "office"),
        (changed("service", json!(["exam"])), "service"),
        (changed("wishes", json!("08:00")), "wishes"),
        (changed("wishes", json!([])), "wishes"),
        (changed("wishes", json!([{ "date": day(3) }])), "wishes[0]"),
        (changed("wishes", json!([{ "date": "2026-02-30", "time": "08:00" }])), "wishes[0].date"),
        (changed("wishes", json!([{ "date": day(3), "time": "8 o'clock" }])), "wishes[0].time"),
        (
            changed("wishes", json!([{ "date": day(3), "time": "08:00", "x": 1 }])),
            "wishes[0] (line",
        ),
        (changed("wihses", json!([])), "the document"),
        (changed("any", json!({ "from": day(3), "to": day(4) })), "either"),
        (format!("{}1{}", "[".repeat(4000), "]".repeat(4000)), "not what is expected"),
    ] {
        let problem = refused(who, body(&text), 400, "bad-request").await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(place), "{text:.60}: {detail}");
    }
}

#[tokio::test]
async fn only_json_is_taken() {
    let who = &mut somebody(shared());
    let visit = Visit::at(1, "exam", &day(3), "08:00");
    let ask = |kind: &str| {
        let key = Ask::post(BOOKINGS).header("idempotency-key", "k");
        key.bytes(kind, visit.0.to_string())
    };
    for kind in ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonlines"] {
        refused(who, ask(kind), 415, "unsupported-media-type").await;
    }
    who.send(ask("Application/JSON; charset=utf-8")).await.expect(201);
}

#[tokio::test]
async fn a_megabyte_is_too_much_however_it_is_sent() {
    let gateway = shared();
    let who = &mut somebody(gateway);
    refused(who, body(&" ".repeat(MEGABYTE)), 413, "body-too-large").await;
    refused(who, body(&" ".repeat(8 * 1024 + 1)), 413, "body-too-large").await;
    let token = who.bearer.clone().unwrap();
    let head = |headers: &str| {
        format!(
            "POST {BOOKINGS} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
             Idempotency-Key: k\r\nContent-Type: application/json\r\n{headers}\r\n\r\n",
            gateway.public()
        )
    };
    let mut request = head("Content-Length: 1000000000000").into_bytes();
    request.resize(request.len() + MEGABYTE, b' ');
    let answer = raw(gateway.public(), &request).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("/body-too-large"), "{answer}");
    // Whoever asks first need not send it.
    let polite = head(&format!("Content-Length: {MEGABYTE}\r\nExpect: 100-continue"));
    let answer = raw(gateway.public(), polite.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

/// Sends bytes, and reads what comes back first.
async fn raw(address: SocketAddr, request: &[u8]) -> String {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut incoming, mut outgoing) = stream.into_split();
    let mut answer = vec![0; 4096];
    // The other end need not take it all.
    let write = async { outgoing.write_all(request).await.ok() };
    let (_, read) = tokio::join!(write, incoming.read(&mut answer));
    answer.truncate(read.unwrap());
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn what_is_no_http_gets_no_further() {
    let gateway = shared();
    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(100_000));
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(1000));
    for (request, status) in
        [("garbage\r\n\r\n", "400"), (long.as_str(), "4"), (many.as_str(), "431")]
    {
        let answer = raw(gateway.public(), request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request:.40}: {answer}");
    }
    somebody(gateway).get(BOOKINGS).await.expect(200);
}

#[tokio::test]
async fn an_unknown_path_is_not_found() {
    let who = &mut somebody(shared());
    let days = "/api/v1/authorities/small/offices/1/services/exam/days";
    for path in [
        "/nothing".to_owned(),
        "/api/v1".to_owned(),
        "/api/v2/bookings".to_owned(),
        "/api/v1/bookings/".to_owned(),
        "/api/v1/bookings/%FF".to_owned(),
        "/api/v1/bookings/a/b/c".to_owned(),
        "/api/v1/bookings/..%2f..%2fetc%2fpasswd".to_owned(),
        "//evil.example/".to_owned(),
        format!("{days}/"),
        format!("{days}/{}", day(3)),
    ] {
        refused(who, Ask::get(path), 404, "not-found").await;
    }
}

#[tokio::test]
async fn another_method_is_refused_with_those_that_work() {
    let who = &mut somebody(shared());
    let days = "/api/v1/authorities/small/offices/1/services/exam/days";
    for (method, path, allow) in [
        ("DELETE", BOOKINGS.to_owned(), "GET, HEAD, POST"),
        ("POST", "/api/v1/authorities".to_owned(), "GET, HEAD"),
        ("PUT", format!("{BOOKINGS}/0123"), "GET, HEAD"),
        ("GET", format!("{BOOKINGS}/0123/cancel"), "POST"),
        ("DELETE", format!("{BOOKINGS}/0123/cancel"), "POST"),
        ("GET", format!("{BOOKINGS}/0123/move"), "POST"),
        ("POST", "/api/v1/challenge".to_owned(), "GET, HEAD"),
        ("POST", days.to_owned(), "GET, HEAD"),
        ("PATCH", format!("{days}/{}/starts", day(3)), "GET, HEAD"),
        ("GET", "/logout".to_owned(), "POST"),
        ("POST", "/login".to_owned(), "GET, HEAD"),
        ("BREW", "/api/v1/session".to_owned(), "GET, HEAD"),
    ] {
        let ask = Ask::new(method.parse().unwrap(), path.clone());
        refused(who, ask.clone(), 405, "method-not-allowed").await;
        let reply = who.send(ask).await;
        let mut allowed: Vec<&str> = reply.header("allow").split(',').map(str::trim).collect();
        allowed.sort_unstable();
        assert_eq!(allowed.join(", "), allow, "{method} {path}");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let who = &mut somebody(shared());
    let days = "/api/v1/authorities/small/offices/3/services/exam/days";
    for path in [days.to_owned(), format!("{days}/{}/starts", day(3)), "/api/v1/authorities".into()]
    {
        let get = who.get(&path).await.expect(200);
        let head = who.send(Ask::new(http::Method::HEAD, &path)).await.expect(200);
        assert!(head.body.is_empty());
        assert_eq!(head.header("etag"), get.header("etag"), "{path}");
        assert_eq!(head.header("content-length"), get.body.len().to_string());
    }
}

#[tokio::test]
async fn whoever_writes_too_fast_waits() {
    let gateway = Launch::new()
        .set("admission.write_interval_ms=60000")
        .set("admission.write_burst=2")
        .start();
    let who = &mut somebody(&gateway);
    let any = |service: &str| Visit::any(1, service, &day(2), &day(9));
    let first = any("exam").book(who, "1").await.expect(201);
    any("exchange").book(who, "2").await.expect(201);
    let problem = refused(who, any("permit").ask("3"), 429, "rate-limited").await;
    assert!(problem["detail"].as_str().unwrap().chars().any(|c| c.is_ascii_digit()));
    let reply = any("permit").book(who, "3").await;
    assert_problem(&reply, 429, "rate-limited");
    let wait: u64 = reply.header("retry-after").parse().unwrap();
    assert!((50..=66).contains(&wait), "{wait}");
    let cancel = Ask::post(format!("{}/cancel", first.header("location")));
    refused(who, cancel, 429, "rate-limited").await;
    // Reads have a pace of their own, and others are not concerned.
    who.get(BOOKINGS).await.expect(200);
    any("permit").book(&mut somebody(&gateway), "3").await.expect(201);
}
