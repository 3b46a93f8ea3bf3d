//! Late, garbled and torn answers, around the endpoints that programs call.
//!
//! Must not know what the answers say. Called by `handlers` only, as layers.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_LENGTH;

use crate::MARK;
use crate::faults::AnswerForm;
use crate::hub::Hub;

/// How long an answer is that is too long, in bytes.
const TOO_LONG_BYTES: usize = 1 << 20;

/// An endpoint that programs call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Token,
    UserInfo,
    Logout,
}

/// Answers late, and in another form, when a fault asks for it.
pub(crate) async fn answer_as_told(
    State((hub, step)): State<(Hub, Step)>,
    request: Request,
    next: Next,
) -> Response {
    let faults = hub.faults().get();
    let (delay_ms, form) = match step {
        Step::Token => (faults.token_delay_ms, faults.token_answer),
        Step::UserInfo => (faults.user_info_delay_ms, faults.user_info_answer),
        Step::Logout => (faults.logout_delay_ms, faults.logout_answer),
    };
    if delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    }
    let right = next.run(request).await;
    match form {
        AnswerForm::Right => right,
        AnswerForm::MalformedJson => json(Body::from("{\"access_token\":\"")),
        AnswerForm::Html => Html(format!("<!doctype html><title>{MARK}</title>")).into_response(),
        AnswerForm::Cut => {
            let torn = std::io::Error::from(std::io::ErrorKind::ConnectionAborted);
            let parts = [Ok(Bytes::from_static(b"{\"access_")), Err(torn)];
            let mut response = json(Body::from_stream(futures_util::stream::iter(parts)));
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("1000"));
            response
        }
        AnswerForm::TooLong => {
            json(Body::from(format!("{{\"padding\":\"{}\"}}", " ".repeat(TOO_LONG_BYTES))))
        }
    }
}

fn json(body: Body) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(http::header::CONTENT_TYPE, kind)], body).into_response()
}
