//! Floods of HTTP/1: lines, headers and bodies without end, requests without waiting.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    MAX_GROWTH, Memory, TARGET, attacker, exchange, read_to_the_end, under_attack,
    write_until_closed,
};
use crate::harness::{Launch, PATIENCE};

/// More than any bound of a request's head.
const MUCH: usize = 8 << 20;

/// Opens connections for ever that each send a beginning and then the same again and again.
async fn flood(to: std::net::SocketAddr, start: &str, again: &[u8]) {
    loop {
        let mut stream = attacker(to).await;
        let _ = stream.write_all(start.as_bytes()).await;
        assert!(write_until_closed(&mut stream, again, MUCH).await, "{start} goes on for ever");
    }
}

#[tokio::test]
async fn lines_headers_and_bodies_without_end_are_cut_off() {
    let gateway = Launch::new().start();
    let to = gateway.public();
    let host = "GET / HTTP/1.1\r\nHost: localhost\r\n";
    let filler = [b'x'; 16 * 1024];
    let memory = Memory::within(&gateway, MAX_GROWTH).await;
    under_attack(&gateway, flood(to, "GET /", &filler)).await;
    under_attack(&gateway, flood(to, &format!("{host}X: "), &filler)).await;
    under_attack(&gateway, flood(to, host, &b"X: y\r\n".repeat(1000))).await;
    let chunked =
        "POST /language HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = [b"4000\r\n".as_slice(), &filler, b"\r\n"].concat();
    under_attack(&gateway, flood(to, chunked, &chunk)).await;
    let long = "POST /language HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n\r\n";
    under_attack(&gateway, flood(to, long, &filler)).await;
    memory.check();
}

#[tokio::test]
async fn what_is_too_long_is_told_so() {
    let gateway = Launch::new().start();
    let host = "GET / HTTP/1.1\r\nHost: localhost\r\n";
    for (bytes, statuses) in [
        (format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(20_000)), ["414", "431"]),
        (format!("{host}X: {}\r\n\r\n", "x".repeat(20_000)), ["431", "431"]),
        (format!("{host}{}\r\n", "X: y\r\n".repeat(1000)), ["431", "431"]),
    ] {
        let answer = exchange(gateway.public(), bytes.as_bytes()).await;
        let status = answer.get(9..12).unwrap_or_default();
        assert!(statuses.contains(&status), "{bytes:.60}: {answer}");
    }
}

#[tokio::test]
async fn requests_sent_without_waiting_are_answered_in_order_and_the_rest_waits_in_the_sockets() {
    const PIPELINED: usize = 5000;
    let gateway = Launch::new().start();
    let request = format!("GET {TARGET} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let last = "GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut stream = attacker(gateway.public()).await;
    // It is not read until the honest clients have been served: everything stands still.
    let (mut incoming, mut outgoing) = stream.split();
    let memory = Memory::within(&gateway, MAX_GROWTH).await;
    let writing = async {
        outgoing.write_all(request.repeat(PIPELINED).as_bytes()).await.unwrap();
        outgoing.write_all(last.as_bytes()).await.unwrap();
    };
    let reading = async {
        under_attack(&gateway, std::future::pending()).await;
        let mut answers = Vec::new();
        incoming.read_to_end(&mut answers).await.unwrap();
        String::from_utf8_lossy(&answers).into_owned()
    };
    let both = async { tokio::join!(writing, reading) };
    let ((), answers) = tokio::time::timeout(PATIENCE, both).await.expect("all are answered");
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), PIPELINED);
    assert_eq!(answers.matches("HTTP/1.1 404 Not Found\r\n").count(), 1);
    memory.check();
}

#[tokio::test]
async fn a_request_to_change_the_protocol_is_answered_in_the_old_one() {
    let gateway = Launch::new().start();
    let upgrade = format!(
        "GET {TARGET} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings, close\r\n\
         Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
    );
    let mut stream = attacker(gateway.public()).await;
    stream.write_all(upgrade.as_bytes()).await.unwrap();
    let answer = String::from_utf8_lossy(&read_to_the_end(&mut stream).await).into_owned();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
}
