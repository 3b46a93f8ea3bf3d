//! What the gateway measures of its requests and runtimes, under the names of [`talon_telemetry::table`].
//!
//! Must not know what is answered. Admission has its own beside it, for it keeps handles.

use std::time::Duration;

use http::StatusCode;
use metrics::{gauge, histogram};
use talon_telemetry::{handles, table};

use crate::http::problem::Problem;

/// Between two looks at how late a runtime is.
const LAG_LOOK_EVERY: Duration = Duration::from_millis(250);

/// Takes note of an answer to a request of this kind.
pub fn answered(kind: &'static str, status: StatusCode, took: Duration) {
    handles::observe(table::REQUEST_DURATION, [("kind", kind)], took);
    let class = match status.as_u16() {
        100..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    };
    handles::count(table::RESPONSES, [("kind", kind), ("status", class)]);
}

/// Takes note of a proof that was looked at; one that was not shown is none.
pub fn proved<T>(outcome: Result<T, Problem>) -> Result<T, Problem> {
    let refused = match &outcome {
        Ok(_) => return outcome,
        Err(problem) => !matches!(problem, Problem::PowRequired | Problem::Overloaded),
    };
    if refused {
        handles::count(table::PROOFS, [("outcome", "refused")]);
    }
    outcome
}

/// Says how late this runtime comes to what is due, as long as it runs.
pub async fn watch_lag() {
    let lag = histogram!(table::LANE_LAG.name);
    loop {
        let due = tokio::time::Instant::now() + LAG_LOOK_EVERY;
        tokio::time::sleep_until(due).await;
        lag.record(due.elapsed());
    }
}

/// One open connection; it is counted until this is dropped.
pub(crate) struct OpenConnection(());

impl OpenConnection {
    pub(crate) fn count() -> Self {
        gauge!(table::CONNECTIONS.name).increment(1.0);
        Self(())
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        gauge!(table::CONNECTIONS.name).decrement(1.0);
    }
}
