//! The admin listener: health and metrics, on loopback, or for whoever bears its token.
//!
//! `/livez` asks nobody; `/readyz` says each check on a line; `/metrics` is Prometheus text. With a token,
//! nobody sees metrics or checks without it: the bare answer of `/livez` and `/readyz` is all that a probe
//! needs, and probes bear nothing. Must not know what is measured. Called by the gateway and by
//! `talon-ledger serve`.

mod listener;
mod token;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, header};
use metrics_exporter_prometheus::PrometheusHandle;
use talon_wire::Ledger;

pub use listener::{MAX_ADMIN_CONNECTIONS, serve};
pub use token::{BadToken, CurrentToken, MAX_TOKEN_BYTES, MIN_TOKEN_BYTES, Token};

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
    /// Who bears it sees everything; none: everybody does.
    pub token: Option<Arc<CurrentToken>>,
}

impl Admin {
    fn shows_all_to(&self, headers: &HeaderMap) -> bool {
        self.token.as_ref().is_none_or(|token| token.is_borne_by(headers))
    }
}

/// Refuses a listener that everybody could ask; the text is what would be right.
///
/// # Errors
/// When `listen` is no loopback address, and it is a demonstration's or there is no token.
pub fn check(listen: SocketAddr, is_demo: bool, has_token: bool) -> Result<(), String> {
    if listen.ip().is_loopback() || (has_token && !is_demo) {
        return Ok(());
    }
    Err(match is_demo {
        true => "must be a loopback address in a demo".to_owned(),
        false => "must be a loopback address, or admin.token_file be set".to_owned(),
    })
}

/// The routes.
pub fn router(admin: Admin) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(admin)
}

async fn ready(State(admin): State<Admin>, headers: HeaderMap) -> Response {
    // Relaxed: a flag of its own.
    let serving = admin.serving.load(Ordering::Relaxed);
    let health = admin.ledger.health();
    let is_ready = serving && health.is_ready();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if !admin.shows_all_to(&headers) {
        return (status, if is_ready { "ready\n" } else { "not ready\n" }).into_response();
    }
    let mut lines = format!("serving: {}\n", if serving { "ok" } else { "draining or starting" });
    for (name, finding) in &health.checks {
        lines.push_str(&format!("{name}: {finding}\n"));
    }
    for note in (admin.notes)() {
        lines.push_str(&format!("note: {note}\n"));
    }
    (status, lines).into_response()
}

async fn metrics(State(admin): State<Admin>, headers: HeaderMap) -> Response {
    if !admin.shows_all_to(&headers) {
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
        return (StatusCode::UNAUTHORIZED, challenge, "the admin token is needed\n")
            .into_response();
    }
    recorder::look_at_process();
    (admin.look)();
    let text = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, text)], admin.metrics.render()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_asked_for_a_token_unless_only_this_computer_can_ask() {
        let [here, here_too, world] =
            ["127.0.0.1:1", "[::1]:1", "0.0.0.0:1"].map(|text| text.parse().unwrap());
        for listen in [here, here_too] {
            for (is_demo, has_token) in [(true, false), (false, false), (false, true)] {
                assert_eq!(check(listen, is_demo, has_token), Ok(()));
            }
        }
        assert_eq!(check(world, false, true), Ok(()));
        assert!(check(world, false, false).unwrap_err().contains("admin.token_file"));
        assert!(check(world, true, true).unwrap_err().contains("loopback address in a demo"));
    }
}
