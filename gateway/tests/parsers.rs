//! The parsers that meet the outside: their fuzz corpus, and random changes of it, in every test run.

#[path = "../../fuzz/checks/changes.rs"]
mod changes;
#[path = "../../fuzz/checks/gateway.rs"]
mod checks;

use talon_gateway::identity::token::SessionKeys;
use talon_gateway::request::{BookRequest, MoveRequest};
use talon_pow::{Keyring, Payload};
use talon_wire::TraceContext;

#[test]
fn only_what_was_signed_is_a_session_whatever_was_changed() {
    changes::check("token", checks::token);
}

#[test]
fn only_what_was_signed_proves_work_whatever_was_changed() {
    changes::check("proof", checks::proof);
}

#[test]
fn a_request_to_book_or_to_move_is_within_its_bounds_whatever_was_changed() {
    changes::check("booking_json", checks::booking_json);
}

#[test]
fn a_proxy_header_takes_nothing_beyond_its_end_whatever_was_changed() {
    changes::check("proxy_header", checks::proxy_header);
}

#[test]
fn forwarded_hops_are_bounded_whatever_was_changed() {
    changes::check("forwarded", checks::forwarded);
}

#[test]
fn a_traceparent_is_read_in_one_spelling_whatever_was_changed() {
    changes::check("traceparent", checks::traceparent);
}

/// Without this, a corpus that nothing accepts any more would check refusals only.
#[test]
fn every_corpus_holds_something_that_is_accepted() {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let keyring = Keyring::new(&checks::SECRET, &[]).unwrap();
    let is_proof = |bytes: &[u8]| {
        let payload = Payload::parse(&text(bytes)).ok();
        payload.is_some_and(|p| talon_pow::check(p, &keyring, &checks::BINDING, 150).is_ok())
    };
    let keys = SessionKeys::new(&checks::SECRET);
    let holds = |target: &str, is_good: &dyn Fn(&[u8]) -> bool| {
        assert!(changes::corpus(target).iter().any(|bytes| is_good(bytes)), "{target}");
    };
    holds("token", &|bytes| keys.verify(&text(bytes), 150).is_ok());
    holds("proof", &is_proof);
    holds("traceparent", &|bytes| TraceContext::parse(bytes).is_some());
    holds("booking_json", &|bytes| BookRequest::from_json(bytes).is_ok());
    holds("booking_json", &|bytes| MoveRequest::from_json(bytes).is_ok());
}
