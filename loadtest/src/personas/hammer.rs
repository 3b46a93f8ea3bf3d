//! The hammer: books at a rate from before the release on, with a proof when it has one, and again
//! at once after a 5xx.
//!
//! Must not know from how many addresses: a farm is a hammer with many. Called by the rehearsal.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Actor;
use super::proofs::Stock;
use crate::client::Failure;

/// It begins so long before the release, as bots do.
const HEAD_START: Duration = Duration::from_secs(1);
/// A request is sent again at once after a 5xx at most so often.
const MAX_RETRIES_AT_ONCE: u32 = 10;

/// Books until the run is over.
pub(crate) async fn live(actor: Arc<Actor>, rate_per_second: u64) {
    let stock = Arc::new(Stock::default());
    let goal = &actor.stage.goal;
    let begins = goal.opens_at.checked_sub(HEAD_START).unwrap_or(goal.opens_at);
    let prepares = begins.checked_sub(HEAD_START).unwrap_or(begins);
    let filling = tokio::spawn(Arc::clone(&stock).fill(Arc::clone(&actor), prepares));
    let span = (begins, goal.ends_at);
    let send = |actor: Arc<Actor>, due| knock(actor, Arc::clone(&stock), due);
    actor.fire(span, rate_per_second, || false, send).await;
    // Nobody takes from it any more.
    filling.abort();
}

async fn knock(actor: Arc<Actor>, stock: Arc<Stock>, due: Instant) {
    let mut request = actor.stage.goal.any(actor.office());
    request.altcha = stock.take();
    let (key, mut due) = (actor.key(), due);
    for _ in 0..=MAX_RETRIES_AT_ONCE {
        let failed = match actor.book(due, &key, &request).await {
            Err(Failure::NoAnswer(_)) => true,
            Err(Failure::Refused(problem)) => problem.status.is_server_error(),
            Ok(_) => false,
        };
        due = Instant::now();
        if !failed || actor.is_over(due) {
            return;
        }
    }
}
