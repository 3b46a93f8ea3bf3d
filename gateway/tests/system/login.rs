//! Login through the identification hub, and everything that can go wrong on the way.

use std::sync::LazyLock;

use serde_json::json;
use tokio::sync::Mutex;

use crate::harness::{
    Ask, Browser, Gateway, Launch, Visit, at_hub, authorize_link, day, log_in, shared,
};
use crate::refusals::{assert_problem, refused};

/// Faults are the whole hub's: one test at a time.
static FAULTY: LazyLock<Mutex<Gateway>> =
    LazyLock::new(|| Mutex::new(Launch::new().set("hub.deadline_ms=300").start()));

async fn faults(gateway: &Gateway, faults: serde_json::Value) {
    let mut hub = Browser::new(gateway.hub());
    hub.send(Ask::post("/stand-in/faults").json(&faults)).await.expect(200);
}

/// Logs in while the hub misbehaves; what the gateway says in the end.
async fn log_in_while(gateway: &Gateway, fault: serde_json::Value, slug: &str, status: u16) {
    faults(gateway, fault).await;
    let mut browser = Browser::new(gateway.public());
    let link = authorize_link(&mut browser, "/").await;
    let back = at_hub(gateway, &link, 31).await;
    let reply = browser.get(&back).await;
    faults(gateway, json!({})).await;
    assert_problem(&reply, status, slug);
    assert!(!browser.cookies.contains_key("talon_session"), "nobody was identified");
}

#[tokio::test]
async fn a_state_is_used_once() {
    let gateway = shared();
    let mut browser = Browser::new(gateway.public());
    let link = authorize_link(&mut browser, "/tickets").await;
    let back = at_hub(gateway, &link, 32).await;
    let mut thief = browser.twin();
    let reply = browser.get(&back).await.expect(303);
    assert_eq!(reply.header("location"), "/tickets");
    assert!(!browser.cookies.contains_key("talon_login"), "the login cookie has done its work");
    refused(&mut browser, Ask::get(&back), 400, "login-invalid").await;
    // Also with the cookie that a thief kept.
    refused(&mut thief, Ask::get(&back), 400, "login-invalid").await;
}

#[tokio::test]
async fn a_login_begun_in_another_browser_is_refused() {
    let gateway = shared();
    let mut attacker = Browser::new(gateway.public());
    let link = authorize_link(&mut attacker, "/").await;
    let back = at_hub(gateway, &link, 33).await;
    let mut victim = Browser::new(gateway.public());
    refused(&mut victim, Ask::get(&back), 400, "login-invalid").await;
    authorize_link(&mut victim, "/").await;
    refused(&mut victim, Ask::get(&back), 400, "login-invalid").await;
    assert!(!victim.cookies.contains_key("talon_session"));
    // The one who began it can still finish it.
    attacker.get(&back).await.expect(303);
}

#[tokio::test]
async fn a_callback_without_what_it_needs_is_refused() {
    let gateway = shared();
    let mut browser = Browser::new(gateway.public());
    for query in ["", "?", "?code=x", "?state=", "?state=%FF&code=x", "?state=a&state=b"] {
        authorize_link(&mut browser, "/").await;
        let ask = Ask::get(format!("/login/callback{query}"));
        refused(&mut browser, ask, 400, "login-invalid").await;
    }
    // A code that the hub never gave.
    let link = authorize_link(&mut browser, "/").await;
    let state = link.split("state=").nth(1).unwrap().split('&').next().unwrap();
    let reply = browser.get(&format!("/login/callback?state={state}&code=invented")).await;
    assert_problem(&reply, 502, "login-failed");
}

#[tokio::test]
async fn people_return_to_this_site_only() {
    let gateway = shared();
    for (wanted, returned) in [
        ("/offices/1?day=2026-12-01", "/offices/1?day=2026-12-01"),
        ("//evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/%5Cevil.example", "/"),
        ("/%0d%0aSet-Cookie:%20x=y", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ] {
        let mut browser = Browser::new(gateway.public());
        let wanted = wanted.replace('?', "%3F");
        let link = authorize_link(&mut browser, &wanted).await;
        let back = at_hub(gateway, &link, 34).await;
        let reply = browser.get(&back).await.expect(303);
        assert_eq!(reply.header("location"), returned, "{wanted}");
        assert!(reply.headers.get("x").is_none());
    }
}

#[tokio::test]
async fn a_login_that_the_person_refuses_is_denied() {
    let gateway = &*FAULTY.lock().await;
    log_in_while(gateway, json!({ "deny_login": true }), "login-denied", 403).await;
}

#[tokio::test]
async fn a_hub_that_fails_is_a_failed_login() {
    let gateway = &*FAULTY.lock().await;
    log_in_while(gateway, json!({ "token_error": true }), "login-failed", 502).await;
    log_in_while(gateway, json!({ "user_info_error": true }), "login-failed", 502).await;
    log_in_while(gateway, json!({ "wrong_state": true }), "login-invalid", 400).await;
    log_in_while(gateway, json!({ "encrypted": true }), "login-failed", 502).await;
    for step in ["token_answer", "user_info_answer"] {
        for form in ["malformed-json", "html", "cut", "too-long"] {
            log_in_while(gateway, json!({ step: form }), "login-failed", 502).await;
        }
    }
    log_in(gateway, 31).await;
}

#[tokio::test]
async fn a_hub_that_does_not_take_the_logout_keeps_nobody_out() {
    let gateway = &*FAULTY.lock().await;
    for fault in [
        json!({ "logout_error": true }),
        json!({ "logout_answer": "html" }),
        json!({ "logout_answer": "cut" }),
        json!({ "logout_delay_ms": 30_000 }),
    ] {
        faults(gateway, fault).await;
        log_in(gateway, 31).await;
    }
    faults(gateway, json!({})).await;
}

#[tokio::test]
async fn each_slow_call_of_the_hub_ends_the_login() {
    let gateway = &*FAULTY.lock().await;
    for call in ["token_delay_ms", "user_info_delay_ms"] {
        log_in_while(gateway, json!({ call: 30_000 }), "login-failed", 502).await;
    }
}

#[tokio::test]
async fn a_slow_hub_is_not_waited_for() {
    let gateway = &*FAULTY.lock().await;
    let mut browser = Browser::new(gateway.public());
    let link = authorize_link(&mut browser, "/").await;
    let back = at_hub(gateway, &link, 31).await;
    faults(gateway, json!({ "delay_ms": 30_000 })).await;
    let reply = browser.get(&back).await;
    faults(gateway, json!({})).await;
    assert_problem(&reply, 502, "login-failed");
    log_in(gateway, 31).await;
}

#[tokio::test]
async fn a_person_without_a_tax_number_is_one_person_by_passport() {
    let gateway = &*FAULTY.lock().await;
    let visit = Visit::any(1, "exam", &day(2), &day(5));
    faults(gateway, json!({ "without_rnokpp": true })).await;
    let mut first = log_in(gateway, 35).await;
    let booked = visit.book(&mut first, "k").await.expect(201);
    let mut second = log_in(gateway, 35).await;
    second.get(booked.header("location")).await.expect(200);
    visit.book(&mut second, "other").await.refused(409, "already-booked");
    let mut another = log_in(gateway, 36).await;
    another.get(booked.header("location")).await.refused(404, "not-found");
    faults(gateway, json!({})).await;
}

#[tokio::test]
async fn a_wrong_check_digit_from_the_hub_is_believed() {
    let gateway = &*FAULTY.lock().await;
    faults(gateway, json!({ "bad_check_digit": true })).await;
    let mut browser = log_in(gateway, 37).await;
    faults(gateway, json!({})).await;
    browser.get("/api/v1/bookings").await.expect(200);
}

#[tokio::test]
async fn two_logins_of_one_person_are_one_person() {
    let gateway = shared();
    let mut logins = Vec::new();
    for service in ["exam", "exchange", "permit", "registration"] {
        let mut login = log_in(gateway, 38).await;
        Visit::any(1, service, &day(2), &day(9)).book(&mut login, service).await.expect(201);
        logins.push(login);
    }
    logins.push(log_in(gateway, 38).await);
    for login in &mut logins {
        let fifth = Visit::any(1, "licence", &day(2), &day(9)).book(login, "fifth").await;
        fifth.refused(429, "quota-exceeded");
    }
    let lists = &mut Vec::new();
    for login in &mut logins {
        lists.push(login.get("/api/v1/bookings").await.expect(200).json());
    }
    assert!(lists.iter().all(|list| list["bookings"].as_array().unwrap().len() == 4));
    let mut other = log_in(gateway, 39).await;
    Visit::any(1, "licence", &day(2), &day(9)).book(&mut other, "fifth").await.expect(201);
}

#[tokio::test]
async fn nothing_personal_is_logged() {
    let gateway = Launch::new().start();
    let person = 42;
    let mut browser = log_in(&gateway, person).await;
    Visit::any(1, "exam", &day(2), &day(5)).book(&mut browser, "my-key").await.expect(201);
    let known = talon_standins::person(person);
    let log = gateway.log();
    for secret in [
        known.rnokpp.as_str(),
        known.surname,
        known.email.as_str(),
        browser.cookies["talon_session"].as_str(),
        "my-key",
    ] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}
