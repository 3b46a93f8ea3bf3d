//! Accepting on the admin listener: few connections at once, none for long.
//!
//! Whoever reaches the port can hold off others' probes for moments, never the process's files or memory. Must not
//! know routes.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Connections at once; further ones wait in the kernel.
pub const MAX_ADMIN_CONNECTIONS: usize = 64;
/// How long a request's headers may take, and a connection be idle.
const HEADER_DEADLINE: Duration = Duration::from_secs(5);
/// How long one connection is kept, whatever goes on in it.
const CONNECTION_LIFE: Duration = Duration::from_secs(60);
/// After an accept that failed, for want of files above all.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves as long as it is polled.
pub async fn serve(listener: TcpListener, router: Router) {
    let room = Arc::new(Semaphore::new(MAX_ADMIN_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    let _ended = tokio::time::timeout(CONNECTION_LIFE, talk(stream, router)).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the admin listener accepts nobody for a moment");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn talk(stream: TcpStream, router: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_DEADLINE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection of the admin listener ended");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn ask(stream: &mut TcpStream) -> String {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_say_nothing_make_room_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "here\n" }));
        let server = tokio::spawn(serve(listener, router));
        let mut silent = Vec::new();
        for _ in 0..MAX_ADMIN_CONNECTIONS {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        // It waits in the kernel until one of the silent is turned away.
        let mut asker = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut asker).await.ends_with("here\n"));
        let mut rest = Vec::new();
        silent[0].read_to_end(&mut rest).await.unwrap();
        server.abort();
    }
}
