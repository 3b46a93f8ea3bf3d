//! Login of native apps: the whole way with PKCE, and everything an app can get wrong.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use crate::harness::{Ask, Browser, Gateway, Reply, Visit, at_hub, day, log_in, shared};
use crate::refusals::refused;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const REDIRECT: &str = "ua.example.pocket:/back";

/// The parameters of a good authorization request, with some of them changed; an empty value
/// leaves one out.
fn authorize(changes: &[(&str, &str)]) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let good = [
        ("response_type", "code"),
        ("client_id", "pocket"),
        ("redirect_uri", REDIRECT),
        ("state", "s 1"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in good {
        let changed = changes.iter().find(|(known, _)| *known == name);
        query.append_pair(name, changed.map_or(value, |(_, value)| value));
    }
    for (name, value) in changes.iter().filter(|(name, _)| good.iter().all(|(of, _)| of != name)) {
        query.append_pair(name, value);
    }
    format!("/oauth/authorize?{}", query.finish())
}

/// The link on the consent page that agrees.
fn agreement(page: &Reply) -> String {
    let text = page.text();
    let (_, rest) = text.split_once("href=\"/oauth/login").unwrap();
    format!("/oauth/login{}", rest.split('"').next().unwrap())
}

/// The parameters of an answer at an app's return address.
fn answered(reply: &Reply) -> Vec<(String, String)> {
    assert_eq!(reply.status, 303, "{}", reply.text());
    let url = Url::parse(reply.header("location")).unwrap();
    url.query_pairs().into_owned().collect()
}

fn value(pairs: &[(String, String)], name: &str) -> String {
    pairs.iter().find(|(known, _)| known == name).map_or(String::new(), |(_, value)| value.clone())
}

/// Logs person `number` in for the app: the code.
async fn code_for(gateway: &Gateway, browser: &mut Browser, number: u32) -> String {
    let page = browser.get(&authorize(&[])).await.expect(200);
    let link = browser.get(&agreement(&page)).await.expect(303).header("location").to_owned();
    let back = at_hub(gateway, &link, number).await;
    let reply = browser.get(&back).await;
    assert!(reply.header("location").starts_with(REDIRECT), "{:?}", reply.headers);
    let pairs = answered(&reply);
    assert_eq!(value(&pairs, "state"), "s 1");
    assert_eq!(value(&pairs, "iss"), format!("http://{}", gateway.public()));
    value(&pairs, "code")
}

fn token_form(code: &str) -> Vec<(&str, &str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("client_id", "pocket"),
        ("code_verifier", VERIFIER),
    ]
}

fn token_ask(form: &[(&str, &str)]) -> Ask {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    Ask::post("/oauth/token").bytes("application/x-www-form-urlencoded", body)
}

async fn token(gateway: &Gateway, form: &[(&str, &str)]) -> Reply {
    Browser::new(gateway.public()).send(token_ask(form)).await
}

#[track_caller]
fn no_token(reply: &Reply, error: &str) {
    assert_eq!((reply.status, reply.header("content-type")), (400, "application/json"));
    assert_eq!(reply.json()["error"], error, "{}", reply.text());
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("pragma"), "no-cache");
}

#[tokio::test]
async fn an_app_books_with_the_token_that_its_code_gives() {
    let gateway = shared();
    let mut browser = Browser::new(gateway.public());
    let code = code_for(gateway, &mut browser, 300).await;
    assert!(!browser.cookies.contains_key("talon_session"), "the browser itself is not logged in");
    let reply = token(gateway, &token_form(&code)).await.expect(200);
    assert_eq!(reply.header("cache-control"), "no-store");
    let answer: Value = reply.json();
    assert_eq!((&answer["token_type"], &answer["scope"]), (&"Bearer".into(), &"booking".into()));
    assert!((3590..=3600).contains(&answer["expires_in"].as_u64().unwrap()), "{answer}");
    let mut app = Browser::bearing(gateway.public(), answer["access_token"].as_str().unwrap());
    let booked = Visit::any(1, "exam", &day(2), &day(5)).book(&mut app, "app").await.expect(201);
    // The same person on the pages has the same bookings, and the same limits.
    let mut page = log_in(gateway, 300).await;
    page.get(booked.header("location")).await.expect(200);
    let again = Visit::any(1, "exam", &day(2), &day(5)).book(&mut page, "page").await;
    again.refused(409, "already-booked");
}

#[tokio::test]
async fn a_code_is_exchanged_once_and_a_second_use_ends_what_the_first_gave() {
    let gateway = shared();
    let code = code_for(gateway, &mut Browser::new(gateway.public()), 301).await;
    let first = token(gateway, &token_form(&code)).await.expect(200).json();
    let mut app = Browser::bearing(gateway.public(), first["access_token"].as_str().unwrap());
    app.get("/api/v1/session").await.expect(200);
    no_token(&token(gateway, &token_form(&code)).await, "invalid_grant");
    app.get("/api/v1/session").await.refused(401, "session-revoked");
}

#[tokio::test]
async fn a_stolen_code_is_worth_nothing_without_its_verifier() {
    let gateway = shared();
    let code = code_for(gateway, &mut Browser::new(gateway.public()), 302).await;
    let with = |name: &'static str, value: &'static str| {
        let form = token_form(&code);
        form.into_iter().map(move |(of, was)| (of, if of == name { value } else { was }))
    };
    let wrong = "aBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    for (name, value, error) in [
        ("code_verifier", wrong, "invalid_grant"),
        ("code_verifier", "short", "invalid_request"),
        ("code_verifier", "", "invalid_request"),
        ("redirect_uri", "http://127.0.0.1/back", "invalid_grant"),
        ("redirect_uri", "", "invalid_request"),
        ("client_id", "other", "invalid_grant"),
        ("client_id", "nobody", "invalid_client"),
        ("client_id", "", "invalid_request"),
        ("code", "invented", "invalid_grant"),
        ("code", "", "invalid_request"),
        ("grant_type", "password", "unsupported_grant_type"),
        ("grant_type", "", "invalid_request"),
    ] {
        let form: Vec<_> = with(name, value).collect();
        no_token(&token(gateway, &form).await, error);
    }
    let twice = [token_form(&code), vec![("code", "x")]].concat();
    no_token(&token(gateway, &twice).await, "invalid_request");
    // None of these spent it.
    token(gateway, &token_form(&code)).await.expect(200);
}

#[tokio::test]
async fn tokens_are_asked_for_by_a_small_form() {
    let mut app = Browser::new(shared().public());
    let json = Ask::post("/oauth/token").bytes("application/json", "{}");
    refused(&mut app, json, 415, "unsupported-media-type").await;
    let bare = Ask::post("/oauth/token");
    refused(&mut app, bare, 415, "unsupported-media-type").await;
    let large = "a".repeat(9000);
    refused(&mut app, token_ask(&[("code", &large)]), 413, "body-too-large").await;
    refused(&mut app, Ask::get("/oauth/token"), 405, "method-not-allowed").await;
}

#[tokio::test]
async fn an_unknown_app_or_address_is_shown_to_the_person_and_never_followed() {
    let mut browser = Browser::new(shared().public());
    for (changes, slug) in [
        (vec![("client_id", "nobody")], "app-unknown"),
        (vec![("client_id", "")], "app-unknown"),
        (vec![("redirect_uri", "https://evil.example/")], "app-redirect"),
        (vec![("redirect_uri", "ua.example.other:/back")], "app-redirect"),
        (vec![("redirect_uri", "ua.example.pocket:/back/x")], "app-redirect"),
        (vec![("redirect_uri", "http://localhost:7/back")], "app-redirect"),
        (vec![("redirect_uri", "")], "app-redirect"),
    ] {
        refused(&mut browser, Ask::get(authorize(&changes)), 400, slug).await;
    }
    let page = Ask::get(authorize(&[("client_id", "nobody")])).header("accept", "text/html");
    let page = browser.send(page).await.expect(400);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.headers.get("location").is_none());
}

#[tokio::test]
async fn what_an_app_gets_wrong_is_told_to_the_app() {
    let mut browser = Browser::new(shared().public());
    let long = "s".repeat(513);
    for (name, value_sent, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "too-short", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("scope", "everything", "invalid_scope"),
        ("state", long.as_str(), "invalid_request"),
    ] {
        let reply = browser.get(&authorize(&[(name, value_sent)])).await;
        assert!(reply.header("location").starts_with(REDIRECT), "{name}");
        let pairs = answered(&reply);
        assert_eq!(value(&pairs, "error"), error, "{name}={value_sent}");
        let state = if name == "state" { "" } else { "s 1" };
        assert_eq!(value(&pairs, "state"), state, "{name}={value_sent}");
        assert!(browser.cookies.is_empty(), "no login was begun");
    }
}

#[tokio::test]
async fn the_person_is_told_which_app_asks_and_may_decline() {
    let gateway = shared();
    let mut browser = Browser::new(gateway.public());
    let loopback = [("redirect_uri", "http://127.0.0.1:49152/back"), ("scope", "booking")];
    let page = browser.get(&authorize(&loopback)).await.expect(200);
    assert!(page.text().contains("“Pocket” wants to book for you"), "{}", page.text());
    assert!(page.text().contains("http://127.0.0.1:49152/back?error=access_denied"));
    assert_eq!(page.header("cache-control"), "no-store");
    let uk = Ask::get(authorize(&[])).header("accept-language", "uk");
    assert!(browser.send(uk).await.expect(200).text().contains("«Кишеня» хоче"));
    // The hub's refusal reaches the app as well.
    let link = browser.get(&agreement(&page)).await.expect(303).header("location").to_owned();
    let state = link.split("state=").nth(1).unwrap().split('&').next().unwrap();
    let back = format!("/login/callback?state={state}&error=access_denied");
    let reply = browser.get(&back).await;
    assert!(reply.header("location").starts_with("http://127.0.0.1:49152/back?"));
    assert_eq!(value(&answered(&reply), "error"), "access_denied");
}

#[tokio::test]
async fn a_login_for_an_app_begins_on_the_page_only() {
    let mut browser = Browser::new(shared().public());
    for query in ["", "?request=", "?request=app-consent.x.y.z", "?request=a&request=b"] {
        let ask = Ask::get(format!("/oauth/login{query}"));
        refused(&mut browser, ask, 400, "login-invalid").await;
    }
}

#[tokio::test]
async fn only_the_browser_that_was_asked_agrees() {
    let gateway = shared();
    let (mut asked, mut other) = (Browser::new(gateway.public()), Browser::new(gateway.public()));
    let link = agreement(&asked.get(&authorize(&[])).await.expect(200));
    refused(&mut other, Ask::get(&link), 400, "login-invalid").await;
    other.get(&authorize(&[])).await.expect(200);
    refused(&mut other, Ask::get(&link), 400, "login-invalid").await;
    asked.get(&link).await.expect(303);
}

#[tokio::test]
async fn the_metadata_name_what_works() {
    let gateway = shared();
    let mut app = Browser::new(gateway.public());
    let reply = app.get("/.well-known/oauth-authorization-server").await.expect(200);
    let metadata = reply.json();
    let origin = format!("http://{}", gateway.public());
    assert_eq!(metadata["issuer"], origin);
    assert_eq!(metadata["authorization_endpoint"], format!("{origin}/oauth/authorize"));
    assert_eq!(metadata["token_endpoint"], format!("{origin}/oauth/token"));
    assert_eq!(metadata["code_challenge_methods_supported"], serde_json::json!(["S256"]));
    assert!(!reply.header("etag").is_empty());
}
