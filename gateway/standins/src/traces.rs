//! Which traces the calls of programs named, so that somebody can see that they arrive.
//!
//! Owns the last of them. What was sent is kept as it came, cut to a length. Must not know what a trace is.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use parking_lot::Mutex;
use serde::Serialize;

use crate::hub::Hub;

/// How many calls are remembered; then the oldest is forgotten.
pub const MAX_CALLS: usize = 64;
/// The longest value of a header that is kept whole, in bytes.
pub const MAX_TRACE_HEADER_BYTES: usize = 512;

/// One call of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// Its path.
    pub path: String,
    /// What it said in `traceparent`, if anything.
    pub traceparent: Option<String>,
    /// What it said in `tracestate`, if anything.
    pub tracestate: Option<String>,
}

/// The last calls of one running hub, shared with it.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<Mutex<VecDeque<Call>>>);

impl Calls {
    /// The last ones, the oldest first.
    pub fn get(&self) -> Vec<Call> {
        self.0.lock().iter().cloned().collect()
    }

    fn remember(&self, call: Call) {
        let mut calls = self.0.lock();
        if calls.len() == MAX_CALLS {
            calls.pop_front();
        }
        calls.push_back(call);
    }
}

/// Remembers a call, and lets it be answered.
pub(crate) async fn remember(State(hub): State<Hub>, request: Request, next: Next) -> Response {
    let text = |value: &http::HeaderValue| {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        text[..text.floor_char_boundary(MAX_TRACE_HEADER_BYTES)].to_owned()
    };
    let [traceparent, tracestate] =
        ["traceparent", "tracestate"].map(|name| request.headers().get(name).map(text));
    // The query holds secrets.
    let path = request.uri().path().to_owned();
    hub.calls().remember(Call { path, traceparent, tracestate });
    next.run(request).await
}
