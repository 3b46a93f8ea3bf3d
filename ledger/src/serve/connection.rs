//! One connection: its hello, its requests, and the answers, all that are ready in one write.
//!
//! Owns the order of what happens on it. A request is decided when it is read; only its answer
//! waits. Must not know what a command means. Called by the runtimes of [`super::Server`].

use std::pin::pin;
use std::sync::Arc;

use bytes::BytesMut;
use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use talon_telemetry::scope::Scope;
use talon_telemetry::{spans, table};
use talon_wire::frame::{self, BadFrame, FrameRefusal, FromClient};
use talon_wire::hello::{
    self, BadHello, ClientHello, HelloRefusal, PREFIX_BYTES, Prefix, ServerHello, Welcome,
};
use talon_wire::{Answer, Command, Health, Ledger as _, Refusal, TraceContext};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::clients::Place;
use super::{Accepted, HEALTH_EVERY, Lane, digests};

/// Room for requests that one read fills.
const READ_BYTES: usize = 16 * 1024;

/// Why a connection ended before its gateway left.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    System(#[from] std::io::Error),
    #[error("nothing was said in time")]
    Late,
    #[error(transparent)]
    Hello(#[from] BadHello),
    #[error("refused: {0}")]
    Refused(HelloRefusal),
    #[error(transparent)]
    Frame(#[from] BadFrame),
}

/// Serves one connection until it ends.
pub(super) async fn serve(accepted: Accepted, lane: Lane) {
    let Accepted { stream, is_refused, permit } = accepted;
    let stream = match TcpStream::from_std(stream) {
        Ok(stream) => stream,
        Err(error) => return tracing::warn!(%error, "a connection cannot be used"),
    };
    let deadline = Instant::now() + lane.settings.bounds.hello;
    // Answers are small and waited for; where the system will not, they come late.
    let _ = stream.set_nodelay(true);
    let peer = stream.peer_addr().ok();
    let outcome = match &lane.settings.tls {
        None => converse(stream, &lane, deadline, is_refused).await,
        Some(tls) => {
            let acceptor = TlsAcceptor::from(Arc::clone(tls));
            match timeout_at(deadline, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => converse(stream, &lane, deadline, is_refused).await,
                Ok(Err(error)) => Err(error.into()),
                Err(_) => Err(Ended::Late),
            }
        }
    };
    drop(permit);
    if let Err(error) = outcome {
        metrics::counter!(table::SERVER_CONNECTIONS_BROKEN.name).increment(1);
        tracing::info!(?peer, %error, "a connection ended");
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    lane: &Lane,
    deadline: Instant,
    is_refused: bool,
) -> Result<(), Ended> {
    let greeting = greet(&mut stream, lane, is_refused);
    let refusal = match timeout_at(deadline, greeting).await.map_err(|_| Ended::Late)? {
        Ok(place) => return Conversation::new(stream, lane).run(&place).await,
        Err(Ended::Refused(refusal)) => refusal,
        Err(Ended::Hello(BadHello::Version { .. })) => HelloRefusal::Version,
        Err(Ended::Hello(BadHello::Malformed)) => HelloRefusal::Malformed,
        // To whoever does not speak this protocol there is nothing to say.
        Err(ended) => return Err(ended),
    };
    let bytes = hello::encode(&ServerHello::Refused(refusal));
    let telling = async {
        stream.write_all(&bytes).await?;
        stream.shutdown().await
    };
    timeout(lane.settings.bounds.write, telling).await.map_err(|_| Ended::Late)??;
    Err(Ended::Refused(refusal))
}

/// Reads the hello and takes the client's place; waits until its earlier connections are done.
async fn greet<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    lane: &Lane,
    is_refused: bool,
) -> Result<Place, Ended> {
    let mut bytes = [0; PREFIX_BYTES];
    stream.read_exact(&mut bytes).await?;
    let prefix = Prefix::decode(&bytes)?;
    let mut body = vec![0; prefix.length];
    stream.read_exact(&mut body).await?;
    let said: ClientHello = prefix.body(&body)?;
    let welcome = &lane.settings.welcome;
    if said.mode != welcome.mode {
        return Err(Ended::Refused(HelloRefusal::Mode(welcome.mode)));
    }
    if is_refused {
        return Err(Ended::Refused(HelloRefusal::Busy));
    }
    if *lane.stop.borrow() {
        return Err(Ended::Refused(HelloRefusal::Stopping));
    }
    let superseded = |_| Ended::Refused(HelloRefusal::Superseded);
    let mut place = lane.clients.enter(said.client, said.incarnation).map_err(superseded)?;
    place.begin().await.map_err(superseded)?;
    Ok(place)
}

/// A connection that was welcomed.
struct Conversation<'a, S> {
    stream: S,
    lane: &'a Lane,
    received: BytesMut,
    /// What the next write sends.
    out: BytesMut,
    last_heard: Instant,
    answers: metrics::Histogram,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Conversation<'a, S> {
    fn new(stream: S, lane: &'a Lane) -> Self {
        let files = digests(lane.handle.authorities().values());
        let welcome = Welcome { files, ..lane.settings.welcome.clone() };
        let welcome = ServerHello::Welcome(welcome);
        let out = BytesMut::from(&hello::encode(&welcome)[..]);
        let mut conversation = Self {
            stream,
            lane,
            received: BytesMut::with_capacity(READ_BYTES),
            out,
            last_heard: Instant::now(),
            answers: metrics::histogram!(table::SERVER_ANSWERS_PER_WRITE.name),
        };
        let health = lane.health.borrow().clone();
        conversation.put_health(&health);
        conversation
    }

    /// Answers until the gateway leaves, is superseded, or breaks a rule.
    async fn run(mut self, place: &Place) -> Result<(), Ended> {
        let Lane { settings, health, stop, .. } = self.lane;
        let (mut health, mut stop) = (health.clone(), stop.clone());
        let mut in_flight = FuturesUnordered::new();
        let mut beat = tokio::time::interval_at(Instant::now() + HEALTH_EVERY, HEALTH_EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut superseded = pin!(place.superseded());
        let mut drain_until: Option<Instant> = None;
        self.write(place).await?;
        loop {
            let mut answers = 0_u32;
            tokio::select! {
                biased;
                () = &mut superseded => return Ok(()),
                Some((id, answer)) = in_flight.next(), if !in_flight.is_empty() => {
                    self.put_answer(id, &answer);
                    answers += 1;
                }
                read = self.stream.read_buf(&mut self.received) => {
                    // Whoever left hears no answer, and every answer is found under its key.
                    if read? == 0 {
                        return Ok(());
                    }
                    self.last_heard = Instant::now();
                }
                Ok(()) = health.changed() => self.put_health(&health.borrow_and_update().clone()),
                _ = beat.tick() => {
                    self.put_health(&health.borrow().clone());
                    if self.last_heard.elapsed() > settings.bounds.idle {
                        frame::put_refused(&mut self.out, FrameRefusal::Idle);
                        self.write(place).await?;
                        return Err(Ended::Late);
                    }
                }
                () = told_to_stop(&mut stop), if drain_until.is_none() => {
                    frame::put_closing(&mut self.out);
                    drain_until = Some(Instant::now() + settings.bounds.drain);
                }
                () = until(drain_until), if drain_until.is_some() => return Err(Ended::Late),
            }
            loop {
                match frame::take(&mut self.received) {
                    Ok(None) => break,
                    Ok(Some(FromClient::Ping { id })) => frame::put_pong(&mut self.out, id),
                    // What a later connection asks must not be overtaken by what lies here.
                    Ok(Some(FromClient::Request { .. })) if place.is_superseded() => return Ok(()),
                    Ok(Some(FromClient::Request { id, .. }))
                        if in_flight.len() >= settings.bounds.in_flight =>
                    {
                        metrics::counter!(table::SERVER_REFUSED_BUSY.name).increment(1);
                        self.put_answer(id, &Answer::Refused(Refusal::Busy));
                    }
                    Ok(Some(FromClient::Request { id, trace, command })) => {
                        in_flight.push(self.ask(id, trace, command));
                    }
                    Err(error) => {
                        frame::put_refused(&mut self.out, refusal_of(error));
                        self.write(place).await?;
                        return Err(error.into());
                    }
                }
            }
            while let Some(Some((id, answer))) = in_flight.next().now_or_never() {
                self.put_answer(id, &answer);
                answers += 1;
            }
            if answers > 0 {
                self.answers.record(answers);
            }
            self.write(place).await?;
        }
    }

    /// Lets the ledger decide; what is logged meanwhile names the trace.
    fn ask(
        &self,
        id: u64,
        trace: Option<TraceContext>,
        command: Command,
    ) -> impl Future<Output = (u64, Answer)> + use<S> {
        let step = spans::Command::begin(Scope { trace: trace.map(Arc::new), ..Scope::default() });
        let waiting = step.decide(|| {
            tracing::debug!(request = id, "a gateway asks");
            self.lane.handle.call(command)
        });
        step.answer(waiting).map(move |answer| (id, answer))
    }

    fn put_answer(&mut self, id: u64, answer: &Answer) {
        if let Err(error) = frame::put_answer(&mut self.out, id, answer) {
            tracing::error!(%error, "an answer does not fit a frame");
            let unavailable = Answer::Refused(Refusal::Unavailable);
            frame::put_answer(&mut self.out, id, &unavailable).expect("a refusal is short");
        }
    }

    fn put_health(&mut self, health: &Health) {
        if let Err(error) = frame::put_health(&mut self.out, health) {
            tracing::error!(%error, "health does not fit a frame");
        }
    }

    /// Sends everything that waits. A later connection of the client does not wait for it.
    async fn write(&mut self, place: &Place) -> Result<(), Ended> {
        if self.out.is_empty() {
            return Ok(());
        }
        let (stream, out) = (&mut self.stream, &mut self.out);
        let writing = async {
            stream.write_all_buf(out).await?;
            stream.flush().await
        };
        tokio::select! {
            written = timeout(self.lane.settings.bounds.write, writing) => {
                Ok(written.map_err(|_| Ended::Late)??)
            }
            () = place.superseded() => Err(Ended::Refused(HelloRefusal::Superseded)),
        }
    }
}

async fn told_to_stop(stop: &mut watch::Receiver<bool>) {
    // The server tells before it goes; one that went without a word goes on serving.
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn refusal_of(error: BadFrame) -> FrameRefusal {
    match error {
        BadFrame::TooLong { .. } => FrameRefusal::TooLong,
        BadFrame::TooShort(_) | BadFrame::Kind(_) | BadFrame::Body(_) => FrameRefusal::Malformed,
    }
}
