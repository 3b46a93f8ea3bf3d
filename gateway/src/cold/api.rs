//! The API's cold part: lists that seldom change, and what a person has.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::StatusCode;
use talon_domain::ids::{Channel, OfficeId};
use talon_pow::Pressure;

use super::Asked;
use crate::app::{Lane, now};
use crate::caller::{identify, identify_writer};
use crate::hot::{booked_answer, is_json};
use crate::http::body::{self, Answer};
use crate::http::problem::Problem;
use crate::operations::{self, MoveWish};
use crate::proof;
use crate::request::{MoveRequest, idempotency_key};
use crate::views::{BookingJson, BookingsJson, ProofJson, SessionJson};

const DAYS: &str = "/api/v1/authorities/{authority}/offices/{office}/services/{service}/days";

/// The routes.
pub(super) fn routes() -> Router<Lane> {
    Router::new()
        .merge(hot_routes())
        .route("/api/v1/authorities", get(authorities))
        .route("/api/v1/authorities/{authority}/services", get(services))
        .route("/api/v1/authorities/{authority}/services/{service}/proof", get(proof))
        .route("/api/v1/authorities/{authority}/offices", get(offices))
        .route("/api/v1/session", get(session))
        .route("/api/v1/bookings", get(bookings))
        .route("/api/v1/bookings/{id}", get(booking))
        .route("/api/v1/bookings/{id}/cancel", post(cancel))
        .route("/api/v1/bookings/{id}/move", post(move_booking))
}

/// What the hot lane answers: here so that other methods are refused with those that work.
fn hot_routes() -> Router<Lane> {
    Router::new()
        .route("/api/v1/bookings", post(answered_before))
        .route("/api/v1/challenge", get(answered_before))
        .route(DAYS, get(answered_before))
        .route(&format!("{DAYS}/{{date}}/starts"), get(answered_before))
}

async fn answered_before(State(lane): State<Lane>, asked: Asked) -> Response {
    asked.respond(&lane, Err(Problem::NotFound))
}

async fn authorities(State(lane): State<Lane>, asked: Asked) -> Response {
    let answer = lane.app.lists.authorities.answer(&asked.parts.headers);
    asked.respond(&lane, Ok(answer))
}

async fn services(
    State(lane): State<Lane>,
    Path(authority): Path<String>,
    asked: Asked,
) -> Response {
    let list = lane.app.lists.services.get(&authority).ok_or(Problem::UnknownAuthority);
    asked.respond(&lane, list.map(|list| list.answer(&asked.parts.headers)))
}

/// What a booking of a service needs now, and at the release that is near.
async fn proof(
    State(lane): State<Lane>,
    Path((authority, service)): Path<(String, String)>,
    asked: Asked,
) -> Response {
    let result = proof_of(&lane, &authority, &service);
    asked.respond(&lane, result)
}

fn proof_of(lane: &Lane, authority: &str, service: &str) -> Result<Answer, Problem> {
    let app = &lane.app;
    let authority = app.authority(authority)?;
    let service = authority.catalogue.service_by_code(service).ok_or(Problem::UnknownService)?;
    let policy = &authority.policy;
    let (service, channel) = (service.id, Channel::Web);
    let rule = policy.release(service, channel).proof.as_ref().ok_or(Problem::ProofNotNeeded)?;
    let near = app.demands.near(policy, service, channel, now());
    let floor = proof::difficulty(rule).map_err(|_| Problem::Unavailable)?;
    let release = near.map(|near| match near.pressure {
        Pressure::Calm => (near.opens_at, floor.clone()),
        Pressure::Step(step) => (near.opens_at, floor.doubled(step)),
    });
    let needed_now = app.demands.general(policy, service, channel, rule, now()) != Pressure::Calm;
    let release = release.as_ref().map(|(at, difficulty)| (*at, difficulty));
    let view = ProofJson::new(needed_now, release, rule.slow_lane_minutes);
    Ok(body::private_json(StatusCode::OK, &view))
}

async fn offices(
    State(lane): State<Lane>,
    Path(authority): Path<String>,
    asked: Asked,
) -> Response {
    let list = lane.app.lists.offices.get(&authority).ok_or(Problem::UnknownAuthority);
    asked.respond(&lane, list.map(|list| list.answer(&asked.parts.headers)))
}

async fn session(State(lane): State<Lane>, asked: Asked) -> Response {
    let answer = async {
        let who = identify(&lane.app, &asked.parts.headers)?;
        for authority in lane.app.authority_ids() {
            if let Ok(caller) = who.at(authority) {
                operations::check_session(&lane, caller).await?;
            }
        }
        let codes = lane.app.authorities.values().filter_map(|authority| {
            let catalogue = &authority.catalogue;
            who.session.names(catalogue.authority).map(|_| catalogue.code.as_str())
        });
        let mut authorities: Vec<&str> = codes.collect();
        authorities.sort_unstable();
        let (entity, expires_at_s) = (who.session.has_entity(), who.session.expires_at_s);
        Ok(body::private_json(StatusCode::OK, &SessionJson { authorities, entity, expires_at_s }))
    };
    let answer = answer.await;
    asked.respond(&lane, answer)
}

async fn bookings(State(lane): State<Lane>, asked: Asked) -> Response {
    let answer = async {
        let who = identify(&lane.app, &asked.parts.headers)?;
        let all = operations::bookings(&lane, &who).await?;
        let bookings = all.iter().map(|view| BookingJson::new(&lane.app, view)).collect();
        Ok(body::private_json(StatusCode::OK, &BookingsJson { bookings }))
    };
    let answer = answer.await;
    asked.respond(&lane, answer)
}

async fn booking(State(lane): State<Lane>, Path(id): Path<String>, asked: Asked) -> Response {
    let answer = async {
        let who = identify(&lane.app, &asked.parts.headers)?;
        let id = id.parse().map_err(|_| Problem::NotFound)?;
        let view = operations::booking(&lane, &who, id).await?;
        Ok(body::private_json(StatusCode::OK, &BookingJson::new(&lane.app, &view)))
    };
    let answer = answer.await;
    asked.respond(&lane, answer)
}

async fn cancel(State(lane): State<Lane>, Path(id): Path<String>, asked: Asked) -> Response {
    let answer: Result<Answer, Problem> = async {
        let who = identify_writer(&lane.app, &asked.parts.headers, &asked.parts.uri)?;
        let id = id.parse().map_err(|_| Problem::NotFound)?;
        // Whose office it is decides which pseudonym asks.
        let view = operations::booking(&lane, &who, id).await?;
        let view = operations::cancel(&lane, &who, view.authority, id).await?;
        Ok(body::private_json(StatusCode::OK, &BookingJson::new(&lane.app, &view)))
    }
    .await;
    asked.respond(&lane, answer)
}

async fn move_booking(
    State(lane): State<Lane>,
    Path(id): Path<String>,
    asked: Asked,
    body: Body,
) -> Response {
    let headers = &asked.parts.headers;
    let answer: Result<Answer, Problem> = async {
        let who = identify_writer(&lane.app, headers, &asked.parts.uri)?;
        let key = idempotency_key(headers)?;
        if !is_json(headers) {
            return Err(Problem::bad_request("Content-Type is application/json"));
        }
        let booking = id.parse().map_err(|_| Problem::NotFound)?;
        let bytes = body::read(headers, body).await?;
        let MoveRequest { office, wishes, altcha } = MoveRequest::from_json(&bytes)?;
        let (office, solution) = (office.map(OfficeId), altcha.as_deref());
        let wish = MoveWish { booking, office, wishes, key, solution };
        let moved = operations::move_booking(&lane, &who, wish).await?;
        Ok(booked_answer(&lane, &moved))
    }
    .await;
    asked.respond(&lane, answer)
}
