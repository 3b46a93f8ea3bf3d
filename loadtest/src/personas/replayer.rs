//! The replayer: books once as anybody does, and then sends its proof and its key again, each in ways
//! that must not work.
//!
//! Called by the rehearsal.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Actor;
use crate::client::Failure;
use crate::client::words::BookRequest;

/// It is there so long before the release.
const HEAD_START: Duration = Duration::from_secs(2);
/// The pause between two tries, in milliseconds.
const PAUSE_MS: std::ops::RangeInclusive<u64> = 200..=800;
/// Tries until the first place.
const MAX_TRIES: u32 = 10;

/// Books, and sends the same again.
pub(crate) async fn live(actor: Arc<Actor>, times: u64) {
    let goal = &actor.stage.goal;
    let begins = goal.opens_at.checked_sub(HEAD_START).unwrap_or(goal.opens_at);
    let office = actor.office();
    let mut request = goal.any(office);
    let (mut key, mut proof, mut due) = (String::new(), None, begins);
    for _ in 0..MAX_TRIES {
        if actor.is_over(due) {
            return;
        }
        proof = actor.prove(due, &request).await.ok().flatten();
        request.altcha.clone_from(&proof);
        key = actor.key();
        due = goal.opens_at.max(Instant::now());
        match actor.book(due, &key, &request).await {
            Ok(_) => break,
            Err(Failure::Refused(_) | Failure::NoAnswer(_)) => {}
        }
        due = Instant::now() + actor.pause(PAUSE_MS);
    }
    for number in 0..times {
        let due = Instant::now() + actor.pause(PAUSE_MS);
        if actor.is_over(due) {
            return;
        }
        send_again(&actor, due, number, &key, &request, proof.as_ref()).await;
    }
}

async fn send_again(
    actor: &Actor,
    due: Instant,
    number: u64,
    key: &str,
    request: &BookRequest,
    proof: Option<&String>,
) {
    let another_key = actor.key();
    // Whatever is answered is counted, and a place would be found by the checker.
    let _ = match number % 3 {
        // The spent proof under a new key.
        0 => {
            let mut again = actor.stage.goal.any(actor.office());
            again.altcha = proof.cloned();
            actor.book(due, &another_key, &again).await
        }
        // The used key with another request.
        1 => {
            let mut other = request.clone();
            other.want = actor.stage.goal.any_but_midnight();
            actor.book(due, key, &other).await
        }
        // The used key with the same request: this gives the same booking again.
        _ => actor.book(due, key, request).await,
    };
}
