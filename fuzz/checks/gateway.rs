//! What holds for any bytes at the gateway's parsers. Called by the fuzz targets, and by the
//! gateway's tests over the corpus and changes of it.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use talon_gateway::edge::forwarded::{MAX_HOPS, by_forwarded, by_x_forwarded_for};
use talon_gateway::edge::proxy_header::{MAX_PROXY_HEADER_BYTES, Parsed, parse};
use talon_gateway::http::problem::Problem;
use talon_gateway::identity::token::SessionKeys;
use talon_gateway::request::{BookRequest, MoveRequest};
use talon_pow::{Binding, Keyring, Payload};
use talon_wire::{MAX_WISHES, TraceContext, Wishes};

/// The secret with which the corpus is signed.
pub(crate) const SECRET: [u8; 32] = [7; 32];
/// Whom the corpus' proofs are bound to.
pub(crate) const BINDING: Binding<'static> =
    Binding { person: "person", action: "book", release: "mvs.exam.1" };

/// A session is what we signed, and there is one way to write it.
pub(crate) fn token(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let keys = SessionKeys::new(&SECRET);
    if let Ok(session) = keys.verify(text, 150) {
        assert_eq!(keys.sign(&session), text);
        assert!(session.expires_at_s > 150);
    }
}

/// A proof that passes was signed by us for this person, action and release.
pub(crate) fn proof(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(payload) = Payload::parse(text) else { return };
    let keyring = Keyring::new(&SECRET, &[]).expect("the secret is long enough");
    let other = Binding { person: "somebody-else", ..BINDING };
    assert!(talon_pow::check(payload.clone(), &keyring, &other, 150).is_err());
    if let Ok(checked) = talon_pow::check(payload, &keyring, &BINDING, 150) {
        assert!(checked.expires_at_s() > 150);
    }
}

/// A request to book or to move is within its bounds, and a refusal repeats nothing that was sent.
pub(crate) fn booking_json(bytes: &[u8]) {
    wishes(BookRequest::from_json(bytes).map(|request| request.wishes));
    wishes(MoveRequest::from_json(bytes).map(|request| request.wishes));
}

fn wishes(read: Result<Wishes, Problem>) {
    match read {
        Ok(Wishes::Starts(starts)) => assert!((1..=MAX_WISHES).contains(&starts.len())),
        Ok(Wishes::Any { .. }) => {}
        Err(Problem::BadRequest { at }) => assert!(at.len() < 200, "{at}"),
        Err(other) => panic!("a document is read or is a bad request: {other:?}"),
    }
}

/// Every beginning of a header asks for no byte beyond its end.
pub(crate) fn proxy_header(bytes: &[u8]) {
    let mut known = 0;
    while known <= bytes.len() {
        match parse(&bytes[..known]) {
            Err(_) => return,
            Ok(Parsed::Whole(_)) => {
                assert!(known <= MAX_PROXY_HEADER_BYTES);
                return;
            }
            Ok(Parsed::Needs(more)) => {
                assert!(more >= 1 && known + more <= MAX_PROXY_HEADER_BYTES);
                known += more;
            }
        }
    }
}

/// A trace is read in one spelling, but for the version and the flags that are not passed on.
pub(crate) fn traceparent(bytes: &[u8]) {
    let Some(trace) = TraceContext::parse(bytes) else { return };
    let again = trace.to_string();
    assert_eq!(TraceContext::parse(again.as_bytes()).as_ref(), Some(&trace));
    assert_eq!(again.as_bytes()[3..53], bytes[3..53]);
    assert_eq!(TraceContext::from_bytes(&trace.to_bytes()).as_ref(), Some(&trace));
}

/// The hops are bounded, and an address that a proxy appends is the nearest one.
pub(crate) fn forwarded(bytes: &[u8]) {
    let Ok(said) = HeaderValue::from_bytes(bytes) else { return };
    let name = HeaderName::from_static("x-forwarded-for");
    let mut headers = HeaderMap::new();
    headers.append(header::FORWARDED, said.clone());
    headers.append(name.clone(), said);
    assert!(by_forwarded(&headers).len() <= MAX_HOPS);
    assert!(by_x_forwarded_for(&headers).len() <= MAX_HOPS);
    headers.append(header::FORWARDED, HeaderValue::from_static("for=192.0.2.1"));
    headers.append(name, HeaderValue::from_static("192.0.2.1"));
    let own = "192.0.2.1".parse().ok();
    assert_eq!(by_forwarded(&headers)[0], own);
    assert_eq!(by_x_forwarded_for(&headers)[0], own);
}
