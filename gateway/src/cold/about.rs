//! What explains the API: its description, and what each problem means.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;

use super::Asked;
use crate::app::Lane;
use crate::availability::Tagged;
use crate::http::body;
use crate::http::problem::Problem;
use crate::http::problem_examples::example;
use crate::{openapi, pages};

/// The same for as long as the program runs.
static DESCRIPTION: LazyLock<Tagged> = LazyLock::new(|| Tagged::new(openapi::json()));

/// How many seconds an example tells to wait.
const EXAMPLE_SECONDS: u64 = 2;

/// The routes.
pub(super) fn routes() -> Router<Lane> {
    Router::new()
        .route("/api/v1/openapi.json", get(description))
        .route("/problems/{problem}", get(problem))
}

async fn description(State(lane): State<Lane>, asked: Asked) -> Response {
    asked.respond(&lane, Ok(DESCRIPTION.answer(&asked.parts.headers)))
}

async fn problem(State(lane): State<Lane>, Path(slug): Path<String>, asked: Asked) -> Response {
    let Some(example) = example(&slug) else {
        return asked.respond(&lane, Err(Problem::NotFound));
    };
    if asked.wants_html() {
        return pages::explain(&lane, &asked, &example);
    }
    let language = asked.context.language;
    let document = example.document(&lane.app.texts, language, EXAMPLE_SECONDS);
    let bytes = Value::Object(document).to_string().into();
    let mut answer = body::answer(StatusCode::OK, "application/json", bytes);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Language, Cookie"));
    asked.respond(&lane, Ok(answer))
}
