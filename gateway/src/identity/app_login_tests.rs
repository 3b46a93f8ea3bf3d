//! Apps' requests and codes; the way over HTTP is held by the system tests.

use talon_domain::catalogue::Text;
use talon_domain::ids::{AuthorityId, Pseudonym, SessionId};

use super::*;
use crate::identity::token::Names;

const ISSUER: &str = "https://booking.example";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The example of RFC 7636, appendix B.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT: &str = "ua.example.pocket:/back";

fn apps() -> Vec<App> {
    let text = |text: &str| Text { uk: text.to_owned(), en: text.to_owned() };
    let redirect_uris = [REDIRECT, "http://127.0.0.1/back"].map(str::to_owned).to_vec();
    let other = vec!["ua.example.other:/back".to_owned()];
    vec![
        App { client_id: "pocket".to_owned(), name: text("Pocket"), redirect_uris },
        App { client_id: "other".to_owned(), name: text("Other"), redirect_uris: other },
    ]
}

fn asked(redirect_uri: &str) -> String {
    format!(
        "response_type=code&client_id=pocket&redirect_uri={redirect_uri}&state=s\
         &code_challenge={CHALLENGE}&code_challenge_method=S256"
    )
}

fn request() -> AppRequest {
    check(&apps(), ISSUER, &Parameters::parse(asked(REDIRECT).as_bytes())).unwrap()
}

fn session() -> Session {
    Session::new(
        SessionId([9; 16]),
        100,
        3700,
        vec![Names { authority: AuthorityId(1), person: Pseudonym([3; 32]), entity: None }],
    )
}

fn keys() -> SessionKeys {
    SessionKeys::new(&[7; 32])
}

fn redeemed(keys: &SessionKeys, form: &str, now_s: u64) -> Result<Session, &'static str> {
    let grant = redeem(keys, &apps(), &Parameters::parse(form.as_bytes()), now_s);
    grant.map(|grant| grant.session).map_err(|error| error.error)
}

fn form(code: &str) -> String {
    format!(
        "grant_type=authorization_code&client_id=pocket&redirect_uri={REDIRECT}&code={code}\
         &code_verifier={VERIFIER}"
    )
}

#[test]
fn a_code_becomes_its_session_for_a_minute() {
    let code = issue(&keys(), &request(), session(), 1000).unwrap();
    assert_eq!(redeemed(&keys(), &form(&code), 1059), Ok(session()));
    assert_eq!(redeemed(&keys(), &form(&code), 1060), Err("invalid_grant"));
}

#[test]
fn a_code_is_bound_to_app_address_and_verifier() {
    let code = issue(&keys(), &request(), session(), 1000).unwrap();
    let good = form(&code);
    for (from, to) in [
        ("client_id=pocket", "client_id=other"),
        (REDIRECT, "http://127.0.0.1/back"),
        ("dBjft", "eBjft"),
        ("code=", "code=x"),
    ] {
        assert_eq!(redeemed(&keys(), &good.replace(from, to), 1001), Err("invalid_grant"), "{to}");
    }
}

#[test]
fn a_code_outlives_a_change_of_the_session_key() {
    let code = issue(&keys(), &request(), session(), 1000).unwrap();
    let changed = SessionKeys::new(&[8; 32]).with_previous(&[7; 32]);
    assert_eq!(redeemed(&changed, &form(&code), 1001), Ok(session()));
    let forgotten = SessionKeys::new(&[8; 32]);
    assert_eq!(redeemed(&forgotten, &form(&code), 1001), Err("invalid_grant"));
}

#[test]
fn a_code_is_no_session_and_does_not_show_the_person() {
    let code = issue(&keys(), &request(), session(), 1000).unwrap();
    assert!(keys().verify(&code, 1001).is_err());
    let bytes = URL_SAFE_NO_PAD.decode(&code).unwrap();
    assert!(!bytes.windows(8).any(|window| window == [3; 8]), "the pseudonym is readable");
}

#[test]
fn on_loopback_any_port_will_do_and_nothing_else() {
    let apps = apps();
    let check = |uri: &str| {
        check(&apps, ISSUER, &Parameters::parse(asked(uri).as_bytes()))
            .map(|asked| asked.redirect_uri)
    };
    for good in ["http://127.0.0.1:49152/back", "http://127.0.0.1/back", REDIRECT] {
        assert_eq!(check(good), Ok(good.to_owned()));
    }
    for bad in [
        "http://127.0.0.1:49152/other",
        "http://127.0.0.1:0049152/back",
        "http://127.0.0.1:49152/back?x=1",
        "http://localhost:49152/back",
        "https://127.0.0.1/back",
        "http://[::1]:49152/back",
        "http://me@127.0.0.1/back",
        "http://evil.example/back",
        "ua.example.pocket:/back/further",
        "ua.example.other:/back",
        "",
    ] {
        assert_eq!(check(bad), Err(BadAppRequest::UnknownRedirect), "{bad}");
    }
}

#[test]
fn the_longest_request_fits_into_a_cookie() {
    let request = AppRequest {
        client_id: "c".repeat(64),
        redirect_uri: "r".repeat(256 + LONGEST_PORT.len()),
        state: Some("s".repeat(MAX_STATE_BYTES)),
        challenge: [255; 32],
    };
    // Beside it a login remembers its state, its end and a path.
    let payload = postcard::to_stdvec(&(request, [255_u8; 16], u64::MAX, "/")).unwrap();
    let sealed = keys().seal("login", &payload);
    assert!(keys().open("login", &sealed).is_some(), "{} bytes", sealed.len());
}

#[test]
fn the_answer_keeps_the_state_and_names_the_issuer() {
    let link = request().link(ISSUER, &[("code", "a b")]);
    assert_eq!(link, format!("{REDIRECT}?code=a+b&state=s&iss=https%3A%2F%2Fbooking.example"));
}
