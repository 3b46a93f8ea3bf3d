//! Sessions of synthetic people for a rehearsal, many at once and without the hub.
//!
//! Only with the feature `demo`, and even then only in a demonstration: a production build has no
//! such route, and a demo build in production mode does not know it. Each session is made as after
//! a login, by the same ledger's word, so that who comes this way and through the hub is one person.

use std::ops::Range;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use futures_util::future::try_join_all;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use talon_standins::{MAX_ENTITIES, MAX_PEOPLE, entity, person};

use super::Asked;
use crate::app::{Lane, now_s};
use crate::http::body::{self, Answer};
use crate::http::problem::Problem;
use crate::identity::provider::Person;
use crate::operations;

/// Most sessions of one answer.
const MAX_SESSIONS_AT_ONCE: u32 = 500;

/// Where they are had.
const PATH: &str = "/stand-in/sessions";

#[derive(Deserialize)]
struct Wanted {
    first: u32,
    count: u32,
    /// The number of the legal entity that all of them act for; nothing: none.
    entity: Option<u32>,
}

#[derive(Serialize)]
struct Made {
    /// Tokens, of one person after the other.
    sessions: Vec<String>,
}

/// The route.
pub(super) fn routes() -> Router<Lane> {
    Router::new().route(PATH, post(sessions))
}

async fn sessions(State(lane): State<Lane>, asked: Asked) -> Response {
    let result = make(&lane, &asked).await;
    asked.respond(&lane, result)
}

async fn make(lane: &Lane, asked: &Asked) -> Result<Answer, Problem> {
    if !lane.app.is_demo() {
        return Err(Problem::NotFound);
    }
    let query = asked.parts.uri.query().unwrap_or("");
    let wanted: Wanted = serde_urlencoded::from_str(query)
        .map_err(|_| Problem::bad_request("first and count are numbers"))?;
    let people = people(&wanted)?;
    if wanted.entity.is_some_and(|index| index >= MAX_ENTITIES) {
        return Err(Problem::bad_request(format!("there are {MAX_ENTITIES} entities")));
    }
    let edrpou = wanted.entity.map_or_else(String::new, |index| entity(index).edrpou);
    let now_s = now_s();
    let lasts_s = u64::from(lane.app.config.session.ttl_minutes) * 60;
    let sessions =
        try_join_all(people.map(|index| session(lane, index, &edrpou, now_s, lasts_s))).await?;
    Ok(body::private_json(StatusCode::OK, &Made { sessions }))
}

fn people(wanted: &Wanted) -> Result<Range<u32>, Problem> {
    if !(1..=MAX_SESSIONS_AT_ONCE).contains(&wanted.count) {
        let most = MAX_SESSIONS_AT_ONCE;
        return Err(Problem::bad_request(format!("count is not from 1 to {most}")));
    }
    let end = wanted.first.checked_add(wanted.count).filter(|end| *end <= MAX_PEOPLE);
    let end = end.ok_or_else(|| Problem::bad_request(format!("there are {MAX_PEOPLE} people")))?;
    Ok(wanted.first..end)
}

async fn session(
    lane: &Lane,
    index: u32,
    edrpou: &str,
    now_s: u64,
    lasts_s: u64,
) -> Result<String, Problem> {
    let synthetic = person(index);
    let person = Person::from_hub(&synthetic.rnokpp, &synthetic.unzr, edrpou)
        .map_err(|_| Problem::Unavailable)?;
    let session = operations::log_in(lane, &person, now_s, now_s + lasts_s).await?;
    Ok(lane.app.keys.session.sign(&session))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(first: u32, count: u32) -> Result<Range<u32>, Problem> {
        people(&Wanted { first, count, entity: None })
    }

    #[test]
    fn no_more_sessions_are_made_at_once_than_the_bound() {
        assert_eq!(wanted(7, MAX_SESSIONS_AT_ONCE), Ok(7..7 + MAX_SESSIONS_AT_ONCE));
        for count in [0, MAX_SESSIONS_AT_ONCE + 1, u32::MAX] {
            assert!(matches!(wanted(7, count), Err(Problem::BadRequest { .. })), "{count}");
        }
    }

    #[test]
    fn only_people_who_are_there_get_a_session() {
        assert_eq!(wanted(MAX_PEOPLE - 2, 2), Ok(MAX_PEOPLE - 2..MAX_PEOPLE));
        for first in [MAX_PEOPLE - 1, u32::MAX] {
            assert!(matches!(wanted(first, 2), Err(Problem::BadRequest { .. })), "{first}");
        }
    }
}
