//! A bare HTTP server: what hyper costs when nothing is decided, nothing kept, nothing written.
//!
//! Owns the fixed answers. As the gateway, it has one `current_thread` runtime per core, each with its own
//! listener on the same port, reads the body of a request, and sends headers and JSON of a booking's size.
//! Started as a process of its own (`talon-bench bare`), so that its processor time can be told.

use std::convert::Infallible;
use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use super::processes::cores;

/// About what the answer to a booking has.
const POST_BODY: [u8; 300] = [b'x'; 300];
/// About the mean of the lists of days and of starts that the load asks for ([`super::site`]).
const GET_BODY: [u8; 1400] = [b'x'; 1400];
const BACKLOG: i32 = 4096;

/// Serves until it is killed.
pub(crate) fn serve(listen: SocketAddr) -> Result<()> {
    let threads: Vec<_> = (0..cores()).map(|_| std::thread::spawn(move || run(listen))).collect();
    for thread in threads {
        thread.join().map_err(|_| anyhow::anyhow!("a runtime panicked"))??;
    }
    Ok(())
}

fn run(listen: SocketAddr) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = listener(listen).context("listening")?;
        loop {
            let (stream, _) = listener.accept().await.context("accepting")?;
            stream.set_nodelay(true).context("nodelay")?;
            tokio::spawn(async move {
                let connection = hyper::server::conn::http1::Builder::new();
                // A client that goes away is no news.
                let _gone =
                    connection.serve_connection(TokioIo::new(stream), service_fn(answer)).await;
            });
        }
    })
}

fn listener(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, body): (_, &'static [u8]) = match *request.method() {
        Method::POST => (StatusCode::CREATED, &POST_BODY),
        _ => (StatusCode::OK, &GET_BODY),
    };
    // Read as the gateway has to; a body that breaks off ends the connection anyway.
    let _body = request.into_body().collect().await;
    let mut answer = Response::new(Full::new(Bytes::from_static(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(
        hyper::header::CONTENT_TYPE,
        hyper::header::HeaderValue::from_static("application/json"),
    );
    Ok(answer)
}
