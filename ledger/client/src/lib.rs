//! The ledger at the other end of a connection: the client's side of the frames of `talon_wire`.
//!
//! Owns the connection, what becomes of calls when it breaks, and the last word about the ledger's
//! health. Must not know HTTP, nor what a command means beyond how it may be repeated. Called by
//! whoever would otherwise embed a ledger.
//!
//! Each runtime has a [`Remote`] of its own with one connection. Calls made while a write is under
//! way leave together with the next one. A broken connection loses no outcome: what may be sent
//! again is; a booking is first asked for under its key ([`talon_wire::repeat`]).

mod backoff;
mod calls;
mod connect;
mod driver;
mod shared;
pub mod tls;

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use talon_telemetry::scope::Scope;
use talon_wire::hello::{ClientId, FilesDigest, Mode, Welcome};
use talon_wire::{Answer, AnswerFuture, Command, Health, Ledger, Refusal, TraceContext};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;

pub use backoff::{FIRST_PAUSE, MAX_PAUSE};
pub use connect::{CONNECT_DEADLINE, ConnectError};
pub use driver::{PING_EVERY, SILENCE};

use calls::NewCall;
use shared::Shared;

/// Calls of one runtime that wait for their answers; at the bound, further ones are `Busy`.
pub const MAX_IN_FLIGHT: usize = 4096;
/// How long a call waits for a connection when there is none; then it is `Unavailable`, and it was
/// not sent.
pub const DISCONNECTED_GRACE: Duration = Duration::from_millis(500);
/// How long a call waits for its outcome, unless a configuration says otherwise.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);
/// The last word about the ledger's health holds for this long.
pub const HEALTH_HOLDS: Duration = Duration::from_secs(3);

/// How a ledger is reached.
#[derive(Clone)]
pub struct Settings {
    /// Host and port.
    pub address: String,
    /// TLS and the name that the ledger's certificate must have; nothing for plain TCP.
    pub tls: Option<tls::Tls>,
    /// How long a call may take, whatever happens to connections meanwhile.
    pub deadline: Duration,
    /// What this side serves.
    pub mode: Mode,
    /// The version of this side, for people.
    pub build: String,
    /// The files of this side.
    pub files: Vec<FilesDigest>,
    /// The journal that the first connection found: another one is refused from then on. Shared by
    /// all runtimes of a process.
    pub journal: Arc<OnceLock<String>>,
}

/// One runtime's way to a ledger elsewhere.
#[derive(Clone)]
pub struct Remote {
    queue: mpsc::Sender<NewCall>,
    places: Arc<Semaphore>,
    shared: Arc<Shared>,
}

impl Remote {
    /// A way to the ledger, and the future that the caller's runtime has to run for it; it ends when
    /// the last `Remote` is gone and what was under way has been answered.
    ///
    /// `client` is random, new for every call of this function: the ledger tells clients apart by it.
    pub fn new(
        settings: Settings,
        client: ClientId,
    ) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let (queue, calls) = mpsc::channel(MAX_IN_FLIGHT);
        let shared = Arc::new(Shared::default());
        let driver = driver::drive(settings, client, calls, Arc::clone(&shared));
        (Self { queue, places: Arc::new(Semaphore::new(MAX_IN_FLIGHT)), shared }, driver)
    }

    /// Waits for the first connection: what the ledger said of itself.
    ///
    /// # Errors
    /// [`ConnectError`] when no retry will help before somebody changes a configuration.
    pub async fn welcome(&self) -> Result<Welcome, ConnectError> {
        self.shared.welcome().await
    }

    /// The files in which this side and the ledger differ, as of the last connection.
    pub fn differing_files(&self) -> Vec<talon_domain::ids::AuthorityId> {
        self.shared.differing_files()
    }
}

impl Ledger for Remote {
    fn call(&self, command: Command) -> AnswerFuture {
        let refused = |refusal| Box::pin(std::future::ready(Answer::Refused(refusal)));
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return refused(Refusal::Busy);
        };
        let (reply, answer) = oneshot::channel();
        // Whoever asks may say of a trace that it is recorded; the ledger records what this process does.
        let Scope { trace, is_recorded, .. } = Scope::current();
        let trace = trace
            .map(|trace| TraceContext { is_sampled: is_recorded, ..Arc::unwrap_or_clone(trace) });
        let at = Instant::now();
        let call = NewCall { command, trace, reply, at, place };
        // There are as many places in the queue; it refuses only when its driver is gone.
        if self.queue.try_send(call).is_err() {
            return refused(Refusal::Unavailable);
        }
        Box::pin(async move {
            // The driver is gone: the outcome is found under the same key.
            answer.await.unwrap_or(Answer::Refused(Refusal::Unavailable))
        })
    }

    fn health(&self) -> Health {
        self.shared.health(Instant::now())
    }
}
