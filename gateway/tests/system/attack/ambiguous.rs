//! Requests that two readers could end at different places: refused, and nothing after them on the
//! connection is taken for a request.

use super::{TARGET, all_are_served, exchange};
use crate::harness::Launch;

#[tokio::test]
async fn a_request_with_two_ends_is_refused_and_nothing_is_smuggled_behind_it() {
    let gateway = Launch::new().start();
    let smuggled = format!("GET {TARGET} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let post = |headers: &str, body: &str| {
        format!("POST /language HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n{body}{smuggled}")
    };
    for (what, bytes) in [
        ("TE after CL", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
        ("CL after TE", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n")),
        ("TE alone", post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n")),
        ("an odd TE", post("Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n", "")),
        ("a TE with a tab", post("Transfer-Encoding:\tchunked\r\n", "0\r\n\r\n")),
        ("two lengths", post("Content-Length: 0\r\nContent-Length: 5\r\n", "")),
        ("a list of lengths", post("Content-Length: 0, 5\r\n", "")),
        ("a signed length", post("Content-Length: +0\r\n", "")),
        ("a length of 2^64", post("Content-Length: 18446744073709551616\r\n", "")),
        ("a folded line", post("Content-Length: 0\r\nX: a\r\n b\r\n", "")),
        ("a folded length", post("Content-Length:\r\n 0\r\n", "")),
        ("a space before the colon", post("Content-Length : 0\r\n", "")),
        ("a bare return", post("X: a\rContent-Length: 0\r\n", "")),
        ("a zero byte", post("X: a\0b\r\nContent-Length: 0\r\n", "")),
        ("a header without a name", post(": a\r\nContent-Length: 0\r\n", "")),
        ("two hosts", post("Host: elsewhere\r\nContent-Length: 0\r\n", "")),
        ("no version", format!("GET {TARGET}\r\n\r\n{smuggled}")),
    ] {
        let answer = exchange(gateway.public(), bytes.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{what}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{what}: {answer}");
    }
    all_are_served(&gateway).await;
}

#[tokio::test]
async fn a_line_that_ends_without_a_return_ends_the_same_line() {
    let gateway = Launch::new().start();
    // RFC 9112 lets a reader take a bare line feed for an end; nothing hides behind one.
    let bytes = format!(
        "GET {TARGET} HTTP/1.1\nHost: localhost\nContent-Length: 3\nConnection: close\n\nabc\
         GET {TARGET} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    );
    let answer = exchange(gateway.public(), bytes.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
}
