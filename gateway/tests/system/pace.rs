//! What is left of a person's pace is told with every answer that went through it.

use crate::harness::{Browser, Launch, Visit, day, shared, somebody};

#[tokio::test]
async fn every_answer_that_cost_something_tells_what_is_left() {
    let gateway = Launch::new().set("admission.write_interval_ms=60000").start();
    let mut who = somebody(&gateway);
    let visit = Visit::any(1, "exam", &day(2), &day(9));
    let booked = visit.book(&mut who, "k").await.expect(201);
    assert_eq!(booked.header("ratelimit-policy"), "\"write\";q=60;w=3600");
    assert_eq!(booked.header("ratelimit"), "\"write\";r=59;t=60");
    // A refusal by the ledger has cost as much; the time until all is back has begun to pass.
    let refused = visit.book(&mut who, "other").await;
    assert!(refused.header("ratelimit").starts_with("\"write\";r=58;t=1"), "{:?}", refused.headers);
    refused.refused(409, "already-booked");
    // Cancelling reads first, and both paces are told.
    let cancelled = who.post(&format!("{}/cancel", booked.header("location"))).await.expect(200);
    let told = cancelled.header("ratelimit");
    assert!(told.starts_with("\"write\";r=57;t=1") && told.contains(", \"read\";r="), "{told}");
    assert_eq!(cancelled.header("ratelimit-policy"), "\"write\";q=60;w=3600, \"read\";q=60;w=6");
}

#[tokio::test]
async fn a_refusal_by_the_pace_tells_that_nothing_is_left() {
    let slow = "admission.write_interval_ms=60000";
    let gateway = Launch::new().set(slow).set("admission.write_burst=1").start();
    let mut who = somebody(&gateway);
    let visit = Visit::any(1, "exam", &day(2), &day(9));
    let booked = visit.book(&mut who, "k").await.expect(201);
    assert_eq!(booked.header("ratelimit"), "\"write\";r=0;t=60");
    let limited = visit.book(&mut who, "k").await;
    assert!(limited.header("ratelimit").starts_with("\"write\";r=0;t="), "{:?}", limited.headers);
    assert_eq!(limited.header("ratelimit-policy"), "\"write\";q=1;w=60");
    assert!(!limited.header("retry-after").is_empty());
    limited.refused(429, "rate-limited");
}

#[tokio::test]
async fn what_is_for_everybody_and_what_nobody_asked_for_has_no_pace() {
    let mut nobody = Browser::new(shared().public());
    for (path, status) in [("/api/v1/authorities", 200), ("/api/v1/bookings", 401)] {
        let reply = nobody.get(path).await.expect(status);
        assert!(reply.headers.get("ratelimit").is_none(), "{path}");
        assert!(reply.headers.get("ratelimit-policy").is_none(), "{path}");
    }
}
