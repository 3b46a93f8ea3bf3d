//! What the Redis store promises about keys, lost scripts and a server that hangs or is gone.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use redis::{Client, Connection};
use talon_gateway::admission::{
    AdmissionHandle, AdmissionRequest, AdmissionStore, Breaker, BreakerConfig, Cap, Decision,
    EmbeddedBounds, EmbeddedStore, FallbackStore, Hint, Lasts, LocalRules, PersonKey,
    RATE_WINDOW_US, RedisEndpoint, RedisStore, RedisStoreConfig, Spend, StoreError, system_clock,
};

use super::server::{RedisServer, free_port};
use crate::{generous, nonce, quota, rate, request, runtime};

pub(super) const PERSON: PersonKey = PersonKey([3; 32]);

/// Long enough for a busy machine, and the end of a test that would hang.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn patient() -> RedisStoreConfig {
    RedisStoreConfig { deadline: PATIENCE, ..Default::default() }
}

pub(super) fn hasty() -> RedisStoreConfig {
    RedisStoreConfig { deadline: Duration::from_millis(50), ..Default::default() }
}

/// Runs `test` in a runtime, and fails it when it hangs.
pub(super) fn within_patience(test: impl Future<Output = ()>) {
    let ended = runtime().block_on(async { tokio::time::timeout(PATIENCE, test).await });
    ended.expect("the test ends in time");
}

pub(super) fn admin(server: &RedisServer) -> Connection {
    Client::open(server.url()).unwrap().get_connection().unwrap()
}

/// The first bucket of a single server.
pub(super) fn connect(url: &str, config: RedisStoreConfig) -> Result<RedisStore, StoreError> {
    RedisStore::connect(&RedisEndpoint::single(url).unwrap(), config)
}

/// A store that falls back, with nobody to share with and a cap that nobody meets.
pub(super) fn falling_back(
    shared: RedisStore,
    breaker: BreakerConfig,
) -> FallbackStore<RedisStore> {
    let rules = LocalRules { gateways: 1, cap: Arc::new(Cap::new(1_000_000)) };
    let breaker = Arc::new(Breaker::new(0, breaker));
    FallbackStore::new(shared, local(), breaker, rules)
}

/// How often the server ran the script by its hash or as a whole.
pub(super) fn script_calls(admin: &mut Connection) -> u32 {
    let stats: String = redis::cmd("INFO").arg("commandstats").query(admin).unwrap();
    let calls = |line: &str| -> Option<u32> {
        line.strip_prefix("cmdstat_eval")?.split_once("calls=")?.1.split_once(',')?.0.parse().ok()
    };
    stats.lines().filter_map(calls).sum()
}

pub(super) fn local() -> Arc<EmbeddedStore> {
    Arc::new(EmbeddedStore::new(system_clock(), EmbeddedBounds::default()))
}

#[track_caller]
/// Everybody who was asked for is admitted, and somebody was.
pub(crate) fn assert_admitted(decided: &Result<Vec<Decision>, StoreError>) {
    let is_admitted = |one: &Decision| matches!(one, Decision::Admitted { .. });
    let are_all = |all: &Vec<Decision>| !all.is_empty() && all.iter().all(is_admitted);
    assert!(decided.as_ref().is_ok_and(are_all), "{decided:?}");
}

#[test]
fn every_key_carries_the_hash_tag_and_expires() {
    let server = RedisServer::start();
    within_patience(async {
        let store = connect(&server.url(), patient()).unwrap();
        let now_s = system_clock()() / 1_000_000;
        let ask = AdmissionRequest {
            quota: quota(PERSON, 5),
            spend: nonce(1, now_s + 100),
            ..generous(PERSON)
        };
        let hint = Hint {
            actor: PERSON,
            person: PERSON,
            period: 7,
            rule: 2,
            count: 1,
            sequence: 1,
            expires_at_s: now_s + 500,
        };
        let lasting = nonce(2, now_s + 100).map(|spend| Spend { lasts: Lasts::Long, ..spend });
        let also = AdmissionRequest { spend: lasting, ..ask };
        assert_admitted(&store.decide(&[ask, also], &[hint]).await);
        // A hint that ends earlier does not shorten the others' time.
        let brief = Hint { person: PersonKey([4; 32]), expires_at_s: now_s + 5, ..hint };
        assert_eq!(store.decide(&[], &[brief]).await, Ok(vec![]));

        let mut admin = admin(&server);
        let mut keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut admin).unwrap();
        keys.sort();
        let mut lives_s =
            |key: &String| -> i64 { redis::cmd("TTL").arg(key).query(&mut admin).unwrap() };
        let [began, pace, quota, spent] = keys.as_slice() else { panic!("{keys:?}") };
        assert_eq!(began, "talon:{0}:began");
        assert_eq!(lives_s(began), -1, "the one key that stays");
        assert_eq!(quota, "talon:{0}:quota:7");
        assert!((490..=500).contains(&lives_s(quota)));
        assert!(pace.starts_with("talon:{0}:pace:"));
        let window_s = (RATE_WINDOW_US / 1_000_000) as i64;
        assert!((window_s - 10..=2 * window_s).contains(&lives_s(pace)));
        assert!(spent.starts_with("talon:{0}:spent:"));
        assert!(
            (150..=220).contains(&lives_s(spent)),
            "validity, grace, and the window of the set"
        );
    });
}

#[test]
fn the_latest_proofs_of_a_person_stand_in_their_record_and_further_ones_in_a_set() {
    let server = RedisServer::start();
    within_patience(async {
        let store = connect(&server.url(), patient()).unwrap();
        let mut admin = admin(&server);
        let mut sets =
            || -> Vec<String> { redis::cmd("KEYS").arg("*:spent:*").query(&mut admin).unwrap() };
        let expires_at_s = system_clock()() / 1_000_000 + 100;
        let prove = async |number| {
            let ask = AdmissionRequest { spend: nonce(number, expires_at_s), ..generous(PERSON) };
            store.decide(&[ask], &[]).await.unwrap()[0]
        };
        for number in 0..6 {
            assert!(matches!(prove(number).await, Decision::Admitted { .. }));
        }
        assert_eq!(sets(), [""; 0]);
        assert!(matches!(prove(6).await, Decision::Admitted { .. }));
        assert_eq!(sets().len(), 1);
        for number in 0..7 {
            assert_eq!(prove(number).await, Decision::AlreadySpent);
        }
    });
}

#[test]
fn a_proof_that_would_outlive_its_record_is_not_taken() {
    let server = RedisServer::start();
    within_patience(async {
        let store = connect(&server.url(), patient()).unwrap();
        let expires_at_s = system_clock()() / 1_000_000 + 2 * RATE_WINDOW_US / 1_000_000;
        let ask = AdmissionRequest { spend: nonce(1, expires_at_s), ..generous(PERSON) };
        assert_eq!(store.decide(&[ask], &[]).await, Ok(vec![Decision::AlreadySpent]));
    });
}

#[test]
fn without_a_clock_of_its_own_the_store_uses_the_time_of_redis() {
    let server = RedisServer::start();
    within_patience(async {
        let store = connect(&server.url(), patient()).unwrap();
        let ask = request(PERSON, rate(1, RATE_WINDOW_US, 1));
        let decided = store.decide(&[ask, ask], &[]).await.unwrap();
        assert_admitted(&Ok(decided[..1].to_vec()));
        assert_eq!(decided[1], Decision::RateLimited { retry_after_us: RATE_WINDOW_US });
        let Decision::RateLimited { retry_after_us } = store.decide(&[ask], &[]).await.unwrap()[0]
        else {
            panic!("still limited");
        };
        assert!((1..=RATE_WINDOW_US).contains(&retry_after_us));
    });
}

#[test]
fn a_script_that_redis_forgot_is_brought_back_and_nothing_is_charged_twice() {
    let server = RedisServer::start();
    within_patience(async {
        let store = connect(&server.url(), patient()).unwrap();
        let ask = request(PERSON, rate(1, RATE_WINDOW_US / 2, 2));
        assert_admitted(&store.decide(&[ask], &[]).await);
        let () = redis::cmd("SCRIPT").arg("FLUSH").query(&mut admin(&server)).unwrap();
        assert_admitted(&store.decide(&[ask], &[]).await);
        let limited = store.decide(&[ask], &[]).await.unwrap()[0];
        assert!(matches!(limited, Decision::RateLimited { .. }), "{limited:?}");
    });
}

#[test]
fn a_batch_that_timed_out_is_never_sent_again() {
    let server = RedisServer::start();
    within_patience(async {
        let store = connect(&server.url(), patient()).unwrap();
        let warm = store.decide(&[generous(PERSON)], &[]).await;
        assert_admitted(&warm);
        let store = connect(&server.url(), hasty()).unwrap();
        while store.decide(&[], &[]).await.is_err() {}

        let mut admin = admin(&server);
        let before = script_calls(&mut admin);
        let () =
            redis::cmd("CLIENT").arg("PAUSE").arg(60_000).arg("WRITE").query(&mut admin).unwrap();
        let spend = nonce(9, system_clock()() / 1_000_000 + 100);
        let ask = AdmissionRequest { spend, ..generous(PERSON) };
        assert_eq!(store.decide(&[ask], &[]).await, Err(StoreError::TimedOut { deadline_ms: 50 }));
        let () = redis::cmd("CLIENT").arg("UNPAUSE").query(&mut admin).unwrap();

        let mut asked = 1;
        while store.decide(&[], &[]).await.is_err() {
            asked += 1;
        }
        let ran = script_calls(&mut admin) - before;
        assert!(ran <= asked + 1, "{ran} runs for {} batches", asked + 1);
    });
}

#[test]
fn an_unreachable_redis_stops_neither_the_start_nor_the_requests() {
    within_patience(async {
        let url = format!("redis://127.0.0.1:{}", free_port());
        let store = connect(&url, hasty()).unwrap();
        let store = falling_back(store, BreakerConfig::default());
        let handle = AdmissionHandle::spawn(Arc::new(store));
        let ask = request(PERSON, rate(1, RATE_WINDOW_US / 5, 5));
        for _ in 0..5 {
            let decided = handle.admit(&ask).await;
            assert!(matches!(decided, Ok(Decision::Admitted { .. })), "{decided:?}");
        }
        let limited = handle.admit(&ask).await;
        assert!(matches!(limited, Ok(Decision::RateLimited { .. })), "{limited:?}");
    });
}

#[test]
fn a_server_that_accepts_and_says_nothing_costs_one_deadline() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", silent.local_addr().unwrap());
    within_patience(async {
        let store = connect(&url, hasty()).unwrap();
        let decided = store.decide(&[generous(PERSON)], &[]).await;
        assert_eq!(decided, Err(StoreError::TimedOut { deadline_ms: 50 }));
    });
}

#[test]
fn a_redis_that_comes_back_is_used_again() {
    let server = RedisServer::start();
    let port = server.port();
    within_patience(async {
        let redis = connect(&server.url(), hasty()).unwrap();
        let pause = Duration::from_millis(1);
        let breaker = BreakerConfig { failures: 1, successes: 1, pause, probe_gap: pause };
        let store = falling_back(redis, breaker);
        while script_calls(&mut admin(&server)) == 0 {
            assert_admitted(&store.decide(&[generous(PERSON)], &[]).await);
        }
        drop(server);
        for _ in 0..3 {
            assert_admitted(&store.decide(&[generous(PERSON)], &[]).await);
        }
        let server = RedisServer::start_on(port).expect("the port is still free");
        while script_calls(&mut admin(&server)) == 0 {
            assert_admitted(&store.decide(&[generous(PERSON)], &[]).await);
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn a_redis_whose_password_was_put_right_is_used_again() {
    let server = RedisServer::start();
    let mut admin = admin(&server);
    let mut password_is = |password: &str| {
        let set = redis::cmd("CONFIG").arg("SET").arg("requirepass").arg(password).to_owned();
        let () = set.query(&mut admin).unwrap();
    };
    password_is("another");
    within_patience(async {
        let endpoint = RedisEndpoint::single(&server.url()).unwrap().with_password("ours");
        let store = RedisStore::connect(&endpoint, hasty()).unwrap();
        for _ in 0..3 {
            let refused = store.decide(&[], &[]).await;
            assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
        }
        password_is("ours");
        while store.decide(&[], &[]).await.is_err() {
            tokio::task::yield_now().await;
        }
    });
}
