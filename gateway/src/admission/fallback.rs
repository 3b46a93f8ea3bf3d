//! The shared store first, memory when it fails: admission goes on, only tighter.
//!
//! Owns the choice between the two for one bucket, and how each kind of request is decided meanwhile
//! ([`WhenDown`]). Must not know Redis. Called through the buckets by the batcher.
//!
//! Falling back is safe because nothing here is the authority: the ledger still holds every limit. A proof
//! that this process saw spent stays spent here, whatever the shared store forgets.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};

use super::breaker::Next;
use super::{
    AdmissionRequest, AdmissionStore, Breaker, Cap, Decision, EmbeddedStore, Hint, StoreError,
    WhenDown, check_batch, measures,
};

/// Most gateways that divide a person's limit between them.
pub const MAX_GATEWAYS: u32 = 60;

/// After how long to come back when this process is full, in microseconds.
const RETRY_WHEN_FULL_US: u64 = 1_000_000;

/// After how long without a request the shared store is asked all the same, so that a connection that broke in
/// a quiet night is a new one before the morning's release.
pub const IDLE_LOOK: Duration = Duration::from_secs(5);

/// What this process may give out alone.
#[derive(Clone)]
pub struct LocalRules {
    /// Gateways that share the store, this one among them; at most [`MAX_GATEWAYS`].
    pub gateways: u32,
    /// What all persons together get from this process; shared by all cores and buckets.
    pub cap: Arc<Cap>,
}

/// A store that answers from `local` whenever `shared` does not.
pub struct FallbackStore<S> {
    core: Arc<Core<S>>,
    local: Arc<EmbeddedStore>,
    rules: LocalRules,
}

/// One core's way to the shared store.
struct Core<S> {
    shared: S,
    breaker: Arc<Breaker>,
    /// Whether it has been asked since the last look. Orders nothing, as the next.
    was_asked: AtomicBool,
    /// Whether a task probes this core's connection; until that is well, nothing is asked over it.
    is_probed: AtomicBool,
}

impl<S: AdmissionStore + 'static> FallbackStore<S> {
    /// A store over both; `local`, `breaker` and the cap may be shared by all cores of the process.
    ///
    /// # Panics
    /// Outside a tokio runtime, where a task looks after the shared store.
    #[must_use]
    pub fn new(
        shared: S,
        local: Arc<EmbeddedStore>,
        breaker: Arc<Breaker>,
        rules: LocalRules,
    ) -> Self {
        let (was_asked, is_probed) = (AtomicBool::new(false), AtomicBool::new(false));
        let core = Arc::new(Core { shared, breaker, was_asked, is_probed });
        tokio::spawn(look_after(Arc::downgrade(&core)));
        Self { core, local, rules }
    }

    async fn decide_batch(
        &self,
        requests: &[AdmissionRequest],
        hints: &[Hint],
    ) -> Result<Vec<Decision>, StoreError> {
        check_batch(requests, hints)?;
        // What the ledger said is worth knowing here before it is needed here.
        self.local.learn(hints);
        if self.core.is_left_alone() {
            return Ok(self.decide_locally(requests));
        }
        // A replay is refused from memory, and also when the shared store has forgotten the first use.
        let is_replay = |request: &AdmissionRequest| {
            request.spend.as_ref().is_some_and(|spend| self.local.is_spent(spend))
        };
        let replays: Vec<bool> = requests.iter().map(is_replay).collect();
        if !replays.contains(&true) {
            return self.ask(requests, hints).await;
        }
        let fresh: Vec<_> =
            requests.iter().zip(&replays).filter(|one| !one.1).map(|one| *one.0).collect();
        let mut decided = self.ask(&fresh, hints).await?.into_iter();
        let merged = replays
            .iter()
            .map(|replay| if *replay { Some(Decision::AlreadySpent) } else { decided.next() });
        merged.collect::<Option<_>>().ok_or_else(|| StoreError::BadReply {
            reason: "fewer decisions than requests".to_owned(),
        })
    }

    async fn ask(
        &self,
        requests: &[AdmissionRequest],
        hints: &[Hint],
    ) -> Result<Vec<Decision>, StoreError> {
        match self.core.shared.decide(requests, hints).await {
            Ok(decisions) => {
                self.core.was_asked.store(true, Ordering::Relaxed);
                self.core.breaker.succeeded();
                self.note_spent(requests, &decisions);
                Ok(decisions)
            }
            Err(error @ StoreError::BatchTooLarge { .. }) => Err(error),
            Err(
                error @ (StoreError::Full { .. }
                | StoreError::TimedOut { .. }
                | StoreError::Unavailable { .. }
                | StoreError::BadReply { .. }),
            ) => {
                self.core.failed(&error);
                Ok(self.decide_locally(requests))
            }
        }
    }

    fn note_spent(&self, requests: &[AdmissionRequest], decisions: &[Decision]) {
        for (request, decision) in requests.iter().zip(decisions) {
            if let (Some(spend), Decision::Admitted { .. }) = (&request.spend, decision) {
                self.local.note_spent(spend);
            }
        }
    }

    fn decide_locally(&self, requests: &[AdmissionRequest]) -> Vec<Decision> {
        let decide = |request: &AdmissionRequest| {
            let decided = match request.when_down {
                WhenDown::Open => self.local.decide_one(request),
                WhenDown::Degraded => {
                    let rate = request.rate.shared_by(self.rules.gateways.min(MAX_GATEWAYS));
                    let request = AdmissionRequest { rate, ..*request };
                    self.local.decide_one_under(&request, Some(&self.rules.cap))
                }
                WhenDown::Closed => Ok(Decision::Shed { retry_after_us: self.pause_us() }),
            };
            // One request at a time, so that a full map stops only those who need a place in it.
            decided.unwrap_or(Decision::Shed { retry_after_us: RETRY_WHEN_FULL_US })
        };
        requests.iter().map(decide).collect()
    }

    fn pause_us(&self) -> u64 {
        u64::try_from(self.core.breaker.pause().as_micros()).unwrap_or(u64::MAX)
    }
}

impl<S: AdmissionStore + 'static> Core<S> {
    /// Whether nothing is asked over this core's connection now; a task finds out when that is over.
    fn is_left_alone(self: &Arc<Self>) -> bool {
        let is_open = self.breaker.is_open();
        if is_open {
            self.probe();
        }
        is_open || self.is_probed.load(Ordering::Relaxed)
    }

    fn failed(self: &Arc<Self>, error: &StoreError) {
        measures::count_failure(error);
        self.breaker.failed(error);
        if self.breaker.is_open() {
            self.probe();
        }
    }

    /// Starts the task that probes, unless it runs.
    fn probe(self: &Arc<Self>) {
        if !self.is_probed.swap(true, Ordering::Relaxed) {
            tokio::spawn(probe(Arc::downgrade(self), self.breaker.pause()));
        }
    }

    /// Asks the shared store to decide nothing.
    async fn ask_nothing(&self) -> Result<(), StoreError> {
        self.shared.decide(&[], &[]).await.map(drop)
    }
}

/// Probes until the shared store is trusted again, or nobody needs it any more.
async fn probe<S: AdmissionStore + 'static>(core: Weak<Core<S>>, pause: Duration) {
    let mut wait = pause;
    loop {
        tokio::time::sleep(wait).await;
        let Some(core) = core.upgrade() else { return };
        let answered = core.ask_nothing().await;
        if let Err(error) = &answered {
            measures::count_failure(error);
        }
        match core.breaker.probed(answered.is_ok()) {
            Next::Probe(next) => wait = next,
            Next::Closed | Next::Trusted => {
                core.is_probed.store(false, Ordering::Relaxed);
                return;
            }
        }
    }
}

/// Asks the shared store now and then when nobody else does.
async fn look_after<S: AdmissionStore + 'static>(core: Weak<Core<S>>) {
    loop {
        tokio::time::sleep(IDLE_LOOK).await;
        let Some(core) = core.upgrade() else { return };
        if core.was_asked.swap(false, Ordering::Relaxed) || core.is_left_alone() {
            continue;
        }
        if let Err(error) = core.ask_nothing().await {
            core.failed(&error);
        }
    }
}

impl<S: AdmissionStore + 'static> AdmissionStore for FallbackStore<S> {
    fn decide<'a>(
        &'a self,
        requests: &'a [AdmissionRequest],
        hints: &'a [Hint],
    ) -> BoxFuture<'a, Result<Vec<Decision>, StoreError>> {
        self.decide_batch(requests, hints).boxed()
    }
}

#[cfg(test)]
#[path = "fallback_tests.rs"]
mod tests;
