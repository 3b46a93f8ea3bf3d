//! Connections: one runtime per core, each with its own listener on the same port.
//!
//! Owns accept loops, header deadlines, size limits, the bound on connections, and draining.
//! Must not know routes.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use socket2::{Domain, Protocol, Socket, Type};
use talon_telemetry::table;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use crate::caller::is_proxy;
use crate::connections::{Activity, Addresses, Counted, Looks, while_active};
use crate::edge::handshakes::Handshakes;
use crate::edge::proxy_header;
use crate::edge::turns::{Line, Turns};
use crate::hot;
use crate::measures::OpenConnection;
use crate::standing::Standing;

/// How long the headers of an HTTP/1 request may take; noticed [`crate::connections::LOOK_EVERY`] later at most.
pub const HEADER_DEADLINE: Duration = Duration::from_secs(15);
/// Room for the headers of an HTTP/1 request, in bytes.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;
/// Most headers of an HTTP/1 request.
pub const MAX_HEADERS: usize = 64;
/// Requests at once on an HTTP/2 connection.
pub const MAX_STREAMS: u32 = 32;
/// Room for the header list of an HTTP/2 request, in bytes.
pub const MAX_HEADER_LIST_BYTES: u32 = 8 * 1024;
/// What the client of an HTTP/2 stream may send before it is read, in bytes: a whole body of a
/// request, which is at most 8 KiB.
pub const STREAM_WINDOW_BYTES: u32 = 16 * 1024;
/// What the client of an HTTP/2 connection may send before it is read, in bytes.
pub const CONNECTION_WINDOW_BYTES: u32 = 64 * 1024;
/// What of an HTTP/2 stream's answer is kept for a client that does not read, in bytes.
pub const MAX_SEND_BYTES: usize = 64 * 1024;
/// Streams that a client opened and reset before they were looked at; beyond, it has to go.
pub const MAX_RESET_STREAMS: usize = 20;
/// Streams of a connection that are reset for their client's mistakes; beyond, it has to go.
pub const MAX_ERROR_STREAMS: usize = 64;
/// What the kernel keeps of answers that a client does not read, in bytes, of which it takes twice
/// as much.
const SOCKET_SEND_BYTES: usize = 128 * 1024;
/// What the kernel keeps of requests that are not read yet.
const SOCKET_RECEIVE_BYTES: usize = 64 * 1024;
/// Connections that wait in the kernel to be accepted.
const BACKLOG: i32 = 4096;
/// After the system refuses to accept, such as for want of files, the next try comes after this.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A listener; `shared` lets other listeners have the same port, one for each runtime.
///
/// # Errors
/// When the address cannot be had.
pub fn listen(address: SocketAddr, shared: bool) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    // Connections inherit these; the kernel's own bounds are megabytes for each.
    socket.set_send_buffer_size(SOCKET_SEND_BYTES)?;
    socket.set_recv_buffer_size(SOCKET_RECEIVE_BYTES)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// What all connections of a listener share.
struct Door {
    standing: Arc<Standing>,
    max_connections: usize,
    places: Arc<Semaphore>,
    /// Of those who do not wait for answers.
    line: Line,
    addresses: Arc<Addresses>,
    handshakes: Arc<Handshakes>,
}

impl Door {
    /// Counts a connection of a client, unless its address has its share of the last ones.
    fn count(&self, client: IpAddr) -> Option<Counted> {
        // Behind a proxy of ours everybody has one address; it has its own bounds.
        let places_left = if is_proxy(&self.standing.now().lane.app, client) {
            self.max_connections
        } else {
            self.places.available_permits()
        };
        let counted = self.addresses.admit(client, places_left, self.max_connections);
        if counted.is_none() {
            metrics::counter!(table::CONNECTIONS_REFUSED.name).increment(1);
        }
        counted
    }
}

/// Serves until `stop` turns true, then finishes what is under way, for at most `drain`.
///
/// # Errors
/// When the listener cannot be used.
pub async fn serve(
    standing: Arc<Standing>,
    listener: std::net::TcpListener,
    max_connections: usize,
    drain: Duration,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let door = Arc::new(Door {
        standing,
        max_connections,
        places: Arc::new(Semaphore::new(max_connections)),
        addresses: Arc::default(),
        line: Line::default(),
        handshakes: Handshakes::new(Instant::now()),
    });
    metrics::gauge!(table::CONNECTIONS_MAX.name).increment(max_connections as f64);
    let graceful = GracefulShutdown::new();
    loop {
        let permit = tokio::select! {
            permit = Arc::clone(&door.places).acquire_owned() => permit,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(counted) = door.count(peer.ip()) else { continue };
                let (door, watcher) = (Arc::clone(&door), graceful.watcher());
                let open = OpenConnection::count();
                tokio::spawn(async move {
                    enter(&door, stream, peer, watcher).await;
                    drop((permit, counted, open));
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were still under way at the end of the drain");
    }
    Ok(())
}

/// One connection, from its first byte to its last: whose it is, TLS, HTTP.
async fn enter(door: &Door, mut stream: TcpStream, peer: SocketAddr, watcher: Watcher) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "nodelay");
    }
    let edge = Arc::clone(&door.standing.now().lane.app.edge);
    let mut client = peer;
    let mut behind_proxy = None;
    if edge.trust.sends_proxy_header(peer.ip()) {
        match proxy_header::read(&mut stream).await {
            Ok(None) => {}
            Ok(Some(source)) => {
                client = source;
                behind_proxy = door.count(client.ip());
                if behind_proxy.is_none() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(proxy = %peer.ip(), %error, "a proxy's connection is closed");
                return;
            }
        }
    }
    // A proxy that names clients in headers sends the requests of many over one connection.
    let line = (!edge.trust.is_proxy(client.ip())).then(|| door.line.clone());
    match &edge.tls {
        None => http(door, Turns::new(stream, line), client, watcher).await,
        Some(tls) => match tls.accept(stream, client.ip(), &door.handshakes).await {
            Ok(stream) => http(door, Turns::new(stream, line), client, watcher).await,
            Err(error) => tracing::debug!(%error, "a connection without TLS"),
        },
    }
    drop(behind_proxy);
}

/// HTTP on a connection, until it ends or does nothing for too long.
async fn http(
    door: &Door,
    stream: Turns<impl AsyncRead + AsyncWrite + Unpin + Send + 'static>,
    client: SocketAddr,
    watcher: Watcher,
) {
    let activity = Activity::new();
    let requests = stream.requests();
    let noting = Arc::clone(&activity);
    let standing = Arc::clone(&door.standing);
    let service = service_fn(move |request| {
        let (under_way, requests) = (noting.begin(), requests.clone());
        // Boxed, for it is large: an idle connection has room for one, and a stream whose answer nobody
        // takes keeps it.
        let answer = Box::pin(hot::serve(standing.now(), client, request));
        async move {
            requests.begin().await;
            let answer = answer.await;
            drop(under_way);
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    let connection = builder().serve_connection(TokioIo::new(stream), service).into_owned();
    match while_active(watcher.watch(connection), &activity).await {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::debug!(%error, "a connection ended"),
        None => tracing::debug!("a connection did nothing for too long"),
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(Looks)
        .header_read_timeout(HEADER_DEADLINE)
        .max_buf_size(MAX_HEADER_BYTES)
        .max_headers(MAX_HEADERS)
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(MAX_SEND_BYTES)
        .max_pending_accept_reset_streams(MAX_RESET_STREAMS)
        .max_local_error_reset_streams(MAX_ERROR_STREAMS)
        .keep_alive_interval(Some(Duration::from_secs(20)))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}
