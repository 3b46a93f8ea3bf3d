//! Admission: may this person's request go on to the ledger?
//!
//! Owns the three questions asked in one step, all or nothing: is the person within the rate (GCRA), does
//! a hint say that the person is over a quota, and was this proof of work spent before. Owns also the
//! local fence that stands before them.
//!
//! Must not know HTTP, places, policies or the journal. Nothing here is the authority on a limit: hints
//! repeat what the ledger said, and the ledger decides again.
//!
//! Called by the hot lane, which holds one [`AdmissionHandle`] per core and one [`LocalFence`] per process.

mod batcher;
mod breaker;
mod buckets;
mod cap;
mod data_epoch;
mod embedded;
mod fallback;
mod fence;
mod gcra;
mod measures;
mod redis_endpoint;
mod redis_link;
mod redis_store;
mod redis_wire;
mod shared_peaks;

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;

pub use batcher::{AdmissionError, AdmissionHandle, MAX_QUEUED, MAX_QUEUED_HINTS};
pub use breaker::{Breaker, BreakerConfig};
pub use buckets::{BucketedStore, MAX_BUCKETS, bucket_of};
pub use cap::Cap;
pub use data_epoch::DataEpoch;
pub use embedded::{EmbeddedBounds, EmbeddedStore, MAX_HINTS, MAX_PERSONS, MAX_SPENT};
pub use fallback::{FallbackStore, IDLE_LOOK, LocalRules, MAX_GATEWAYS};
pub use fence::{
    AddressKey, FenceConfig, FenceRate, FenceRateError, FenceRefusal, LocalFence, LoginFence,
    MAX_FENCE_KEYS,
};
pub use gcra::{RATE_WINDOW_US, RateRule, RateRuleError, TooEarly, next_arrival};
pub use redis_endpoint::{BadEndpoint, MAX_CLUSTER_NODES, RedisEndpoint};
pub use redis_store::{RedisStore, RedisStoreConfig};
pub use shared_peaks::{MAX_SHARED_PEAKS, Peak, SharedPeaks};

/// Hashes keys that begin with the name of a person: names are HMACs, whose bits nobody chooses, so that a
/// quick hash will do and nobody can bring about collisions.
pub type NameHash = rustc_hash::FxBuildHasher;

/// Most requests that one call of [`AdmissionStore::decide`] takes.
pub const MAX_BATCH: usize = 128;

/// Most hints that one call of [`AdmissionStore::decide`] takes.
pub const MAX_HINTS_PER_BATCH: usize = 128;

/// How long after its expiry a spent nonce is still remembered, in seconds.
///
/// The gateway that checked a proof and the store that spends it read different clocks; within this
/// difference a proof can neither be spent twice nor be refused early.
pub const SPENT_GRACE_S: u64 = 60;

/// Who acts: the pseudonym of an identified person, uniform like the output of a hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PersonKey(pub [u8; 32]);

impl fmt::Debug for PersonKey {
    /// Hides the pseudonym, so that it cannot reach a log by accident.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PersonKey(…)")
    }
}

/// Which counter the ledger's count belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QuotaQuery {
    /// Whose count: the human who acts, or the one they act for.
    pub holder: PersonKey,
    /// The counting period, an opaque id that never comes back for another period.
    pub period: u32,
    /// The rule that counts.
    pub rule: u16,
    /// The count from which the person is over the quota.
    pub limit: u32,
}

/// How long a spend has to be remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Lasts {
    /// Until [`Spend::expires_at_s`], which is never more than [`MAX_SHORT_SPEND_S`] ahead.
    #[default]
    Short,
    /// Until [`Spend::expires_at_s`], however far ahead that is; costs the store more.
    Long,
}

/// How far ahead the expiry of a [`Lasts::Short`] spend is at most, in seconds: a store may keep it with the
/// pace of its person, which it remembers for [`RATE_WINDOW_US`]. One that is further ahead may be refused as
/// [`Decision::AlreadySpent`].
pub const MAX_SHORT_SPEND_S: u64 = RATE_WINDOW_US / 1_000_000 - 2 * SPENT_GRACE_S;

/// One use of a verified proof of work. A proof is bound to one person and one kind of request, so a store
/// may remember it with that person's pace, and tells spends of one nonce apart only for one pace of one
/// person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Spend {
    /// What makes the proof unique; chosen by the gateway that issued the challenge.
    pub nonce: [u8; 16],
    /// When the proof stops being valid, in Unix seconds; always the same for one nonce, for a store
    /// may look for the nonce among those of that time only. Later spends than this plus
    /// [`SPENT_GRACE_S`] are answered with [`Decision::AlreadySpent`].
    pub expires_at_s: u64,
    /// How far ahead that may be; always the same for one nonce, for a store may look for it in one place
    /// only.
    pub lasts: Lasts,
}

impl Spend {
    /// The Unix second from which a store may forget the nonce, because it refuses it unread.
    fn forget_at_s(&self) -> u64 {
        self.expires_at_s.saturating_add(SPENT_GRACE_S)
    }
}

/// Who decides a request while the store that all gateways share does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WhenDown {
    /// This process alone, with the whole limit: for reads, which take nothing from anybody.
    #[default]
    Open,
    /// This process alone, with the limit divided by the number of gateways and under the cap on all
    /// persons together: each limit still holds over all gateways.
    Degraded,
    /// Nobody: the request is asked to come back.
    Closed,
}

/// One question to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdmissionRequest {
    /// The identified human who acts.
    pub person: PersonKey,
    /// The pace that this kind of request is held to.
    pub rate: RateRule,
    /// The quota to compare with what the ledger last said, where one applies.
    pub quota: Option<QuotaQuery>,
    /// The proof to spend, where one was asked for.
    pub spend: Option<Spend>,
    /// What happens to it when the shared store does not answer; a store in memory ignores it.
    pub when_down: WhenDown,
}

/// What the store answers. Unless it is `Admitted`, nothing was charged and nothing was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Within the rate, not known to be over the quota, and the proof is now spent.
    Admitted {
        /// The time after which the whole burst is back, in microseconds; at least one interval.
        whole_in_us: u64,
    },
    /// Too early.
    RateLimited {
        /// The wait after which the same request is within the rate, in microseconds.
        retry_after_us: u64,
    },
    /// The ledger said that the person had reached the limit; to be checked there before refusing.
    OverQuotaHint {
        /// The count that the ledger gave.
        count: u32,
        /// The ledger's sequence number at that count.
        sequence: u64,
    },
    /// The proof was used before, or is so long expired that nobody remembers.
    AlreadySpent,
    /// The shared store does not answer, and this process may not admit the request alone, or not now.
    Shed {
        /// The wait after which asking again makes sense, in microseconds.
        retry_after_us: u64,
    },
}

/// The ledger's word on one person's count. Of two hints the higher sequence number is the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Who acted; the hint is kept where this person's requests are decided.
    pub actor: PersonKey,
    /// Whose count, as in [`QuotaQuery::holder`].
    pub person: PersonKey,
    /// The counting period, as in [`QuotaQuery::period`].
    pub period: u32,
    /// The rule that counts, as in [`QuotaQuery::rule`].
    pub rule: u16,
    /// The true count at `sequence`.
    pub count: u32,
    /// The ledger's sequence number.
    pub sequence: u64,
    /// When the count stops to matter, in Unix seconds.
    pub expires_at_s: u64,
}

/// Why a store did not decide a batch. The batch is then undecided as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A bound is reached; nothing of the batch was charged or spent.
    #[error("the admission store is full: no room for more {what}")]
    Full {
        /// Which map is at its bound.
        what: &'static str,
    },
    /// More than [`MAX_BATCH`] requests or [`MAX_HINTS_PER_BATCH`] hints; nothing was sent.
    #[error("a batch of {requests} requests and {hints} hints is larger than a store takes")]
    BatchTooLarge {
        /// Requests in the batch.
        requests: usize,
        /// Hints in the batch.
        hints: usize,
    },
    /// No answer in time. The batch may or may not have been decided, and is never sent again.
    #[error("the admission store did not answer within {deadline_ms} ms")]
    TimedOut {
        /// How long the store was waited for, in milliseconds.
        deadline_ms: u64,
    },
    /// The store cannot be reached, or refused to work.
    #[error("the admission store is unavailable: {reason}")]
    Unavailable {
        /// For the log; holds no personal data.
        reason: String,
    },
    /// The answer does not fit the question.
    #[error("the admission store answered something that is not an answer: {reason}")]
    BadReply {
        /// For the log; holds no personal data.
        reason: String,
    },
}

/// A store that decides batches of requests.
///
/// Within a batch the hints are learnt first, then the requests are decided in their order: two requests
/// of one person see each other, and of two spends of one nonce the first wins.
pub trait AdmissionStore: Send + Sync {
    /// Decides every request, in order; the answer has one decision per request.
    ///
    /// Takes at most [`MAX_BATCH`] requests and [`MAX_HINTS_PER_BATCH`] hints. A future that is dropped
    /// leaves the batch either decided or untouched, and the caller cannot know which.
    fn decide<'a>(
        &'a self,
        requests: &'a [AdmissionRequest],
        hints: &'a [Hint],
    ) -> BoxFuture<'a, Result<Vec<Decision>, StoreError>>;
}

/// Refuses a batch that is over the bounds of [`AdmissionStore::decide`].
fn check_batch(requests: &[AdmissionRequest], hints: &[Hint]) -> Result<(), StoreError> {
    if requests.len() > MAX_BATCH || hints.len() > MAX_HINTS_PER_BATCH {
        return Err(StoreError::BatchTooLarge { requests: requests.len(), hints: hints.len() });
    }
    Ok(())
}

/// Tells the time as Unix microseconds. An argument everywhere, so that tests own it.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The clock of the machine; 0 when it stands before 1970.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
}
