//! Crowds: a released day is sold to the last place, and no place twice.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::Value;
use talon_ledger::journal::RealDisk;
use talon_ledger::verify::verify;

use crate::harness::{Browser, Gateway, Launch, Visit, day, eventually, somebody};

const CLIENTS: usize = 64;
const HALL: u32 = 3;
const HALL_PLACES: usize = 120;
const MIXED: u32 = 4;
const MIXED_MINUTES: u64 = 840;

/// Stops the gateway and judges its journal by itself.
pub(crate) fn stop_and_verify(gateway: Gateway) -> u64 {
    let launch = gateway.stop();
    let disk = RealDisk::open(launch.journal()).unwrap();
    let report = verify(&disk, None, |_, _| {}).unwrap();
    assert!(report.is_good(), "{report:?}");
    assert!(report.summary.torn_tail.is_none(), "an ordered stop tears nothing");
    report.bookings
}

async fn starts(gateway: &Gateway, office: u32, service: &str, date: &str) -> Vec<Value> {
    let path = format!("/api/v1/authorities/small/offices/{office}/services/{service}/days");
    let mut browser = Browser::new(gateway.public());
    let reply = browser.get(&format!("{path}/{date}/starts")).await.expect(200);
    reply.json()["starts"].as_array().unwrap().clone()
}

async fn nothing_is_free(gateway: &Gateway, office: u32, service: &str, date: &str) {
    eventually("nothing is free", async || {
        starts(gateway, office, service, date).await.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_crowd_that_claims_every_place_at_once_gets_each_place_once() {
    let gateway = Launch::new().start();
    let date = day(3);
    let offered = starts(&gateway, HALL, "exam", &date).await;
    let places: u64 = offered.iter().map(|start| start["free"].as_u64().unwrap()).sum();
    assert_eq!(places, HALL_PLACES as u64);
    let times: Vec<&str> = offered.iter().map(|start| start["time"].as_str().unwrap()).collect();

    // Each client asks for every start, each time as somebody else, beginning elsewhere.
    let client = async |number: usize| {
        let mut connection = Browser::new(gateway.public());
        let mut sold = Vec::new();
        for turn in 0..times.len() {
            let time = times[(number + turn) % times.len()];
            connection.bearer = somebody(&gateway).bearer;
            let reply = Visit::at(HALL, "exam", &date, time).book(&mut connection, "k").await;
            if reply.status == 201 {
                sold.push((time, reply.json()["id"].as_str().unwrap().to_owned()));
            } else {
                let problem = reply.refused(409, "slot-taken");
                let free = problem["free"].as_array().unwrap();
                assert!(free.iter().all(|start| start["time"] != time), "{problem}");
            }
        }
        sold
    };
    let sold: Vec<_> = join_all((0..CLIENTS).map(client)).await.into_iter().flatten().collect();
    assert_eq!(sold.len(), HALL_PLACES, "sold equals capacity");
    let mut by_start = BTreeMap::<&str, usize>::new();
    for (time, _) in &sold {
        *by_start.entry(time).or_default() += 1;
    }
    assert!(by_start.values().all(|count| *count == 10), "{by_start:?}");
    let ids: std::collections::BTreeSet<_> = sold.iter().map(|(_, id)| id).collect();
    assert_eq!(ids.len(), HALL_PLACES, "no id twice");
    nothing_is_free(&gateway, HALL, "exam", &date).await;
    assert_eq!(stop_and_verify(gateway), HALL_PLACES as u64);
}

#[tokio::test]
async fn a_crowd_with_visits_of_different_lengths_leaves_no_free_start_of_any_length() {
    let gateway = Launch::new().start();
    let date = day(4);
    let services = ["exam", "exchange", "permit"];
    // Each client goes on with one length until it is refused, then with the next.
    let client = async |number: usize| {
        let mut connection = Browser::new(gateway.public());
        let (mut minutes, mut count) = (0, 0_u64);
        for turn in 0..services.len() {
            let service = services[(number + turn) % services.len()];
            loop {
                connection.bearer = somebody(&gateway).bearer;
                let any = Visit::any(MIXED, service, &date, &date);
                let reply = any.book(&mut connection, "k").await;
                if reply.status != 201 {
                    reply.refused(409, "slot-taken");
                    break;
                }
                minutes += reply.json()["minutes"].as_u64().unwrap();
                count += 1;
            }
        }
        (minutes, count)
    };
    let sold = join_all((0..CLIENTS).map(client)).await;
    let minutes: u64 = sold.iter().map(|(minutes, _)| minutes).sum();
    assert_eq!(minutes, MIXED_MINUTES, "every minute has one owner");
    for service in services {
        nothing_is_free(&gateway, MIXED, service, &date).await;
    }
    // The replay refuses a step with two owners.
    let count: u64 = sold.iter().map(|(_, count)| count).sum();
    assert_eq!(stop_and_verify(gateway), count);
}

#[tokio::test]
async fn one_persons_many_requests_at_once_book_once() {
    let gateway = Launch::new().start();
    let person = somebody(&gateway);
    let request = async |number: usize| {
        let key = format!("key-{}", number % 4);
        Visit::any(1, "exam", &day(2), &day(9)).book(&mut person.twin(), &key).await
    };
    let replies = join_all((0..40).map(request)).await;
    let booked: Vec<_> = replies.iter().filter(|reply| reply.status == 201).collect();
    assert_eq!(booked.len(), 1, "one live booking for a service");
    for reply in &replies {
        match reply.status {
            201 => {}
            200 => assert_eq!(reply.json(), booked[0].json(), "a repeat is the same booking"),
            _ => {
                reply.clone().refused(409, "already-booked");
            }
        }
    }
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 9);
    assert_eq!(stop_and_verify(gateway), 1);
}
