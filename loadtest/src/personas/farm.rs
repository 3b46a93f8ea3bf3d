//! The farm: one person's session, used from many addresses as a hammer.
//!
//! Shows whether limits go with the person or with the address. Called by the rehearsal, once for
//! each person; the actor's devices are the addresses.

use std::sync::Arc;

use super::Actor;

/// Books from all addresses in turns until the run is over.
pub(crate) async fn live(actor: Arc<Actor>, rate_per_second: u64) {
    super::hammer(actor, rate_per_second).await;
}
