//! Flood: somebody's session asks without a pause, over many connections; others book meanwhile.

use futures_util::future::join_all;

use super::Sign;
use crate::harness::{Launch, Prometheus, Visit, day, somebody};

const CONNECTIONS: usize = 8;

pub(super) const MANY: Sign = Sign {
    alert: "TalonBotsShareRises",
    dashboard: "Anti-bot",
    panel: "Refused as too many",
    tells: |share| share > 0.5,
};

#[tokio::test]
async fn a_flood_of_refused_requests_is_seen_and_others_book() {
    // Everybody here has one address, so its fence must not be what refuses them.
    let launch = Launch::new()
        .set("admission.read_burst=1")
        .set("admission.read_interval_ms=60000")
        .set("admission.address_per_second=1000000");
    let gateway = launch.start();
    let prometheus = Prometheus::start(gateway.admin()).await;
    let visit = Visit::any(1, "exam", &day(2), &day(9));
    visit.book(&mut somebody(&gateway), "k").await.expect(201);
    MANY.is_quiet(&prometheus).await;
    let hammer = somebody(&gateway);
    let flood = join_all((0..CONNECTIONS).map(async |_| {
        let mut hammer = hammer.twin();
        loop {
            let status = hammer.get("/api/v1/bookings").await.status;
            assert!([200, 429].contains(&status), "{status}");
        }
    }));
    let seen = async {
        MANY.is_seen(&prometheus).await;
        visit.book(&mut somebody(&gateway), "k").await.expect(201);
    };
    tokio::select! {
        () = seen => {}
        _ = flood => {}
    }
}
