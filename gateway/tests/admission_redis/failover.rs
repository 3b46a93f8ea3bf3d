//! Redis that changes under the store: data lost, a slot that moved, a master that was replaced.

use std::sync::Arc;
use std::time::Duration;

use talon_gateway::admission::{
    AdmissionRequest, AdmissionStore, BreakerConfig, BucketedStore, DataEpoch, Decision, Lasts,
    PersonKey, RATE_WINDOW_US, RedisEndpoint, RedisStore, Spend, bucket_of, system_clock,
};

use super::cluster::{CLUSTER_BUCKETS, RedisCluster};
use super::gate::Gate;
use super::server::RedisServer;
use super::trouble::{
    PERSON, admin, assert_admitted, connect, falling_back, hasty, patient, script_calls,
    within_patience,
};
use crate::{generous, nonce, rate, request};

/// A person in this bucket of a cluster.
fn person_in(bucket: u16) -> PersonKey {
    let person = |number: u32| {
        let mut key = [7; 32];
        key[..4].copy_from_slice(&number.to_le_bytes());
        PersonKey(key)
    };
    let found = (0..).map(person).find(|person| bucket_of(person, CLUSTER_BUCKETS) == bucket);
    found.expect("every bucket has persons")
}

fn buckets(endpoint: &RedisEndpoint) -> Vec<RedisStore> {
    let link = RedisStore::connect(endpoint, patient()).unwrap();
    (0..CLUSTER_BUCKETS).map(|one| link.bucket(one, Arc::new(DataEpoch::new(one)))).collect()
}

fn slot_of(bucket: u16, cluster: &RedisCluster) -> u16 {
    let key = format!("talon:{{{bucket}}}");
    redis::cmd("CLUSTER").arg("KEYSLOT").arg(key).query(&mut admin(&cluster.masters[0])).unwrap()
}

#[test]
fn a_slot_that_moved_is_found_and_the_batch_is_decided_once() {
    let cluster = RedisCluster::start();
    within_patience(async {
        let store = BucketedStore::new(buckets(&RedisEndpoint::cluster(&cluster.urls()).unwrap()));
        let ask = request(person_in(0), rate(1, RATE_WINDOW_US / 3, 3));
        assert_admitted(&store.decide(&[ask], &[]).await);

        // Its master gives the slot away, emptied, and the client does not know.
        let slot = slot_of(0, &cluster);
        let ids: Vec<String> = cluster
            .masters
            .iter()
            .map(|master| redis::cmd("CLUSTER").arg("MYID").query(&mut admin(master)).unwrap())
            .collect();
        let owner = usize::from(slot / (16_384 / 3)).min(2);
        let heir = (owner + 1) % 3;
        let () = redis::cmd("FLUSHALL").query(&mut admin(&cluster.masters[owner])).unwrap();
        for master in [heir, owner, 3 - owner - heir] {
            let () = redis::cmd("CLUSTER")
                .arg("SETSLOT")
                .arg(slot)
                .arg("NODE")
                .arg(&ids[heir])
                .query(&mut admin(&cluster.masters[master]))
                .unwrap();
        }
        let decided = store.decide(&[ask, ask, ask, ask], &[]).await.unwrap();
        assert_admitted(&Ok(decided[..3].to_vec()));
        assert!(
            matches!(decided[3], Decision::RateLimited { .. }),
            "three times, no less: {decided:?}"
        );
    });
}

#[test]
fn a_master_that_is_down_takes_only_its_buckets_along() {
    let mut cluster = RedisCluster::start();
    within_patience(async {
        let endpoint = RedisEndpoint::cluster(&cluster.urls()).unwrap();
        let stores = buckets(&endpoint);
        let everybody: Vec<_> = (0..CLUSTER_BUCKETS).map(|one| generous(person_in(one))).collect();
        for (store, ask) in stores.iter().zip(&everybody) {
            assert_admitted(&store.decide(&[*ask], &[]).await);
        }
        for master in &cluster.masters {
            // Else the others refuse everything as soon as they notice.
            let () = redis::cmd("CONFIG")
                .arg("SET")
                .arg("cluster-require-full-coverage")
                .arg("no")
                .query(&mut admin(master))
                .unwrap();
        }
        let gone = |bucket: u16| slot_of(bucket, &cluster) / (16_384 / 3) >= 2;
        let gone: Vec<bool> = (0..CLUSTER_BUCKETS).map(gone).collect();
        assert!(gone.contains(&true) && gone.contains(&false));
        drop(cluster.masters.pop());
        for ((store, ask), gone) in stores.iter().zip(&everybody).zip(&gone) {
            let decided = store.decide(&[*ask], &[]).await;
            assert_eq!(decided.is_err(), *gone, "{decided:?}");
        }
        // With a fallback each bucket is decided all the same.
        let falling_back =
            stores.into_iter().map(|one| falling_back(one, BreakerConfig::default()));
        let store = BucketedStore::new(falling_back.collect());
        let decided = store.decide(&everybody, &[]).await;
        assert_admitted(&decided);
        assert_eq!(decided.map(|all| all.len()), Ok(everybody.len()));
    });
}

#[test]
fn lost_data_is_noticed_once_by_all_cores_together() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let shown = recorder.handle();
    let server = RedisServer::start();
    let epoch = metrics::with_local_recorder(&recorder, || Arc::new(DataEpoch::new(0)));
    within_patience(async {
        let cores: Vec<_> = (0..2)
            .map(|_| connect(&server.url(), patient()).unwrap().bucket(0, Arc::clone(&epoch)))
            .collect();
        for losses in 0..3 {
            for core in [&cores[0], &cores[1], &cores[0]] {
                let ask = generous(PersonKey([3; 32]));
                assert_admitted(&core.decide(&[ask], &[]).await);
            }
            let line = format!("gateway_admission_data_losses_total {losses}\n");
            assert!(losses == 0 || shown.render().contains(&line), "{}", shown.render());
            let () = redis::cmd("FLUSHALL").query(&mut admin(&server)).unwrap();
        }
    });
}

#[test]
fn a_failover_loses_counters_that_were_acknowledged_and_a_spent_proof_stays_spent() {
    let (master, replica) = (RedisServer::start(), RedisServer::start());
    within_patience(async {
        // The replica follows through an address that can be cut.
        let (clients, link) = (Gate::open(master.port()).await, Gate::open(master.port()).await);
        let follow = |host: &str, port: &str| {
            let () =
                redis::cmd("REPLICAOF").arg(host).arg(port).query(&mut admin(&replica)).unwrap();
        };
        follow("127.0.0.1", &link.port().to_string());
        let store = connect(&clients.url(), hasty()).unwrap();
        let breaker = BreakerConfig { successes: 1, ..BreakerConfig::default() };
        let store = falling_back(store, breaker);
        let spend = nonce(1, system_clock()() / 1_000_000 + 100)
            .map(|spend| Spend { lasts: Lasts::Long, ..spend });
        let once = request(PERSON, rate(1, RATE_WINDOW_US, 1));
        let proven = AdmissionRequest { spend, ..request(PERSON, rate(2, RATE_WINDOW_US, 1)) };
        while keys(&replica, "pace").is_empty() {
            let warm = generous(PersonKey([9; 32]));
            assert_admitted(&store.decide(&[warm], &[]).await);
        }
        link.cut();
        let acknowledged = store.decide(&[once, proven], &[]).await;
        assert_admitted(&acknowledged);
        assert_eq!(acknowledged.map(|all| all.len()), Ok(2));
        assert_eq!(keys(&master, "spent").len(), 1, "Redis itself decided");

        drop(master);
        follow("NO", "ONE");
        clients.lead_to(replica.port());
        assert!(keys(&replica, "spent").is_empty(), "what was acknowledged is lost");
        // Redis has forgotten the pace and admits the person again; the ledger behind it holds the limits. The
        // proof is known here.
        let known = paces(&replica);
        while paces(&replica) == known {
            store.decide(&[once], &[]).await.unwrap();
        }
        assert_eq!(store.decide(&[proven], &[]).await, Ok(vec![Decision::AlreadySpent]));
    });
}

#[test]
fn a_server_that_hangs_costs_a_few_deadlines_and_is_used_again_when_it_goes_on() {
    let server = RedisServer::start();
    within_patience(async {
        let store = connect(&server.url(), hasty()).unwrap();
        let pause = Duration::from_millis(20);
        let breaker = BreakerConfig { failures: 2, successes: 2, pause, probe_gap: pause };
        let store = falling_back(store, breaker);
        let ask = generous(PERSON);
        while script_calls(&mut admin(&server)) == 0 {
            assert_admitted(&store.decide(&[ask], &[]).await);
        }
        server.hang(true);
        for _ in 0..50 {
            assert_admitted(&store.decide(&[ask], &[]).await);
        }
        server.hang(false);
        let before = script_calls(&mut admin(&server));
        while script_calls(&mut admin(&server)) < before + 10 {
            assert_admitted(&store.decide(&[ask], &[]).await);
            tokio::task::yield_now().await;
        }
    });
}

/// How many people's paces a server holds.
fn paces(server: &RedisServer) -> u32 {
    let length = |key| -> u32 { redis::cmd("HLEN").arg(key).query(&mut admin(server)).unwrap() };
    keys(server, "pace").into_iter().map(length).sum()
}

fn keys(server: &RedisServer, kind: &str) -> Vec<String> {
    redis::cmd("KEYS").arg(format!("talon:*:{kind}:*")).query(&mut admin(server)).unwrap()
}

#[test]
fn a_master_that_was_demoted_is_left_for_the_one_that_took_its_address() {
    let (old, new) = (RedisServer::start(), RedisServer::start());
    within_patience(async {
        // Clients reach the master through one address, as behind a virtual one.
        let gate = Gate::open(old.port()).await;
        let store = connect(&gate.url(), hasty()).unwrap();
        let ask = generous(PersonKey([3; 32]));
        while store.decide(&[ask], &[]).await.is_err() {}
        let () = redis::cmd("REPLICAOF")
            .arg("127.0.0.1")
            .arg(new.port())
            .query(&mut admin(&old))
            .unwrap();
        gate.lead_to(new.port());
        // The old connection still leads to the old server, which answers that it may not write.
        while store.decide(&[ask], &[]).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(keys(&new, "pace").len(), 1);
    });
}
