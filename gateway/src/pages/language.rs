//! The language switch.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::preference::{Chosen, remember};
use crate::app::Lane;
use crate::cold::Asked;
use crate::http::language::Language;
use crate::http::problem::Problem;
use crate::identity::cookies;

#[derive(Deserialize)]
struct Form {
    language: String,
    #[serde(rename = "return", default)]
    return_path: String,
}

/// `POST /language`.
pub(super) async fn choose(State(lane): State<Lane>, asked: Asked, body: Body) -> Response {
    let choose = |form: Form| {
        let language = Language::from_tag(&form.language)
            .ok_or_else(|| Problem::bad_request("language: none of ours"))?;
        Ok(Chosen { text: language.tag().to_owned(), return_path: form.return_path })
    };
    remember(&lane, &asked, body, cookies::LANGUAGE, choose).await
}
