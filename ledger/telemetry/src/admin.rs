//! The admin listener's routes: health and metrics, on loopback only.
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
use talon_wire::Ledger;

use crate::recorder;

/// Says what is worth knowing and no reason to turn anybody away.
pub type Notes = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// Brings gauges up to date before they are shown.
pub type Look = Arc<dyn Fn() + Send + Sync>;

/// What the admin listener looks at.
#[derive(Clone)]
pub struct Admin {
    /// The ledger, for its health.
    pub ledger: Arc<dyn Ledger>,
    /// What stands below the checks, a line each.
    pub notes: Notes,
    /// Called before metrics are shown.
    pub look: Look,
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
    for note in (admin.notes)() {
        lines.push_str(&format!("note: {note}\n"));
    }
    let is_ready = serving && health.is_ready();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, lines).into_response()
}

async fn metrics(State(admin): State<Admin>) -> Response {
    recorder::look_at_process();
    (admin.look)();
    let text = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, text)], admin.metrics.render()).into_response()
}
