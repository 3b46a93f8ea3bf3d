//! The queue in front of a store: one per core.
//!
//! Owns waiting requests and hints, and when they are sent: everything queued goes out as soon as the
//! previous reply has landed, without a timer. Under load batches grow by themselves; an idle core sends each
//! request at once. Must not know what a store does. Called by the hot lane through [`AdmissionHandle`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::measures::{Batches, Decisions, hints_dropped};
use super::{
    AdmissionRequest, AdmissionStore, Decision, EmbeddedStore, Hint, MAX_BATCH,
    MAX_HINTS_PER_BATCH, StoreError,
};

/// Most requests that wait for the next batches of one core; more are refused as overloaded.
pub const MAX_QUEUED: usize = 4096;

/// Most hints that wait for the next batches of one core; the oldest are dropped for newer ones, because
/// the ledger can always tell them again.
pub const MAX_QUEUED_HINTS: usize = 4096;

const _: () = assert!(MAX_BATCH <= MAX_QUEUED && MAX_HINTS_PER_BATCH <= MAX_QUEUED_HINTS);

/// Why a request got no decision. Nobody may be told "no" for it, only "later".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdmissionError {
    /// The queue or the store is at its bound; nothing was charged.
    #[error("admission is overloaded")]
    Overloaded,
    /// The store gave no answer; whether it charged is unknown.
    #[error("admission is unavailable")]
    Unavailable,
}

impl From<&StoreError> for AdmissionError {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Full { .. } => Self::Overloaded,
            StoreError::BatchTooLarge { .. }
            | StoreError::TimedOut { .. }
            | StoreError::Unavailable { .. }
            | StoreError::BadReply { .. } => Self::Unavailable,
        }
    }
}

struct Waiting {
    request: AdmissionRequest,
    reply: oneshot::Sender<Result<Decision, AdmissionError>>,
}

type HintQueue = Arc<Mutex<VecDeque<Hint>>>;

#[derive(Clone)]
enum Path {
    /// A store that answers from memory needs no batches.
    Direct(Arc<EmbeddedStore>),
    Queued {
        requests: mpsc::Sender<Waiting>,
        hints: HintQueue,
    },
}

/// One core's way to its store. Cheap to clone.
#[derive(Clone)]
pub struct AdmissionHandle {
    path: Path,
    decisions: Arc<Decisions>,
    hints_dropped: metrics::Counter,
}

impl AdmissionHandle {
    /// Decides in the caller, without a queue.
    #[must_use]
    pub fn direct(store: Arc<EmbeddedStore>) -> Self {
        Self::over(Path::Direct(store))
    }

    /// Starts the task that sends batches to `store`. It ends when the last handle is gone, with the
    /// requests that were already queued decided.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn spawn(store: Arc<dyn AdmissionStore>) -> Self {
        let (sender, receiver) = mpsc::channel(MAX_QUEUED);
        let hints = HintQueue::default();
        tokio::spawn(run(store, receiver, Arc::clone(&hints)));
        Self::over(Path::Queued { requests: sender, hints })
    }

    fn over(path: Path) -> Self {
        Self { path, decisions: Arc::new(Decisions::new()), hints_dropped: hints_dropped() }
    }

    /// Asks for one decision. A caller that goes away before its batch is sent is neither charged nor sent.
    ///
    /// # Errors
    /// [`AdmissionError::Overloaded`] at [`MAX_QUEUED`] or when the store is full, and
    /// [`AdmissionError::Unavailable`] when the store or its task fails.
    pub async fn admit(&self, request: &AdmissionRequest) -> Result<Decision, AdmissionError> {
        let outcome = match &self.path {
            Path::Direct(store) => store.decide_one(request).map_err(|error| (&error).into()),
            Path::Queued { requests, .. } => match queue(requests, *request) {
                // The task drops what it cannot answer, so this never waits for nobody.
                Ok(answer) => answer.await.unwrap_or(Err(AdmissionError::Unavailable)),
                Err(error) => Err(error),
            },
        };
        self.decisions.count(&outcome);
        outcome
    }

    /// Passes on what the ledger said about a person's count: at once to a store in memory, otherwise with
    /// the next batch.
    pub fn hint(&self, hint: Hint) {
        match &self.path {
            Path::Direct(store) => store.learn(&[hint]),
            Path::Queued { hints, .. } => {
                let mut hints = hints.lock();
                if hints.len() == MAX_QUEUED_HINTS {
                    hints.pop_front();
                    self.hints_dropped.increment(1);
                }
                hints.push_back(hint);
            }
        }
    }
}

/// Where the answer will come.
fn queue(
    requests: &mpsc::Sender<Waiting>,
    request: AdmissionRequest,
) -> Result<oneshot::Receiver<Result<Decision, AdmissionError>>, AdmissionError> {
    let (reply, answer) = oneshot::channel();
    requests.try_send(Waiting { request, reply }).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => AdmissionError::Overloaded,
        mpsc::error::TrySendError::Closed(_) => AdmissionError::Unavailable,
    })?;
    Ok(answer)
}

async fn run(store: Arc<dyn AdmissionStore>, mut queue: mpsc::Receiver<Waiting>, hints: HintQueue) {
    let measures = Batches::new();
    let mut waiting = Vec::with_capacity(MAX_BATCH);
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while queue.recv_many(&mut waiting, MAX_BATCH).await > 0 {
        waiting.retain(|one: &Waiting| !one.reply.is_closed());
        if waiting.is_empty() {
            continue;
        }
        batch.extend(waiting.iter().map(|one| one.request));
        let told = take_hints(&hints);
        let asked = Instant::now();
        let outcome = store.decide(&batch, &told).await;
        measures.count(batch.len(), outcome.is_ok(), asked.elapsed());
        answer(&mut waiting, outcome);
        batch.clear();
    }
}

fn take_hints(hints: &HintQueue) -> Vec<Hint> {
    let mut hints = hints.lock();
    let taken = hints.len().min(MAX_HINTS_PER_BATCH);
    hints.drain(..taken).collect()
}

/// Answers everyone and leaves `waiting` empty. A caller that went away meanwhile is passed over.
fn answer(waiting: &mut Vec<Waiting>, outcome: Result<Vec<Decision>, StoreError>) {
    let outcome = match outcome {
        Ok(decisions) if decisions.len() == waiting.len() => Ok(decisions),
        Ok(_) => Err(AdmissionError::Unavailable),
        Err(error) => {
            tracing::debug!(%error, requests = waiting.len(), "admission batch failed");
            Err((&error).into())
        }
    };
    match outcome {
        Ok(decisions) => {
            for (one, decision) in waiting.drain(..).zip(decisions) {
                let _gone = one.reply.send(Ok(decision));
            }
        }
        Err(error) => {
            for one in waiting.drain(..) {
                let _gone = one.reply.send(Err(error));
            }
        }
    }
}

#[cfg(test)]
#[path = "batcher_tests.rs"]
mod tests;
