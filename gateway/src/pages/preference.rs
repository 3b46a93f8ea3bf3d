//! What a reader chooses for all pages by a small form, which leads back to the page it stands on; a cookie
//! remembers it.
//!
//! Must not know what can be chosen: that is [`super::appearance`]'s and [`super::language`]'s.

use axum::body::Body;
use axum::response::Response;
use http::header;
use serde::de::DeserializeOwned;

use super::claim_form::read_form;
use crate::app::Lane;
use crate::caller::check_origin;
use crate::cold::{Asked, redirect};
use crate::http::body::Answer;
use crate::http::problem::Problem;
use crate::identity::login::local_path;

/// How long a choice is remembered: a year.
const REMEMBERED_S: u64 = 365 * 24 * 60 * 60;

/// What was chosen.
pub(super) struct Chosen {
    /// As the cookie keeps it.
    pub(super) text: String,
    /// The page of the form.
    pub(super) return_path: String,
}

/// Answers the form: `choose` reads it, `cookie` remembers.
pub(super) async fn remember<F: DeserializeOwned>(
    lane: &Lane,
    asked: &Asked,
    body: Body,
    cookie: &str,
    choose: impl FnOnce(F) -> Result<Chosen, Problem>,
) -> Response {
    let result = answer(lane, asked, body, cookie, choose).await;
    asked.respond(lane, result)
}

async fn answer<F: DeserializeOwned>(
    lane: &Lane,
    asked: &Asked,
    body: Body,
    cookie: &str,
    choose: impl FnOnce(F) -> Result<Chosen, Problem>,
) -> Result<Answer, Problem> {
    check_origin(&lane.app, &asked.parts.headers, &asked.parts.uri)?;
    let chosen = choose(read_form(asked, body).await?)?;
    let mut answer = redirect(local_path(&chosen.return_path));
    let cookie = lane.app.cookies.write(cookie, &chosen.text, REMEMBERED_S);
    answer.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(answer)
}
