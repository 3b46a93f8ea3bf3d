//! Redis lost: its process is killed while people book, and comes back.

use super::Sign;
use crate::harness::{Launch, Prometheus, Visit, day, somebody};
use crate::redis_server::RedisServer;

/// More failures in a row than the breaker bears.
const BOOKINGS: usize = 5;

pub(super) const ALONE: Sign = Sign {
    alert: "TalonRedisDegraded",
    dashboard: "Redis",
    panel: "Buckets decided alone",
    tells: |buckets| buckets > 0.0,
};

#[tokio::test]
async fn people_book_without_redis_and_the_alert_goes_when_it_is_back() {
    let redis = RedisServer::start();
    let port = redis.port();
    let gateway = Launch::new().flag("--redis").flag(redis.url()).start();
    let prometheus = Prometheus::start(gateway.admin()).await;
    let visit = Visit::any(1, "exam", &day(2), &day(9));
    let book = async || visit.book(&mut somebody(&gateway), "k").await.expect(201);
    book().await;
    ALONE.is_quiet(&prometheus).await;
    drop(redis);
    for _ in 0..BOOKINGS {
        book().await;
    }
    ALONE.is_seen(&prometheus).await;
    let _again = RedisServer::start_on(port).expect("the port is still free");
    ALONE.is_over(&prometheus).await;
    book().await;
}
