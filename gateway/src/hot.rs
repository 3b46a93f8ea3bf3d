//! The hot lane: bookings, availability and challenges, directly on hyper.
//!
//! Owns the first look at every request: guard, address, route; what is not hot goes to
//! [`crate::cold`]. Must not know how a booking is admitted ([`crate::operations`]).

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::Either;
use hyper::body::Incoming;
use talon_telemetry::request_id::RequestId;
use talon_telemetry::scope::Scope;
use talon_telemetry::spans;
use tower::ServiceExt;

use crate::app::{Lane, now};
use crate::availability::{Question, public};
use crate::caller::{Context, check_address, identify, identify_writer};
use crate::http::body::{self, Answer, X_REQUEST_ID};
use crate::http::framing;
use crate::http::language::Language;
use crate::http::problem::Problem;
use crate::http::rate_limit;
use crate::http::trace_context;
use crate::measures;
use crate::operations::{self, Booked, Wish};
use crate::request::{BookRequest, idempotency_key};
use crate::standing::Serving;
use crate::views::{BookingJson, SlowLaneJson};

/// Of every answer that does not say otherwise itself.
static COMMON_HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// For a year, browsers come back over TLS only. Never in a demonstration: localhost has other uses.
const STRICT_TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// A request's place in the hot lane.
enum Hot<'a> {
    Book,
    Public { authority: &'a str, office: &'a str, service: &'a str, date: Option<&'a str> },
    Challenge,
}

impl Hot<'_> {
    /// The name in metrics.
    fn name(&self) -> &'static str {
        match self {
            Self::Book => "book",
            Self::Public { .. } => "availability",
            Self::Challenge => "challenge",
        }
    }
}

/// Answers one request; whatever is logged meanwhile names it. No `async fn`: that would keep the request's place
/// beside the answering to which it was handed on, for as long as an answer is not taken.
pub fn serve(
    serving: Arc<Serving>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> impl Future<Output = Answer> {
    let id = RequestId::next();
    let trace = trace_context::of_request(request.headers()).map(Arc::new);
    let scope = Scope { request: Some(id), trace, is_recorded: false };
    let (parts, body) = request.into_parts();
    let answering = answer(serving, peer, parts, body, id);
    spans::request(scope, answering, |answer| answer.status().as_u16())
}

/// Head and body stay here, and are lent: a future that is handed them has room for them once more, and is moved
/// with them.
async fn answer(
    serving: Arc<Serving>,
    peer: SocketAddr,
    mut parts: Parts,
    body: Incoming,
    id: RequestId,
) -> Answer {
    let started = Instant::now();
    let Serving { lane, cold } = &*serving;
    let language = Language::of_request(&parts.headers, &lane.app.cookies);
    let peer = lane.app.edge.trust.client(peer, &parts.headers);
    let context = Context { id, language, peer };
    let (method, uri) = (parts.method.clone(), parts.uri.clone());
    let hot = hot(&method, uri.path());
    let kind = hot.as_ref().map_or("cold", Hot::name);
    let framed = framing::check(&parts);
    let is_ambiguous = framed.is_err();
    let answering = pin!(async {
        let routed = match framed {
            Ok(()) => route(lane, cold, context, hot, &mut parts, body).await,
            Err(problem) => Err(problem),
        };
        match routed {
            Ok(answer) => answer,
            Err(problem) => problem.answer(&lane.app.texts, language, id, now()),
        }
    });
    let mut answer = rate_limit::with_headers(answering).await;
    let headers = answer.headers_mut();
    headers.insert(X_REQUEST_ID, id.header());
    if is_ambiguous {
        // What follows on this connection may be anybody's.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    for (name, value) in &COMMON_HEADERS {
        headers.entry(name).or_insert_with(|| value.clone());
    }
    if !lane.app.is_demo() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
    }
    let status = answer.status();
    measures::answered(kind, status, started.elapsed());
    tracing::debug!(%method, %status, micros = started.elapsed().as_micros(), "answered");
    answer
}

async fn route(
    lane: &Lane,
    cold: &Router,
    context: Context,
    hot: Option<Hot<'_>>,
    parts: &mut Parts,
    body: Incoming,
) -> Result<Answer, Problem> {
    #[cfg(feature = "demo")]
    if lane.app.is_demo() {
        let authority = parts.uri.authority().map(http::uri::Authority::as_str);
        if let Some(reason) = talon_standins::guard::refusal(&parts.headers, authority) {
            tracing::warn!(reason, "a demo refused a request");
            return Err(Problem::ForbiddenInDemo);
        }
    }
    check_address(&lane.app, context.peer.ip())?;
    if percent_encoding::percent_decode_str(parts.uri.path()).decode_utf8().is_err() {
        return Err(Problem::NotFound);
    }
    match hot {
        Some(Hot::Book) => book(lane, parts, body).await,
        Some(Hot::Public { authority, office, service, date }) => {
            let question = question(lane, authority, office, service, date)?;
            Ok(public(lane, question).await?.answer(&parts.headers))
        }
        Some(Hot::Challenge) => challenge(lane, parts).await,
        None => {
            let (nothing, ()) = Request::new(()).into_parts();
            let mut parts = std::mem::replace(parts, nothing);
            parts.extensions.insert(context);
            let request = Request::from_parts(parts, axum::body::Body::new(body));
            // Boxed, for the hot lane is not to have room for it.
            match Box::pin(cold.clone().oneshot(request)).await {
                Ok(answer) => Ok(answer.map(Either::Right)),
                Err(never) => match never {},
            }
        }
    }
}

/// Whether a request is hot.
fn hot<'a>(method: &Method, path: &'a str) -> Option<Hot<'a>> {
    let path = path.strip_prefix("/api/v1/")?;
    match (method, path) {
        (&Method::POST, "bookings") => return Some(Hot::Book),
        (&Method::GET | &Method::HEAD, "challenge") => return Some(Hot::Challenge),
        (&Method::GET | &Method::HEAD, _) => {}
        _ => return None,
    }
    let mut parts = path.split('/');
    let mut next = || parts.next();
    let (Some("authorities"), Some(authority), Some("offices"), Some(office)) =
        (next(), next(), next(), next())
    else {
        return None;
    };
    let (Some("services"), Some(service), Some("days")) = (next(), next(), next()) else {
        return None;
    };
    match (next(), next(), next()) {
        (None, ..) => Some(Hot::Public { authority, office, service, date: None }),
        (Some(date), Some("starts"), None) => {
            Some(Hot::Public { authority, office, service, date: Some(date) })
        }
        _ => None,
    }
}

fn question(
    lane: &Lane,
    authority: &str,
    office: &str,
    service: &str,
    date: Option<&str>,
) -> Result<Question, Problem> {
    let office = office.parse().map_err(|_| Problem::UnknownOffice)?;
    let place = lane.app.place(authority, office, service)?;
    match date {
        None => Ok(Question::Days(place)),
        Some(date) => {
            let date = date
                .parse()
                .map_err(|_| Problem::bad_request("the date is of the form YYYY-MM-DD"))?;
            Ok(Question::Starts(place, date))
        }
    }
}

async fn book(lane: &Lane, parts: &Parts, body: Incoming) -> Result<Answer, Problem> {
    let who = identify_writer(&lane.app, &parts.headers, &parts.uri)?;
    let key = idempotency_key(&parts.headers)?;
    if !is_json(&parts.headers) {
        return Err(Problem::UnsupportedMediaType);
    }
    let bytes = body::read(&parts.headers, body).await?;
    let asked = BookRequest::from_json(&bytes)?;
    let place = lane.app.place(&asked.authority, asked.office, &asked.service)?;
    let BookRequest { subject, wishes, altcha, .. } = asked;
    let wish = Wish { place, subject, wishes, key, solution: altcha.as_deref() };
    let booked = operations::book(lane, &who, wish).await?;
    Ok(booked_answer(lane, &booked))
}

/// A booking that was made, as the API answers with it.
pub(crate) fn booked_answer(lane: &Lane, booked: &Booked) -> Answer {
    let status = if booked.repeated { StatusCode::OK } else { StatusCode::CREATED };
    let mut answer = body::private_json(status, &BookingJson::new(&lane.app, &booked.booking));
    let location = format!("/api/v1/bookings/{}", booked.booking.id);
    let headers = answer.headers_mut();
    headers.insert(
        header::LOCATION,
        HeaderValue::from_maybe_shared(Bytes::from(location))
            .expect("hexadecimal digits are visible ASCII"),
    );
    if booked.repeated {
        headers.insert("idempotent-replay", HeaderValue::from_static("true"));
    }
    answer
}

/// Whether a body says that it is JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or("");
    essence.trim().eq_ignore_ascii_case("application/json")
}

async fn challenge(lane: &Lane, parts: &Parts) -> Result<Answer, Problem> {
    #[derive(serde::Deserialize)]
    struct Wanted {
        authority: String,
        office: u32,
        service: String,
        lane: Option<WaitingLane>,
    }
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum WaitingLane {
        Slow,
    }
    let who = identify(&lane.app, &parts.headers)?;
    let wanted: Wanted =
        serde_urlencoded::from_str(parts.uri.query().unwrap_or("")).map_err(|_| {
            Problem::bad_request(
                "the query needs authority, office and service, and lane is slow or absent",
            )
        })?;
    let place = lane.app.place(&wanted.authority, wanted.office, &wanted.service)?;
    if let Some(WaitingLane::Slow) = wanted.lane {
        let ticket = operations::slow_lane(lane, &who, &place).await?;
        return Ok(body::private_json(StatusCode::OK, &SlowLaneJson::new(&ticket)));
    }
    let challenge = operations::challenge(lane, &who, &place).await?;
    Ok(body::private_json(StatusCode::OK, &challenge))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hot_routes_are_recognised_and_others_are_not() {
        let is_hot = |method: Method, path: &str| hot(&method, path).is_some();
        assert!(is_hot(Method::POST, "/api/v1/bookings"));
        assert!(is_hot(Method::GET, "/api/v1/challenge"));
        let days = "/api/v1/authorities/mvs/offices/8041/services/theory-exam/days";
        assert!(is_hot(Method::GET, days));
        assert!(is_hot(Method::GET, &format!("{days}/2026-12-01/starts")));
        assert!(is_hot(Method::HEAD, days));
        assert!(!is_hot(Method::GET, &format!("{days}/2026-12-01")));
        assert!(!is_hot(Method::GET, &format!("{days}/2026-12-01/starts/x")));
        assert!(!is_hot(Method::POST, days));
        assert!(!is_hot(Method::GET, "/api/v1/bookings"));
        assert!(!is_hot(Method::GET, "/"));
    }
}
