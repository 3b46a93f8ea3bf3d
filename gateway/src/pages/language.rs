//! The language switch: remembers the choice in a cookie and goes back.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::header;
use serde::Deserialize;

use super::claim_form::read_form;
use crate::app::Lane;
use crate::caller::check_origin;
use crate::cold::{Asked, redirect};
use crate::http::body::Answer;
use crate::http::language::Language;
use crate::http::problem::Problem;
use crate::identity::cookies;
use crate::identity::login::local_path;

/// How long the choice is remembered: a year.
const REMEMBERED_S: u64 = 365 * 24 * 60 * 60;

#[derive(Deserialize)]
struct Form {
    language: String,
    #[serde(rename = "return", default)]
    return_path: String,
}

/// `POST /language`.
pub(super) async fn choose(State(lane): State<Lane>, asked: Asked, body: Body) -> Response {
    let result = remember(&lane, &asked, body).await;
    asked.respond(&lane, result)
}

async fn remember(lane: &Lane, asked: &Asked, body: Body) -> Result<Answer, Problem> {
    check_origin(&lane.app, &asked.parts.headers, &asked.parts.uri)?;
    let form: Form = read_form(asked, body).await?;
    let language = Language::from_tag(&form.language)
        .ok_or_else(|| Problem::bad_request("language: none of ours"))?;
    let mut answer = redirect(local_path(&form.return_path));
    let cookie = lane.app.cookies.write(cookies::LANGUAGE, language.tag(), REMEMBERED_S);
    answer.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(answer)
}
