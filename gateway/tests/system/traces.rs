//! A trace that somebody began goes on through the gateway: to the hub, to the ledger, and into the logs.

use serde_json::Value;

use crate::harness::{
    Ask, Browser, Gateway, Launch, LedgerServer, at_hub, authorize_link, eventually, shared,
    somebody,
};

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const TRACESTATE: &str = "vendor=00f067aa0ba902b7, other@system=a b";
/// Of the specification's invalid ones.
const INVALID: &str = "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01";

/// Logs in with this `traceparent`; what the hub was then told, call by call: path, trace and state.
async fn traces_at_hub(gateway: &Gateway, traceparent: &str) -> Vec<(String, Value, Value)> {
    let mut browser = Browser::new(gateway.public());
    let link = authorize_link(&mut browser, "/").await;
    let back = at_hub(gateway, &link, 77).await;
    let ask = Ask::get(back).header("traceparent", traceparent).header("tracestate", TRACESTATE);
    browser.send(ask).await.expect(303);
    let calls = Browser::new(gateway.hub()).get("/stand-in/calls").await.expect(200).json();
    let told = |call: &Value| {
        let path = call["path"].as_str().unwrap().to_owned();
        (path, call["traceparent"].clone(), call["tracestate"].clone())
    };
    calls.as_array().unwrap().iter().map(told).collect()
}

#[tokio::test]
async fn a_trace_that_came_is_passed_on_to_the_hub_at_every_call_and_an_invalid_one_is_not() {
    let gateway = Launch::new().start();
    let calls = ["/get-access-token", "/get-user-info", "/get-user-logout"];
    let expected = |trace: Value, state: Value| {
        calls.map(|path| (path.to_owned(), trace.clone(), state.clone()))
    };
    let passed_on = expected(TRACEPARENT.into(), TRACESTATE.into());
    assert_eq!(traces_at_hub(&gateway, TRACEPARENT).await, passed_on);
    let after = traces_at_hub(&gateway, INVALID).await;
    assert_eq!(after[calls.len()..], expected(Value::Null, Value::Null));
}

#[tokio::test]
async fn a_trace_is_named_in_the_log_and_an_invalid_one_is_not() {
    let gateway = Launch::new().start();
    for traceparent in [INVALID, TRACEPARENT] {
        let ask = Ask::get("/").header("via", "1.1 proxy").header("traceparent", traceparent);
        Browser::new(gateway.public()).send(ask).await.expect(403);
    }
    let refusals = async || {
        let log = gateway.log();
        let lines = log.lines().filter(|line| line.contains("a demo refused a request"));
        let lines: Vec<String> = lines.map(str::to_owned).collect();
        (lines.len() == 2).then_some(lines)
    };
    let lines = eventually("both refusals", refusals).await;
    assert!(!lines[0].contains("trace_id"), "{}", lines[0]);
    assert!(lines[1].ends_with(&format!(" trace_id={TRACE_ID}")), "{}", lines[1]);
}

#[tokio::test]
async fn a_trace_reaches_a_ledger_elsewhere() {
    let mut ledger = LedgerServer::new();
    ledger.start();
    let gateway = ledger.gateway().start();
    let mut who = somebody(&gateway);
    who.get("/api/v1/bookings").await.expect(200);
    assert!(!ledger.log().contains(TRACE_ID));
    who.send(Ask::get("/api/v1/bookings").header("traceparent", TRACEPARENT)).await.expect(200);
    let named = format!(" trace_id={TRACE_ID}");
    eventually("the ledger names it", async || ledger.log().contains(&named).then_some(())).await;
}

#[tokio::test]
async fn whatever_stands_in_the_header_the_answer_is_the_same() {
    let gateway = shared();
    let whole = Browser::new(gateway.public()).get("/api/v1/authorities").await.expect(200).body;
    for value in [TRACEPARENT, INVALID, "", "00", &"0".repeat(4_000)] {
        let ask = Ask::get("/api/v1/authorities").header("traceparent", value);
        let reply = Browser::new(gateway.public()).send(ask).await.expect(200);
        assert_eq!(reply.body, whole, "{value}");
    }
}
