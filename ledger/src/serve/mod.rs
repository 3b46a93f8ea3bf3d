//! The ledger as a server of its own: gateways in other processes reach it by the frames of
//! `talon_wire`.
//!
//! Owns the listener, its runtimes, the bounds and the orderly stop; a connection is in
//! [`connection`], who may still decide in [`clients`]. Must not know what a command means. Called
//! by the program `talon-ledger` and by tests.

mod clients;
mod connection;
pub mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use talon_wire::hello::{FilesDigest, MAX_AUTHORITIES, Mode, Welcome};
use talon_wire::{Health, Ledger};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use crate::core::Authority;
use crate::embedded::{Embedded, Handle};
use clients::Clients;

/// Connections at once; a gateway has one for each of its runtimes and one for its health.
pub const MAX_CONNECTIONS: usize = 1024;
/// Connections over the bound that are told so at once; further ones are closed without a word.
pub const MAX_REFUSALS_AT_ONCE: usize = 16;
/// Requests of one connection that wait for their answers; at the bound, further ones are answered
/// `Busy` at once.
pub const MAX_IN_FLIGHT_PER_CONNECTION: usize = 4096;
/// How long a connection may take until its hello is read and answered, TLS included.
pub const HELLO_DEADLINE: Duration = Duration::from_secs(5);
/// How long a connection may say nothing, not even a ping.
pub const IDLE_DEADLINE: Duration = Duration::from_secs(30);
/// How long a gateway may take to receive what is written.
pub const WRITE_DEADLINE: Duration = Duration::from_secs(10);
/// How long a stop waits for gateways to hear their answers and leave.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(10);
/// How often health is told when it does not change.
pub const HEALTH_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether health has changed.
const HEALTH_LOOK: Duration = Duration::from_millis(100);
/// Accepted connections that wait for their runtime.
const MAX_HANDED_OVER: usize = 64;
/// After the system refuses to accept, such as for want of files, the next try comes after this.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The bounds of a server; the constants of this module unless a test reaches for one.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// See [`MAX_CONNECTIONS`].
    pub connections: usize,
    /// See [`MAX_IN_FLIGHT_PER_CONNECTION`].
    pub in_flight: usize,
    /// See [`HELLO_DEADLINE`].
    pub hello: Duration,
    /// See [`IDLE_DEADLINE`].
    pub idle: Duration,
    /// See [`WRITE_DEADLINE`].
    pub write: Duration,
    /// See [`DRAIN_DEADLINE`].
    pub drain: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: MAX_CONNECTIONS,
            in_flight: MAX_IN_FLIGHT_PER_CONNECTION,
            hello: HELLO_DEADLINE,
            idle: IDLE_DEADLINE,
            write: WRITE_DEADLINE,
            drain: DRAIN_DEADLINE,
        }
    }
}

/// How a ledger is served.
#[derive(Clone)]
pub struct Settings {
    /// What a welcome says, but for its files: those are the ones in force when it is said.
    pub welcome: Welcome,
    /// Certificate, key and whose gateways are let in; nothing for plain TCP, which only a
    /// demonstration on one computer may have.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Runtimes, each on a thread of its own; at least 1.
    pub lanes: usize,
    /// The bounds.
    pub bounds: Bounds,
}

/// What a hello says about the files of these authorities.
pub fn digests<'a>(authorities: impl IntoIterator<Item = &'a Authority>) -> Vec<FilesDigest> {
    let digest =
        |of: &Authority| FilesDigest { authority: of.catalogue.authority, digest: of.digest };
    authorities.into_iter().take(MAX_AUTHORITIES).map(digest).collect()
}

/// The mode of a kind of journal.
pub fn mode_of(kind: talon_journal::JournalKind) -> Mode {
    match kind {
        talon_journal::JournalKind::Demo => Mode::Demo,
        talon_journal::JournalKind::Production => Mode::Production,
    }
}

/// A ledger that serves. Dropping it without [`Server::stop`] leaves its threads running.
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

/// What the connections of one runtime share.
#[derive(Clone)]
struct Lane {
    handle: Handle,
    settings: Arc<Settings>,
    clients: Arc<Clients>,
    health: watch::Receiver<Health>,
    stop: watch::Receiver<bool>,
}

/// An accepted connection on its way to its runtime.
struct Accepted {
    /// Of no runtime yet: the one that accepted it ends before the one that serves it.
    stream: std::net::TcpStream,
    /// Over the bound: to be told so.
    is_refused: bool,
    permit: OwnedSemaphorePermit,
}

impl Server {
    /// Starts to serve.
    ///
    /// # Errors
    /// When the system gives no thread or no runtime.
    pub fn start(
        ledger: &Embedded,
        listener: std::net::TcpListener,
        settings: Settings,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let bounds = settings.bounds;
        let count = settings.lanes.max(1);
        let (settings, clients) = (Arc::new(settings), Arc::new(Clients::default()));
        let mut server = Self { address, stop, threads: Vec::new() };
        let mut lanes = Vec::new();
        for number in 0..count {
            let (sender, accepted) = mpsc::channel(MAX_HANDED_OVER);
            let (handle, driver) = ledger.handle();
            let (tell, health) = watch::channel(handle.health());
            let lane = Lane {
                handle,
                settings: Arc::clone(&settings),
                clients: Arc::clone(&clients),
                health,
                stop: stopped.clone(),
            };
            let name = format!("talon-serve-{number}");
            let thread = spawn(name, async move {
                tokio::spawn(driver);
                tokio::spawn(watch_health(lane.handle.clone(), tell));
                serve_all(&lane, accepted).await;
            });
            // What was started before a failure ends when its senders are dropped.
            server.threads.push(thread?);
            lanes.push(sender);
        }
        let work = accept_all(listener, lanes, bounds.connections, stopped);
        server.threads.push(spawn("talon-accept".to_owned(), work)?);
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts nothing more, answers what is under way, and ends its threads.
    pub fn stop(self) {
        // Without a lane left there is nothing to stop.
        let _ = self.stop.send(true);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the server had panicked");
            }
        }
    }
}

fn spawn(
    name: String,
    work: impl Future<Output = ()> + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name(name).spawn(move || runtime.block_on(work))
}

async fn accept_all(
    listener: std::net::TcpListener,
    lanes: Vec<mpsc::Sender<Accepted>>,
    connections: usize,
    mut stop: watch::Receiver<bool>,
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the listener cannot be used"),
    };
    let places = Arc::new(Semaphore::new(connections));
    let refusals = Arc::new(Semaphore::new(MAX_REFUSALS_AT_ONCE));
    for lane in lanes.iter().cycle() {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let stream = match accepted.and_then(|(stream, _)| stream.into_std()) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let place = Arc::clone(&places).try_acquire_owned();
        let is_refused = place.is_err();
        let Ok(permit) = place.or_else(|_| Arc::clone(&refusals).try_acquire_owned()) else {
            continue;
        };
        if lane.send(Accepted { stream, is_refused, permit }).await.is_err() {
            return tracing::error!("a runtime of the server has ended");
        }
    }
}

async fn serve_all(lane: &Lane, mut accepted: mpsc::Receiver<Accepted>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            next = accepted.recv() => {
                let Some(next) = next else { break };
                connections.spawn(connection::serve(next, lane.clone()));
            }
            Some(ended) = connections.join_next(), if !connections.is_empty() => log(&ended),
        }
    }
    while let Some(ended) = connections.join_next().await {
        log(&ended);
    }
}

fn log(ended: &Result<(), tokio::task::JoinError>) {
    if ended.is_err() {
        tracing::error!("a connection had panicked");
    }
}

async fn watch_health(handle: Handle, tell: watch::Sender<Health>) {
    let mut look = tokio::time::interval(HEALTH_LOOK);
    loop {
        look.tick().await;
        let now = handle.health();
        tell.send_if_modified(|told| {
            let is_news = *told != now;
            if is_news {
                *told = now;
            }
            is_news
        });
    }
}
