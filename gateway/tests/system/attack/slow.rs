//! Clients that take their time: ten thousand sockets with half a request, bodies that do not come,
//! answers that are not read.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncWriteExt;

use super::{Memory, TARGET, attacker, read_to_the_end, under_attack};
use crate::harness::Launch;

/// What a socket with half a request may cost.
const MAX_SOCKET_BYTES: usize = 48 * 1024;

/// As many as the system lets one process have, up to ten thousand.
fn sockets() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).unwrap();
    let most = limit.maximum.map_or(usize::MAX, |most| usize::try_from(most).unwrap());
    most.saturating_sub(1000).min(10_000)
}

#[tokio::test]
async fn ten_thousand_sockets_with_half_a_request_keep_nobody_out() {
    let count = sockets();
    let gateway = Launch::new().start();
    let memory = Memory::within(&gateway, count * MAX_SOCKET_BYTES).await;
    let mut slow = Vec::new();
    for _ in 0..count {
        let mut stream = attacker(gateway.public()).await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ").await.unwrap();
        slow.push(stream);
    }
    under_attack(&gateway, async {
        // A byte every millisecond, as slow clients do: none has been silent for long.
        let mut pace = tokio::time::interval(Duration::from_millis(1));
        for turn in 0.. {
            // Closed ones, at their deadline, are no help to the attack.
            let _ = slow[turn % count].write_all(b"y").await;
            pace.tick().await;
        }
    })
    .await;
    memory.check();
}

#[tokio::test]
async fn when_slow_sockets_have_taken_their_addresss_share_others_still_come_in() {
    let gateway = Launch::new().set("server.max_connections=400").start();
    let memory = Memory::within(&gateway, 1200 * MAX_SOCKET_BYTES).await;
    let mut slow = Vec::new();
    for _ in 0..1200 {
        let mut stream = attacker(gateway.public()).await;
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nX: ").await;
        slow.push(stream);
    }
    under_attack(&gateway, std::future::pending()).await;
    memory.check();
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_and_its_connection_closed() {
    let gateway = Launch::new().start();
    let head = "POST /language HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n\r\nl";
    let memory = Memory::within(&gateway, 1000 * 2 * MAX_SOCKET_BYTES).await;
    let mut slow = Vec::new();
    for _ in 0..1000 {
        let mut stream = attacker(gateway.public()).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    under_attack(&gateway, std::future::pending()).await;
    memory.check();
    let answer = read_to_the_end(&mut slow[0]).await;
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn answers_that_nobody_reads_do_not_pile_up() {
    let gateway = Launch::new().start();
    let request = format!("GET {TARGET} HTTP/1.1\r\nHost: localhost\r\n\r\n").repeat(100);
    let memory = Memory::within(&gateway, 50 * 8 * MAX_SOCKET_BYTES).await;
    let mut deaf = Vec::new();
    for _ in 0..50 {
        deaf.push(attacker(gateway.public()).await);
    }
    under_attack(&gateway, async {
        loop {
            for stream in &deaf {
                // Only as much as is taken at once: the other end stops reading.
                let _ = stream.try_write(request.as_bytes());
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    memory.check();
}
