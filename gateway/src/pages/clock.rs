//! The server's clock, for countdowns: devices' own clocks are wrong by seconds, and the `Date` header
//! tells no parts of one.

use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, header};

use crate::app::{self, Lane};
use crate::cold::Asked;
use crate::http::body;

const MICROS_PER_MILLI: i64 = 1000;

/// `/clock`: milliseconds since 1970, as text.
pub(super) async fn now(State(lane): State<Lane>, asked: Asked) -> Response {
    let millis = app::now().0 / MICROS_PER_MILLI;
    let text = millis.to_string().into();
    let mut answer = body::answer(StatusCode::OK, "text/plain; charset=utf-8", text);
    answer.headers_mut().insert(header::CACHE_CONTROL, body::NO_STORE);
    asked.respond(&lane, Ok(answer))
}
