//! Login and logout: to the hub and back.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

use talon_telemetry::table;

use super::{Asked, oauth};
use crate::app::{Lane, now_s};
use crate::caller::{check_login_pace, check_origin, host, identify};
use crate::http::body::{self, Answer};
use crate::http::problem::Problem;
use crate::identity::provider::{ProviderError, Round};
use crate::identity::token::Session;
use crate::identity::{cookies, login};
use crate::operations;

/// Where the hub sends browsers back to.
const CALLBACK_PATH: &str = "/login/callback";

/// The routes.
pub(super) fn routes() -> Router<Lane> {
    Router::new()
        .route("/login", get(begin))
        .route(CALLBACK_PATH, get(callback))
        .route("/logout", post(log_out))
}

#[derive(Default, Deserialize)]
struct Begin {
    #[serde(rename = "return", default)]
    return_path: String,
}

#[derive(Deserialize)]
struct Callback {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    error: String,
}

impl Callback {
    /// Whether there is somebody to ask the hub about; otherwise nothing is to be spent either.
    fn names_somebody(&self) -> bool {
        self.error.is_empty() && !self.code.is_empty()
    }
}

async fn begin(State(lane): State<Lane>, asked: Asked) -> Response {
    let result = begin_login(&lane, &asked).await;
    asked.respond(&lane, result)
}

async fn begin_login(lane: &Lane, asked: &Asked) -> Result<Answer, Problem> {
    let app = &lane.app;
    check_login_pace(app, asked.context.peer.ip())?;
    let query: Begin =
        serde_urlencoded::from_str(asked.parts.uri.query().unwrap_or("")).unwrap_or_default();
    let lasts_s = u64::from(app.config.session.login_minutes) * 60;
    let redirect_uri = redirect_uri(lane, asked);
    let expires_at_s = now_s() + lasts_s;
    let start = login::start(&app.keys, &lane.hub, &redirect_uri, &query.return_path, expires_at_s)
        .await
        .map_err(|error| failed(&error))?;
    let mut answer = redirect(&start.link);
    let cookie = app.cookies.write(cookies::LOGIN, &start.cookie, lasts_s);
    answer.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(answer)
}

/// The address to come back to; in a demonstration, under the name by which the browser came.
pub(super) fn redirect_uri(lane: &Lane, asked: &Asked) -> String {
    let origin = match host(&asked.parts.headers, &asked.parts.uri) {
        Some(host) if lane.app.is_demo() => format!("{}://{host}", lane.app.config.scheme()),
        _ => lane.app.origin.clone(),
    };
    format!("{origin}{CALLBACK_PATH}")
}

async fn callback(State(lane): State<Lane>, asked: Asked) -> Response {
    let result = finish_login(&lane, &asked).await;
    // A link from elsewhere must not end the login that this browser is in the middle of.
    let goes_on = matches!(result, Err(Problem::LoginInvalid | Problem::RateLimited { .. }));
    let mut response = asked.respond(&lane, result);
    if !goes_on {
        let clear = lane.app.cookies.clear(cookies::LOGIN);
        response.headers_mut().append(header::SET_COOKIE, clear);
    }
    response
}

async fn finish_login(lane: &Lane, asked: &Asked) -> Result<Answer, Problem> {
    let app = &lane.app;
    check_login_pace(app, asked.context.peer.ip())?;
    let query: Callback = serde_urlencoded::from_str(asked.parts.uri.query().unwrap_or(""))
        .map_err(|_| Problem::LoginInvalid)?;
    let cookie = app.cookies.read(&asked.parts.headers, cookies::LOGIN);
    let now_s = now_s();
    let returned = login::returned(&app.keys, cookie, &query.state, now_s).map_err(|error| {
        tracing::info!(%error, "a login is not believed");
        Problem::LoginInvalid
    })?;
    if query.names_somebody() {
        operations::spend_login(lane, returned.spend).await?;
    }
    let session = identify_person(lane, asked, &query, &returned.secret, now_s).await;
    if let Some(request) = &returned.app {
        return oauth::back_to_app(lane, request, session, now_s);
    }
    let session = session?;
    let mut answer = redirect(&returned.return_path);
    let token = app.keys.session.sign(&session);
    let lasts_s = session.expires_at_s.saturating_sub(now_s);
    let cookie = app.cookies.write(cookies::SESSION, &token, lasts_s);
    answer.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(answer)
}

/// Asks the hub who came back.
async fn identify_person(
    lane: &Lane,
    asked: &Asked,
    query: &Callback,
    secret: &[u8; 32],
    now_s: u64,
) -> Result<Session, Problem> {
    let app = &lane.app;
    if !query.names_somebody() {
        return Err(Problem::LoginDenied);
    }
    let lasts_s = u64::from(app.config.session.ttl_minutes) * 60;
    let redirect_uri = redirect_uri(lane, asked);
    let round = Round { state: &query.state, secret, redirect_uri: &redirect_uri };
    let person = lane.hub.identify(&query.code, round).await.map_err(|error| failed(&error))?;
    let session = operations::log_in(lane, &person, now_s, now_s + lasts_s).await?;
    metrics::counter!(table::LOGINS.name, "outcome" => "identified").increment(1);
    Ok(session)
}

/// Notes why nobody was identified; citizens are told that it failed.
pub(super) fn failed(error: &ProviderError) -> Problem {
    tracing::warn!(%error, "a login failed");
    metrics::counter!(table::LOGINS.name, "outcome" => failure(error)).increment(1);
    Problem::LoginFailed
}

fn failure(error: &ProviderError) -> &'static str {
    match error {
        ProviderError::Unreachable(_) => "hub_unreachable",
        ProviderError::TooSlow(_) => "hub_slow",
        ProviderError::Refused { .. } => "hub_refused",
        ProviderError::BadAnswer(_) | ProviderError::Encrypted => "hub_answer",
        ProviderError::NotBelieved(_) => "not_believed",
        ProviderError::NoIdentifier => "no_identifier",
        ProviderError::Random => "no_randomness",
    }
}

async fn log_out(State(lane): State<Lane>, asked: Asked) -> Response {
    let result = finish_session(&lane, &asked).await;
    asked.respond(&lane, result)
}

async fn finish_session(lane: &Lane, asked: &Asked) -> Result<Answer, Problem> {
    let app = &lane.app;
    check_origin(app, &asked.parts.headers, &asked.parts.uri)?;
    match identify(app, &asked.parts.headers) {
        Ok(who) => operations::log_out(lane, &who).await?,
        // Nothing to end: the cookie goes all the same.
        Err(Problem::Unauthenticated | Problem::SessionExpired) => {}
        Err(problem) => return Err(problem),
    }
    let mut answer = if asked.wants_html() {
        redirect("/")
    } else {
        body::answer(StatusCode::NO_CONTENT, "text/plain", Bytes::new())
    };
    let headers = answer.headers_mut();
    headers.append(header::SET_COOKIE, app.cookies.clear(cookies::SESSION));
    headers.insert(header::CACHE_CONTROL, body::NO_STORE);
    // Tickets that were saved on the device go, too.
    headers.insert("clear-site-data", HeaderValue::from_static("\"storage\""));
    Ok(answer)
}

/// 303 to a link of our own making.
pub(crate) fn redirect(link: &str) -> Answer {
    let mut answer = body::answer(StatusCode::SEE_OTHER, "text/plain", Bytes::new());
    let headers = answer.headers_mut();
    let location = HeaderValue::from_str(link).unwrap_or(HeaderValue::from_static("/"));
    headers.insert(header::LOCATION, location);
    headers.insert(header::CACHE_CONTROL, body::NO_STORE);
    answer
}
