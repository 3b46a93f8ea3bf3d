//! Tells other gateways what pressure releases saw, and learns it from them, for as long as the process
//! runs.
//!
//! Must not know what a peak is used for.

use std::sync::Arc;
use std::time::Duration;

use talon_domain::civil::UtcMicros;

use super::Failure;
use crate::admission::{MAX_SHARED_PEAKS, RedisEndpoint, SharedPeaks, StoreError};
use crate::app::now;
use crate::demand::Demands;
use crate::release_peaks::{MAX_REMEMBERED_RELEASES, level, oldest, pressure};

/// How often gateways tell each other.
const EXCHANGE_EVERY: Duration = Duration::from_secs(5);

/// Learns what the others know before the first request is answered, then goes on beside them. Without
/// Redis there are no others.
///
/// # Errors
/// [`Failure::Setting`].
pub(super) async fn begin(
    redis: Option<&RedisEndpoint>,
    demands: Arc<Demands>,
) -> Result<(), Failure> {
    let Some(redis) = redis else { return Ok(()) };
    let shared = SharedPeaks::connect(redis)
        .map_err(|error| Failure::setting("admission.redis_url", error.to_string()))?;
    let mut was_known = exchange(&shared, &demands).await;
    note(true, &was_known);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(EXCHANGE_EVERY).await;
            let is_known = exchange(&shared, &demands).await;
            note(was_known.is_ok(), &is_known);
            was_known = is_known;
        }
    });
    Ok(())
}

async fn exchange(shared: &SharedPeaks, demands: &Demands) -> Result<(), StoreError> {
    let now = now();
    let own: Vec<_> = demands.peaks().known(now);
    let own: Vec<_> = own.into_iter().map(|(moment, peak)| (moment.0, level(peak))).collect();
    let told = shared.exchange(&own, oldest(now).0).await?;
    let told = told.into_iter().map(|(moment, level)| (UtcMicros(moment), pressure(level)));
    demands.peaks().learn(now, told);
    Ok(())
}

/// A line for each change.
fn note(was_known: bool, is_known: &Result<(), StoreError>) {
    match (was_known, is_known) {
        (true, Err(error)) => {
            tracing::warn!(%error, "what other gateways saw at releases is not known");
        }
        (false, Ok(())) => tracing::info!("what other gateways saw at releases is known again"),
        (true, Ok(())) | (false, Err(_)) => {}
    }
}

// All that one gateway remembers can be told and read at once.
const _: () = assert!(MAX_REMEMBERED_RELEASES <= MAX_SHARED_PEAKS);
