//! Whose word on addresses is taken: that of named proxies, and nobody else's.

use std::net::SocketAddr;

use ppp::v2::{Builder, Command, Protocol, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::harness::{Launch, PATIENCE};

/// The proxy's address in these tests; the clients' are made up.
const PROXY: &str = "127.0.0.2";
const STRANGER: &str = "127.0.0.3";

/// Requests that one client sends at once.
const BURST: usize = 20;

/// A gateway that answers few requests of one address at once.
fn behind_proxies(way: &str) -> Launch {
    Launch::production()
        .set("admission.address_per_second=2")
        .set(&format!("server.trusted_proxies=[\"{PROXY}/32\"]"))
        .set(&format!("server.client_address=\"{way}\""))
}

/// What is answered, from the first byte to the last, to bytes sent from an address.
async fn answer(to: SocketAddr, from: &str, bytes: &[u8]) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is closed with bytes unread ends in a reset.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// A burst of requests on one connection, each with these headers.
fn burst(headers: &str) -> Vec<u8> {
    let one =
        |more: &str| format!("GET /api/v1/authorities HTTP/1.1\r\nHost: x\r\n{headers}{more}\r\n");
    (one("").repeat(BURST - 1) + &one("Connection: close\r\n")).into_bytes()
}

/// Whether all of a burst is answered; if not, the first ones are and the rest has to wait.
fn is_free(answer: &str) -> bool {
    let count = |status: &str| answer.matches(&format!("HTTP/1.1 {status} ")).count();
    let (good, early) = (count("200"), count("429"));
    assert_eq!(good + early, BURST, "{answer}");
    early == 0
}

/// Whether nobody counts a burst; if somebody does, its address begins unused.
async fn is_uncounted(to: SocketAddr, from: &str, bytes: &[u8]) -> bool {
    let answer = answer(to, from, bytes).await;
    let is_free = is_free(&answer);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{from} was counted before: {answer}");
    is_free
}

#[tokio::test]
async fn a_proxys_header_says_who_is_behind_it_in_both_versions() {
    let gateway = behind_proxies("proxy-protocol").start();
    let to = gateway.public();
    let text = |client: &str| {
        let header = format!("PROXY TCP4 {client} 198.51.100.1 4000 443\r\n");
        [header.into_bytes(), burst("")].concat()
    };
    let binary = |client: &str| {
        let ends: (SocketAddr, SocketAddr) =
            (format!("{client}:4000").parse().unwrap(), "198.51.100.1:443".parse().unwrap());
        let kind = Version::Two | Command::Proxy;
        let header = Builder::with_addresses(kind, Protocol::Stream, ends).build().unwrap();
        [header, burst("")].concat()
    };
    assert!(!is_uncounted(to, PROXY, &text("192.0.2.1")).await);
    assert!(!is_uncounted(to, PROXY, &binary("192.0.2.2")).await);
    // A proxy that speaks for itself, such as to see whether we live, has no address to count.
    let own = [b"PROXY UNKNOWN\r\n".as_slice(), &burst("")].concat();
    assert!(is_uncounted(to, PROXY, &own).await);
    // A proxy without a header is closed; a header from anybody else is no HTTP.
    assert_eq!(answer(to, PROXY, &burst("")).await, "");
    let refused = answer(to, STRANGER, &text("192.0.2.4")).await;
    assert!(refused.starts_with("HTTP/1.1 400 "), "{refused}");
    assert!(!is_uncounted(to, STRANGER, &burst("")).await);
}

#[tokio::test]
async fn forwarded_addresses_count_when_a_named_proxy_says_them() {
    let gateway = behind_proxies("x-forwarded-for").start();
    let to = gateway.public();
    let by = |client: &str| burst(&format!("X-Forwarded-For: {client}\r\n"));
    assert!(!is_uncounted(to, PROXY, &by("192.0.2.1")).await);
    // What clients wrote before gives them no other name, nor somebody else theirs.
    assert!(!is_uncounted(to, PROXY, &by("192.0.2.3, 192.0.2.2")).await);
    assert!(!is_uncounted(to, PROXY, &by("192.0.2.3")).await);
    // The other header is not asked.
    assert!(is_uncounted(to, PROXY, &burst("Forwarded: for=192.0.2.4\r\n")).await);
    // A stranger's word makes no other address of it, not even one for each request.
    assert!(!is_uncounted(to, STRANGER, &by("192.0.2.5")).await);
    assert!(!is_free(&answer(to, STRANGER, &by("192.0.2.6")).await));
}

#[tokio::test]
async fn a_terminator_on_this_computer_says_nothing_unless_asked_to() {
    let gateway = Launch::production().set("admission.address_per_second=2").start();
    let by = burst("X-Forwarded-For: 192.0.2.1\r\n");
    assert!(is_uncounted(gateway.public(), "127.0.0.1", &by).await);
}

#[tokio::test]
async fn every_answer_tells_browsers_to_stay_strict() {
    let gateway = Launch::production().start();
    for target in ["/", "/api/v1/authorities", "/nowhere"] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = answer(gateway.public(), STRANGER, request.as_bytes()).await;
        for header in [
            "strict-transport-security: max-age=31536000\r\n",
            "x-content-type-options: nosniff\r\n",
            "frame-ancestors 'none'",
            "default-src 'none'",
        ] {
            assert!(answer.contains(header), "{target}: {header}: {answer}");
        }
        assert!(!answer.contains("unsafe-"), "{answer}");
    }
}
