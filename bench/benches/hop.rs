//! What it costs to have the ledger elsewhere: the same bookings in the process, over TCP and over
//! TLS.
//!
//! Owns the comparison and nothing else; nothing calls it but `cargo bench`. The journal is in
//! memory, so that the disk does not hide the hop; everything else is the real thing: each booking
//! is a new person at a free place, and its answer waits for its commit. Client and server share
//! this process and its cores, so over a connection both sides' work is counted.
//!
//! - `in_process/N`: N bookings under way at once on one runtime with a handle of its own;
//! - `tcp/N`, `tls/N`: the same through a client and a served ledger on the loopback.
//!
//! An element is one booking, so criterion's `elem/s` are bookings a second. What stands before the
//! tables is processor time for each booking, of all threads, with 128 under way: it says what the
//! hop costs also on a machine that is busy with other things.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use talon_bench::authority::{OPENS_AT, Size};
use talon_domain::civil::{CivilDate, Minute, UtcMicros};
use talon_domain::ids::{
    AuthorityId, Channel, Fingerprint, KeyHash, OfficeId, Pseudonym, ServiceId, SessionId,
};
use talon_journal::simulation::{SimDisk, SimEntropy};
use talon_journal::{JournalKind, Options};
use talon_ledger::clock::manual::ManualClock;
use talon_ledger::core::{Core, Setup};
use talon_ledger::embedded::Embedded;
use talon_ledger::serve::{self, Bounds, Server, tls::server_config};
use talon_ledger_client::{Remote, Settings, tls::Tls};
use talon_wire::hello::{ClientId, Mode, Welcome};
use talon_wire::{Answer, Book, Caller, Command, Ledger, Place, Subject, Wishes};
use tokio::runtime::Runtime;

const UNDER_WAY: &[usize] = &[1, 8, 32, 128];
/// Visits of ten minutes each from eight to six.
const SIZE: Size =
    Size { offices: 24, desks: 20, steps: 60, step_minutes: 10, days_ahead: 7, a_month: Some(4) };
/// Visits of one office on one date.
const VISITS_A_DAY: u32 = SIZE.desks * SIZE.steps;
/// After so many bookings a new ledger is made, unmeasured.
const CAPACITY: u32 = SIZE.offices * SIZE.days_ahead * VISITS_A_DAY;
/// Bookings behind the figures of processor time.
const COUNTED: u32 = 100_000;
/// Tuesday 2026-12-01 at 10:00 in Kyiv, and that date.
const NOW: UtcMicros = UtcMicros(1_796_112_000_000_000);
const TODAY: &str = "2026-12-01";

/// Which way the bookings go.
#[derive(Clone, Copy, Debug)]
enum Way {
    InProcess,
    Tcp,
    Tls,
}

impl Way {
    const ALL: [Self; 3] = [Self::InProcess, Self::Tcp, Self::Tls];

    fn name(self) -> &'static str {
        match self {
            Self::InProcess => "in_process",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

/// A ledger with all its places free, and a way to it.
struct Running {
    way: Arc<dyn Ledger>,
    runtime: Runtime,
    server: Option<Server>,
    ledger: Embedded,
    booked: u32,
}

impl Running {
    fn new(way: Way) -> Self {
        let ledger = ledger();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("the system gives a runtime");
        if matches!(way, Way::InProcess) {
            let (handle, driver) = ledger.handle();
            runtime.spawn(driver);
            return Self { way: Arc::new(handle), runtime, server: None, ledger, booked: 0 };
        }
        let (server_tls, tls) = match way {
            Way::Tls => Some(certificates()).unzip(),
            Way::InProcess | Way::Tcp => (None, None),
        };
        let welcome = Welcome {
            mode: Mode::Demo,
            journal: String::new(),
            build: String::new(),
            files: Vec::new(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let settings =
            serve::Settings { welcome, tls: server_tls, lanes: 1, bounds: Bounds::default() };
        let server = Server::start(&ledger, listener, settings).expect("the system gives threads");
        let settings = Settings {
            address: server.address().to_string(),
            tls,
            deadline: Duration::from_secs(60),
            mode: Mode::Demo,
            build: String::new(),
            files: Vec::new(),
            journal: Arc::default(),
        };
        let (remote, driver) = Remote::new(settings, ClientId([1; 16]));
        runtime.spawn(driver);
        runtime.block_on(remote.welcome()).expect("the ledger is there");
        Self { way: Arc::new(remote), runtime, server: Some(server), ledger, booked: 0 }
    }

    /// Books so many, of which so many are under way at any time.
    fn book(&mut self, count: u32, under_way: usize) -> Duration {
        let numbers = self.booked..self.booked + count;
        self.booked += count;
        let way = &self.way;
        let start = Instant::now();
        self.runtime.block_on(async {
            let mut calls = numbers.map(|n| way.call(Command::Book(wish(n))));
            let mut waiting: FuturesUnordered<_> = calls.by_ref().take(under_way).collect();
            while let Some(answer) = waiting.next().await {
                assert!(matches!(answer, Answer::Booked { .. }), "{answer:?}");
                waiting.extend(calls.next());
            }
        });
        start.elapsed()
    }

    fn stop(self) {
        drop((self.way, self.runtime));
        if let Some(server) = self.server {
            server.stop();
        }
        self.ledger.shutdown().expect("memory works");
    }
}

fn ledger() -> Embedded {
    let setup = Setup {
        disk: Arc::new(SimDisk::new()),
        journal: Options::new(JournalKind::Demo),
        authorities: vec![SIZE.authority()],
        clock: Box::new(ManualClock::new(NOW)),
        entropy: Box::new(SimEntropy::new(1)),
        journal_entropy: Box::new(SimEntropy::new(2)),
        release_in_micros: None,
    };
    let (core, _) = Core::open(setup).expect("an empty disk opens");
    Embedded::start(core, |failure| panic!("{failure}")).expect("the system gives threads")
}

/// Booking number `n` has a person and a place of its own.
fn wish(n: u32) -> Book {
    let (office, visit) =
        (n / (VISITS_A_DAY * SIZE.days_ahead) + 1, n % (VISITS_A_DAY * SIZE.days_ahead));
    let (day, visit) = (visit / VISITS_A_DAY + 1, visit % VISITS_A_DAY);
    let today: CivilDate = TODAY.parse().expect("a date");
    let minute = OPENS_AT + visit / SIZE.desks * SIZE.step_minutes;
    let minute: Minute =
        format!("{:02}:{:02}", minute / 60, minute % 60).parse().expect("a time of day");
    let mut person = [0; 32];
    person[..4].copy_from_slice(&n.to_le_bytes());
    let mut key = [0; 16];
    key[..4].copy_from_slice(&n.to_le_bytes());
    Book {
        caller: Caller {
            authority: AuthorityId(1),
            person: Pseudonym(person),
            entity: None,
            session: SessionId(key),
            session_expires_at: UtcMicros(NOW.0 + 3_600_000_000),
        },
        subject: Subject::Person,
        place: Place { authority: AuthorityId(1), office: OfficeId(office), service: ServiceId(1) },
        channel: Channel::Web,
        wishes: Wishes::Starts(vec![(today.plus_days(day.cast_signed()), minute)]),
        key: KeyHash(key),
        fingerprint: Fingerprint([0; 16]),
    }
}

/// Both sides' TLS, from certificates made now.
fn certificates() -> (Arc<rustls::ServerConfig>, Tls) {
    let folder = tempfile::tempdir().expect("there is room");
    let key = KeyPair::generate().expect("a key");
    let mut ca = CertificateParams::new(Vec::new()).expect("no names");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = ca.self_signed(&key).expect("a certificate").pem();
    let issuer = Issuer::new(ca, key);
    let key = KeyPair::generate().expect("a key");
    let leaf = CertificateParams::new(vec!["ledger.test".to_owned()]).expect("a name");
    let leaf = leaf.signed_by(&key, &issuer).expect("a certificate").pem();
    let files = [("ca", root), ("crt", leaf), ("key", key.serialize_pem())].map(|(name, text)| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("there is room");
        // A key that others may read is refused.
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&file, private).expect("it is ours");
        file
    });
    let [ca, certificate, key] = &files;
    let server = server_config(certificate, key, ca).expect("the files are good");
    (server, Tls::new(certificate, key, ca, "ledger.test").expect("the files are good"))
}

/// Processor time of this process so far, of all threads, in ticks of 10 ms.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux has it");
    let (_, fields) = stat.rsplit_once(')').expect("the name is in brackets");
    let ticks = |nth| fields.split_whitespace().nth(nth).and_then(|text| text.parse::<u64>().ok());
    // User and system time are the 14th and 15th field; the first two are cut off.
    let ticks = ticks(11).zip(ticks(12)).expect("they are numbers");
    Duration::from_millis((ticks.0 + ticks.1) * 10)
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for way in Way::ALL {
        let mut running = Running::new(way);
        let before = processor_time();
        running.book(COUNTED, 128);
        let each = (processor_time() - before) / COUNTED;
        println!("{}: {:.1} µs of processor time a booking", way.name(), each.as_secs_f64() * 1e6);
        running.stop();
    }
    let mut group = criterion.benchmark_group("hop");
    group.sample_size(10).warm_up_time(Duration::from_secs(1));
    for &under_way in UNDER_WAY {
        for way in Way::ALL {
            group.throughput(Throughput::Elements(under_way as u64));
            let mut running = Running::new(way);
            group.bench_function(BenchmarkId::new(way.name(), under_way), |bencher| {
                bencher.iter_custom(|rounds| measure(&mut running, way, under_way, rounds));
            });
            running.stop();
        }
    }
    group.finish();
    criterion.final_summary();
}

/// The time that so many rounds take, with a new ledger where one is full.
fn measure(running: &mut Running, way: Way, under_way: usize, rounds: u64) -> Duration {
    let mut left = rounds * under_way as u64;
    let mut taken = Duration::ZERO;
    while left > 0 {
        if running.booked == CAPACITY {
            std::mem::replace(running, Running::new(way)).stop();
        }
        let count = u32::try_from(left).unwrap_or(u32::MAX).min(CAPACITY - running.booked);
        taken += running.book(count, under_way);
        left -= u64::from(count);
    }
    taken
}
