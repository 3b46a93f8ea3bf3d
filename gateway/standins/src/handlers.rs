//! The endpoints of the stand-in hub.
//!
//! Owns reading requests and writing answers. What a login is, and how long it lives, is `hub`'s;
//! statuses of refusals are `refusal`'s. Called through [`router`], by `hub` only.

use std::time::Duration;

use axum::extract::rejection::{FormRejection, JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Form, Query, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use crate::entities::MAX_ENTITIES;
use crate::faults::HubFaults;
use crate::hub::{AuthType, Hub, Login, TOKEN_TTL, Without};
use crate::misbehaviour::{Step, answer_as_told};
use crate::people::MAX_PEOPLE;
use crate::refusal::Refusal;
use crate::traces::Call;
use crate::{guard, page, traces, user_info};

/// The largest body that is read, in bytes.
const MAX_BODY_BYTES: usize = 16 * 1024;
/// The longest `state` that is carried, in bytes.
const MAX_STATE_BYTES: usize = 1024;
/// What comes back instead of the state, when a fault asks for it.
const WRONG_STATE: &str = "stand-in-wrong-state";

pub(crate) fn router(hub: Hub) -> Router {
    let told = |step, route: MethodRouter<Hub>| {
        let route = route.layer(from_fn_with_state((hub.clone(), step), answer_as_told));
        route.layer(from_fn_with_state(hub.clone(), traces::remember))
    };
    let protocol = Router::new()
        .route("/", get(authorize))
        .route("/choose", post(choose))
        .route(
            "/get-access-token",
            told(Step::Token, get(access_token_by_query).post(access_token_by_form)),
        )
        .route("/get-user-info", told(Step::UserInfo, get(user_info)))
        .route("/get-user-logout", told(Step::Logout, get(logout)))
        .layer(from_fn_with_state(hub.clone(), answer_late));
    Router::new()
        .merge(protocol)
        .route("/stand-in/faults", get(faults).post(set_faults))
        .route("/stand-in/calls", get(calls))
        .route("/stand-in.css", get(stylesheet))
        .fallback(async || Refusal::NotFound)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn(guarded))
        .with_state(hub)
}

async fn guarded(request: Request, next: Next) -> Response {
    let authority = request.uri().authority().map(|authority| authority.as_str());
    let mut response = match guard::refusal(request.headers(), authority) {
        Some(reason) => (StatusCode::FORBIDDEN, reason).into_response(),
        None => next.run(request).await,
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Only the protocol is slow when a fault asks for it: the fault itself can always be taken back.
async fn answer_late(State(hub): State<Hub>, request: Request, next: Next) -> Response {
    let delay_ms = hub.faults().get().delay_ms;
    if delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    }
    next.run(request).await
}

/// What the browser brings, from the client's link and then from the page's form.
#[derive(Default, Deserialize)]
#[serde(default)]
struct AuthorizeParams {
    response_type: String,
    client_id: String,
    auth_type: String,
    state: String,
    redirect_uri: String,
    /// Whom to be, without asking.
    person: Option<String>,
    /// For which legal entity to act; empty: for nobody but oneself.
    entity: String,
    /// Which identifiers that person has not got.
    without: String,
    /// The button that refuses to log in.
    refuse: Option<String>,
}

/// A request to log somebody in, checked.
struct Authorize {
    redirect: Url,
    state: String,
    /// The first of those asked for.
    auth_type: AuthType,
}

impl Authorize {
    fn check(hub: &Hub, params: &AuthorizeParams) -> Result<Self, Refusal> {
        let redirect = hub
            .redirect_target(&params.client_id, &params.redirect_uri)
            .ok_or_else(|| Refusal::bad_request("client_id or redirect_uri is not registered"))?;
        if params.response_type != "code" {
            return Err(Refusal::bad_request("response_type must be code"));
        }
        if params.state.is_empty() || params.state.len() > MAX_STATE_BYTES {
            return Err(Refusal::bad_request(format!("state needs 1 to {MAX_STATE_BYTES} bytes")));
        }
        let auth_types: Option<Vec<AuthType>> =
            params.auth_type.split(',').map(AuthType::parse).collect();
        let auth_type = auth_types.and_then(|known| known.first().copied()).ok_or_else(|| {
            Refusal::bad_request("auth_type must be of dig_sign, bank_id, mobile_id, diia_id")
        })?;
        Ok(Self { redirect: redirect.clone(), state: params.state.clone(), auth_type })
    }

    /// Sends the browser back with a code for the person who was chosen.
    fn log_in(&self, hub: &Hub, params: &AuthorizeParams) -> Result<Response, Refusal> {
        let who = params.person.as_deref().unwrap_or_default();
        let person = who.trim().parse().ok().filter(|number| *number < MAX_PEOPLE);
        let person = person.ok_or_else(|| {
            Refusal::bad_request(format!("person must be a number from 0 to {}", MAX_PEOPLE - 1))
        })?;
        let entity = match params.entity.trim() {
            "" => None,
            number => Some(number.parse().ok().filter(|n| *n < MAX_ENTITIES).ok_or_else(|| {
                let last = MAX_ENTITIES - 1;
                Refusal::bad_request(format!("entity must be a number from 0 to {last}"))
            })?),
        };
        let without = Without::parse(&params.without)
            .ok_or_else(|| Refusal::bad_request("without must be of rnokpp, unzr"))?;
        let faults = hub.faults().get();
        if faults.deny_login {
            return Ok(self.deny(faults));
        }
        let code = hub.issue_code(Login { person, entity, without, auth_type: self.auth_type })?;
        Ok(self.send_back(faults, &[("code", &code)]))
    }

    /// Sends the browser back without a login.
    fn deny(&self, faults: HubFaults) -> Response {
        let description = "the person did not log in";
        self.send_back(faults, &[("error", "access_denied"), ("error_description", description)])
    }

    fn send_back(&self, faults: HubFaults, answer: &[(&str, &str)]) -> Response {
        let state = if faults.wrong_state { WRONG_STATE } else { &self.state };
        let mut target = self.redirect.clone();
        target.query_pairs_mut().extend_pairs(answer).append_pair("state", state);
        Redirect::to(target.as_str()).into_response()
    }
}

async fn authorize(
    State(hub): State<Hub>,
    query: Result<Query<AuthorizeParams>, QueryRejection>,
) -> Response {
    let shown = query.map_err(unreadable).and_then(|Query(params)| {
        let request = Authorize::check(&hub, &params)?;
        match &params.person {
            Some(_) => request.log_in(&hub, &params),
            None => Ok(page::people(&request.redirect, &hidden_fields(&params))),
        }
    });
    shown.unwrap_or_else(|refusal| page::refusal(&refusal))
}

async fn choose(
    State(hub): State<Hub>,
    form: Result<Form<AuthorizeParams>, FormRejection>,
) -> Response {
    let chosen = form.map_err(unreadable).and_then(|Form(params)| {
        let request = Authorize::check(&hub, &params)?;
        if params.refuse.is_some() {
            return Ok(request.deny(hub.faults().get()));
        }
        request.log_in(&hub, &params)
    });
    chosen.unwrap_or_else(|refusal| page::refusal(&refusal))
}

/// What the page's forms carry over from the client's link.
fn hidden_fields(params: &AuthorizeParams) -> [(&'static str, &str); 5] {
    [
        ("response_type", &params.response_type),
        ("client_id", &params.client_id),
        ("auth_type", &params.auth_type),
        ("state", &params.state),
        ("redirect_uri", &params.redirect_uri),
    ]
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenParams {
    grant_type: String,
    client_id: String,
    client_secret: String,
    code: String,
}

async fn access_token_by_query(
    State(hub): State<Hub>,
    query: Result<Query<TokenParams>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Query(params) = query.map_err(unreadable)?;
    access_token(&hub, &params)
}

async fn access_token_by_form(
    State(hub): State<Hub>,
    form: Result<Form<TokenParams>, FormRejection>,
) -> Result<Json<Value>, Refusal> {
    let Form(params) = form.map_err(unreadable)?;
    access_token(&hub, &params)
}

fn access_token(hub: &Hub, params: &TokenParams) -> Result<Json<Value>, Refusal> {
    hub.check_client(&params.client_id, &params.client_secret)?;
    if params.grant_type != "authorization_code" {
        return Err(Refusal::BadGrantType);
    }
    if hub.faults().get().token_error {
        return Err(Refusal::Fault);
    }
    // The protocol has a refresh token; nothing accepts this one, since no login lasts that long.
    let refresh_token = hub.secret()?;
    let (access_token, login) = hub.exchange(&params.code)?;
    Ok(Json(json!({
        "access_token": access_token,
        "token_type": "bearer",
        "expires_in": TOKEN_TTL.as_secs(),
        "refresh_token": refresh_token,
        "user_id": login.user_id(),
    })))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct UserParams {
    access_token: String,
    user_id: String,
    fields: String,
    cert: String,
}

async fn user_info(
    State(hub): State<Hub>,
    query: Result<Query<UserParams>, QueryRejection>,
) -> Result<Json<Map<String, Value>>, Refusal> {
    let Query(params) = query.map_err(unreadable)?;
    let login = hub.login(&params.access_token, &params.user_id)?;
    let faults = hub.faults().get();
    if faults.user_info_error {
        return Err(Refusal::Fault);
    }
    if !params.cert.is_empty() {
        return Err(Refusal::EncryptionNotSupported);
    }
    if faults.encrypted {
        // What a sealed answer looks like from outside; there is nothing in it.
        return Ok(Json(Map::from_iter([("encryptedUserInfo".to_owned(), "MIAGCSqGSIb3".into())])));
    }
    user_info::answer(login, &params.fields, faults).map(Json)
}

async fn logout(
    State(hub): State<Hub>,
    query: Result<Query<UserParams>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Query(params) = query.map_err(unreadable)?;
    if hub.faults().get().logout_error {
        return Err(Refusal::Fault);
    }
    hub.logout(&params.access_token, &params.user_id)?;
    Ok(Json(json!({ "error": "0", "error_description": "logged out" })))
}

async fn faults(State(hub): State<Hub>) -> Json<HubFaults> {
    Json(hub.faults().get())
}

/// Only JSON is read, so no page of another origin can post here without being asked first.
async fn set_faults(
    State(hub): State<Hub>,
    body: Result<Json<HubFaults>, JsonRejection>,
) -> Result<Json<HubFaults>, Refusal> {
    let Json(asked) = body.map_err(|rejection| Refusal::bad_request(rejection.body_text()))?;
    hub.faults().set(asked).map_err(|too_long| Refusal::bad_request(too_long.to_string()))?;
    Ok(Json(asked))
}

async fn calls(State(hub): State<Hub>) -> Json<Vec<Call>> {
    Json(hub.calls().get())
}

async fn stylesheet() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("stand-in.css"))
}

/// The words of the rejection could repeat what was sent, so they are not passed on.
fn unreadable<R>(_rejection: R) -> Refusal {
    Refusal::bad_request("the request cannot be read: a form with each field once is expected")
}
