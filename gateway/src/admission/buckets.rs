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
