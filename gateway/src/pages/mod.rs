//! The citizen's pages.

use axum::Router;
use axum::response::{IntoResponse, Response};

use crate::app::{Lane, now};
use crate::cold::Asked;
use crate::http::problem::Problem;

/// The routes.
pub fn routes() -> Router<Lane> {
    Router::new()
}

/// A refusal as a page.
pub fn problem(lane: &Lane, asked: &Asked, problem: &Problem) -> Response {
    let answer =
        problem.answer(&lane.app.texts, asked.context.language, asked.context.id, now());
    answer.into_response()
}
