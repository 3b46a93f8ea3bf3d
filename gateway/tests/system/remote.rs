//! With a ledger of its own: several gateways hold everybody to one limit, over one Redis; the
//! ledger can be killed, and whoever would sell places twice is not let in.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use talon_ledger::journal::RealDisk;
use talon_ledger::verify::verify;

use crate::harness::{
    Browser, Gateway, Launch, LedgerServer, Visit, day, eventually, fixture, somebody,
};
use crate::proof::proof;
use crate::redis_server::RedisServer;
use crate::reload::edit;
use crate::story::whole_story;

fn any(service: &str) -> Visit {
    Visit::any(1, service, &day(2), &day(9))
}

fn with_redis(launch: Launch, server: &RedisServer) -> Launch {
    launch.flag("--redis").flag(server.url()).set("admission.redis_deadline_ms=5000")
}

/// With the secrets of another gateway, so that its sessions are good here.
fn with_keys_of(launch: Launch, other: &Gateway) -> Launch {
    let keys = other.launch().data().join("keys");
    launch.set(&format!("keys.directory={}", keys.display()))
}

async fn is_ready(gateway: &Gateway, status: u16) -> String {
    let mut admin = Browser::new(gateway.admin());
    eventually("readiness", async || {
        let ready = admin.get("/readyz").await;
        (ready.status == status).then(|| ready.text())
    })
    .await
}

#[tokio::test]
async fn the_whole_story_runs_with_a_ledger_elsewhere() {
    let mut ledger = LedgerServer::new();
    ledger.start();
    let gateway = whole_story(ledger.gateway()).await;
    assert!(!gateway.launch().journal().exists(), "the gateway has no journal of its own");
    let text = is_ready(&gateway, 200).await;
    assert!(text.contains("ledger connection: ok\n") && text.contains("journal: ok\n"), "{text}");
    let mut admin = Browser::new(ledger.admin());
    let metrics = admin.get("/metrics").await.expect(200).text();
    assert!(metrics.contains("ledger_answers_per_write"), "{metrics}");
    admin.get("/readyz").await.expect(200);
}

#[tokio::test]
async fn two_gateways_on_one_redis_and_one_ledger_hold_one_person_to_one_limit() {
    let server = RedisServer::start();
    let mut ledger = LedgerServer::new();
    ledger.start();
    let first = with_redis(ledger.gateway(), &server).start();
    let second = with_keys_of(with_redis(ledger.gateway(), &server), &first).start();
    let mut here = somebody(&first);
    let mut there = here.twin_at(second.public());
    any("exam").book(&mut here, "1").await.expect(201);
    any("exchange").book(&mut there, "2").await.expect(201);
    any("permit").book(&mut here, "3").await.expect(201);
    // The same attempt over the other gateway finds the same booking.
    any("permit").book(&mut there, "3").await.expect(200);
    any("registration").book(&mut there, "4").await.expect(201);
    any("licence").book(&mut here, "5").await.refused(429, "quota-exceeded");
    any("licence").book(&mut there, "6").await.refused(429, "quota-exceeded");
    drop((first, second));
    assert_eq!(ledger.stop().code(), Some(0));
    let report = verify(&RealDisk::open(ledger.journal()).unwrap(), None, |_, _| {}).unwrap();
    assert!(report.is_good());
    assert_eq!(report.bookings, 4);
}

/// Gateways of one ledger and one Redis, whose files release driving in a few minutes.
fn before_a_release(ledger: &mut LedgerServer, server: &RedisServer) -> [Gateway; 2] {
    let soon = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::get("Europe/Kyiv").unwrap());
    let soon = soon.checked_add(jiff::Span::new().minutes(5)).unwrap();
    let time = format!("slow_lane_minutes = 0 }}\ntime = \"{}\"", soon.strftime("%H:%M"));
    edit(&ledger.file("small.policy.toml"), "slow_lane_minutes = 0 }", &time);
    std::fs::copy(fixture("gateway.toml"), ledger.file("gateway.toml")).unwrap();
    ledger.start();
    // Yesterday's release of the same minute, of which one gateway told the others.
    let before = soon.with().second(0).subsec_nanosecond(0).build().unwrap();
    let before = before.checked_sub(jiff::Span::new().days(1)).unwrap().timestamp();
    let mut admin = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    let mut told = redis::cmd("ZADD");
    let told = told.arg("talon:{0}:peaks").arg(3).arg(before.as_microsecond());
    let () = told.query(&mut admin).unwrap();
    let launch = || with_redis(ledger.gateway(), server).on(ledger.file("gateway.toml"));
    let first = launch().start();
    let second = with_keys_of(launch(), &first).start();
    [first, second]
}

#[tokio::test]
async fn two_gateways_publish_one_difficulty_and_take_each_others_challenges() {
    let (server, mut ledger) = (RedisServer::start(), LedgerServer::new());
    let [first, second] = before_a_release(&mut ledger, &server);
    let published = async |gateway: &Gateway| {
        let mut who = Browser::new(gateway.public());
        who.get("/api/v1/authorities/small/services/driving/proof").await.expect(200).json()
    };
    let here = published(&first).await;
    assert_eq!(here["release"]["cost"], 4 * 10, "the floor, doubled twice: {here}");
    assert_eq!(published(&second).await, here);
    let mut who = somebody(&first);
    let proven = any("driving").with("altcha", proof(&mut who).await);
    proven.book(&mut who.twin_at(second.public()), "k").await.expect(201);
    proven.book(&mut who, "other").await.refused(403, "pow-replayed");
}

#[tokio::test]
async fn what_was_confirmed_is_there_after_the_ledger_was_killed() {
    let mut ledger = LedgerServer::new();
    ledger.start();
    let gateway = ledger.gateway().start();
    let mut who = somebody(&gateway);
    let booked = any("exam").book(&mut who, "1").await.expect(201);
    ledger.kill();
    // Nobody is told yes or no, and not after a long wait; the gateway says why.
    any("exchange").book(&mut who, "2").await.refused(503, "unavailable");
    let text = is_ready(&gateway, 503).await;
    assert!(text.contains("ledger connection: "), "{text}");
    ledger.start();
    is_ready(&gateway, 200).await;
    eventually("each core has its connection again", async || {
        (who.get(booked.header("location")).await.status == 200).then_some(())
    })
    .await;
    any("exchange").book(&mut who, "2").await.expect(201);
}

#[tokio::test]
async fn a_gateway_starts_without_its_ledger_and_is_ready_once_that_is_there() {
    let mut ledger = LedgerServer::new();
    let server = RedisServer::start();
    let gateway = with_redis(ledger.gateway(), &server).start();
    let mut who = somebody(&gateway);
    is_ready(&gateway, 503).await;
    any("exam").book(&mut who, "1").await.refused(503, "unavailable");
    ledger.start();
    is_ready(&gateway, 200).await;
    eventually("each core has its connection", async || {
        (any("exam").book(&mut who, "1").await.status == 201).then_some(())
    })
    .await;
    // Late, but the Redis is this ledger's from now on.
    let (code, said) = with_redis(Launch::new(), &server).run_to_the_end();
    assert_eq!(code, Some(78), "{said}");
}

#[test]
fn an_embedded_and_a_remote_ledger_on_one_redis_are_refused() {
    let mut ledger = LedgerServer::new();
    ledger.start();
    let server = RedisServer::start();
    let first = with_redis(ledger.gateway(), &server).start();
    let (code, said) = with_redis(Launch::new(), &server).run_to_the_end();
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("admission.redis_url: this Redis serves"), "{said}");
    drop(first);
    let other = RedisServer::start();
    let _embedded = with_redis(Launch::new(), &other).start();
    let (code, said) = with_redis(ledger.gateway(), &other).run_to_the_end();
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("admission.redis_url: this Redis serves"), "{said}");
}

#[test]
fn a_second_ledger_on_the_same_journal_or_port_is_refused() {
    let mut ledger = LedgerServer::new();
    ledger.start();
    let (code, said) = ledger.run_to_the_end();
    assert_eq!(code, Some(71), "{said}");
    assert!(said.contains("listen 127.0.0.1:"), "{said}");
}

#[test]
fn keys_that_others_may_read_are_refused_on_both_sides() {
    let ledger = LedgerServer::new();
    for key in ["ledger.key", "gateway.key"] {
        fs::set_permissions(ledger.file(key), fs::Permissions::from_mode(0o604)).unwrap();
    }
    for (code, said) in [ledger.run_to_the_end(), ledger.gateway().run_to_the_end()] {
        assert_eq!(code, Some(78), "{said}");
        assert!(said.contains(".key: mode 604 lets others read it"), "{said}");
    }
}

#[tokio::test]
async fn other_files_than_the_ledgers_are_told_and_turn_nobody_away() {
    let mut ledger = LedgerServer::new();
    ledger.start();
    let lean = ledger.gateway();
    let gateway = lean.on(crate::harness::fixture("lean.toml")).start();
    let text = is_ready(&gateway, 200).await;
    assert!(text.contains("note: the ledger has other files for authority 2\n"), "{text}");
    any("exam").book(&mut somebody(&gateway), "1").await.expect(201);
}

#[tokio::test]
async fn a_ledger_reads_its_policies_again_when_told_to_and_keeps_the_old_when_they_are_bad() {
    let mut ledger = LedgerServer::new();
    ledger.start();
    let gateway = ledger.gateway().start();
    let policy = ledger.file("small.policy.toml");
    let good = std::fs::read_to_string(&policy).unwrap();
    let limit = good.replace("max = 4", "max = 1");
    assert_ne!(limit, good);
    let mut who = somebody(&gateway);
    any("exam").book(&mut who, "1").await.expect(201);
    std::fs::write(&policy, good.replace("max = 4", "maximum = 1")).unwrap();
    ledger.hang_up();
    any("exchange").book(&mut who, "2").await.expect(201);
    std::fs::write(&policy, limit).unwrap();
    ledger.hang_up();
    eventually("the new limit", async || {
        // Whoever begins now may book once.
        let mut next = somebody(&gateway);
        any("exam").book(&mut next, "a").await;
        (any("exchange").book(&mut next, "b").await.status == 429).then_some(())
    })
    .await;
    any("permit").book(&mut who, "3").await.refused(429, "quota-exceeded");
}
