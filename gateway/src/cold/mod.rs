//! Everything that is not hot: axum routes of the API, the login and the pages.
//!
//! Handlers find the request's [`Context`] among its extensions. Must not know connections.

mod about;
mod api;
mod login;
mod oauth;
#[cfg(feature = "demo")]
mod rehearsal;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::response::IntoResponse;
use http::request::Parts;
use http_body_util::Either;

use crate::app::{Lane, now};
use crate::caller::Context;
use crate::http::body::Answer;
use crate::http::problem::Problem;
use crate::pages;

pub(crate) use login::redirect;

/// All cold routes of a lane.
pub fn router(lane: Lane) -> Router {
    let router = Router::new();
    #[cfg(feature = "demo")]
    let router = router.merge(rehearsal::routes());
    router
        .merge(api::routes())
        .merge(login::routes())
        .merge(oauth::routes())
        .merge(about::routes())
        .merge(pages::routes())
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .with_state(lane)
}

/// What a handler needs of its request.
pub struct Asked {
    /// Id, language, peer.
    pub context: Context,
    /// Method, address, headers.
    pub parts: Parts,
}

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = http::StatusCode;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let context = parts.extensions.get::<Context>().copied();
        let context = context.ok_or(http::StatusCode::INTERNAL_SERVER_ERROR)?;
        Ok(Self { context, parts: parts.clone() })
    }
}

impl Asked {
    /// Whether a person looks at the answer in a browser.
    pub fn wants_html(&self) -> bool {
        let accept = self.parts.headers.get(http::header::ACCEPT);
        accept.and_then(|value| value.to_str().ok()).is_some_and(|text| text.contains("text/html"))
    }

    /// Makes an answer of a handler's result.
    pub fn respond(
        &self,
        lane: &Lane,
        result: Result<Answer, Problem>,
    ) -> axum::response::Response {
        let answer = match result {
            Ok(answer) => answer,
            Err(problem) if self.wants_html() => return pages::problem(lane, self, &problem),
            Err(problem) => {
                problem.answer(&lane.app.texts, self.context.language, self.context.id, now())
            }
        };
        answer.map(|body| match body {
            Either::Left(bytes) => axum::body::Body::new(bytes),
            Either::Right(body) => body,
        })
    }
}

async fn not_found(
    axum::extract::State(lane): axum::extract::State<Lane>,
    asked: Asked,
) -> impl IntoResponse {
    asked.respond(&lane, Err(Problem::NotFound))
}

async fn wrong_method(
    axum::extract::State(lane): axum::extract::State<Lane>,
    asked: Asked,
) -> impl IntoResponse {
    // The router adds which methods it takes.
    asked.respond(&lane, Err(Problem::MethodNotAllowed))
}
