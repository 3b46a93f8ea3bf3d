//! The batcher over a store that answers when the test says so.

use std::future::Future;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, join_all};
use tokio::sync::Semaphore;
use tokio::task::yield_now;

use super::super::{EmbeddedBounds, PersonKey, QuotaQuery, RateRule, WhenDown, system_clock};
use super::*;

/// What the store of these tests says.
const ADMITTED: Decision = Decision::Admitted { whole_in_us: 1 };

/// Waits for a permit per batch, remembers what it was sent, and admits all or fails.
struct Gate {
    open: Semaphore,
    sent: Mutex<Vec<(Vec<AdmissionRequest>, Vec<Hint>)>>,
    failure: Option<StoreError>,
}

impl Gate {
    fn new(failure: Option<StoreError>) -> Arc<Self> {
        Arc::new(Self { open: Semaphore::new(0), sent: Mutex::default(), failure })
    }

    fn batch_sizes(&self) -> Vec<usize> {
        self.sent.lock().iter().map(|(requests, _)| requests.len()).collect()
    }
}

impl AdmissionStore for Gate {
    fn decide<'a>(
        &'a self,
        requests: &'a [AdmissionRequest],
        hints: &'a [Hint],
    ) -> BoxFuture<'a, Result<Vec<Decision>, StoreError>> {
        self.sent.lock().push((requests.to_vec(), hints.to_vec()));
        async {
            self.open.acquire().await.expect("never closed").forget();
            match &self.failure {
                Some(failure) => Err(failure.clone()),
                None => Ok(vec![ADMITTED; requests.len()]),
            }
        }
        .boxed()
    }
}

fn run_test(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ended =
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), test).await });
    ended.expect("nothing hangs");
}

fn request(person: u32) -> AdmissionRequest {
    let mut key = [0; 32];
    key[..4].copy_from_slice(&person.to_be_bytes());
    let rate = RateRule::new(1, 1_000, 3).unwrap();
    AdmissionRequest {
        person: PersonKey(key),
        rate,
        quota: None,
        spend: None,
        when_down: WhenDown::Open,
    }
}

async fn ask(handle: &AdmissionHandle, person: u32) -> Result<Decision, AdmissionError> {
    handle.admit(&request(person)).await
}

fn hint(sequence: u64) -> Hint {
    let person = request(1).person;
    Hint { actor: person, person, period: 1, rule: 1, count: 4, sequence, expires_at_s: u64::MAX }
}

/// Polls once, so that the request is queued.
async fn queue<T>(asked: &mut (impl Future<Output = T> + Unpin)) {
    assert!(asked.now_or_never().is_none());
    yield_now().await;
}

#[test]
fn what_gathers_while_a_batch_is_away_is_the_next_batch() {
    run_test(async {
        let gate = Gate::new(None);
        let handle = AdmissionHandle::spawn(gate.clone());
        let mut first = ask(&handle, 0).boxed();
        queue(&mut first).await;
        let others = (1..=300).map(|person| ask(&handle, person));
        let mut others = join_all(others).boxed();
        queue(&mut others).await;
        assert_eq!(gate.batch_sizes(), [1]);
        gate.open.add_permits(4);
        assert_eq!(first.await, Ok(ADMITTED));
        assert!(others.await.iter().all(|answer| *answer == Ok(ADMITTED)));
        assert_eq!(gate.batch_sizes(), [1, MAX_BATCH, MAX_BATCH, 300 - 2 * MAX_BATCH]);
        let sent: Vec<_> =
            gate.sent.lock().iter().flat_map(|(requests, _)| requests.clone()).collect();
        assert_eq!(sent, (0..=300).map(request).collect::<Vec<_>>(), "in the order they came");
    });
}

#[test]
fn beyond_the_queue_requests_are_refused_as_overloaded() {
    run_test(async {
        let gate = Gate::new(None);
        let handle = AdmissionHandle::spawn(gate.clone());
        let mut away = ask(&handle, 0).boxed();
        queue(&mut away).await;
        let mut queued =
            join_all((0..MAX_QUEUED as u32).map(|person| ask(&handle, person))).boxed();
        queue(&mut queued).await;
        assert_eq!(ask(&handle, 1).await, Err(AdmissionError::Overloaded));
        gate.open.add_permits(MAX_QUEUED);
        assert!(queued.await.iter().all(|answer| *answer == Ok(ADMITTED)));
        assert_eq!(ask(&handle, 1).await, Ok(ADMITTED));
    });
}

#[test]
fn a_caller_that_went_away_is_not_sent_and_holds_nobody_up() {
    run_test(async {
        let gate = Gate::new(None);
        let handle = AdmissionHandle::spawn(gate.clone());
        let mut away = ask(&handle, 0).boxed();
        queue(&mut away).await;
        let mut gone = ask(&handle, 1).boxed();
        queue(&mut gone).await;
        let mut stays = ask(&handle, 2).boxed();
        queue(&mut stays).await;
        drop((away, gone));
        gate.open.add_permits(2);
        assert_eq!(stays.await, Ok(ADMITTED));
        assert_eq!(gate.sent.lock()[1].0, [request(2)]);
    });
}

#[test]
fn a_failing_store_fails_its_callers_and_not_the_next() {
    run_test(async {
        for (failure, expected) in [
            (StoreError::TimedOut { deadline_ms: 50 }, AdmissionError::Unavailable),
            (StoreError::Full { what: "persons" }, AdmissionError::Overloaded),
        ] {
            let gate = Gate::new(Some(failure));
            let handle = AdmissionHandle::spawn(gate.clone());
            gate.open.add_permits(2);
            assert_eq!(ask(&handle, 0).await, Err(expected));
            assert_eq!(ask(&handle, 0).await, Err(expected));
        }
    });
}

#[test]
fn hints_go_with_the_next_batch_and_the_oldest_are_dropped_for_newer_ones() {
    run_test(async {
        let gate = Gate::new(None);
        let handle = AdmissionHandle::spawn(gate.clone());
        gate.open.add_permits(2);
        (0..=MAX_QUEUED_HINTS as u64).for_each(|sequence| handle.hint(hint(sequence)));
        assert_eq!(ask(&handle, 0).await, Ok(ADMITTED));
        assert_eq!(ask(&handle, 0).await, Ok(ADMITTED));
        let sent = gate.sent.lock();
        let sequences =
            |batch: usize| -> Vec<u64> { sent[batch].1.iter().map(|hint| hint.sequence).collect() };
        let first = 1 + MAX_HINTS_PER_BATCH as u64;
        assert_eq!(sequences(0), (1..first).collect::<Vec<_>>());
        assert_eq!(sequences(1), (first..first + MAX_HINTS_PER_BATCH as u64).collect::<Vec<_>>());
    });
}

#[test]
fn when_its_task_is_gone_a_handle_says_unavailable() {
    let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let handle = other.block_on(async { AdmissionHandle::spawn(Gate::new(None)) });
    drop(other);
    run_test(async {
        assert_eq!(ask(&handle, 0).await, Err(AdmissionError::Unavailable));
    });
}

#[test]
fn a_store_in_memory_decides_without_waiting_and_without_a_runtime() {
    let store = Arc::new(EmbeddedStore::new(system_clock(), EmbeddedBounds::default()));
    let handle = AdmissionHandle::direct(store);
    let admitted = ask(&handle, 0).now_or_never();
    assert!(matches!(admitted, Some(Ok(Decision::Admitted { .. }))), "{admitted:?}");
    handle.hint(hint(9));
    let holder = hint(9).person;
    let quota = Some(QuotaQuery { holder, period: 1, rule: 1, limit: 4 });
    let over = Decision::OverQuotaHint { count: 4, sequence: 9 };
    let asking = AdmissionRequest { quota, ..request(1) };
    let asked = handle.admit(&asking);
    assert_eq!(asked.now_or_never(), Some(Ok(over)));
}
