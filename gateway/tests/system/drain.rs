//! An ordered stop: what is under way is finished, nothing new is begun.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::crowd::stop_and_verify;
use crate::harness::{Ask, Browser, Launch, PATIENCE, Visit, day, eventually, somebody};

/// Reads until `end` has come.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 1024];
    while !text.contains(end) {
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.unwrap().unwrap();
        assert!(read > 0, "the connection ended after: {text}");
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    text
}

#[tokio::test]
async fn a_stop_finishes_the_request_under_way_and_exits_with_0() {
    let gateway = Launch::new().start();
    let token = somebody(&gateway).bearer.unwrap();
    let body = Visit::any(1, "exam", &day(2), &day(5)).0.to_string();
    let mut slow = TcpStream::connect(gateway.public()).await.unwrap();
    let head = format!(
        "POST /api/v1/bookings HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
         Idempotency-Key: k\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\n\r\n",
        gateway.public(),
        body.len()
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    // The gateway asks for the body: the request is under way.
    read_until(&mut slow, "HTTP/1.1 100 Continue\r\n\r\n").await;
    let mut idle = somebody(&gateway);
    idle.get("/api/v1/session").await.expect(200);

    gateway.terminate();
    let mut admin = Browser::new(gateway.admin());
    eventually("readiness ends", async || {
        let ready =
            admin.try_send(Ask::get("/readyz")).await.expect("health is told until the end");
        (ready.status == 503)
            .then(|| assert!(ready.text().contains("draining"), "{}", ready.text()))
    })
    .await;
    admin.get("/livez").await.expect(200);
    eventually("nobody new is let in", async || {
        TcpStream::connect(gateway.public()).await.is_err().then_some(())
    })
    .await;

    slow.write_all(body.as_bytes()).await.unwrap();
    let answer = read_until(&mut slow, "\"cancel_until\"").await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    let (status, launch) = gateway.wait();
    assert_eq!(status.code(), Some(0));

    let gateway = launch.start();
    let mut who = Browser::bearing(gateway.public(), token);
    let list = who.get("/api/v1/bookings").await.expect(200).json();
    assert_eq!(list["bookings"].as_array().unwrap().len(), 1, "{list}");
    assert_eq!(stop_and_verify(gateway), 1);
}

#[tokio::test]
async fn a_stop_waits_no_longer_than_it_is_told() {
    let gateway = Launch::new().set("server.drain_seconds=0").start();
    let mut slow = TcpStream::connect(gateway.public()).await.unwrap();
    let token = somebody(&gateway).bearer.unwrap();
    let head = format!(
        "POST /api/v1/bookings HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
         Idempotency-Key: k\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\
         Expect: 100-continue\r\n\r\n",
        gateway.public(),
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut slow, "HTTP/1.1 100 Continue\r\n\r\n").await;
    gateway.terminate();
    assert_eq!(gateway.wait().0.code(), Some(0));
}
