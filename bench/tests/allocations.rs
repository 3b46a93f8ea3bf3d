//! How often the gateway allocates for a booking, a read and a refusal: a gate, for each allocation is one that
//! the hot lane did not have before.
//!
//! Owns the counts and their tolerance. The whole gateway runs in this process, as its program would, with its
//! ledger and journal; the client writes bytes that were made before and reads into one buffer, so whatever is
//! allocated meanwhile is the gateway's, on all its threads. Must run alone in its process, hence a harness of
//! its own.

use std::alloc::System;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use talon_bench::authority::{CODE, SERVICE, Size};
use talon_gateway::config::{Config, Layers};
use talon_gateway::process::{self, Outside};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Requests of each kind before they count, and while they do.
const WARM_UP: usize = 100;
const COUNTED: usize = 400;
const A_MONTH: u32 = 4;
const PERSONS: usize = (WARM_UP + COUNTED) / A_MONTH as usize + 1;
const SIZE: Size = Size {
    offices: 2,
    desks: 20,
    steps: 60,
    step_minutes: 10,
    days_ahead: 7,
    a_month: Some(A_MONTH),
};
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// What is asked, and how many allocations it may take: a twentieth more than it took when this was written last.
const MOST: [(&str, f64); 3] = [("booking", 26.0), ("availability", 8.0), ("refusal", 27.0)];
/// Below its bound by more than this share, the bound is worth nothing.
const LEAST_SHARE: f64 = 0.85;

fn main() -> ExitCode {
    let folder = tempfile::tempdir().expect("a folder for its data");
    let address = start(folder.path());
    let tokens = sessions(address);
    let mut client = Client::new(address);
    let date = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::get("Europe/Kyiv").expect("the zones are built in"))
        .tomorrow()
        .expect("there is one")
        .date();

    let bookings: Vec<Vec<u8>> = (0..WARM_UP + COUNTED)
        .map(|n| booking(address, &tokens[n % PERSONS], n, &date.to_string()))
        .collect();
    let path =
        format!("/api/v1/authorities/{CODE}/offices/1/services/{SERVICE}/days/{date}/starts");
    let read = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").into_bytes();
    let reads = vec![read; WARM_UP + COUNTED];
    let counted = [
        client.count(&bookings, "HTTP/1.1 201 "),
        client.count(&reads, "HTTP/1.1 200 "),
        client.count(&refusals(address, &tokens[0], &date.to_string()), "HTTP/1.1 4"),
    ];
    let mut outcome = ExitCode::SUCCESS;
    for ((what, most), count) in MOST.into_iter().zip(counted) {
        println!("{what}: {count:.1} allocations, at most {most}");
        if count > most {
            eprintln!("{what}: more allocations than the bound");
            outcome = ExitCode::FAILURE;
        } else if count < most * LEAST_SHARE {
            eprintln!("{what}: far fewer allocations than the bound; lower it in {}", file!());
            outcome = ExitCode::FAILURE;
        }
    }
    // The gateway's threads go on until the process ends.
    outcome
}

/// Starts the gateway on threads of this process and waits until it is ready.
fn start(folder: &Path) -> SocketAddr {
    std::fs::write(folder.join("catalogue.toml"), SIZE.catalogue()).expect("there is room");
    std::fs::write(folder.join("policy.toml"), SIZE.policy()).expect("there is room");
    let [public, hub, admin] = [free_address(), free_address(), free_address()];
    let config = config(folder, [public, hub, admin]);
    let base = folder.to_owned();
    std::thread::spawn(move || {
        let outside = Outside {
            read: Box::new(|| unreachable!("nobody asks for a reload")),
            change_log: Box::new(|_| {}),
        };
        process::run(config, &base, None, outside).expect("it serves until the process ends");
    });
    let start = Instant::now();
    while !ask(admin, "GET", "/readyz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200 ")) {
        assert!(start.elapsed() < START_TIMEOUT, "the gateway does not start");
        std::thread::yield_now();
    }
    public
}

fn config(folder: &Path, [public, hub, admin]: [SocketAddr; 3]) -> Config {
    let text = "mode = \"demo\"\n[[authority]]\ncatalogue = \"catalogue.toml\"\n\
                policy = \"policy.toml\"\n";
    let mut layers = Layers::from_file("talon.toml", text).expect("the text is good");
    for (key, value) in [
        ("data_dir", folder.join("data").display().to_string()),
        ("server.listen", public.to_string()),
        ("server.threads", "1".to_owned()),
        ("hub.origin", format!("http://{hub}")),
        ("admin.listen", admin.to_string()),
        // One person asks several hundred times.
        ("admission.shadow", "[\"person-fence\", \"write-rate\"]".to_owned()),
    ] {
        layers = layers.set("test", key, &value).expect("the setting is good");
    }
    layers.finish().expect("the settings are good")
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has a free port");
    listener.local_addr().expect("it has an address")
}

/// One request on a connection of its own; nothing when there is no answer.
fn ask(to: SocketAddr, method: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(to).ok()?;
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {to}\r\n");
    write!(stream, "{head}Content-Length: 0\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn sessions(address: SocketAddr) -> Vec<String> {
    let path = format!("/stand-in/sessions?first=0&count={PERSONS}");
    let answer = ask(address, "POST", &path).expect("it answers");
    let (_, body) = answer.split_once("\r\n\r\n").expect("there is a body");
    let body: serde_json::Value = serde_json::from_str(body).expect("it is JSON");
    let tokens = body["sessions"].as_array().expect("a list").iter();
    tokens.map(|token| token.as_str().expect("a text").to_owned()).collect()
}

fn booking(address: SocketAddr, token: &str, n: usize, date: &str) -> Vec<u8> {
    let minute = 480 + n as u32 % SIZE.steps * SIZE.step_minutes;
    let (hour, minute) = (minute / 60, minute % 60);
    let body = format!(
        "{{\"authority\":\"{CODE}\",\"office\":1,\"service\":\"{SERVICE}\",\
         \"wishes\":[{{\"date\":\"{date}\",\"time\":\"{hour:02}:{minute:02}\"}}]}}"
    );
    format!(
        "POST /api/v1/bookings HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Idempotency-Key: key-{n}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Of a person who has all that they may have, under keys that are new.
fn refusals(address: SocketAddr, token: &str, date: &str) -> Vec<Vec<u8>> {
    (0..WARM_UP + COUNTED).map(|n| booking(address, token, 1_000_000 + n, date)).collect()
}

/// A connection that allocates nothing.
struct Client {
    stream: TcpStream,
    buffer: Box<[u8; 16 * 1024]>,
}

impl Client {
    fn new(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).expect("the gateway listens");
        stream.set_nodelay(true).expect("it is a socket");
        Self { stream, buffer: Box::new([0; 16 * 1024]) }
    }

    /// Allocations for each request, after the first ones.
    fn count(&mut self, requests: &[Vec<u8>], status: &str) -> f64 {
        let (first, rest) = requests.split_at(WARM_UP);
        for request in first {
            self.exchange(request, status);
        }
        let region = Region::new(ALLOCATOR);
        for request in rest {
            self.exchange(request, status);
        }
        let stats = region.change();
        (stats.allocations + stats.reallocations) as f64 / rest.len() as f64
    }

    fn exchange(&mut self, request: &[u8], status: &str) {
        self.stream.write_all(request).expect("the gateway reads");
        let mut length = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[length..]).expect("the gateway answers");
            assert!(read > 0, "the gateway has closed the connection");
            length += read;
            if is_whole(&self.buffer[..length]) {
                break;
            }
        }
        let answer = &self.buffer[..length];
        assert!(answer.starts_with(status.as_bytes()), "{}", String::from_utf8_lossy(answer));
    }
}

/// Whether head and body have come.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return false };
    let head = std::str::from_utf8(&answer[..end]).expect("heads are text");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.and_then(|length| length.parse().ok()).expect("it says its length");
    answer.len() == end + 4 + length
}
