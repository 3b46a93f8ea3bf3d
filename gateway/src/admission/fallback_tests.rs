//! The fallback over a shared store that fails on command, with time in the test's hand: the clock of the
//! local store is set, and the runtime's, by which the shared store is probed, is paused.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use metrics_exporter_prometheus::PrometheusBuilder;

use super::super::{
    BreakerConfig, Clock, EmbeddedBounds, Lasts, PersonKey, QuotaQuery, RateRule, Spend,
};
use super::*;

const START_US: u64 = 1_800_000_000_000_000;
const PAUSE_US: u64 = 1_000_000;
const PAUSE: Duration = Duration::from_micros(PAUSE_US);
const GATEWAYS: u32 = 3;
const CAP: u32 = 5;

/// Admitted, whatever is left.
const ADMITTED: Decision = Decision::Admitted { whole_in_us: 1 };

fn plain(decision: Decision) -> Decision {
    match decision {
        Decision::Admitted { .. } => ADMITTED,
        other => other,
    }
}

/// Admits everything, or fails, and counts how often it was asked.
#[derive(Default)]
struct Shared {
    failing: AtomicBool,
    asked: AtomicUsize,
}

impl AdmissionStore for Arc<Shared> {
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
    store: FallbackStore<Arc<Shared>>,
    shared: Arc<Shared>,
    now_us: Arc<AtomicU64>,
}

fn setup() -> Setup {
    setup_with(EmbeddedBounds::default())
}

fn setup_with(bounds: EmbeddedBounds) -> Setup {
    let now_us = Arc::new(AtomicU64::new(START_US));
    let read = Arc::clone(&now_us);
    let clock: Clock = Arc::new(move || read.load(Ordering::Relaxed));
    let shared = Arc::new(Shared::default());
    let local = Arc::new(EmbeddedStore::new(Arc::clone(&clock), bounds));
    let config = BreakerConfig { successes: 1, ..BreakerConfig::default() };
    let breaker = Arc::new(Breaker::new(0, config));
    let rules = LocalRules { gateways: GATEWAYS, cap: Arc::new(Cap::new(CAP)) };
    let store = FallbackStore::new(Arc::clone(&shared), local, breaker, rules);
    Setup { store, shared, now_us }
}

impl Setup {
    fn batch(&self, requests: &[AdmissionRequest]) -> Vec<Decision> {
        let decided = self.store.decide(requests, &[]).now_or_never();
        let decided = decided.expect("nothing here waits").expect("a fallback never fails");
        decided.into_iter().map(plain).collect()
    }

    fn decide(&self, request: AdmissionRequest) -> Decision {
        self.batch(&[request])[0]
    }

    fn fail(&self, failing: bool) {
        self.shared.failing.store(failing, Ordering::Relaxed);
    }

    fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::Relaxed)
    }

    fn advance_us(&self, by: u64) {
        self.now_us.fetch_add(by, Ordering::Relaxed);
    }
}

/// Lets the runtime's time go on; a probe that is due is over afterwards.
async fn passes(time: Duration) {
    tokio::time::sleep(time + Duration::from_millis(1)).await;
}

/// Nine at once after a rest, and three hundred in five minutes.
fn of(person: u8, when_down: WhenDown) -> AdmissionRequest {
    let rate = RateRule::new(1, 1_000_000, 9).unwrap();
    AdmissionRequest { person: PersonKey([person; 32]), rate, quota: None, spend: None, when_down }
}

fn spend(number: u8) -> Option<Spend> {
    Some(Spend {
        nonce: [number; 16],
        expires_at_s: START_US / 1_000_000 + 100,
        lasts: Lasts::Short,
    })
}

#[tokio::test(start_paused = true)]
async fn open_requests_have_the_whole_limit_while_the_shared_store_fails() {
    let setup = setup();
    setup.fail(true);
    for _ in 0..9 {
        assert_eq!(setup.decide(of(1, WhenDown::Open)), ADMITTED);
    }
    let limited = Decision::RateLimited { retry_after_us: 1_000_000 };
    assert_eq!(setup.decide(of(1, WhenDown::Open)), limited);
}

#[tokio::test(start_paused = true)]
async fn degraded_requests_have_their_share_of_the_limit() {
    let setup = setup();
    setup.fail(true);
    for _ in 0..9 / GATEWAYS {
        assert_eq!(setup.decide(of(1, WhenDown::Degraded)), ADMITTED);
    }
    let limited = Decision::RateLimited { retry_after_us: 1_000_000 * u64::from(GATEWAYS) };
    assert_eq!(setup.decide(of(1, WhenDown::Degraded)), limited);
}

#[tokio::test(start_paused = true)]
async fn the_cap_on_all_persons_is_asked_last_and_what_it_refuses_costs_nothing() {
    let setup = setup();
    setup.fail(true);
    // One person who asks for more than their share takes nothing more from the others' cap.
    let greedy = vec![of(1, WhenDown::Degraded); 50];
    let admitted =
        |decided: &[Decision]| decided.iter().filter(|decision| **decision == ADMITTED).count();
    assert_eq!(admitted(&setup.batch(&greedy)), 3);
    assert_eq!(admitted(&setup.batch(&[2, 3].map(|who| of(who, WhenDown::Degraded)))), 2);
    let proven = AdmissionRequest { spend: spend(1), ..of(4, WhenDown::Degraded) };
    assert_eq!(setup.decide(proven), Decision::Shed { retry_after_us: 200_000 });
    assert_eq!(setup.decide(of(5, WhenDown::Open)), ADMITTED, "reads are not capped");
    // Neither the proof nor the person's own limit was used up.
    setup.advance_us(PAUSE_US - 1);
    for _ in 0..2 {
        assert_eq!(setup.decide(of(4, WhenDown::Degraded)), ADMITTED);
    }
    assert_eq!(setup.decide(proven), ADMITTED);
}

#[tokio::test(start_paused = true)]
async fn closed_requests_are_asked_to_come_back_when_the_store_is_probed() {
    let setup = setup();
    setup.fail(true);
    let shed = Decision::Shed { retry_after_us: PAUSE_US };
    assert_eq!(setup.decide(of(1, WhenDown::Closed)), shed);
    setup.fail(false);
    assert_eq!(setup.decide(of(1, WhenDown::Closed)), ADMITTED);
}

#[tokio::test(start_paused = true)]
async fn a_full_local_store_sheds_only_those_who_need_a_place() {
    let setup = setup_with(EmbeddedBounds { persons: 2, ..EmbeddedBounds::default() });
    setup.fail(true);
    let asked = [1, 2, 3, 1].map(|who| of(who, WhenDown::Open));
    let shed = Decision::Shed { retry_after_us: RETRY_WHEN_FULL_US };
    let yes = ADMITTED;
    assert_eq!(setup.batch(&asked), [yes, yes, shed, yes]);
}

#[tokio::test(start_paused = true)]
async fn after_failures_in_a_row_the_shared_store_is_left_alone_and_probed_once_a_pause() {
    let setup = setup();
    setup.fail(true);
    let ask = || {
        for who in 0..10 {
            assert_eq!(setup.decide(of(who, WhenDown::Open)), ADMITTED);
        }
    };
    ask();
    assert_eq!(setup.asked(), 3);
    passes(PAUSE - Duration::from_millis(2)).await;
    ask();
    assert_eq!(setup.asked(), 3);
    passes(Duration::from_millis(2)).await;
    ask();
    assert_eq!(setup.asked(), 4, "a probe that fails buys another pause");
    setup.fail(false);
    passes(PAUSE).await;
    assert_eq!(setup.asked(), 5, "nobody needs to ask for it to be found well");
    ask();
    assert_eq!(setup.asked(), 15);
}

#[tokio::test(start_paused = true)]
async fn each_core_finds_its_own_connection_well_before_it_is_asked_over_it() {
    let [one, mut other] = [setup(), setup()];
    // Two cores of one process.
    let shared = Arc::clone(&other.shared);
    let breaker = Arc::clone(&one.store.core.breaker);
    let rules = LocalRules { gateways: GATEWAYS, cap: Arc::new(Cap::new(CAP)) };
    let local = Arc::clone(&other.store.local);
    other.store = FallbackStore::new(shared, local, breaker, rules);
    one.fail(true);
    other.fail(true);
    for who in 0..3 {
        assert_eq!(one.decide(of(who, WhenDown::Open)), ADMITTED);
    }
    assert_eq!((other.decide(of(5, WhenDown::Open)), other.asked()), (ADMITTED, 0));
    one.fail(false);
    passes(PAUSE).await;
    let asked = other.asked();
    assert_eq!(asked, 1, "probed as well");
    assert_eq!((one.decide(of(9, WhenDown::Open)), one.asked()), (ADMITTED, 5));
    assert_eq!((other.decide(of(9, WhenDown::Open)), other.asked()), (ADMITTED, asked));
    other.fail(false);
    passes(PAUSE).await;
    assert_eq!((other.decide(of(9, WhenDown::Open)), other.asked()), (ADMITTED, asked + 2));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_nobody_asks_is_asked_now_and_then() {
    let setup = setup();
    passes(IDLE_LOOK).await;
    assert_eq!(setup.asked(), 1);
    assert_eq!((setup.decide(of(1, WhenDown::Open)), setup.asked()), (ADMITTED, 2));
    passes(IDLE_LOOK).await;
    assert_eq!(setup.asked(), 2, "somebody asked meanwhile");
    setup.fail(true);
    passes(4 * IDLE_LOOK).await;
    let before = setup.asked();
    assert_eq!((setup.decide(of(1, WhenDown::Open)), setup.asked()), (ADMITTED, before));
}

#[tokio::test(start_paused = true)]
async fn nobody_probes_for_a_store_that_is_gone() {
    let setup = setup();
    setup.fail(true);
    for _ in 0..3 {
        assert_eq!(setup.decide(of(1, WhenDown::Open)), ADMITTED);
    }
    let Setup { store, shared, .. } = setup;
    drop(store);
    passes(3 * PAUSE).await;
    assert_eq!(shared.asked.load(Ordering::Relaxed), 3);
    assert_eq!(Arc::strong_count(&shared), 1, "the probe has ended");
}

#[tokio::test(start_paused = true)]
async fn hints_told_in_good_times_are_known_locally_in_bad_ones() {
    let setup = setup();
    let person = PersonKey([1; 32]);
    let expires_at_s = START_US / 1_000_000 + 100;
    let hint =
        Hint { actor: person, person, period: 1, rule: 1, count: 4, sequence: 9, expires_at_s };
    let told = setup.store.decide(&[], &[hint]).now_or_never();
    assert_eq!(told, Some(Ok(vec![])));
    setup.fail(true);
    let quota = Some(QuotaQuery { holder: person, period: 1, rule: 1, limit: 4 });
    let over = Decision::OverQuotaHint { count: 4, sequence: 9 };
    assert_eq!(setup.decide(AdmissionRequest { quota, ..of(1, WhenDown::Degraded) }), over);
}

#[tokio::test(start_paused = true)]
async fn a_proof_seen_spent_stays_spent_whatever_the_shared_store_forgets() {
    let setup = setup();
    let proven = AdmissionRequest { spend: spend(1), ..of(1, WhenDown::Degraded) };
    let other = AdmissionRequest { spend: spend(2), ..of(1, WhenDown::Degraded) };
    assert_eq!(setup.decide(proven), ADMITTED);
    // This shared store remembers nothing, as one that was flushed.
    let (yes, spent) = (ADMITTED, Decision::AlreadySpent);
    assert_eq!(setup.batch(&[proven, other, proven]), [spent, yes, spent]);
    setup.fail(true);
    assert_eq!(setup.batch(&[proven, other]), [spent, spent]);
    // And a proof that was spent here alone stays spent when the shared store is back.
    let third = AdmissionRequest { spend: spend(3), ..of(2, WhenDown::Degraded) };
    assert_eq!(setup.decide(third), yes);
    setup.fail(false);
    passes(2 * PAUSE).await;
    assert_eq!(setup.decide(third), spent);
}

#[tokio::test(start_paused = true)]
async fn metrics_show_who_decides_and_how_that_changed() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let shown = recorder.handle();
    let says = |line: &str| {
        let page = shown.render();
        assert!(page.contains(&format!("gateway_admission_{line}\n")), "{line} in {page}");
    };
    let _recording = metrics::set_default_local_recorder(&recorder);
    let setup = setup();
    says("degraded 0");
    setup.fail(true);
    for _ in 0..2 {
        assert_eq!(setup.decide(of(1, WhenDown::Open)), ADMITTED);
    }
    says("degraded 0");
    for _ in 0..3 {
        assert_eq!(setup.decide(of(1, WhenDown::Open)), ADMITTED);
    }
    says("degraded 1");
    says("changes_total{decider=\"local\"} 1");
    says("store_failures_total{kind=\"timed_out\"} 3");
    setup.fail(false);
    passes(PAUSE).await;
    says("degraded 0");
    says("changes_total{decider=\"shared\"} 1");
    setup.fail(true);
    for _ in 0..3 {
        assert_eq!(setup.decide(of(3, WhenDown::Open)), ADMITTED);
    }
    says("degraded 1");
    drop(setup);
    says("degraded 0");
}
