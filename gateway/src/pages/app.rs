//! The page on which a person agrees that an app may book for them.
//!
//! Must not know what the links on it carry.

use askama::Template;
use axum::response::Response;
use talon_domain::catalogue::Text;

use super::frame::{Account, Frame, personal};
use crate::app::Lane;
use crate::cold::Asked;

#[derive(Template)]
#[template(path = "app.html")]
struct AppPage<'a> {
    frame: Frame<'a>,
    title: String,
    agree: String,
    decline: String,
}

/// The page for the app with this name.
pub(super) fn consent(
    lane: &Lane,
    asked: &Asked,
    name: &Text,
    agree: String,
    decline: String,
) -> Response {
    let frame = Frame::new(lane, asked, Account::Unknown);
    let name = frame.words.name(name).to_owned();
    let title = frame.words.with("app-title", [("app", name.into())]);
    let page = AppPage { frame, title, agree, decline };
    asked.respond(lane, Ok(personal(lane, asked, &page)))
}
