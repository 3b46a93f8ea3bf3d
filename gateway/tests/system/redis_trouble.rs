//! Redis in trouble while people book: nobody gets a fifth booking, and everybody gets an answer.

use std::cell::Cell;
use std::time::Duration;

use futures_util::future::join_all;
use redis::{Client, Connection};

use crate::crowd::stop_and_verify;
use crate::harness::{Browser, Gateway, Launch, Visit, day, eventually, fixture, somebody};
use crate::redis_gate::Gate;
use crate::redis_server::RedisServer;

const PEOPLE: usize = 10;
const LIMIT: usize = 4;

fn with(url: &str) -> Launch {
    Launch::new().flag("--redis").flag(url)
}

fn admin(server: &RedisServer) -> Connection {
    Client::open(server.url()).unwrap().get_connection().unwrap()
}

fn any(service: &str) -> Visit {
    Visit::any(1, service, &day(2), &day(9))
}

/// Waits until the gateway's metrics say so.
async fn says(gateway: &Gateway, line: &str) {
    let mut browser = Browser::new(gateway.admin());
    let line = format!("{line}\n");
    eventually(&line, async || {
        let page = browser.get("/metrics").await.expect(200).text();
        page.contains(&line).then_some(())
    })
    .await;
}

/// People book all they may and then go on trying, until the trouble is over. The trouble begins among
/// their bookings, and tells how many others made.
async fn under_load(gateway: Gateway, trouble: impl AsyncFnOnce(&Gateway) -> usize) {
    let (booked, over) = (Cell::new(0), Cell::new(false));
    let person = async |_| {
        let mut who = somebody(&gateway);
        for service in ["exam", "exchange", "permit", "registration"] {
            any(service).book(&mut who, service).await.expect(201);
            booked.set(booked.get() + 1);
        }
        let mut number = 0;
        while !over.get() {
            let reply = any("licence").book(&mut who, &number.to_string()).await;
            // Whoever asks without a pause meets the fence as well.
            let limited = ["quota-exceeded", "rate-limited"].contains(&reply.slug().as_str());
            assert!(reply.status == 429 && limited, "{}: {}", reply.status, reply.text());
            number += 1;
        }
        any("licence").book(&mut who, "last").await
    };
    let people = join_all((0..PEOPLE).map(person));
    let troubled = async {
        eventually("half is booked", async || (booked.get() >= PEOPLE * 2).then_some(())).await;
        let others = trouble(&gateway).await;
        over.set(true);
        others
    };
    let (last, others) = futures_util::future::join(people, troubled).await;
    assert!(last.iter().all(|reply| reply.status == 429));
    assert_eq!(booked.get(), PEOPLE * LIMIT, "everybody got what they may");
    assert_eq!(stop_and_verify(gateway), (PEOPLE * LIMIT + others) as u64);
}

#[tokio::test]
async fn a_redis_that_is_killed_under_load_lets_nobody_over_the_limit() {
    let server = RedisServer::start();
    let (port, url) = (server.port(), server.url());
    under_load(with(&url).start(), async |gateway| {
        drop(server);
        says(gateway, "gateway_admission_degraded 1").await;
        let _again = RedisServer::start_on(port).expect("the port is still free");
        says(gateway, "gateway_admission_degraded 0").await;
        0
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_hangs_under_load_holds_nobody_up() {
    let server = RedisServer::start();
    under_load(with(&server.url()).start(), async |gateway| {
        server.hang(true);
        says(gateway, "gateway_admission_degraded 1").await;
        server.hang(false);
        says(gateway, "gateway_admission_degraded 0").await;
        says(gateway, "gateway_admission_changes_total{decider=\"local\"} 1").await;
        says(gateway, "gateway_admission_changes_total{decider=\"shared\"} 1").await;
        let log = gateway.log();
        assert_eq!(log.matches("decided locally: the shared store").count(), 1, "{log}");
        assert_eq!(log.matches("by the shared store again").count(), 1, "{log}");
        0
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_is_flushed_under_load_learns_the_counts_again() {
    let server = RedisServer::start();
    under_load(with(&server.url()).start(), async |gateway| {
        let mut admin = admin(&server);
        let () = ::redis::cmd("FLUSHALL").query(&mut admin).unwrap();
        says(gateway, "gateway_admission_data_losses_total 1").await;
        // The hints are the ledger's word again, which it gives with each refusal.
        eventually("somebody's count", async || {
            let keys: Vec<String> =
                ::redis::cmd("KEYS").arg("talon:*:quota:*").query(&mut admin).unwrap();
            let known = |key: &String| -> Vec<Vec<u8>> {
                ::redis::cmd("HVALS").arg(key).query(&mut self::admin(&server)).unwrap()
            };
            let full = |count: &Vec<u8>| count[..4] == (LIMIT as u32).to_be_bytes();
            keys.iter().flat_map(known).any(|count| full(&count)).then_some(())
        })
        .await;
        0
    })
    .await;
}

/// The paces that a server holds, in order.
fn paces(server: &RedisServer) -> Vec<Vec<u8>> {
    let mut admin = admin(server);
    let keys: Vec<String> = ::redis::cmd("KEYS").arg("talon:*:pace:*").query(&mut admin).unwrap();
    let mut paces: Vec<Vec<u8>> = Vec::new();
    for key in keys {
        let values: Vec<Vec<u8>> = ::redis::cmd("HVALS").arg(key).query(&mut admin).unwrap();
        paces.extend(values);
    }
    paces.sort();
    paces
}

#[tokio::test]
async fn a_failover_that_loses_acknowledged_counters_lets_nobody_over_the_limit() {
    let (master, replica) = (RedisServer::start(), RedisServer::start());
    let (clients, link) = (Gate::open(master.port()).await, Gate::open(master.port()).await);
    let follow = |host: &str, port: &str| {
        let mut admin = admin(&replica);
        let () = ::redis::cmd("REPLICAOF").arg(host).arg(port).query(&mut admin).unwrap();
    };
    follow("127.0.0.1", &link.port().to_string());
    // The gateway runs in a process of its own; the gates run here.
    under_load(with(&clients.url()).start(), async |gateway| {
        let others = Cell::new(0);
        let book = async || {
            any("exam").book(&mut somebody(gateway), "k").await.expect(201);
            others.set(others.get() + 1);
        };
        eventually("the replica follows", async || (!paces(&replica).is_empty()).then_some(()))
            .await;
        link.cut();
        eventually("a counter that is acknowledged and not replicated", async || {
            book().await;
            (paces(&master) != paces(&replica)).then_some(())
        })
        .await;
        drop(master);
        follow("NO", "ONE");
        clients.lead_to(replica.port());
        let kept = paces(&replica);
        eventually("the new master is asked", async || {
            // While it is only probed, bookings of one address would soon meet the fence.
            tokio::time::sleep(Duration::from_millis(100)).await;
            book().await;
            (paces(&replica) != kept).then_some(())
        })
        .await;
        says(gateway, "gateway_admission_degraded 0").await;
        others.get()
    })
    .await;
}

#[tokio::test]
async fn an_authority_can_close_its_bookings_without_redis_and_reads_go_on() {
    let server = RedisServer::start();
    let port = server.port();
    let gateway = with(&server.url()).on(fixture("closed.toml")).start();
    let mut who = somebody(&gateway);
    any("exam").book(&mut who, "1").await.expect(201);
    drop(server);
    let reply = any("exchange").book(&mut who, "2").await;
    assert!(reply.header("retry-after").parse::<u64>().is_ok_and(|after| after > 0));
    reply.refused(503, "overloaded");
    assert_eq!(
        who.get("/api/v1/bookings").await.expect(200).json()["bookings"][0]["service"],
        "exam"
    );
    let _again = RedisServer::start_on(port).expect("the port is still free");
    eventually("bookings are open again", async || {
        (any("exchange").book(&mut who, "2").await.status == 201).then_some(())
    })
    .await;
}

#[tokio::test]
async fn without_redis_each_gateway_gives_its_part_of_a_persons_limit() {
    let server = RedisServer::start();
    let settings =
        ["admission.gateways=2", "admission.write_burst=4", "admission.write_interval_ms=60000"];
    let gateway = settings.into_iter().fold(with(&server.url()), Launch::set).start();
    drop(server);
    let mut who = somebody(&gateway);
    any("exam").book(&mut who, "1").await.expect(201);
    any("exchange").book(&mut who, "2").await.expect(201);
    any("permit").book(&mut who, "3").await.refused(429, "rate-limited");
    any("exam").book(&mut somebody(&gateway), "1").await.expect(201);
}

#[tokio::test]
async fn without_redis_all_persons_together_meet_the_lower_cap() {
    let server = RedisServer::start();
    let gateway = with(&server.url()).set("admission.degraded_per_second=1").start();
    drop(server);
    let crowd = async |_| any("exam").book(&mut somebody(&gateway), "1").await.status;
    let statuses = join_all((0..40).map(crowd)).await;
    let shed = statuses.iter().filter(|status| **status == 503).count();
    assert!(statuses.iter().all(|status| [201, 503].contains(status)), "{statuses:?}");
    // Forty requests take less than half as many seconds.
    assert!((20..40).contains(&shed), "{shed} of 40 were asked to come back");
}
