//! Connections: one runtime per core, each with its own listener on the same port.
//!
//! Owns accept loops, header deadlines, size limits, the bound on connections, and draining.
//! Must not know routes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::caller::is_proxy;
use crate::connections::{Activity, Addresses, while_active};
use crate::hot;
use crate::standing::Standing;

/// How long the headers of a request may take.
pub const HEADER_DEADLINE: Duration = Duration::from_secs(15);
/// Room for the headers of an HTTP/1 request, in bytes.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;
/// Most headers of an HTTP/1 request.
pub const MAX_HEADERS: usize = 64;
/// Requests at once on an HTTP/2 connection.
pub const MAX_STREAMS: u32 = 32;
/// Room for the header list of an HTTP/2 request, in bytes.
pub const MAX_HEADER_LIST_BYTES: u32 = 8 * 1024;
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
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
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
    let places = Arc::new(Semaphore::new(max_connections));
    let addresses = Arc::new(Addresses::default());
    let graceful = GracefulShutdown::new();
    loop {
        let permit = tokio::select! {
            permit = Arc::clone(&places).acquire_owned() => permit,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Behind a proxy of ours everybody has one address; it has its own bounds.
                let places_left = if is_proxy(&standing.now().lane.app, peer.ip()) {
                    max_connections
                } else {
                    places.available_permits()
                };
                let Some(counted) = addresses.admit(peer.ip(), places_left, max_connections) else {
                    metrics::counter!("gateway_connections_refused_total").increment(1);
                    continue;
                };
                let connection = connection(Arc::clone(&standing), stream, peer, &graceful);
                tokio::spawn(async move {
                    connection.await;
                    drop((permit, counted));
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

/// One connection, from its first byte to its last.
fn connection(
    standing: Arc<Standing>,
    stream: TcpStream,
    peer: SocketAddr,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + Send + use<> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "nodelay");
    }
    let activity = Activity::new();
    let noting = Arc::clone(&activity);
    let service = service_fn(move |request| {
        let under_way = noting.begin();
        let serving = standing.now();
        let answer = hot::serve(serving.lane.clone(), serving.cold.clone(), peer, request);
        async move {
            let answer = answer.await;
            drop(under_way);
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    let connection = builder().serve_connection(TokioIo::new(stream), service).into_owned();
    let connection = graceful.watch(connection);
    async move {
        match while_active(connection, &activity).await {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::debug!(%error, "a connection ended"),
            None => tracing::debug!("a connection did nothing for too long"),
        }
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_DEADLINE)
        .max_buf_size(MAX_HEADER_BYTES)
        .max_headers(MAX_HEADERS)
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST_BYTES)
        .keep_alive_interval(Some(Duration::from_secs(20)))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}
