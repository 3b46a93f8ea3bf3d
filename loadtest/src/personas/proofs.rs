//! A bot's stock of one proof, made anew when it is taken.
//!
//! Must not know what it is used for. Called by the personas that book at a rate.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Actor;

/// The pause after a challenge that was not given.
const PAUSE: Duration = Duration::from_millis(500);

/// At most one proof that is ready.
#[derive(Default)]
pub(super) struct Stock {
    ready: Mutex<Option<String>>,
    taken: Notify,
}

impl Stock {
    /// The proof, if one is ready.
    pub(super) fn take(&self) -> Option<String> {
        let proof = self.ready.lock().expect("nobody panics while taking").take();
        self.taken.notify_one();
        proof
    }

    /// Makes proofs as they are taken, from a moment on until the run is over.
    pub(super) async fn fill(self: Arc<Self>, actor: Arc<Actor>, from: Instant) {
        tokio::time::sleep_until(from).await;
        let request = actor.stage.goal.any(actor.office());
        while actor.stage.goal.proof && !actor.is_over(Instant::now()) {
            match actor.prove(Instant::now(), &request).await {
                Ok(Some(proof)) => {
                    *self.ready.lock().expect("nobody panics while taking") = Some(proof);
                    self.taken.notified().await;
                }
                // Nothing is asked for now, or nothing was given.
                Ok(None) | Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}
