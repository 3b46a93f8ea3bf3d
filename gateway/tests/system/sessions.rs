//! Sessions: missing, expired, forged, ended; and who may write with which.

use talon_gateway::identity::token::SessionKeys;

use crate::harness::{
    Ask, Browser, Gateway, Launch, Visit, day, log_in, now_s, shared, somebody, token_with,
};
use crate::refusals::refused;

/// Every personal request there is.
fn personal() -> Vec<Ask> {
    let id = "0123456789abcdef".repeat(2);
    vec![
        Ask::get("/api/v1/session"),
        Ask::get("/api/v1/bookings"),
        Ask::get(format!("/api/v1/bookings/{id}")),
        Ask::post(format!("/api/v1/bookings/{id}/cancel")),
        Ask::post(format!("/api/v1/bookings/{id}/move"))
            .header("idempotency-key", "k")
            .json(&serde_json::json!({ "any": { "from": day(2), "to": day(5) } })),
        Ask::get("/api/v1/challenge?authority=small&office=1&service=driving"),
        Visit::any(1, "exam", &day(2), &day(5)).ask("k"),
    ]
}

async fn all_refused(who: &mut Browser, slug: &str) {
    for ask in personal() {
        refused(who, ask, 401, slug).await;
    }
}

fn session_key(gateway: &Gateway) -> Vec<u8> {
    std::fs::read(gateway.launch().data().join("keys/session.key")).unwrap()
}

#[tokio::test]
async fn whoever_is_not_logged_in_is_asked_to() {
    let gateway = shared();
    let mut nobody = Browser::new(gateway.public());
    all_refused(&mut nobody, "unauthenticated").await;
    let reply = nobody.get("/api/v1/bookings").await;
    assert_eq!(reply.header("www-authenticate"), "Bearer");
    nobody.cookies.insert("talon_session".to_owned(), String::new());
    all_refused(&mut nobody, "unauthenticated").await;
}

#[tokio::test]
async fn an_expired_session_is_told_so() {
    let gateway = shared();
    let token = token_with(&session_key(gateway), 9_000_001, now_s() - 1);
    all_refused(&mut Browser::bearing(gateway.public(), &token), "session-expired").await;
    let mut browser = Browser::new(gateway.public());
    browser.cookies.insert("talon_session".to_owned(), token);
    all_refused(&mut browser, "session-expired").await;
}

#[tokio::test]
async fn forged_tokens_and_those_of_another_key_are_nobodys() {
    let gateway = shared();
    let key = session_key(gateway);
    let good = token_with(&key, 9_000_002, now_s() + 600);
    let mut parts: Vec<String> = good.split('.').map(str::to_owned).collect();
    let flipped = if parts[2].ends_with('A') { "B" } else { "A" };
    let last = parts[2].len() - 1;
    parts[2].replace_range(last.., flipped);
    let keys = SessionKeys::new(&key);
    for forged in [
        "x".to_owned(),
        "t2...".to_owned(),
        parts.join("."),
        token_with(b"another key of at least 32 bytes, as long as ours", 9_000_002, now_s() + 600),
        // Signed by the right key for another purpose.
        keys.seal("login", b"payload"),
        keys.seal("t2", b"no session"),
        "a".repeat(4000),
    ] {
        let mut who = Browser::bearing(gateway.public(), &forged);
        all_refused(&mut who, "unauthenticated").await;
    }
    Browser::bearing(gateway.public(), good).get("/api/v1/session").await.expect(200);
}

#[tokio::test]
async fn a_session_says_until_when_it_lasts() {
    let gateway = shared();
    let until = now_s() + 600;
    let token = token_with(&session_key(gateway), 9_000_003, until);
    let reply = Browser::bearing(gateway.public(), token).get("/api/v1/session").await.expect(200);
    let session = reply.json();
    assert_eq!(session["authorities"], serde_json::json!(["small", "strict"]));
    assert_eq!((&session["expires_at_s"], &session["entity"]), (&until.into(), &false.into()));
    assert_eq!(reply.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_logout_ends_the_session_everywhere_and_for_good() {
    let gateway = Launch::new().start();
    let mut browser = log_in(&gateway, 21).await;
    // A thief's copy.
    let mut copy = browser.twin();
    copy.get("/api/v1/session").await.expect(200);
    let booked = Visit::any(1, "exam", &day(2), &day(5)).book(&mut browser, "k").await.expect(201);
    let mut again = log_in(&gateway, 21).await;

    browser.post("/logout").await.expect(204);
    assert!(!browser.cookies.contains_key("talon_session"));
    all_refused(&mut browser, "unauthenticated").await;
    all_refused(&mut copy, "session-revoked").await;
    // A second logout changes nothing; the person's other session goes on.
    copy.twin().post("/logout").await.expect(204);
    again.get(booked.header("location")).await.expect(200);

    let gateway = gateway.kill().start();
    let mut copy = copy.twin_at(gateway.public());
    all_refused(&mut copy, "session-revoked").await;
    let mut again = again.twin_at(gateway.public());
    again.get(booked.header("location")).await.expect(200);
}

#[tokio::test]
async fn a_form_of_a_page_logs_out_to_the_front_page() {
    let mut browser = log_in(shared(), 22).await;
    let reply = browser.send(Ask::post("/logout").header("accept", "text/html")).await.expect(303);
    assert_eq!(reply.header("location"), "/");
    assert!(!browser.cookies.contains_key("talon_session"));
}

#[tokio::test]
async fn session_cookies_are_kept_from_scripts_and_other_sites() {
    let gateway = shared();
    let mut browser = Browser::new(gateway.public());
    let link = crate::harness::authorize_link(&mut browser, "/").await;
    let back = crate::harness::at_hub(gateway, &link, 23).await;
    let reply = browser.get(&back).await.expect(303);
    let cookies: Vec<_> =
        reply.headers.get_all("set-cookie").iter().map(|v| v.to_str().unwrap()).collect();
    let session = cookies.iter().find(|cookie| cookie.starts_with("talon_session=")).unwrap();
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=3600"] {
        assert!(session.contains(attribute), "{session}");
    }
    assert_eq!(reply.header("cache-control"), "no-store");
}

#[tokio::test]
async fn writes_with_a_cookie_come_from_our_own_pages_only() {
    let gateway = shared();
    let mut browser = log_in(gateway, 24).await;
    let visit = Visit::any(1, "exam", &day(2), &day(5));
    let own = format!("http://{}", gateway.public());
    let writes = [
        visit.ask("k"),
        Ask::post(format!("/api/v1/bookings/{}/cancel", "0".repeat(32))),
        Ask::post("/logout"),
    ];
    for write in writes {
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("origin", "http://127.0.0.1:1"),
            ("origin", &format!("http://{}", gateway.hub())),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            refused(&mut browser, write.clone().header(name, value), 403, "forbidden-origin").await;
        }
        let mixed = write.header("origin", &own).header("sec-fetch-site", "cross-site");
        refused(&mut browser, mixed, 403, "forbidden-origin").await;
    }
    let ours = visit.ask("k").header("origin", &own).header("sec-fetch-site", "same-origin");
    browser.send(ours).await.expect(201);
    // Reads are nobody's business but the browser's.
    let read = Ask::get("/api/v1/bookings").header("sec-fetch-site", "cross-site");
    browser.send(read).await.expect(200);
}

#[tokio::test]
async fn a_token_writes_without_an_origin() {
    let mut program = somebody(shared());
    let visit = Visit::any(1, "exam", &day(2), &day(5));
    // No browser sends a token by itself, so the header says nothing.
    let ask = visit.ask("k").header("origin", "https://app.example");
    program.send(ask).await.expect(201);
    visit.book(&mut program, "k").await.expect(200);
    program.post("/logout").await.expect(204);
    all_refused(&mut program, "session-revoked").await;
}
