//! The contract of admission stores: the same rules for the store in memory, for the one in Redis, and for
//! the one in a Redis Cluster.
//!
//! The Redis tests start a real `redis-server` each, on a free port and without files. Time is an argument for
//! both stores, so nothing here waits for it.

#![expect(clippy::unwrap_used, reason = "a setup that fails is a test that fails")]

mod admission_redis;

use std::cell::Cell;
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use admission_redis::cluster::{CLUSTER_BUCKETS, RedisCluster};
use admission_redis::server::RedisServer;
use futures_util::future::join_all;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use talon_gateway::admission::{
    AdmissionRequest, AdmissionStore, BucketedStore, Clock, DataEpoch, Decision, EmbeddedBounds,
    EmbeddedStore, Hint, Lasts, MAX_BATCH, MAX_HINTS_PER_BATCH, MAX_SHORT_SPEND_S, PersonKey,
    QuotaQuery, RATE_WINDOW_US, RateRule, RedisEndpoint, RedisStore, RedisStoreConfig,
    SPENT_GRACE_S, Spend, StoreError, WhenDown, next_arrival,
};
use tokio::runtime::Runtime;

/// A store with the time in the test's hand.
struct Subject {
    store: Arc<dyn AdmissionStore>,
    now_us: Arc<AtomicU64>,
    runtime: Runtime,
    persons: Cell<u64>,
    _servers: Vec<RedisServer>,
}

/// A moment shortly before a window of paces ends, so that every rule also crosses from one to the next.
const START_US: u64 = 500_000 * RATE_WINDOW_US - 1_500;

impl Subject {
    fn embedded() -> Self {
        let now_us = Arc::new(AtomicU64::new(START_US));
        let store = Arc::new(EmbeddedStore::new(clock(&now_us), EmbeddedBounds::default()));
        Self { store, now_us, runtime: runtime(), persons: Cell::new(0), _servers: Vec::new() }
    }

    fn redis() -> Self {
        let (server, runtime) = (RedisServer::start(), runtime());
        let now_us = Arc::new(AtomicU64::new(START_US));
        // The machine may be busy with other tests; the deadline has its own.
        let config = RedisStoreConfig { deadline: Duration::from_secs(20), ..Default::default() };
        let endpoint = RedisEndpoint::single(&server.url()).unwrap();
        let store = runtime.block_on(async { RedisStore::connect(&endpoint, config) });
        let store = Arc::new(store.unwrap().with_clock(clock(&now_us)));
        Self { store, now_us, runtime, persons: Cell::new(0), _servers: vec![server] }
    }

    /// A cluster of three masters, with so many buckets that each has some.
    fn cluster() -> Self {
        let (cluster, runtime) = (RedisCluster::start(), runtime());
        let now_us = Arc::new(AtomicU64::new(START_US));
        let config = RedisStoreConfig { deadline: Duration::from_secs(20), ..Default::default() };
        let endpoint = RedisEndpoint::cluster(&cluster.urls()).unwrap();
        let link = runtime.block_on(async { RedisStore::connect(&endpoint, config) }).unwrap();
        let bucket = |bucket| {
            let store = link.bucket(bucket, Arc::new(DataEpoch::new(bucket)));
            store.with_clock(clock(&now_us))
        };
        let store = Arc::new(BucketedStore::new((0..CLUSTER_BUCKETS).map(bucket).collect()));
        Self { store, now_us, runtime, persons: Cell::new(0), _servers: cluster.masters }
    }

    fn advance_us(&self, by: u64) {
        self.now_us.fetch_add(by, Ordering::Relaxed);
    }

    fn now_s(&self) -> u64 {
        self.now_us.load(Ordering::Relaxed) / 1_000_000
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// The decisions without what is left of the pace, which most rules do not ask about.
    fn batch(&self, requests: &[AdmissionRequest], hints: &[Hint]) -> Vec<Decision> {
        self.block_on(self.store.decide(requests, hints)).unwrap().into_iter().map(plain).collect()
    }

    fn decide(&self, request: AdmissionRequest) -> Decision {
        self.batch(&[request], &[])[0]
    }

    fn learn(&self, hints: &[Hint]) {
        assert!(self.batch(&[], hints).is_empty());
    }

    /// A person nobody has seen.
    fn person(&self) -> PersonKey {
        self.persons.set(self.persons.get() + 1);
        let mut key = [0xA5; 32];
        key[..8].copy_from_slice(&self.persons.get().to_le_bytes());
        PersonKey(key)
    }

    fn hint(&self, person: PersonKey, count: u32, sequence: u64) -> Hint {
        let expires_at_s = self.now_s() + 1000;
        Hint { actor: person, person, period: 7, rule: 2, count, sequence, expires_at_s }
    }
}

/// Admitted, whatever is left.
const ADMITTED: Decision = Decision::Admitted { whole_in_us: 0 };

fn plain(decision: Decision) -> Decision {
    match decision {
        Decision::Admitted { .. } => ADMITTED,
        other => other,
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn clock(now_us: &Arc<AtomicU64>) -> Clock {
    let now_us = Arc::clone(now_us);
    Arc::new(move || now_us.load(Ordering::Relaxed))
}

fn rate(id: u8, emission_interval_us: u64, burst: u32) -> RateRule {
    RateRule::new(id, emission_interval_us, burst).unwrap()
}

fn request(person: PersonKey, rate: RateRule) -> AdmissionRequest {
    AdmissionRequest { person, rate, quota: None, spend: None, when_down: WhenDown::Open }
}

fn generous(person: PersonKey) -> AdmissionRequest {
    request(person, rate(1, 1, 1_000_000))
}

fn quota(holder: PersonKey, limit: u32) -> Option<QuotaQuery> {
    Some(QuotaQuery { holder, period: 7, rule: 2, limit })
}

fn nonce(number: u8, expires_at_s: u64) -> Option<Spend> {
    Some(Spend { nonce: [number; 16], expires_at_s, lasts: Lasts::Short })
}

mod rules {
    use super::*;

    pub(super) fn a_burst_passes_and_then_the_pace_holds(subject: &Subject) {
        let ask = request(subject.person(), rate(1, 1_000, 3));
        for _ in 0..3 {
            assert_eq!(subject.decide(ask), ADMITTED);
        }
        assert_eq!(subject.decide(ask), Decision::RateLimited { retry_after_us: 1_000 });
        subject.advance_us(999);
        assert_eq!(subject.decide(ask), Decision::RateLimited { retry_after_us: 1 });
        subject.advance_us(1);
        assert_eq!(subject.decide(ask), ADMITTED);
        assert_eq!(subject.decide(ask), Decision::RateLimited { retry_after_us: 1_000 });
    }

    pub(super) fn every_sequence_of_requests_agrees_with_the_model(subject: &Subject) {
        let paces = [rate(0, 1_000, 3), rate(1, 700, 1), rate(2, RATE_WINDOW_US / 2, 2)];
        let pause = prop_oneof![4 => 0_u64..3_000, 1 => 0..RATE_WINDOW_US];
        let step = (pause, vec((0_usize..3, 0_usize..paces.len()), 1..8));
        let mut runner =
            TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
        let checked = runner.run(&vec(step, 1..25), |steps| {
            let persons = [subject.person(), subject.person(), subject.person()];
            let mut model = HashMap::new();
            for (pause, asked) in steps {
                subject.advance_us(pause);
                let now_us = subject.now_us.load(Ordering::Relaxed);
                let requests: Vec<_> = asked
                    .iter()
                    .map(|(who, which)| request(persons[*who], paces[*which]))
                    .collect();
                let expected: Vec<_> = asked
                    .iter()
                    .map(|key| match next_arrival(&paces[key.1], model.get(key).copied(), now_us) {
                        Ok(arrival) => {
                            model.insert(*key, arrival);
                            Decision::Admitted { whole_in_us: arrival - now_us }
                        }
                        Err(early) => {
                            Decision::RateLimited { retry_after_us: early.retry_after_us }
                        }
                    })
                    .collect();
                let decided = subject.block_on(subject.store.decide(&requests, &[])).unwrap();
                prop_assert_eq!(decided, expected);
            }
            Ok(())
        });
        if let Err(failure) = checked {
            panic!("{failure}");
        }
    }

    pub(super) fn unless_admitted_nothing_is_charged_and_nothing_is_spent(subject: &Subject) {
        let person = subject.person();
        let once = rate(1, 1_000_000, 1);
        let proof = nonce(1, subject.now_s() + 100);
        subject.learn(&[subject.hint(person, 4, 10)]);

        // Over the quota: neither the pace nor the proof is used up.
        let over =
            AdmissionRequest { quota: quota(person, 4), spend: proof, ..request(person, once) };
        assert_eq!(subject.decide(over), Decision::OverQuotaHint { count: 4, sequence: 10 });
        let within = AdmissionRequest { quota: quota(person, 5), ..over };
        assert_eq!(subject.decide(within), ADMITTED);

        // Spent: the pace is not used up.
        let twice = rate(1, 1_000_000, 2);
        let replay = AdmissionRequest { rate: twice, quota: None, ..over };
        assert_eq!(subject.decide(replay), Decision::AlreadySpent);
        assert_eq!(subject.decide(request(person, twice)), ADMITTED);

        // Too early: the proof is not used up.
        let fresh = nonce(2, subject.now_s() + 100);
        let early = AdmissionRequest { spend: fresh, ..request(person, once) };
        assert_eq!(subject.decide(early), Decision::RateLimited { retry_after_us: 1_000_000 });
        let later = AdmissionRequest { spend: fresh, ..request(person, rate(3, 1, 1_000_000)) };
        assert_eq!(subject.decide(later), ADMITTED);
    }

    pub(super) fn of_100_concurrent_spends_one_wins(subject: &Subject) {
        let spend = nonce(1, subject.now_s() + 100);
        let request = [AdmissionRequest { spend, ..generous(subject.person()) }];
        let asked = (0..100).map(|_| subject.store.decide(&request, &[]));
        let answers = subject.block_on(join_all(asked));
        let count = |wanted| {
            answers.iter().filter(|answer| plain(answer.as_ref().unwrap()[0]) == wanted).count()
        };
        assert_eq!((count(ADMITTED), count(Decision::AlreadySpent)), (1, 99));
    }

    pub(super) fn of_two_spends_in_one_batch_the_first_wins(subject: &Subject) {
        let spend = nonce(1, subject.now_s() + 100);
        let proven = AdmissionRequest { spend, ..generous(subject.person()) };
        let expected = vec![ADMITTED, Decision::AlreadySpent];
        assert_eq!(subject.batch(&[proven, proven], &[]), expected);
    }

    pub(super) fn requests_of_one_person_in_one_batch_see_each_other_in_order(subject: &Subject) {
        let (person, other) = (subject.person(), subject.person());
        let twice = rate(1, 1_000, 2);
        let asked = [request(person, twice), request(other, twice), request(person, twice)];
        let asked =
            [asked.as_slice(), &[request(person, twice), request(person, rate(2, 1_000, 2))]]
                .concat();
        let limited = Decision::RateLimited { retry_after_us: 1_000 };
        let yes = ADMITTED;
        assert_eq!(subject.batch(&asked, &[]), vec![yes, yes, yes, limited, yes]);
    }

    pub(super) fn a_known_count_is_over_from_the_limit_on_and_for_its_counter_only(
        subject: &Subject,
    ) {
        let person = subject.person();
        let ask = |quota| subject.decide(AdmissionRequest { quota, ..generous(person) });
        assert_eq!(ask(quota(person, 0)), ADMITTED, "nothing is known yet");
        subject.learn(&[subject.hint(person, 4, 10)]);
        let over = Decision::OverQuotaHint { count: 4, sequence: 10 };
        assert_eq!(ask(quota(person, 3)), over);
        assert_eq!(ask(quota(person, 4)), over);
        assert_eq!(ask(quota(person, 5)), ADMITTED);
        assert_eq!(ask(None), ADMITTED);
        assert_eq!(
            ask(Some(QuotaQuery { holder: person, period: 8, rule: 2, limit: 4 })),
            ADMITTED
        );
        assert_eq!(
            ask(Some(QuotaQuery { holder: person, period: 7, rule: 3, limit: 4 })),
            ADMITTED
        );
        let stranger = subject.person();
        let asked = AdmissionRequest { quota: quota(stranger, 4), ..generous(stranger) };
        assert_eq!(subject.decide(asked), ADMITTED);
    }

    pub(super) fn a_count_is_its_holders_whoever_acts(subject: &Subject) {
        let [entity, actor, other] = [(); 3].map(|()| subject.person());
        for acting in [actor, other] {
            subject.learn(&[Hint { actor: acting, ..subject.hint(entity, 4, 10) }]);
        }
        let over = Decision::OverQuotaHint { count: 4, sequence: 10 };
        for acting in [actor, other] {
            let ask = |holder| {
                subject.decide(AdmissionRequest { quota: quota(holder, 4), ..generous(acting) })
            };
            assert_eq!(ask(entity), over);
            assert_eq!(ask(acting), ADMITTED, "the human's own count is another");
        }
        // The pace is the actor's.
        let once = rate(2, 1_000_000, 1);
        let ask = AdmissionRequest { quota: quota(entity, 5), ..request(actor, once) };
        assert_eq!(subject.decide(ask), ADMITTED);
        assert!(matches!(subject.decide(ask), Decision::RateLimited { .. }));
        let another = AdmissionRequest { person: other, ..ask };
        assert_eq!(subject.decide(another), ADMITTED);
    }

    pub(super) fn the_highest_sequence_wins_whatever_comes_last(subject: &Subject) {
        let person = subject.person();
        let known =
            || subject.decide(AdmissionRequest { quota: quota(person, 0), ..generous(person) });
        let is = |count, sequence| Decision::OverQuotaHint { count, sequence };
        subject.learn(&[subject.hint(person, 4, 10)]);
        subject.learn(&[subject.hint(person, 9, 9)]);
        assert_eq!(known(), is(4, 10));
        subject.learn(&[subject.hint(person, 3, 12), subject.hint(person, 8, 11)]);
        assert_eq!(known(), is(3, 12), "within one batch too, and downwards too");
        // Neighbours that a double cannot tell apart.
        subject.learn(&[subject.hint(person, 1, u64::MAX - 1)]);
        subject.learn(&[subject.hint(person, 2, u64::MAX)]);
        subject.learn(&[subject.hint(person, 5, u64::MAX - 1)]);
        assert_eq!(known(), is(2, u64::MAX));
    }

    pub(super) fn hints_of_a_batch_count_for_its_requests(subject: &Subject) {
        let person = subject.person();
        let ask = AdmissionRequest { quota: quota(person, 4), ..generous(person) };
        let decided = subject.batch(&[ask], &[subject.hint(person, 4, 10)]);
        assert_eq!(decided, vec![Decision::OverQuotaHint { count: 4, sequence: 10 }]);
    }

    pub(super) fn an_expired_hint_is_the_same_as_none(subject: &Subject) {
        let person = subject.person();
        let known =
            || subject.decide(AdmissionRequest { quota: quota(person, 0), ..generous(person) });
        let brief = Hint { expires_at_s: subject.now_s() + 10, ..subject.hint(person, 4, 10) };
        subject.learn(&[brief]);
        assert_eq!(known(), Decision::OverQuotaHint { count: 4, sequence: 10 });
        subject.advance_us(10_000_000);
        assert_eq!(known(), ADMITTED);
        subject.learn(&[Hint { sequence: 11, ..brief }]);
        assert_eq!(known(), ADMITTED, "one that arrives expired is not learnt");
        subject.learn(&[subject.hint(person, 2, 5)]);
        assert_eq!(known(), Decision::OverQuotaHint { count: 2, sequence: 5 });
    }

    pub(super) fn a_proof_stays_spent_for_as_long_as_it_could_be_shown(subject: &Subject) {
        let (person, expires_at_s) = (subject.person(), subject.now_s() + 100);
        let ask = |number| {
            let spend = nonce(number, expires_at_s);
            subject.decide(AdmissionRequest { spend, ..generous(person) })
        };
        assert_eq!(ask(1), ADMITTED);
        subject.advance_us((100 + SPENT_GRACE_S - 1) * 1_000_000);
        assert_eq!(ask(1), Decision::AlreadySpent);
        assert_eq!(ask(2), ADMITTED, "clocks may differ by the grace");
        subject.advance_us(1_000_000);
        assert_eq!(ask(1), Decision::AlreadySpent);
        assert_eq!(ask(3), Decision::AlreadySpent, "nobody remembers, so nobody is let in");
    }

    /// The nonces of proofs begin with the moment at which they were issued.
    pub(super) fn proofs_of_one_moment_are_two(subject: &Subject) {
        let person = subject.person();
        let issued_at_once = |number| {
            let mut spend = nonce(number, subject.now_s() + 100);
            if let Some(spend) = &mut spend {
                spend.nonce[..8].copy_from_slice(&person.0[..8]);
            }
            AdmissionRequest { spend, ..generous(person) }
        };
        for number in [1, 2] {
            assert_eq!(subject.decide(issued_at_once(number)), ADMITTED);
            assert_eq!(subject.decide(issued_at_once(number)), Decision::AlreadySpent);
        }
    }

    pub(super) fn a_spend_that_lasts_long_is_remembered_as_long(subject: &Subject) {
        let (person, day_s) = (subject.person(), 24 * 60 * 60);
        let spend =
            nonce(1, subject.now_s() + day_s).map(|spend| Spend { lasts: Lasts::Long, ..spend });
        let ask = || subject.decide(AdmissionRequest { spend, ..generous(person) });
        assert_eq!(ask(), ADMITTED);
        for _ in 0..24 {
            subject.advance_us(60 * 60 * 1_000_000 - 1_000_000);
            assert_eq!(ask(), Decision::AlreadySpent);
        }
    }

    /// However many somebody has spent, of however many a store keeps in one place.
    pub(super) fn every_sequence_of_spends_agrees_with_the_model(subject: &Subject) {
        let pause_s = prop_oneof![4 => 0_u64..200, 1 => 0..RATE_WINDOW_US / 1_000_000];
        let asked = (0_usize..2, 0_u8..12);
        let steps = vec((pause_s, vec(asked, 1..8)), 1..30);
        let mut runner =
            TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
        let checked = runner.run(&steps, |steps| {
            let persons = [subject.person(), subject.person()];
            // When each nonce of a person expires, and whether it is spent.
            let mut model: HashMap<(usize, u8), (u64, bool)> = HashMap::new();
            for (pause_s, asked) in steps {
                subject.advance_us(pause_s * 1_000_000);
                let now_s = subject.now_s();
                let mut expected = Vec::new();
                let mut requests = Vec::new();
                for (who, number) in asked {
                    let life_s = [30, 300, MAX_SHORT_SPEND_S][usize::from(number) % 3];
                    let issued = || (now_s + life_s, false);
                    let (expires_at_s, spent) = model.entry((who, number)).or_insert_with(issued);
                    let known = *spent || *expires_at_s + SPENT_GRACE_S <= now_s;
                    expected.push(if known { Decision::AlreadySpent } else { ADMITTED });
                    *spent = true;
                    let mut spend = nonce(number, *expires_at_s);
                    // A store may remember nonces whoever spent them.
                    if let Some(spend) = &mut spend {
                        spend.nonce[..8].copy_from_slice(&persons[who].0[..8]);
                    }
                    requests.push(AdmissionRequest { spend, ..generous(persons[who]) });
                }
                prop_assert_eq!(subject.batch(&requests, &[]), expected);
            }
            Ok(())
        });
        if let Err(failure) = checked {
            panic!("{failure}");
        }
    }

    pub(super) fn the_largest_batch_is_decided_and_a_larger_one_refused_whole(subject: &Subject) {
        let once = rate(1, 1_000, 1);
        let one = |number: usize| {
            let (person, holder) = (subject.person(), subject.person());
            let quota = QuotaQuery { holder, period: number as u32 % 5, rule: 2, limit: 1 };
            let spend = nonce(number as u8, subject.now_s() + 7 * number as u64);
            AdmissionRequest { quota: Some(quota), spend, ..request(person, once) }
        };
        let requests: Vec<_> = (0..=MAX_BATCH).map(one).collect();
        let told = |number: usize| {
            let person = subject.person();
            Hint { period: number as u32 % 7, ..subject.hint(person, 1, 1) }
        };
        let hints: Vec<_> = (0..=MAX_HINTS_PER_BATCH).map(told).collect();
        let refused = |requests, hints| {
            let decided = subject.block_on(subject.store.decide(requests, hints));
            assert!(matches!(decided, Err(StoreError::BatchTooLarge { .. })), "{decided:?}");
        };
        refused(&requests, &[]);
        refused(&[], &hints);
        let decided = subject.batch(&requests[..MAX_BATCH], &hints[..MAX_HINTS_PER_BATCH]);
        assert_eq!(decided, vec![ADMITTED; MAX_BATCH]);
    }

    pub(super) fn a_clock_that_went_back_locks_nobody_out(subject: &Subject) {
        subject.advance_us(RATE_WINDOW_US / 2);
        let ask = request(subject.person(), rate(1, 1_000, 2));
        assert_eq!(subject.batch(&[ask, ask], &[]), vec![ADMITTED; 2]);
        subject.now_us.fetch_sub(60_000_000, Ordering::Relaxed);
        assert_eq!(subject.decide(ask), Decision::RateLimited { retry_after_us: 1_000 });
    }
}

/// Makes each rule a test of all stores.
macro_rules! contract {
    ($($rule:ident,)*) => {
        mod embedded_store {
            $(#[test] fn $rule() { super::rules::$rule(&super::Subject::embedded()); })*
        }
        mod redis_cluster {
            $(#[test] fn $rule() { super::rules::$rule(&super::Subject::cluster()); })*
        }
        mod redis_store {
            $(#[test] fn $rule() { super::rules::$rule(&super::Subject::redis()); })*
        }
    };
}

contract! {
    a_burst_passes_and_then_the_pace_holds,
    every_sequence_of_requests_agrees_with_the_model,
    unless_admitted_nothing_is_charged_and_nothing_is_spent,
    of_100_concurrent_spends_one_wins,
    of_two_spends_in_one_batch_the_first_wins,
    requests_of_one_person_in_one_batch_see_each_other_in_order,
    a_known_count_is_over_from_the_limit_on_and_for_its_counter_only,
    a_count_is_its_holders_whoever_acts,
    the_highest_sequence_wins_whatever_comes_last,
    hints_of_a_batch_count_for_its_requests,
    an_expired_hint_is_the_same_as_none,
    a_proof_stays_spent_for_as_long_as_it_could_be_shown,
    proofs_of_one_moment_are_two,
    a_spend_that_lasts_long_is_remembered_as_long,
    every_sequence_of_spends_agrees_with_the_model,
    the_largest_batch_is_decided_and_a_larger_one_refused_whole,
    a_clock_that_went_back_locks_nobody_out,
}
