//! The sybil: somebody without an identity, who asks for places all the same, with no session or with
//! one of its own making.
//!
//! The actor's session is worth nothing. Called by the rehearsal.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Actor;

/// It begins so long before the release.
const HEAD_START: Duration = Duration::from_secs(1);

/// Books until the run is over.
pub(crate) async fn live(actor: Arc<Actor>, rate_per_second: u64) {
    let goal = &actor.stage.goal;
    let begins = goal.opens_at.checked_sub(HEAD_START).unwrap_or(goal.opens_at);
    let span = (begins, goal.ends_at);
    actor.fire(span, rate_per_second, || false, ask).await;
}

async fn ask(actor: Arc<Actor>, due: Instant) {
    let request = actor.stage.goal.any(actor.office());
    let key = actor.key();
    // Whatever is answered: a place would be in the history, and the checker finds it.
    let _ = actor.book(due, &key, &request).await;
}
