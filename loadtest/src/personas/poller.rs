//! The poller: a bot that looks every few seconds whether a place is free and books the first one it
//! sees, again and again.
//!
//! Called by the rehearsal.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Actor;
use crate::client::Failure;

/// It is there so long before the release.
const HEAD_START: Duration = Duration::from_secs(3);
/// It sends a booking again at once after a 5xx at most so often.
const MAX_RETRIES_AT_ONCE: u32 = 10;

/// Looks and books until the run is over.
pub(crate) async fn live(actor: Arc<Actor>, pause_ms: [u64; 2]) {
    let goal = &actor.stage.goal;
    let begins = goal.opens_at.checked_sub(HEAD_START).unwrap_or(goal.opens_at);
    let mut due = begins + actor.pause(0..=pause_ms[1]);
    while !actor.is_over(due) {
        let office = actor.office();
        if actor.free(due, office).await.is_ok_and(|free| free > 0) {
            book(&actor, office).await;
        }
        due = Instant::now() + actor.pause(pause_ms[0]..=pause_ms[1]);
    }
}

async fn book(actor: &Actor, office: u32) {
    let mut request = actor.stage.goal.any(office);
    let Ok(proof) = actor.prove(Instant::now(), &request).await else { return };
    request.altcha = proof;
    let key = actor.key();
    for _ in 0..=MAX_RETRIES_AT_ONCE {
        let due = Instant::now();
        if actor.is_over(due) {
            return;
        }
        match actor.book(due, &key, &request).await {
            Err(Failure::NoAnswer(_)) => {}
            Err(Failure::Refused(problem)) if problem.status.is_server_error() => {}
            Ok(_) | Err(Failure::Refused(_)) => return,
        }
    }
}
