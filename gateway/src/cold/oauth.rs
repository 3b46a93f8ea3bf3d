//! Login of native apps over HTTP: the person's consent, the way to the hub, the token.
//!
//! What is a good request or a good code is decided in [`crate::identity::app_login`].

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use talon_telemetry::table;

use super::Asked;
use super::login::{failed, redirect, redirect_uri};
use crate::app::{App, Lane, now_s};
use crate::availability::Tagged;
use crate::caller::{Identified, check_login_pace};
use crate::http::body::{self, Answer};
use crate::http::problem::Problem;
use crate::identity::app_login::{
    self, AppRequest, BadAppRequest, Metadata, Parameters, SCOPE, SPENT, TokenAnswer, TokenError,
};
use crate::identity::token::Session;
use crate::identity::{cookies, login};
use crate::{operations, pages};

/// What a consent is signed for.
const PURPOSE: &str = "app-consent";
const FORM: &str = "application/x-www-form-urlencoded";

/// The routes.
pub(super) fn routes() -> Router<Lane> {
    Router::new()
        .route("/oauth/authorize", get(authorize))
        .route("/oauth/login", get(begin))
        .route("/oauth/token", post(token))
        .route("/.well-known/oauth-authorization-server", get(metadata))
}

/// A request that the person was shown.
#[derive(Serialize, Deserialize)]
struct Shown {
    expires_at_s: u64,
    /// What only the browser knows that was shown it: a link from elsewhere skips no question.
    browser: [u8; 16],
    request: AppRequest,
}

async fn authorize(State(lane): State<Lane>, asked: Asked) -> Response {
    match ask_person(&lane, &asked) {
        Ok(response) => response,
        Err(problem) => asked.respond(&lane, Err(problem)),
    }
}

/// Shows the person which app asks; nothing happens before they agree.
fn ask_person(lane: &Lane, asked: &Asked) -> Result<Response, Problem> {
    let app = &lane.app;
    check_login_pace(app, asked.context.peer.ip())?;
    let query = asked.parts.uri.query().unwrap_or("");
    let parameters = Parameters::parse(query.as_bytes());
    let request = match app_login::check(&app.config.apps, &app.origin, &parameters) {
        Ok(request) => request,
        Err(BadAppRequest::UnknownApp) => return Err(Problem::AppUnknown),
        Err(BadAppRequest::UnknownRedirect) => return Err(Problem::AppRedirect),
        Err(BadAppRequest::Refused { link }) => {
            return Ok(asked.respond(lane, Ok(redirect(&link))));
        }
    };
    let known = app.config.apps.iter().find(|known| known.client_id == request.client_id);
    let name = &known.ok_or(Problem::AppUnknown)?.name;
    let declined = request.link(&app.origin, &[("error", "access_denied")]);
    let browser = browser_of(app, asked)?;
    let lasts_s = u64::from(app.config.session.login_minutes) * 60;
    let payload = postcard::to_stdvec(&Shown { expires_at_s: now_s() + lasts_s, browser, request });
    let sealed = app.keys.session.seal(PURPOSE, &payload.expect("a request is plain data"));
    let link = format!("/oauth/login?request={sealed}");
    let mut page = pages::consent(lane, asked, name, link, declined);
    let cookie = app.cookies.write(cookies::CONSENT, &hex::encode(browser), lasts_s);
    page.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(page)
}

/// What only this browser knows; the same on all the pages that it is shown meanwhile.
fn browser_of(app: &App, asked: &Asked) -> Result<[u8; 16], Problem> {
    let mut browser = [0; 16];
    let known = app.cookies.read(&asked.parts.headers, cookies::CONSENT).unwrap_or("");
    if hex::decode_to_slice(known, &mut browser).is_err() {
        getrandom::fill(&mut browser).map_err(|_| Problem::Unavailable)?;
    }
    Ok(browser)
}

async fn begin(State(lane): State<Lane>, asked: Asked) -> Response {
    let result = begin_login(&lane, &asked).await;
    asked.respond(&lane, result)
}

async fn begin_login(lane: &Lane, asked: &Asked) -> Result<Answer, Problem> {
    let app = &lane.app;
    check_login_pace(app, asked.context.peer.ip())?;
    let parameters = Parameters::parse(asked.parts.uri.query().unwrap_or("").as_bytes());
    let sealed = parameters.once("request").ok().flatten().ok_or(Problem::LoginInvalid)?;
    let payload = app.keys.session.open(PURPOSE, sealed).ok_or(Problem::LoginInvalid)?;
    let shown: Shown = postcard::from_bytes(&payload).map_err(|_| Problem::LoginInvalid)?;
    let now_s = now_s();
    let browser = app.cookies.read(&asked.parts.headers, cookies::CONSENT).unwrap_or("");
    let is_same: bool = hex::encode(shown.browser).as_bytes().ct_eq(browser.as_bytes()).into();
    if !is_same || shown.expires_at_s <= now_s {
        return Err(Problem::LoginInvalid);
    }
    let lasts_s = u64::from(app.config.session.login_minutes) * 60;
    let redirect_uri = redirect_uri(lane, asked);
    let expires_at_s = now_s + lasts_s;
    let request = shown.request;
    let start = login::start_for_app(&app.keys, &lane.hub, &redirect_uri, request, expires_at_s)
        .await
        .map_err(|error| failed(&error))?;
    let mut answer = redirect(&start.link);
    let cookie = app.cookies.write(cookies::LOGIN, &start.cookie, lasts_s);
    answer.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(answer)
}

/// Sends the browser back to the app, with a code or with the reason why there is none. The
/// browser itself is not logged in.
pub(super) fn back_to_app(
    lane: &Lane,
    request: &AppRequest,
    session: Result<Session, Problem>,
    now_s: u64,
) -> Result<Answer, Problem> {
    let issuer = &lane.app.origin;
    let refused = |error: &str| redirect(&request.link(issuer, &[("error", error)]));
    Ok(match session {
        Ok(session) => {
            let code = app_login::issue(&lane.app.keys.session, request, session, now_s)
                .map_err(|_| Problem::Unavailable)?;
            redirect(&request.link(issuer, &[("code", &code)]))
        }
        Err(Problem::LoginDenied) => refused("access_denied"),
        Err(_) => refused("server_error"),
    })
}

async fn token(State(lane): State<Lane>, asked: Asked, body: Body) -> Response {
    let result = give_token(&lane, &asked, body).await;
    asked.respond(&lane, result)
}

async fn give_token(lane: &Lane, asked: &Asked, body: Body) -> Result<Answer, Problem> {
    let app = &lane.app;
    check_login_pace(app, asked.context.peer.ip())?;
    let kind = asked.parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or("").trim();
    if !essence.eq_ignore_ascii_case(FORM) {
        return Err(Problem::UnsupportedMediaType);
    }
    let form = Parameters::parse(&body::read(&asked.parts.headers, body).await?);
    let now_s = now_s();
    let grant = match app_login::redeem(&app.keys.session, &app.config.apps, &form, now_s) {
        Ok(grant) => grant,
        Err(error) => return Ok(no_token(&error)),
    };
    let session = grant.session;
    match operations::spend_login(lane, grant.spend).await {
        Ok(()) => {}
        Err(Problem::LoginInvalid) => {
            // Somebody has used the code twice, and one of them should not have had it: what the
            // first got is worth nothing from now on (RFC 6749, section 4.1.2).
            let who = Identified { session, by_cookie: false };
            operations::log_out(lane, &who).await?;
            return Ok(no_token(&SPENT));
        }
        Err(problem) => return Err(problem),
    }
    metrics::counter!(table::APP_TOKENS.name).increment(1);
    let answer = TokenAnswer {
        access_token: app.keys.session.sign(&session),
        token_type: "Bearer",
        expires_in: session.expires_at_s.saturating_sub(now_s),
        scope: SCOPE,
    };
    Ok(uncached(body::private_json(StatusCode::OK, &answer)))
}

fn no_token(error: &TokenError) -> Answer {
    uncached(body::private_json(StatusCode::BAD_REQUEST, error))
}

/// RFC 6749 asks for both headers.
fn uncached(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    answer
}

async fn metadata(State(lane): State<Lane>, asked: Asked) -> Response {
    let metadata = serde_json::to_vec(&Metadata::new(&lane.app.origin));
    let tagged = Tagged::new(metadata.expect("metadata are plain data"));
    asked.respond(&lane, Ok(tagged.answer(&asked.parts.headers)))
}
