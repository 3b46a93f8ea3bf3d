//! Pressure: of one person from everywhere, and of everybody from one address.

use std::net::{IpAddr, Ipv4Addr};

use futures_util::future::join_all;

use crate::harness::{Browser, Launch, Visit, day, log_in, somebody};
use crate::redis_server::RedisServer;

const HALL: u32 = 3;
const BURST: usize = 3;

fn visit() -> Visit {
    Visit::any(HALL, "exam", &day(2), &day(12))
}

/// The address of this number on the loopback.
fn address(number: usize) -> IpAddr {
    let [.., high, low] = u32::try_from(number).unwrap().to_be_bytes();
    Ipv4Addr::new(127, 1, high, low + 1).into()
}

#[tokio::test]
async fn a_thousand_addresses_with_one_persons_session_get_one_persons_rate() {
    let server = RedisServer::start();
    let gateway = Launch::new()
        .flag("--redis")
        .flag(server.url())
        .set("admission.redis_deadline_ms=5000")
        .set("admission.write_interval_ms=60000")
        .set(&format!("admission.write_burst={BURST}"))
        .start();
    let person = somebody(&gateway);
    let mut replies = Vec::new();
    for hundred in 0..10 {
        let from = async |number: usize| {
            let key = format!("key-{number}");
            visit()
                .book(&mut person.twin().from(address(number % 250 + number / 250 * 256)), &key)
                .await
        };
        replies.extend(join_all((hundred * 100..(hundred + 1) * 100).map(from)).await);
    }
    let limited = replies.iter().filter(|reply| reply.slug() == "rate-limited").count();
    assert_eq!((replies.len(), limited), (1000, 1000 - BURST));
    // Nobody else notices.
    visit().book(&mut somebody(&gateway).from(address(7)), "k").await.expect(201);
}

#[tokio::test]
async fn a_thousand_persons_behind_one_address_are_not_punished_for_it() {
    let gateway = Launch::new().start();
    let phone = async |connection: usize| {
        let mut browser = Browser::new(gateway.public()).from(address(1));
        let mut statuses = Vec::new();
        for number in 0..50 {
            browser.bearer = somebody(&gateway).bearer;
            let key = format!("{connection}-{number}");
            statuses.push(visit().book(&mut browser, &key).await.status);
        }
        statuses
    };
    let statuses = join_all((0..20).map(phone)).await.concat();
    assert_eq!(statuses.len(), 1000);
    assert!(statuses.iter().all(|status| *status == 201), "{statuses:?}");
}

#[tokio::test]
async fn what_is_in_shadow_mode_counts_whom_it_would_refuse_and_refuses_nobody() {
    let gateway = Launch::new()
        .set("admission.write_interval_ms=60000")
        .set("admission.write_burst=1")
        .set(r#"admission.shadow=["write-rate", "proof"]"#)
        .start();
    let mut who = somebody(&gateway);
    visit().book(&mut who, "1").await.expect(201);
    let any = |service: &str| Visit::any(1, service, &day(2), &day(9));
    any("exchange").book(&mut who, "2").await.expect(201);
    any("driving").book(&mut who, "3").await.expect(201);
    // A proof that is there and good is spent, as when it is enforced.
    let mut other = somebody(&gateway);
    let proven = any("driving").with("altcha", crate::proof::proof(&mut other).await);
    proven.book(&mut other, "1").await.expect(201);
    let metrics = Browser::new(gateway.admin()).get("/metrics").await.expect(200).text();
    for line in [r#"{limit="write-rate"} 2"#, r#"{limit="proof"} 1"#] {
        assert!(metrics.contains(&format!("gateway_shadow_refusals_total{line}\n")), "{metrics}");
    }
}

#[tokio::test]
async fn every_other_limit_has_its_shadow_too() {
    let limits = ["read-rate", "person-fence", "address-fence", "login-fence"];
    let gateway = Launch::new()
        .set("admission.read_interval_ms=60000")
        .set("admission.read_burst=1")
        .set("admission.address_per_second=1")
        .set("admission.logins_per_second=1")
        .set(&format!("admission.shadow={limits:?}"))
        .start();
    // More at once than a person's fence lets pass.
    let who = somebody(&gateway);
    let asks = (0..300).map(async |_| who.twin().get("/api/v1/bookings").await.status);
    assert!(join_all(asks).await.iter().all(|status| *status == 200));
    for person in 70..73 {
        log_in(&gateway, person).await;
    }
    let metrics = Browser::new(gateway.admin()).get("/metrics").await.expect(200).text();
    for limit in limits {
        let line = format!("gateway_shadow_refusals_total{{limit=\"{limit}\"}} ");
        let count = metrics.lines().find_map(|text| text.strip_prefix(&line));
        assert!(count.is_some_and(|count| count != "0"), "{limit}: {metrics}");
    }
}
