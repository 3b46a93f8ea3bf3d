//! Persons split into buckets, one store for each: a batch is split with them.
//!
//! Owns which bucket a person belongs to. In Redis the bucket is the hash tag of every key, so all of a
//! bucket lies in one slot of a cluster, and a master that is down takes only its buckets along. Must not
//! know what a store does. Called by the batcher as a store.

use futures_util::future::{BoxFuture, FutureExt, join_all};

use super::{AdmissionRequest, AdmissionStore, Decision, Hint, PersonKey, StoreError, check_batch};

/// Most buckets. Each batch may send one script call to each, so more buckets mean smaller calls.
pub const MAX_BUCKETS: u16 = 256;

/// The bucket of a person, from 0. Every gateway must count the same number of them.
#[must_use]
pub fn bucket_of(person: &PersonKey, buckets: u16) -> u16 {
    let [a, b, c, d, ..] = person.0;
    // Pseudonyms are uniform, so any of their bytes are a hash.
    let bucket = u32::from_le_bytes([a, b, c, d]) % u32::from(buckets.max(1));
    u16::try_from(bucket).expect("a remainder is smaller than its 16-bit divisor")
}

/// One store for each bucket.
pub struct BucketedStore<S> {
    stores: Vec<S>,
}

/// What one bucket gets of a batch.
#[derive(Default)]
struct Part {
    requests: Vec<AdmissionRequest>,
    /// Where the requests stood in the whole batch.
    places: Vec<usize>,
    hints: Vec<Hint>,
}

impl<S: AdmissionStore> BucketedStore<S> {
    /// A store over these, in the order of their buckets.
    ///
    /// # Panics
    /// Without a store, or with more than [`MAX_BUCKETS`].
    #[must_use]
    pub fn new(stores: Vec<S>) -> Self {
        assert!(
            (1..=usize::from(MAX_BUCKETS)).contains(&stores.len()),
            "1 to {MAX_BUCKETS} buckets"
        );
        Self { stores }
    }

    fn split(&self, requests: &[AdmissionRequest], hints: &[Hint]) -> Vec<Part> {
        let buckets = u16::try_from(self.stores.len()).unwrap_or(MAX_BUCKETS);
        let mut parts: Vec<Part> = self.stores.iter().map(|_| Part::default()).collect();
        for (place, request) in requests.iter().enumerate() {
            let part = &mut parts[usize::from(bucket_of(&request.person, buckets))];
            part.requests.push(*request);
            part.places.push(place);
        }
        for hint in hints {
            parts[usize::from(bucket_of(&hint.actor, buckets))].hints.push(*hint);
        }
        parts
    }

    async fn decide_batch(
        &self,
        requests: &[AdmissionRequest],
        hints: &[Hint],
    ) -> Result<Vec<Decision>, StoreError> {
        check_batch(requests, hints)?;
        if let [only] = self.stores.as_slice() {
            return only.decide(requests, hints).await;
        }
        let parts = self.split(requests, hints);
        let asked = self.stores.iter().zip(&parts);
        let asked = asked.filter(|(_, part)| !part.requests.is_empty() || !part.hints.is_empty());
        let answers = join_all(asked.map(async |(store, part)| {
            let decided = store.decide(&part.requests, &part.hints).await?;
            if decided.len() == part.places.len() {
                return Ok((part, decided));
            }
            Err(StoreError::BadReply {
                reason: "a bucket has another number of answers".to_owned(),
            })
        }));
        let mut decisions = vec![Decision::AlreadySpent; requests.len()];
        for answer in answers.await {
            let (part, decided) = answer?;
            for (place, decision) in part.places.iter().zip(decided) {
                decisions[*place] = decision;
            }
        }
        Ok(decisions)
    }
}

impl<S: AdmissionStore> AdmissionStore for BucketedStore<S> {
    /// As the stores do. When one of them fails, the requests of the other buckets may be decided and their
    /// decisions are lost with it; so each is to be a store that falls back.
    fn decide<'a>(
        &'a self,
        requests: &'a [AdmissionRequest],
        hints: &'a [Hint],
    ) -> BoxFuture<'a, Result<Vec<Decision>, StoreError>> {
        self.decide_batch(requests, hints).boxed()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::ready;

    use super::super::{RateRule, WhenDown};
    use super::*;

    /// Answers each request with the number of its bucket and of its person, or fails.
    struct Bucket {
        number: u64,
        fails: bool,
    }

    impl AdmissionStore for Bucket {
        fn decide<'a>(
            &'a self,
            requests: &'a [AdmissionRequest],
            _hints: &'a [Hint],
        ) -> BoxFuture<'a, Result<Vec<Decision>, StoreError>> {
            let answer = |request: &AdmissionRequest| Decision::RateLimited {
                retry_after_us: self.number * 1000 + u64::from(request.person.0[0]),
            };
            let answers = requests.iter().map(answer).collect();
            let failure = || StoreError::TimedOut { deadline_ms: 1 };
            ready(if self.fails { Err(failure()) } else { Ok(answers) }).boxed()
        }
    }

    fn of(person: u8) -> AdmissionRequest {
        let mut key = [0; 32];
        key[0] = person;
        AdmissionRequest {
            person: PersonKey(key),
            rate: RateRule::new(1, 1, 1).expect("a rate"),
            quota: None,
            spend: None,
            when_down: WhenDown::Open,
        }
    }

    fn store(buckets: u64) -> BucketedStore<Bucket> {
        BucketedStore::new((0..buckets).map(|number| Bucket { number, fails: false }).collect())
    }

    #[test]
    fn each_person_is_asked_of_their_bucket_and_answered_in_their_place() {
        for buckets in [1, 2, 7, u64::from(MAX_BUCKETS)] {
            let persons = [5, 9, 5, 0, 255, 8];
            let requests = persons.map(of);
            let decided = store(buckets).decide(&requests, &[]).now_or_never();
            let expected = persons.map(|person| {
                let person = u64::from(person);
                Decision::RateLimited { retry_after_us: person % buckets * 1000 + person }
            });
            assert_eq!(decided, Some(Ok(expected.to_vec())), "{buckets} buckets");
        }
    }

    #[test]
    fn a_bucket_that_fails_is_not_asked_for_persons_of_others() {
        let mut store = store(2);
        store.stores[1].fails = true;
        assert!(store.decide(&[of(0), of(2)], &[]).now_or_never().expect("at once").is_ok());
        assert!(store.decide(&[of(0), of(1)], &[]).now_or_never().expect("at once").is_err());
    }

    #[test]
    #[should_panic(expected = "1 to 256 buckets")]
    fn more_buckets_than_a_batch_should_be_split_into_are_refused() {
        let _ = store(u64::from(MAX_BUCKETS) + 1);
    }
}
