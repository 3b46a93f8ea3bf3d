//! The bounds of the store in memory; its decisions are held by the contract of all stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::{Lasts, RateRule, SPENT_GRACE_S, WhenDown};
use super::*;

const START_US: u64 = 1_800_000_000_000_000;

fn store(bounds: EmbeddedBounds) -> (EmbeddedStore, Arc<AtomicU64>) {
    let now_us = Arc::new(AtomicU64::new(START_US));
    let read = Arc::clone(&now_us);
    (EmbeddedStore::new(Arc::new(move || read.load(Ordering::Relaxed)), bounds), now_us)
}

fn request(person: u8) -> AdmissionRequest {
    let rate = RateRule::new(1, 1_000_000, 10).unwrap();
    let person = PersonKey([person; 32]);
    AdmissionRequest { person, rate, quota: None, spend: None, when_down: WhenDown::Open }
}

fn spending(person: u8, nonce: u8) -> AdmissionRequest {
    let spend =
        Spend { nonce: [nonce; 16], expires_at_s: START_US / 1_000_000 + 100, lasts: Lasts::Short };
    AdmissionRequest { spend: Some(spend), ..request(person) }
}

fn hint(person: u8) -> Hint {
    let expires_at_s = START_US / 1_000_000 + 100;
    Hint {
        actor: PersonKey([person; 32]),
        person: PersonKey([person; 32]),
        period: 1,
        rule: 1,
        count: 4,
        sequence: 9,
        expires_at_s,
    }
}

/// Admitted, with the burst whole again after so many intervals.
fn admitted(intervals: u64) -> Decision {
    Decision::Admitted { whole_in_us: intervals * 1_000_000 }
}

fn used(store: &EmbeddedStore) -> [usize; 3] {
    [&store.person_room, &store.spent_room, &store.hint_room]
        .map(|room| room.used.load(Ordering::Relaxed))
}

#[test]
fn at_the_bound_new_persons_are_refused_and_known_ones_go_on() {
    let (store, _) = store(EmbeddedBounds { persons: 2, ..EmbeddedBounds::default() });
    assert_eq!(store.decide_now(&[request(1), request(2)], &[]), Ok(vec![admitted(1); 2]));
    assert_eq!(store.decide_one(&request(3)), Err(StoreError::Full { what: "persons" }));
    assert_eq!(store.decide_one(&request(1)), Ok(admitted(2)));
    let again = [request(1), request(2), request(1)];
    assert_eq!(store.decide_now(&again, &[]), Ok(vec![admitted(3), admitted(2), admitted(4)]));
    assert_eq!(used(&store), [2, 0, 0]);
}

#[test]
fn a_batch_that_does_not_fit_is_refused_whole() {
    let bounds = EmbeddedBounds { persons: 9, spent: 2, ..EmbeddedBounds::default() };
    let (store, _) = store(bounds);
    let three = [spending(1, 1), spending(2, 2), spending(3, 3)];
    assert_eq!(store.decide_now(&three, &[]), Err(StoreError::Full { what: "spent proofs" }));
    assert_eq!(used(&store), [0, 0, 0]);
    assert_eq!(store.decide_now(&three[..2], &[]), Ok(vec![admitted(1); 2]));
    assert_eq!(
        store.decide_one(&spending(3, 1)),
        Ok(Decision::AlreadySpent),
        "known ones still answer"
    );
    assert_eq!(used(&store), [2, 2, 0]);
}

#[test]
fn at_the_bound_what_is_expired_goes_first() {
    let bounds = EmbeddedBounds { persons: 1, spent: 1, hints: 1 };
    let (store, now_us) = store(bounds);
    store.learn(&[hint(1)]);
    assert_eq!(store.decide_one(&spending(1, 1)), Ok(admitted(1)));
    assert_eq!(store.decide_one(&spending(2, 2)), Err(StoreError::Full { what: "persons" }));
    now_us.fetch_add((100 + SPENT_GRACE_S) * 1_000_000, Ordering::Relaxed);
    let later =
        Spend { nonce: [2; 16], expires_at_s: START_US / 1_000_000 + 300, lasts: Lasts::Short };
    let fresh = AdmissionRequest { spend: Some(later), ..request(2) };
    assert_eq!(store.decide_one(&fresh), Ok(admitted(1)));
    assert_eq!(used(&store), [1, 1, 0]);
    store.learn(&[Hint { expires_at_s: START_US / 1_000_000 + 300, ..hint(2) }]);
    assert_eq!(used(&store), [1, 1, 1]);
}

#[test]
fn at_the_bound_a_new_hint_is_dropped_and_a_known_one_renewed() {
    let (store, _) = store(EmbeddedBounds { hints: 1, ..EmbeddedBounds::default() });
    store.learn(&[hint(1), hint(2), Hint { count: 7, sequence: 10, ..hint(1) }]);
    let known = |person| {
        let holder = hint(person).person;
        let quota = Some(QuotaQuery { holder, period: 1, rule: 1, limit: 4 });
        store.decide_one(&AdmissionRequest { quota, ..request(person) })
    };
    assert_eq!(known(1), Ok(Decision::OverQuotaHint { count: 7, sequence: 10 }));
    assert_eq!(known(2), Ok(admitted(1)));
}

#[test]
fn a_sweep_leaves_only_what_still_matters() {
    let (store, now_us) = store(EmbeddedBounds::default());
    store.learn(&[hint(1)]);
    assert_eq!(store.decide_one(&spending(1, 1)), Ok(admitted(1)));
    store.sweep();
    assert_eq!(used(&store), [1, 1, 1]);
    now_us.fetch_add(1_000_000, Ordering::Relaxed);
    store.sweep();
    assert_eq!(used(&store), [0, 1, 1]);
    now_us.fetch_add((99 + SPENT_GRACE_S) * 1_000_000, Ordering::Relaxed);
    store.sweep();
    assert_eq!(used(&store), [0, 0, 0]);
}

#[test]
fn of_many_threads_spending_one_proof_one_wins() {
    let (store, _) = store(EmbeddedBounds::default());
    let store = &store;
    let won = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|person| scope.spawn(move || store.decide_one(&spending(person, 1))))
            .collect();
        let outcomes = threads.into_iter().map(|thread| thread.join().unwrap().unwrap());
        outcomes.filter(|decision| *decision == admitted(1)).count()
    });
    assert_eq!(won, 1);
    assert_eq!(used(store), [1, 1, 0]);
}
