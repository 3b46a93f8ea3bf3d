//! Attacks on connections and HTTP, each against the real process, while honest clients ask.
//!
//! Every honest request is answered while the attack goes on, and the process's memory stays within
//! a bound. Attackers come from an address of their own.

mod ambiguous;
mod frames;
mod http1;
mod http2;
mod slow;

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::harness::{Browser, Gateway, PATIENCE};

/// Rounds of honest requests during an attack.
const ROUNDS: usize = 30;
/// So much may the process's memory grow in an attack whose connections are few.
const MAX_GROWTH: usize = 64 << 20;
/// A page for everybody, which costs the gateway little.
const TARGET: &str = "/api/v1/authorities";

/// A connection from the attackers' address.
async fn attacker(to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    socket.connect(to).await.unwrap()
}

/// Honest clients on a connection they keep and on fresh ones; everything is answered.
async fn all_are_served(gateway: &Gateway) {
    let mut kept = Browser::new(gateway.public());
    for _ in 0..ROUNDS {
        kept.get(TARGET).await.expect(200);
        Browser::new(gateway.public()).get(TARGET).await.expect(200);
    }
}

/// Honest clients are served while an attack goes on, which never ends by itself.
async fn under_attack(gateway: &Gateway, attack: impl Future<Output = ()>) {
    tokio::select! {
        () = attack => panic!("the attack ended"),
        () = all_are_served(gateway) => {}
    }
}

/// What the process may need for an attack.
struct Memory<'a> {
    gateway: &'a Gateway,
    before: usize,
    bound: usize,
}

impl<'a> Memory<'a> {
    /// At most `bound` bytes more than it has needed so far, for honest clients.
    async fn within(gateway: &'a Gateway, bound: usize) -> Self {
        all_are_served(gateway).await;
        Self { gateway, before: gateway.peak_memory(), bound }
    }

    /// After the attack.
    fn check(self) {
        let grown = self.gateway.peak_memory() - self.before;
        assert!(grown < self.bound, "{grown} bytes more, {} are allowed", self.bound);
    }
}

/// Everything until the other end closes.
async fn read_to_the_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A connection that is closed with bytes unread ends in a reset; what came before counts.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes))
        .await
        .expect("the connection stays open");
    bytes
}

/// What is answered to bytes, until the other end closes.
async fn exchange(to: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = attacker(to).await;
    // It may be closed before all is taken.
    let _ = stream.write_all(bytes).await;
    String::from_utf8_lossy(&read_to_the_end(&mut stream).await).into_owned()
}

/// Writes the same bytes until the other end has had enough; whether it ever had.
async fn write_until_closed(stream: &mut TcpStream, bytes: &[u8], most: usize) -> bool {
    let mut written = 0;
    while written < most {
        match tokio::time::timeout(PATIENCE, stream.write_all(bytes)).await {
            Ok(Ok(())) => written += bytes.len(),
            // Closed, or no longer read.
            Ok(Err(_)) | Err(_) => return true,
        }
    }
    false
}
