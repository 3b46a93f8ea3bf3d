//! The admin listener: health and metrics, on loopback only.
//!
//! `/livez` asks nobody, `/readyz` says each check on a line, `/metrics` is Prometheus text.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use metrics_exporter_prometheus::PrometheusHandle;
use talon_ledger_client::Remote;
use talon_wire::Ledger;

/// What the admin listener looks at.
#[derive(Clone)]
pub struct Admin {
    /// The ledger, for its health.
    pub ledger: Arc<dyn Ledger>,
    /// The same, when it is elsewhere: for what it said of its files.
    pub remote: Option<Remote>,
    /// Whether the process serves; false before it is up and while it drains.
    pub serving: Arc<AtomicBool>,
    /// The metrics.
    pub metrics: PrometheusHandle,
}

/// The routes.
pub fn router(admin: Admin) -> Router {
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
    let mut lines = format!("serving: {}\n", if serving { "ok" } else { "draining or starting" });
    for (name, problem) in &health.checks {
        lines.push_str(&format!("{name}: {}\n", problem.as_deref().unwrap_or("ok")));
    }
    // It decides by its own files whatever ours are, so this is no reason to turn people away.
    for authority in admin.remote.iter().flat_map(Remote::differing_files) {
        lines.push_str(&format!("note: the ledger has other files for authority {authority}\n"));
    }
    let is_ready = serving && health.is_ready();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, lines).into_response()
}

async fn metrics(State(admin): State<Admin>) -> Response {
    let text = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, text)], admin.metrics.render()).into_response()
}
