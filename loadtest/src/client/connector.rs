//! Connections that take as long to set up as the network between is said to need.
//!
//! Owns the waiting before a connection. Which requests need a new one is decided by hyper's pool, so a
//! set-up is paid when one is really made. Must not know who connects. Called by hyper for the client.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use tower::Service;

use crate::network::Road;

type Direct = HttpsConnector<HttpConnector>;

/// Makes connections over a network.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    direct: Direct,
    road: Option<Road>,
}

impl Connector {
    pub(super) fn new(direct: Direct, road: Option<Road>) -> Self {
        Self { direct, road }
    }
}

impl Service<Uri> for Connector {
    type Response = <Direct as Service<Uri>>::Response;
    type Error = <Direct as Service<Uri>>::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.direct.poll_ready(context)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let set_up = self.road.as_ref().map(Road::set_up);
        let connecting = self.direct.call(to);
        Box::pin(async move {
            if let Some(set_up) = set_up {
                tokio::time::sleep(set_up).await;
            }
            connecting.await
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rand::SeedableRng as _;
    use rand::rngs::StdRng;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use crate::client::Client;
    use crate::network::{Costs, Delay, Road};

    /// Answers every request on every connection.
    async fn answer_all(listener: TcpListener) {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut read = [0; 1024];
                while connection.read(&mut read).await.is_ok_and(|length| length > 0) {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                    connection.write_all(answer).await.unwrap();
                }
            });
        }
    }

    #[tokio::test]
    async fn a_connection_is_paid_for_once_and_used_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(answer_all(listener));
        let costs = Arc::new(Costs::default());
        let delay = Delay { one_way_ms: 1, set_up_round_trips: 2, ..Delay::NONE };
        let random = StdRng::seed_from_u64(2);
        let road = Road::new(delay, random, Arc::clone(&costs));
        let client = Client::over(&base.as_str().into(), 4, [127, 1, 1, 1].into(), road);
        for _ in 0..3 {
            assert!(client.is_ok(&base).await);
        }
        assert_eq!(costs.connections(), 1);
    }
}
