//! The metrics' recorder: its buckets, and what the gateway's own metrics mean.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::Failure;

/// Upper bounds of histograms of durations, in seconds.
const SECONDS_BUCKETS: [f64; 14] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];
/// Upper bounds of histograms of counts.
const COUNT_BUCKETS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Installs the recorder. Handles of metrics are made after this.
///
/// # Errors
/// [`Failure::Setting`] when there is one already.
pub(super) fn install() -> Result<PrometheusHandle, Failure> {
    let bad = |problem: String| Failure::setting("metrics", problem);
    // Without buckets, histograms turn into summaries, which cannot be added up over gateways.
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS_BUCKETS)
        .and_then(|builder| builder.set_buckets(&COUNT_BUCKETS))
        .map_err(|error| bad(error.to_string()))?
        .install_recorder()
        .map_err(|error| bad(error.to_string()))?;
    crate::admission::describe_metrics();
    describe();
    Ok(handle)
}

fn describe() {
    use metrics::{Unit, describe_counter, describe_histogram};
    describe_histogram!(
        "gateway_request_duration_seconds",
        Unit::Seconds,
        "From a request's headers to its answer's, by kind of request."
    );
    describe_counter!("gateway_refusals_total", "Requests refused, by the problem's type.");
    describe_counter!(
        "gateway_connections_refused_total",
        "Connections refused because few were left and their address had its share."
    );
    describe_counter!(
        "gateway_handshakes_total",
        "TLS handshakes, by outcome: full, resumed, refused by the budget, slow, failed."
    );
    describe_counter!("gateway_bookings_total", "Requests to book that reached a decision.");
    describe_counter!(
        "gateway_shadow_refusals_total",
        "Requests that a limit of the gateway in shadow mode would have refused, by limit."
    );
    describe_counter!("gateway_logins_total", "Logins at the hub, by outcome.");
    describe_counter!("gateway_app_tokens_total", "Tokens given to native apps.");
    describe_counter!("gateway_reloads_total", "Reloads by SIGHUP, by outcome.");
    describe_counter!(
        "ledger_limit_shadow_refusals_total",
        "Bookings that a limit in shadow mode would have refused, by rule."
    );
}
