//! Redis first, memory when it fails: admission goes on, only coarser.
//!
//! Owns the choice between the shared store and the local one, and a breaker so that a dead Redis costs a
//! few deadlines and not one per batch. Must not know Redis. Called by the batcher as a store.
//!
//! Falling back is safe because nothing here is the authority: while each gateway counts for itself a person
//! may get a higher pace and a proof may be used once per gateway, but the ledger still holds every limit.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use parking_lot::Mutex;

use super::{
    AdmissionRequest, AdmissionStore, Clock, Decision, EmbeddedStore, Hint, StoreError, measures,
};

/// When to stop asking the primary store and when to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerConfig {
    /// Failed batches in a row after which the primary is left alone. Default 3; 0 counts as 1.
    pub failures: u32,
    /// How long it is left alone before one batch probes it. Default 1 s.
    pub pause: Duration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { failures: 3, pause: Duration::from_secs(1) }
    }
}

/// Where the next batch goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Primary,
    Local,
}

/// What a result changed about who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    None,
    Degraded,
    Recovered,
}

/// The breaker, pure: time is an argument.
struct Breaker {
    failures: u32,
    pause_us: u64,
    failed_in_a_row: u32,
    /// Until when the primary is left alone, in Unix microseconds; meaningless while closed.
    alone_until_us: u64,
    open: bool,
    degraded: bool,
}

impl Breaker {
    fn new(config: BreakerConfig) -> Self {
        Self {
            failures: config.failures.max(1),
            pause_us: u64::try_from(config.pause.as_micros()).unwrap_or(u64::MAX),
            failed_in_a_row: 0,
            alone_until_us: 0,
            open: false,
            degraded: false,
        }
    }

    fn route(&mut self, now_us: u64) -> Route {
        if !self.open {
            return Route::Primary;
        }
        // A pause that ends later than a whole pause from now belongs to a clock that went back.
        let furthest_us = now_us.saturating_add(self.pause_us);
        if now_us < self.alone_until_us && self.alone_until_us <= furthest_us {
            return Route::Local;
        }
        // This batch is the probe; the ones beside it wait for its result. Should it never come, the next
        // pause brings another.
        self.alone_until_us = furthest_us;
        Route::Primary
    }

    fn succeeded(&mut self) -> Change {
        self.failed_in_a_row = 0;
        self.open = false;
        if std::mem::take(&mut self.degraded) { Change::Recovered } else { Change::None }
    }

    fn failed(&mut self, now_us: u64) -> Change {
        self.failed_in_a_row = self.failed_in_a_row.saturating_add(1);
        if self.failed_in_a_row >= self.failures {
            self.open = true;
            self.alone_until_us = now_us.saturating_add(self.pause_us);
        }
        if std::mem::replace(&mut self.degraded, true) { Change::None } else { Change::Degraded }
    }
}

/// A store that answers from `local` whenever `primary` does not.
pub struct FallbackStore<P> {
    primary: P,
    local: Arc<EmbeddedStore>,
    clock: Clock,
    breaker: Mutex<Breaker>,
    degraded: metrics::Gauge,
}

impl<P: AdmissionStore> FallbackStore<P> {
    /// A store over both; `local` may be shared by all cores of the process.
    #[must_use]
    pub fn new(primary: P, local: Arc<EmbeddedStore>, clock: Clock, config: BreakerConfig) -> Self {
        let degraded = measures::degraded();
        // Makes the metric visible before anything goes wrong.
        degraded.increment(0.0);
        Self { primary, local, clock, breaker: Mutex::new(Breaker::new(config)), degraded }
    }

    async fn decide_batch(
        &self,
        requests: &[AdmissionRequest],
        hints: &[Hint],
    ) -> Result<Vec<Decision>, StoreError> {
        // What the ledger said is worth knowing here before it is needed here.
        self.local.learn(hints);
        let route = self.breaker.lock().route((self.clock)());
        if route == Route::Local {
            return self.local.decide_now(requests, &[]);
        }
        match self.primary.decide(requests, hints).await {
            Ok(decisions) => {
                let change = self.breaker.lock().succeeded();
                self.tell(change, None);
                Ok(decisions)
            }
            Err(error @ StoreError::BatchTooLarge { .. }) => Err(error),
            Err(
                error @ (StoreError::Full { .. }
                | StoreError::TimedOut { .. }
                | StoreError::Unavailable { .. }
                | StoreError::BadReply { .. }),
            ) => {
                let change = self.breaker.lock().failed((self.clock)());
                self.tell(change, Some(&error));
                self.local.decide_now(requests, &[])
            }
        }
    }

    fn tell(&self, change: Change, error: Option<&StoreError>) {
        match change {
            Change::None => {}
            Change::Degraded => {
                self.degraded.increment(1.0);
                let error = error.map(tracing::field::display);
                tracing::warn!(
                    error,
                    "admission is decided locally: the shared store does not answer"
                );
            }
            Change::Recovered => {
                self.degraded.decrement(1.0);
                tracing::info!("admission is decided by the shared store again");
            }
        }
    }
}

impl<P: AdmissionStore> AdmissionStore for FallbackStore<P> {
    fn decide<'a>(
        &'a self,
        requests: &'a [AdmissionRequest],
        hints: &'a [Hint],
    ) -> BoxFuture<'a, Result<Vec<Decision>, StoreError>> {
        self.decide_batch(requests, hints).boxed()
    }
}

impl<P> Drop for FallbackStore<P> {
    fn drop(&mut self) {
        if self.breaker.get_mut().degraded {
            self.degraded.decrement(1.0);
        }
    }
}

#[cfg(test)]
#[path = "fallback_tests.rs"]
mod tests;
