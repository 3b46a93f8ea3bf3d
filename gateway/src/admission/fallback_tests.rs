//! The fallback over a primary that fails on command, with time in the test's hand.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use futures_util::FutureExt;
use metrics_exporter_prometheus::PrometheusBuilder;

use super::super::{EmbeddedBounds, PersonKey, QuotaQuery, RateRule};
use super::*;

const START_US: u64 = 1_800_000_000_000_000;
const PAUSE_US: u64 = 1_000_000;

/// What the primary of these tests says.
const ADMITTED: Decision = Decision::Admitted { whole_in_us: 1 };

/// Admits everything, or fails, and counts how often it was asked.
#[derive(Default)]
struct Primary {
    failing: std::sync::atomic::AtomicBool,
    asked: AtomicUsize,
}

impl AdmissionStore for Arc<Primary> {
    fn decide<'a>(
        &'a self,
        requests: &'a [AdmissionRequest],
        _hints: &'a [Hint],
    ) -> BoxFuture<'a, Result<Vec<Decision>, StoreError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let decided = if self.failing.load(Ordering::Relaxed) {
            Err(StoreError::TimedOut { deadline_ms: 50 })
        } else {
            Ok(vec![ADMITTED; requests.len()])
        };
        futures_util::future::ready(decided).boxed()
    }
}

struct Setup {
    store: FallbackStore<Arc<Primary>>,
    primary: Arc<Primary>,
    now_us: Arc<AtomicU64>,
}

fn setup() -> Setup {
    let now_us = Arc::new(AtomicU64::new(START_US));
    let read = Arc::clone(&now_us);
    let clock: Clock = Arc::new(move || read.load(Ordering::Relaxed));
    let primary = Arc::new(Primary::default());
    let local = Arc::new(EmbeddedStore::new(Arc::clone(&clock), EmbeddedBounds::default()));
    let store = FallbackStore::new(Arc::clone(&primary), local, clock, BreakerConfig::default());
    Setup { store, primary, now_us }
}

impl Setup {
    fn decide(&self, request: AdmissionRequest) -> Result<Decision, StoreError> {
        let decided =
            self.store.decide(&[request], &[]).now_or_never().expect("nothing here waits");
        decided.map(|decisions| decisions[0])
    }

    fn fail(&self, failing: bool) {
        self.primary.failing.store(failing, Ordering::Relaxed);
    }

    fn asked(&self) -> usize {
        self.primary.asked.load(Ordering::Relaxed)
    }
}

fn request() -> AdmissionRequest {
    let rate = RateRule::new(1, 1_000_000_000, 3).unwrap();
    AdmissionRequest { person: PersonKey([1; 32]), rate, quota: None, spend: None }
}

#[test]
fn while_the_primary_fails_the_local_store_decides() {
    let setup = setup();
    setup.fail(true);
    for _ in 0..3 {
        let decided = setup.decide(request());
        assert!(matches!(decided, Ok(Decision::Admitted { .. })), "{decided:?}");
    }
    let limited = Decision::RateLimited { retry_after_us: 1_000_000_000 };
    assert_eq!(setup.decide(request()), Ok(limited));
}

#[test]
fn after_failures_in_a_row_the_primary_is_left_alone_and_probed_once_a_pause() {
    let setup = setup();
    setup.fail(true);
    for _ in 0..10 {
        assert!(setup.decide(request()).is_ok());
    }
    assert_eq!(setup.asked(), 3);
    setup.now_us.fetch_add(PAUSE_US - 1, Ordering::Relaxed);
    assert!(setup.decide(request()).is_ok());
    assert_eq!(setup.asked(), 3);
    setup.now_us.fetch_add(1, Ordering::Relaxed);
    for _ in 0..10 {
        assert!(setup.decide(request()).is_ok());
    }
    assert_eq!(setup.asked(), 4, "a probe that fails buys another pause");
    setup.now_us.fetch_add(PAUSE_US, Ordering::Relaxed);
    setup.fail(false);
    for _ in 0..10 {
        assert_eq!(setup.decide(request()), Ok(ADMITTED), "the primary knows no limit");
    }
    assert_eq!(setup.asked(), 14);
}

#[test]
fn a_success_between_failures_keeps_the_primary_in_use() {
    let setup = setup();
    for failing in [true, true, false, true, true, false] {
        setup.fail(failing);
        assert!(setup.decide(request()).is_ok());
    }
    assert_eq!(setup.asked(), 6);
}

#[test]
fn a_clock_that_went_back_does_not_prolong_the_pause() {
    let mut breaker = Breaker::new(BreakerConfig { failures: 1, ..BreakerConfig::default() });
    assert_eq!(breaker.failed(START_US), Change::Degraded);
    assert_eq!(breaker.route(START_US), Route::Local);
    assert_eq!(breaker.route(START_US - 1), Route::Primary);
}

#[test]
fn a_probe_whose_result_never_comes_is_followed_by_another() {
    let mut breaker = Breaker::new(BreakerConfig { failures: 1, ..BreakerConfig::default() });
    breaker.failed(START_US);
    assert_eq!(breaker.route(START_US + PAUSE_US), Route::Primary);
    assert_eq!(breaker.route(START_US + PAUSE_US), Route::Local);
    assert_eq!(breaker.route(START_US + 2 * PAUSE_US), Route::Primary);
}

#[test]
fn hints_told_in_good_times_are_known_locally_in_bad_ones() {
    let setup = setup();
    let person = PersonKey([1; 32]);
    let expires_at_s = START_US / 1_000_000 + 100;
    let hint = Hint { person, period: 1, rule: 1, count: 4, sequence: 9, expires_at_s };
    let told = setup.store.decide(&[], &[hint]).now_or_never();
    assert_eq!(told, Some(Ok(vec![])));
    setup.fail(true);
    let quota = Some(QuotaQuery { holder: person, period: 1, rule: 1, limit: 4 });
    let over = Decision::OverQuotaHint { count: 4, sequence: 9 };
    assert_eq!(setup.decide(AdmissionRequest { quota, ..request() }), Ok(over));
}

#[test]
fn the_gauge_shows_who_decides() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let shown = recorder.handle();
    let says = |value: &str| {
        let page = shown.render();
        assert!(page.contains(&format!("gateway_admission_degraded {value}\n")), "{page}");
    };
    let setup = metrics::with_local_recorder(&recorder, setup);
    says("0");
    setup.fail(true);
    for _ in 0..5 {
        assert!(setup.decide(request()).is_ok());
    }
    says("1");
    setup.now_us.fetch_add(PAUSE_US, Ordering::Relaxed);
    setup.fail(false);
    assert!(setup.decide(request()).is_ok());
    says("0");
    setup.fail(true);
    assert!(setup.decide(request()).is_ok());
    says("1");
    drop(setup);
    says("0");
}
