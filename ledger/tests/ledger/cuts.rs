//! Connections that break at every point: nothing is booked twice, nothing confirmed is lost, and
//! every unknown outcome is found out.
//!
//! A proxy between clients and ledger cuts each connection after some bytes: between frames and
//! within them, on the way to the ledger and on the way back. Half of the time the ledger's side
//! stays open and silent, as behind a gateway whose network has died: what was sent there must not
//! be decided later. `TALON_CUT_BOOKINGS=220000` asks for more bookings than every test run does,
//! `TALON_CUT_WITHIN=1200` for cuts after about every other request, and `TALON_CUT_CLIENTS=48` for more
//! clients, which wait most of the time then: together, for about 100,000 cuts.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use talon_domain::ids::{BookingId, KeyHash, OfficeId, Pseudonym};
use talon_journal::simulation::SimDisk;
use talon_journal::{JournalKind, Options};
use talon_ledger::clock::manual::ManualClock;
use talon_ledger::core::{Authority, Core};
use talon_ledger::embedded::Embedded;
use talon_ledger::record::Fact;
use talon_ledger::serve::Bounds;
use talon_ledger_client::{Remote, Settings};
use talon_wire::{Answer, Book, Command, Ledger as _, Wishes};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::fixture::{PERMIT, START, date, facts, judge, minute, setup, utc, wish};
use crate::served::{client, remote, runtime, serve_ledger};

/// How many bookings, unless the environment says otherwise.
const BOOKINGS: u32 = 10_000;
/// Within how many bytes a connection is cut, unless the environment says otherwise: about a hello and
/// a dozen requests, or the answers to them.
const CUT_WITHIN: u64 = 4_000;
/// How many clients, unless the environment says otherwise.
const CLIENTS: u32 = 4;
/// Under way at once, for each client.
const UNDER_WAY: u32 = 32;
const DESKS: u32 = 20;
/// Visits that fit one office on one date: desks times steps.
const VISITS_A_DAY: u32 = DESKS * 60;
const DATES: [&str; 7] = [
    "2026-12-02",
    "2026-12-03",
    "2026-12-04",
    "2026-12-05",
    "2026-12-06",
    "2026-12-07",
    "2026-12-08",
];

/// Offices that are open every day from eight to six, with room for so many bookings.
fn large_authority(bookings: u32) -> Authority {
    let offices = bookings.div_ceil(VISITS_A_DAY * 7).max(2);
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let hours = days.map(|day| format!("{day} = [\"08:00-18:00\"]")).join(", ");
    let desks: Vec<String> = (1..=DESKS)
        .map(|id| format!("{{ id = {id}, services = [\"exam\", \"exchange\", \"permit\"] }}"))
        .collect();
    let small = crate::fixture::CATALOGUE;
    let (head, _) = small.split_once("[[profile]]").expect("it has profiles");
    let (head, _) = head.rsplit_once("# Desk 1").expect("a comment stands there");
    let mut catalogue = format!(
        "{head}[[profile]]\ncode = \"large\"\nstep_minutes = 10\nhours = {{ {hours} }}\n\
         desks = [{}]\n",
        desks.join(", ")
    );
    for id in 1..=offices {
        catalogue += &format!(
            "[[office]]\nid = {id}\nname = {{ uk = \"Місто\", en = \"Town\" }}\nregion = \"UA-30\"\n\
             address = {{ uk = \"вул. Перша, 1\", en = \"1 First St\" }}\nprofile = \"large\"\n"
        );
    }
    talon_ledger::load::parse(
        ("catalogue.toml", &catalogue),
        ("policy.toml", crate::fixture::POLICY),
    )
    .expect("the files are good")
}

/// The wish of one person: booking number `n` has a place of its own.
fn book(n: u32) -> Book {
    let (office, visit) = (n / (VISITS_A_DAY * 7) + 1, n % (VISITS_A_DAY * 7));
    let (day, visit) = (visit / VISITS_A_DAY, visit % VISITS_A_DAY);
    let step = visit / DESKS;
    let start = (date(DATES[day as usize]), minute(&format!("{:02}:{}0", 8 + step / 6, step % 6)));
    let mut book = wish(0, OfficeId(office), PERMIT, Wishes::Starts(vec![start]));
    book.caller.person = Pseudonym([0; 32]);
    book.caller.person.0[..4].copy_from_slice(&n.to_le_bytes());
    book.key = KeyHash([0; 16]);
    book.key.0[..4].copy_from_slice(&n.to_le_bytes());
    book
}

/// Where a proxy cuts: xorshift, so that a seed is a whole run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// A number from the environment.
fn asked<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok().map(|text| text.parse().ok().expect("a number"))
}

/// Accepts for ever; every connection is cut.
async fn cut_all(listener: TcpListener, ledger: SocketAddr, seed: u64, cuts: Arc<AtomicUsize>) {
    let mut random = Random(seed);
    let within = asked("TALON_CUT_WITHIN").unwrap_or(CUT_WITHIN);
    loop {
        let Ok((gateway, _)) = listener.accept().await else { return };
        let (sent, heard) = (random.below(within), random.below(within));
        let (sent, heard) = if random.below(2) == 0 { (sent, u64::MAX) } else { (u64::MAX, heard) };
        let stays_open = random.below(2) == 0;
        let cuts = Arc::clone(&cuts);
        tokio::spawn(async move {
            let Ok(ledger) = TcpStream::connect(ledger).await else { return };
            let ledger = forward(gateway, ledger, sent, heard).await;
            // Relaxed: a number of its own.
            cuts.fetch_add(1, Ordering::Relaxed);
            if let (true, Ok(mut ledger)) = (stays_open, ledger) {
                // Until the ledger gives it up because a later connection is there.
                let mut nowhere = [0; 4096];
                while ledger.read(&mut nowhere).await.is_ok_and(|count| count > 0) {}
            }
        });
    }
}

/// Forwards until so many bytes have gone one way or the other; drops the gateway's side then.
async fn forward(
    mut gateway: TcpStream,
    mut ledger: TcpStream,
    mut sent: u64,
    mut heard: u64,
) -> std::io::Result<TcpStream> {
    let (mut up, mut down) = ([0; 4096], [0; 4096]);
    while sent > 0 && heard > 0 {
        tokio::select! {
            count = gateway.read(&mut up) => {
                let count = count?.min(usize::try_from(sent).unwrap_or(usize::MAX));
                if count == 0 { break }
                ledger.write_all(&up[..count]).await?;
                sent -= count as u64;
            }
            count = ledger.read(&mut down) => {
                let count = count?.min(usize::try_from(heard).unwrap_or(usize::MAX));
                if count == 0 { break }
                gateway.write_all(&down[..count]).await?;
                heard -= count as u64;
            }
        }
    }
    Ok(ledger)
}

/// Books a share of all bookings through the proxy; what was confirmed.
fn book_share(
    proxy: SocketAddr,
    (share, shares): (u32, u32),
    bookings: u32,
) -> Vec<(u32, BookingId)> {
    let runtime = runtime();
    // Only what was never sent may stay undone: an outcome that is not found out hangs this test.
    let settings = Settings { deadline: Duration::from_secs(3600), ..client(proxy, None) };
    let remote = remote(&runtime, settings);
    let numbers: Vec<u32> = (share..bookings).step_by(shares as usize).collect();
    let next = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        let workers = (0..UNDER_WAY).map(|_| {
            let (remote, numbers, next) = (remote.clone(), &numbers, Arc::clone(&next));
            async move {
                let mut confirmed = Vec::new();
                // Relaxed: numbers only have to differ.
                while let Some(n) = numbers.get(next.fetch_add(1, Ordering::Relaxed)) {
                    confirmed.push((*n, one_booking(&remote, *n).await));
                }
                confirmed
            }
        });
        futures_util::future::join_all(workers).await.concat()
    })
}

/// A call that found no connection within the grace was not sent; whoever it is tries again.
async fn one_booking(remote: &Remote, n: u32) -> BookingId {
    loop {
        match remote.call(Command::Book(book(n))).await {
            Answer::Booked { booking, .. } => return booking.id,
            Answer::Refused(talon_wire::Refusal::Unavailable) => {}
            other => panic!("booking {n}: {other:?}"),
        }
    }
}

#[test]
fn connections_cut_anywhere_double_nothing_and_lose_nothing() {
    let bookings = asked("TALON_CUT_BOOKINGS").unwrap_or(BOOKINGS);
    let (disk, authority) = (SimDisk::new(), large_authority(bookings));
    let options =
        Options { segment_bytes: 4 << 20, kind: JournalKind::Demo, max_batch_bytes: 1 << 20 };
    let clock = ManualClock::new(utc(START));
    let (core, _) = Core::open(setup(&disk, &authority, &clock, &options)).expect("it opens");
    let ledger = Embedded::start(core, |failure| panic!("{failure}")).expect("threads");
    let server = serve_ledger(&ledger, None, Bounds::default());

    let proxies = runtime();
    let listener = proxies.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port is free");
    let proxy = listener.local_addr().expect("it is bound");
    let cuts = Arc::new(AtomicUsize::new(0));
    let (seed, address) = (0x7a10_0000_0000_0001, server.address());
    println!("seed {seed:#x}");
    proxies.spawn(cut_all(listener, address, seed, Arc::clone(&cuts)));
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let proxies = std::thread::spawn(move || proxies.block_on(ended));

    let confirmed: HashMap<u32, BookingId> = std::thread::scope(|scope| {
        let shares = asked("TALON_CUT_CLIENTS").unwrap_or(CLIENTS);
        let work = |share| scope.spawn(move || book_share(proxy, (share, shares), bookings));
        let clients: Vec<_> = (0..shares).map(work).collect();
        clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect()
    });
    drop(end);
    let _ended = proxies.join().expect("no panic");
    server.stop();
    ledger.shutdown().expect("the disk works");

    let cuts = cuts.load(Ordering::Relaxed);
    println!("{cuts} connections were cut");
    assert!(cuts as u32 > bookings / 100, "{cuts} cuts");
    let report = judge(&disk, None).expect("the journal is good");
    assert!(report.is_good());
    assert_eq!(report.bookings, u64::from(bookings));
    let mut booked = HashMap::new();
    for record in facts(&disk) {
        if let Fact::Booked(fact) = record.fact {
            let [a, b, c, d, ..] = fact.subject.0;
            let twin = booked.insert(u32::from_le_bytes([a, b, c, d]), fact.booking);
            assert_eq!(twin, None, "nobody has two");
        }
    }
    assert_eq!(booked, confirmed, "everybody was told of the booking that there is");
}
