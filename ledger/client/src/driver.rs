//! The driver: connects, moves frames, and connects again.
//!
//! Owns the order of reading and writing. Everything that was called while a write was under way
//! leaves with the next one. Must not know what a call waits for; that is in [`crate::calls`].

use std::time::Duration;

use bytes::BytesMut;
use talon_telemetry::table;
use talon_wire::frame::{self, BadFrame, FrameRefusal, FromServer};
use talon_wire::hello::ClientId;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use crate::backoff::Backoff;
use crate::calls::{Calls, NewCall};
use crate::connect::{self, Stream};
use crate::shared::Shared;
use crate::{MAX_IN_FLIGHT, Settings};

/// How often this side gives a sign of life.
pub const PING_EVERY: Duration = Duration::from_secs(2);
/// A connection on which nothing came for this long is given up; the ledger says something every
/// second.
pub const SILENCE: Duration = Duration::from_secs(5);

/// Room for answers that one read fills.
const READ_BYTES: usize = 32 * 1024;
/// A connection that lasted this long did its work, whatever it carried.
const STABLE_AFTER: Duration = Duration::from_secs(1);

/// Why a connection is of no use any more.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    System(#[from] std::io::Error),
    #[error("the ledger closed the connection")]
    Closed,
    #[error("the ledger is stopping")]
    Stopping,
    #[error("the ledger is silent")]
    Silent,
    #[error(transparent)]
    Frame(#[from] BadFrame),
    #[error("the ledger ended the connection: {0}")]
    Refused(FrameRefusal),
}

/// Nobody can call any more.
struct Done;

/// Runs until nobody can call any more and all calls are answered.
pub(crate) async fn drive(
    settings: Settings,
    client: ClientId,
    mut queue: mpsc::Receiver<NewCall>,
    shared: std::sync::Arc<Shared>,
) {
    let [seed @ .., _, _, _, _, _, _, _, _] = client.0;
    let mut backoff = Backoff::new(u64::from_le_bytes(seed));
    let mut calls = Calls::new(settings.deadline);
    let mut said: Option<String> = None;
    for incarnation in 1.. {
        let outcome = tokio::select! {
            outcome = connect::connect(&settings, client, incarnation) => outcome,
            Done = hold(&mut calls, &mut queue) => return,
        };
        let problem = match outcome {
            Ok((stream, welcome)) => {
                let differing = connect::differing(&settings.files, &welcome.files);
                tracing::info!(
                    journal = welcome.journal,
                    build = welcome.build,
                    "the ledger is there"
                );
                if !differing.is_empty() {
                    let authorities = format!("{differing:?}");
                    tracing::warn!(authorities, "the ledger has other catalogues or policies");
                }
                shared.connected(welcome, differing);
                said = None;
                let mut connection = Connection::new(stream, &shared);
                match connection.run(&mut calls, &mut queue).await {
                    Ok(Done) => return,
                    Err(broken) => {
                        calls.broken();
                        if connection.has_worked() {
                            backoff.succeeded();
                        }
                        metrics::counter!(table::CLIENT_CONNECTIONS_BROKEN.name).increment(1);
                        broken.to_string()
                    }
                }
            }
            Err(error) => {
                if error.is_misconfiguration() {
                    shared.misconfigured(&error);
                }
                error.to_string()
            }
        };
        // The same trouble is told once, not at every attempt.
        if said.as_ref() != Some(&problem) {
            tracing::warn!(problem, address = settings.address, "no connection to the ledger");
            said = Some(problem.clone());
        }
        shared.disconnected(problem);
        tokio::select! {
            () = tokio::time::sleep(backoff.pause()) => {}
            Done = hold(&mut calls, &mut queue) => return,
        }
    }
}

/// Takes calls while there is no connection, and answers those that have waited for too long.
async fn hold(calls: &mut Calls, queue: &mut mpsc::Receiver<NewCall>) -> Done {
    loop {
        tokio::select! {
            call = queue.recv() => match call {
                Some(call) => calls.hold(call),
                None => return Done,
            },
            () = until(calls.next_expiry()) => {}
        }
        calls.expire(Instant::now());
    }
}

/// Writes what there is, or flushes when that is nothing; says whether there is something to flush.
async fn send(writer: &mut WriteHalf<Box<dyn Stream>>, out: &mut BytesMut) -> Result<bool, Broken> {
    if out.is_empty() {
        writer.flush().await?;
        return Ok(false);
    }
    if writer.write_buf(out).await? == 0 {
        return Err(Broken::Closed);
    }
    Ok(true)
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

struct Connection<'a> {
    reader: ReadHalf<Box<dyn Stream>>,
    writer: WriteHalf<Box<dyn Stream>>,
    shared: &'a Shared,
    received: BytesMut,
    /// What the next write sends.
    out: BytesMut,
    since: Instant,
    last_heard: Instant,
    /// Whether anything was answered on it.
    has_answered: bool,
    /// Whether the ledger asked for nothing more.
    is_closing: bool,
    requests: metrics::Histogram,
}

impl<'a> Connection<'a> {
    fn new(stream: Box<dyn Stream>, shared: &'a Shared) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        let now = Instant::now();
        Self {
            reader,
            writer,
            shared,
            received: BytesMut::with_capacity(READ_BYTES),
            out: BytesMut::new(),
            since: now,
            last_heard: now,
            has_answered: false,
            is_closing: false,
            requests: metrics::histogram!(table::CLIENT_REQUESTS_PER_WRITE.name),
        }
    }

    fn has_worked(&self) -> bool {
        self.has_answered || self.since.elapsed() >= STABLE_AFTER
    }

    /// Moves frames until the connection breaks, or until nobody can call any more.
    async fn run(
        &mut self,
        calls: &mut Calls,
        queue: &mut mpsc::Receiver<NewCall>,
    ) -> Result<Done, Broken> {
        let mut ping = tokio::time::interval(PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut batch, mut has_callers, mut has_to_flush) = (Vec::new(), true, false);
        calls.reconnected(&mut self.out);
        loop {
            if calls.is_empty() && !has_callers {
                return Ok(Done);
            }
            if self.is_closing && calls.is_empty() {
                return Err(Broken::Stopping);
            }
            let takes_calls = has_callers && !self.is_closing;
            // First what is to be sent, so that it leaves in one write; then the write; then
            // answers. A write that finds no room lets the reading go on.
            tokio::select! {
                biased;
                count = queue.recv_many(&mut batch, MAX_IN_FLIGHT), if takes_calls => {
                    has_callers = count > 0;
                    self.requests.record(u32::try_from(count).unwrap_or(u32::MAX));
                    for call in batch.drain(..) {
                        calls.send(call, &mut self.out);
                    }
                }
                sent = send(&mut self.writer, &mut self.out), if has_to_flush || !self.out.is_empty() => {
                    has_to_flush = sent?;
                }
                read = self.reader.read_buf(&mut self.received) => {
                    if read? == 0 {
                        return Err(Broken::Closed);
                    }
                    self.last_heard = Instant::now();
                    self.read_frames(calls)?;
                }
                () = until(calls.next_expiry()) => {}
                _ = ping.tick() => {
                    if self.last_heard.elapsed() > SILENCE {
                        return Err(Broken::Silent);
                    }
                    frame::put_ping(&mut self.out, 0);
                }
            }
            calls.expire(Instant::now());
        }
    }

    fn read_frames(&mut self, calls: &mut Calls) -> Result<(), Broken> {
        while let Some(frame) = frame::take(&mut self.received)? {
            match frame {
                FromServer::Answer { id, answer } => {
                    self.has_answered = true;
                    calls.answered(id, answer, &mut self.out);
                }
                FromServer::Health(health) => self.shared.heard(health, self.last_heard),
                FromServer::Pong { .. } => {}
                FromServer::Closing => self.is_closing = true,
                FromServer::Refused(refusal) => return Err(Broken::Refused(refusal)),
            }
        }
        Ok(())
    }
}
