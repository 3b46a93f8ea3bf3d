//! Connections: one address cannot take them all.

use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::harness::{Browser, Launch, PATIENCE};

async fn from_another_address(to: std::net::SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    socket.connect(to).await.unwrap()
}

#[tokio::test]
async fn an_address_that_takes_more_than_its_share_of_the_last_connections_is_refused() {
    const PLACES: usize = 16;
    let settings = format!("server.max_connections={PLACES}");
    let gateway = Launch::new().set("server.threads=1").set(&settings).start();
    let mut crowd = Vec::new();
    for _ in 0..3 * PLACES {
        crowd.push(from_another_address(gateway.public()).await);
    }
    // Others are served all the same, and by the time they are, the crowd has been looked at.
    Browser::new(gateway.public()).get("/api/v1/authorities").await.expect(200);
    let refused = tokio::time::timeout(PATIENCE, async {
        let mut refused = 0;
        for mut stream in crowd.drain(PLACES..) {
            let ended = stream.read(&mut [0; 1]).await;
            assert!(!matches!(ended, Ok(1..)), "{ended:?}");
            refused += 1;
        }
        refused
    });
    assert_eq!(refused.await, Ok(2 * PLACES));
    Browser::new(gateway.public()).get("/api/v1/authorities").await.expect(200);
}
