//! With a real Redis: limits and proofs live there, and it can vanish.

use redis::{Client, Connection};

use crate::harness::{Browser, Gateway, Launch, Visit, day, eventually, somebody};
use crate::proof::proof;
use crate::redis_server::RedisServer;
use crate::story::whole_story;

fn with(server: &RedisServer) -> Launch {
    // A deadline for a busy machine: what is asked here is what Redis says, not how fast.
    Launch::new().flag("--redis").flag(server.url()).set("admission.redis_deadline_ms=5000")
}

fn admin(server: &RedisServer) -> Connection {
    Client::open(server.url()).unwrap().get_connection().unwrap()
}

async fn has_key(server: &RedisServer, kind: &str) {
    let mut admin = admin(server);
    eventually(kind, async || {
        let keys: Vec<String> =
            ::redis::cmd("KEYS").arg(format!("talon:*:{kind}:*")).query(&mut admin).unwrap();
        (!keys.is_empty()).then_some(())
    })
    .await;
}

async fn four_bookings(gateway: &Gateway) -> Browser {
    let mut who = somebody(gateway);
    for service in ["exam", "exchange", "permit", "registration"] {
        any(service).book(&mut who, service).await.expect(201);
    }
    who
}

fn any(service: &str) -> Visit {
    Visit::any(1, service, &day(2), &day(9))
}

#[tokio::test]
async fn the_whole_story_runs_with_limits_and_proofs_in_redis() {
    let server = RedisServer::start();
    let gateway = whole_story(with(&server)).await;
    let mut who = somebody(&gateway);
    let proven = any("driving").with("altcha", proof(&mut who).await);
    proven.book(&mut who, "k").await.expect(201);
    any("exam").book(&mut who, "l").await.expect(201);
    for kind in ["pace", "quota", "spent"] {
        has_key(&server, kind).await;
    }
    // The next gateway knows what this one spent.
    let gateway = gateway.kill().start();
    let mut who = who.twin_at(gateway.public());
    proven.book(&mut who, "other").await.refused(403, "pow-replayed");
    proven.book(&mut who, "k").await.expect(200);
}

#[test]
fn a_second_ledger_on_one_redis_is_refused() {
    let server = RedisServer::start();
    let first = with(&server).start();
    let (code, said) = with(&server).run_to_the_end();
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("admission.redis_url: this Redis serves the gateway of"), "{said}");
    // The first one may come back.
    drop(first.kill().start());
}

#[tokio::test]
async fn the_rate_holds_over_a_restart() {
    let server = RedisServer::start();
    let slow = ["admission.write_interval_ms=60000", "admission.write_burst=2"];
    let gateway = slow.into_iter().fold(with(&server), Launch::set).start();
    let mut who = somebody(&gateway);
    any("exam").book(&mut who, "1").await.expect(201);
    any("exchange").book(&mut who, "2").await.expect(201);
    any("permit").book(&mut who, "3").await.refused(429, "rate-limited");
    let gateway = gateway.kill().start();
    let mut who = who.twin_at(gateway.public());
    any("permit").book(&mut who, "3").await.refused(429, "rate-limited");
}

#[tokio::test]
async fn a_redis_that_forgets_everything_lets_nobody_have_a_fifth_booking() {
    let server = RedisServer::start();
    let gateway = with(&server).start();
    let mut who = four_bookings(&gateway).await;
    has_key(&server, "quota").await;
    any("licence").book(&mut who, "5").await.refused(429, "quota-exceeded");
    let () = ::redis::cmd("FLUSHALL").query(&mut admin(&server)).unwrap();
    any("licence").book(&mut who, "6").await.refused(429, "quota-exceeded");
    // Also when the process remembers nothing either.
    let gateway = gateway.kill().start();
    let () = ::redis::cmd("FLUSHALL").query(&mut admin(&server)).unwrap();
    let mut who = who.twin_at(gateway.public());
    any("licence").book(&mut who, "7").await.refused(429, "quota-exceeded");
}

#[tokio::test]
async fn bookings_go_on_and_limits_hold_when_redis_is_gone() {
    let server = RedisServer::start();
    let gateway = with(&server).start();
    let mut who = four_bookings(&gateway).await;
    drop(server);
    any("licence").book(&mut who, "5").await.refused(429, "quota-exceeded");
    let mut other = four_bookings(&gateway).await;
    any("licence").book(&mut other, "5").await.refused(429, "quota-exceeded");
    // And when it was never there.
    let gateway = gateway.kill().start();
    let mut who = who.twin_at(gateway.public());
    any("licence").book(&mut who, "6").await.refused(429, "quota-exceeded");
    four_bookings(&gateway).await;
    let mut proven = somebody(&gateway);
    let visit = any("driving").with("altcha", proof(&mut proven).await);
    visit.book(&mut proven, "k").await.expect(201);
    visit.book(&mut proven, "l").await.refused(403, "pow-replayed");
}

#[tokio::test]
async fn a_redis_that_comes_back_is_used_again() {
    let server = RedisServer::start();
    let port = server.port();
    let gateway = with(&server).start();
    any("exam").book(&mut somebody(&gateway), "1").await.expect(201);
    drop(server);
    any("exam").book(&mut somebody(&gateway), "1").await.expect(201);
    let server = RedisServer::start_on(port).expect("the port is still free");
    eventually("the new Redis is asked", async || {
        any("exam").book(&mut somebody(&gateway), "1").await.expect(201);
        let keys: Vec<String> = ::redis::cmd("KEYS").arg("*").query(&mut admin(&server)).unwrap();
        (!keys.is_empty()).then_some(())
    })
    .await;
}
