//! What makes the pages installable: the manifest, and the worker that shows saved tickets offline.
//!
//! Both have fixed addresses, so both are asked for anew each time. Must not know what is saved.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::assets::ASSETS;
use crate::app::Lane;
use crate::cold::Asked;
use crate::http::body::{self, Answer};

/// The colours of the page's head and ground, as in the stylesheet.
const HEAD: &str = "#10345f";
const GROUND: &str = "#f2f3ee";

/// `/manifest.webmanifest`: in the reader's language.
pub(super) async fn manifest(State(lane): State<Lane>, asked: Asked) -> Response {
    let language = asked.context.language;
    let text = |key| lane.app.texts.get(language, key, None);
    let icon = |path: &str, sizes, kind| json!({ "src": path, "sizes": sizes, "type": kind });
    let document = json!({
        "name": format!("{}. {}", text("site-name"), text("site-tagline")),
        "short_name": text("site-name"),
        "lang": language.tag(),
        "id": "/",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "theme_color": HEAD,
        "background_color": GROUND,
        "icons": [
            icon(&ASSETS.icon_192.path, "192x192", "image/png"),
            icon(&ASSETS.icon_512.path, "512x512", "image/png"),
            icon(&ASSETS.icon.path, "any", "image/svg+xml"),
        ],
        "shortcuts": [{ "name": text("site-tickets"), "url": "/tickets" }],
    });
    let answer = unnamed("application/manifest+json", document.to_string());
    asked.respond(&lane, Ok(answer))
}

/// `/tickets-worker.js`.
pub(super) async fn worker(State(lane): State<Lane>, asked: Asked) -> Response {
    let text = include_str!("../../pages/assets/tickets-worker.js");
    let mut answer = unnamed("text/javascript; charset=utf-8", text.to_owned());
    // It has to see the form that logs out, which is at the root.
    let scope = HeaderValue::from_static("/");
    answer.headers_mut().insert("service-worker-allowed", scope);
    asked.respond(&lane, Ok(answer))
}

fn unnamed(content_type: &'static str, text: String) -> Answer {
    let mut answer = body::answer(StatusCode::OK, content_type, text.into());
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Language, Cookie"));
    answer
}
