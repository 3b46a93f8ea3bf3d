//! The listener for health and metrics, on loopback only: `/livez`, `/readyz`, `/metrics`.
//!
//! The one place of this program that knows HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use talon_wire::Ledger;

/// What the listener looks at.
#[derive(Clone)]
pub(super) struct Admin {
    pub(super) ledger: Arc<dyn Ledger>,
    /// Whether gateways are served; false while the process stops.
    pub(super) serving: Arc<AtomicBool>,
    pub(super) metrics: PrometheusHandle,
}

pub(super) fn router(admin: Admin) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(admin)
}

async fn ready(State(admin): State<Admin>) -> Response {
    // Relaxed: a flag of its own.
    let serving = admin.serving.load(Ordering::Relaxed);
    let health = admin.ledger.health();
    let mut lines = format!("serving: {}\n", if serving { "ok" } else { "stopping" });
    for (name, problem) in &health.checks {
        lines.push_str(&format!("{name}: {}\n", problem.as_deref().unwrap_or("ok")));
    }
    let is_ready = serving && health.is_ready();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, lines).into_response()
}

async fn metrics(State(admin): State<Admin>) -> Response {
    let text = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, text)], admin.metrics.render()).into_response()
}
