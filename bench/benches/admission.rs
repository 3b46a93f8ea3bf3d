//! What a vectorised script buys: Redis's own time for one admission decision, in three ways.
//!
//! Owns the comparison and nothing else; nothing calls it but `cargo bench`. Starts a real
//! `redis-server` of its own. Each decision asks for a pace and a count and spends a proof, for one
//! of [`PERSONS`] people:
//!
//! - `naive`: one script call for each decision, each with six commands (`admission.lua` beside this
//!   file), 128 of them pipelined: what a careful program without batches does;
//! - `batched/N`: the same script and commands, N decisions in one call;
//! - `vectorised/N`: the gateway's own store, N decisions in one call.
//!
//! All use one connection with one group of decisions under way. Rounds of all ways alternate, and
//! medians are shown; only ratios to `naive` of the same run mean anything. A part of a name as argument
//! chooses ways, for a profiler; the ratios are then to the first of them. Redis's microseconds are kept for
//! `talon-bench parts`, when it says where.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use redis::{Client, Connection, Script};
use talon_bench::FIGURES_VARIABLE;
use talon_gateway::admission::{
    AdmissionRequest, AdmissionStore, Decision, Lasts, PersonKey, QuotaQuery, RateRule,
    RedisEndpoint, RedisStore, RedisStoreConfig, Spend, WhenDown,
};
use tokio::runtime::Runtime;

const PERSONS: u64 = 100_000;
/// Decisions of one way in one round.
const DECISIONS: usize = 65_536;
const ROUNDS: usize = 7;
/// Decisions that are under way at once without batches.
const PIPELINED: usize = 128;
const SIZES: [usize; 3] = [8, 32, 128];
/// A proof is kept for as long as it could be shown again.
const PROOF_LIFE_MS: u64 = 660_000;
const INTERVAL_US: u64 = 500_000;
const BURST: u32 = 60;
const LIMIT: u32 = 4;

const NAIVE_SCRIPT: &str = include_str!("admission.lua");

/// A server that ends with its handle.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.expect("the loopback has a free port").port().to_string();
        let child = Command::new("redis-server")
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--lazyfree-lazy-expire", "yes", "--dir", env!("CARGO_TARGET_TMPDIR")])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        Self { child, url: format!("redis://127.0.0.1:{port}") }
    }

    fn connect(&self) -> Connection {
        let client = Client::open(self.url.as_str()).expect("the address is one");
        loop {
            if let Ok(connection) = client.get_connection() {
                return connection;
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _already_ended = self.child.kill();
        let _already_waited = self.child.wait();
    }
}

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed ^ (mixed >> 29)
    }
}

fn request(numbers: &mut Numbers) -> AdmissionRequest {
    let (mut person, mut nonce) = ([7; 32], [0; 16]);
    person[..8].copy_from_slice(&(numbers.next() % PERSONS).to_le_bytes());
    nonce[..8].copy_from_slice(&numbers.next().to_le_bytes());
    nonce[8..].copy_from_slice(&numbers.next().to_le_bytes());
    let person = PersonKey(person);
    let expires_at_s = now_s() + 600;
    AdmissionRequest {
        person,
        rate: RateRule::new(1, INTERVAL_US, BURST).expect("it comes back within an hour"),
        quota: Some(QuotaQuery { holder: person, period: 1, rule: 1, limit: LIMIT }),
        spend: Some(Spend { nonce, expires_at_s, lasts: Lasts::Short }),
        when_down: WhenDown::Degraded,
    }
}

fn now_s() -> u64 {
    talon_gateway::admission::system_clock()() / 1_000_000
}

/// One way of deciding.
#[derive(Clone, Copy)]
enum Way {
    Naive,
    Batched(usize),
    Vectorised(usize),
}

impl Way {
    fn name(self) -> String {
        match self {
            Self::Naive => "naive".to_owned(),
            Self::Batched(size) => format!("batched/{size}"),
            Self::Vectorised(size) => format!("vectorised/{size}"),
        }
    }
}

struct Bench {
    runtime: Runtime,
    store: RedisStore,
    connection: Connection,
    /// For the questions that are no part of the work.
    admin: Connection,
    hash: String,
    numbers: Numbers,
    /// Ends with everything else.
    _server: Server,
}

impl Bench {
    fn new() -> Self {
        let server = Server::start();
        let (mut connection, admin) = (server.connect(), server.connect());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("the system gives a runtime");
        let endpoint = RedisEndpoint::single(&server.url).expect("the address is one");
        let deadline = std::time::Duration::from_secs(10);
        let config = RedisStoreConfig { deadline, ..RedisStoreConfig::default() };
        let store = runtime.block_on(async { RedisStore::connect(&endpoint, config) });
        let script = Script::new(NAIVE_SCRIPT);
        let load = script.prepare_invoke().load(&mut connection);
        load.expect("Redis takes the script");
        Self {
            store: store.expect("the endpoint is one"),
            runtime,
            connection,
            admin,
            hash: script.get_hash().to_owned(),
            numbers: Numbers(1),
            _server: server,
        }
    }

    /// Seconds of processor time that Redis has used.
    fn redis_seconds(&mut self) -> f64 {
        let info: String =
            redis::cmd("INFO").arg("cpu").query(&mut self.admin).expect("Redis answers");
        let value = |name: &str| -> f64 {
            let line = info.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|value| value.trim().parse().ok()).expect("Redis tells its time")
        };
        value("used_cpu_user:") + value("used_cpu_sys:")
    }

    /// Redis's microseconds for one decision, and decisions a second. As many decisions go before unmeasured,
    /// from an empty server on, so that some people are known and some are not.
    fn round(&mut self, way: Way, decisions: usize) -> (f64, f64) {
        let () = redis::cmd("FLUSHALL").query(&mut self.admin).expect("Redis empties itself");
        let groups = self.groups(way, decisions);
        self.decide(way, &groups);
        let groups = self.groups(way, decisions);
        let (before, start) = (self.redis_seconds(), Instant::now());
        self.decide(way, &groups);
        let took = start.elapsed().as_secs_f64();
        let used = self.redis_seconds() - before;
        (used * 1e6 / decisions as f64, decisions as f64 / took)
    }

    fn groups(&mut self, way: Way, decisions: usize) -> Vec<Vec<AdmissionRequest>> {
        let size = match way {
            Way::Naive => PIPELINED,
            Way::Batched(size) | Way::Vectorised(size) => size,
        };
        let group = |_| (0..size).map(|_| request(&mut self.numbers)).collect();
        (0..decisions / size).map(group).collect()
    }

    fn decide(&mut self, way: Way, groups: &[Vec<AdmissionRequest>]) {
        for group in groups {
            let admitted = match way {
                Way::Naive => self.decide_by_script(group, 1),
                Way::Batched(size) => self.decide_by_script(group, size),
                Way::Vectorised(_) => self.decide_by_store(group),
            };
            assert!(admitted > 0, "the work is deciding, not refusing");
        }
    }

    fn decide_by_script(&mut self, requests: &[AdmissionRequest], size: usize) -> usize {
        let mut pipe = redis::pipe();
        for part in requests.chunks(size) {
            let call = pipe.cmd("EVALSHA").arg(&self.hash).arg(part.len() * 3);
            for one in part {
                let spend = one.spend.expect("every request has one");
                call.arg([b"pace:", one.person.0.as_slice()].concat())
                    .arg([b"count:", one.person.0.as_slice()].concat())
                    .arg([b"proof:", spend.nonce.as_slice()].concat());
            }
            for _ in part {
                call.arg(INTERVAL_US).arg(BURST).arg(LIMIT).arg(PROOF_LIFE_MS);
            }
        }
        let answers: Vec<Vec<i64>> = pipe.query(&mut self.connection).expect("Redis decides");
        answers.iter().flatten().filter(|answer| **answer == 0).count()
    }

    fn decide_by_store(&mut self, requests: &[AdmissionRequest]) -> usize {
        let decided = self.runtime.block_on(self.store.decide(requests, &[]));
        let decided = decided.expect("Redis decides");
        decided.iter().filter(|decision| matches!(decision, Decision::Admitted { .. })).count()
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    // Without it this is a test that the bench still runs.
    let measures = std::env::args().any(|argument| argument == "--bench");
    let chosen = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let (rounds, decisions) = if measures { (ROUNDS, DECISIONS) } else { (1, PIPELINED) };
    let mut bench = Bench::new();
    let mut ways = vec![Way::Naive];
    ways.extend(SIZES.map(Way::Batched));
    ways.extend(SIZES.map(Way::Vectorised));
    ways.retain(|way| chosen.as_ref().is_none_or(|chosen| way.name().contains(chosen)));
    let mut figures = vec![(Vec::new(), Vec::new()); ways.len()];
    for _ in 0..rounds {
        for (way, (used, pace)) in ways.iter().zip(&mut figures) {
            let round = bench.round(*way, decisions);
            used.push(round.0);
            pace.push(round.1);
        }
    }
    let mut naive = None;
    let mut kept = BTreeMap::new();
    println!("{:<16} {:>12} {:>10} {:>12}", "way", "Redis µs", "naive ÷", "decisions/s");
    for (way, (used, pace)) in ways.iter().zip(&mut figures) {
        let (used, pace) = (median(used), median(pace));
        let naive = *naive.get_or_insert(used);
        kept.insert(way.name(), used);
        println!("{:<16} {used:>12.2} {:>10.2} {pace:>12.0}", way.name(), naive / used);
    }
    if let Some(file) = std::env::var_os(FIGURES_VARIABLE) {
        let text = serde_json::to_string(&kept).expect("names and numbers are JSON");
        std::fs::write(file, text).expect("the figures can be kept");
    }
}
