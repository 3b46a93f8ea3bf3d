//! The citizen's pages: rendered here, working without scripts, except for the proof.
//!
//! Templates, styles, scripts and texts are in `gateway/pages` and become part of the program.
//! What pages ask and do is what the API asks and does ([`crate::operations`]); must not know
//! how. Pages of the choice are the same for all who read one language; what is personal is
//! never stored.

mod about;
mod app;
mod appearance;
mod assets;
mod calendar;
mod choice;
mod choose;
mod claim_form;
mod clock;
mod confirm;
mod days;
mod frame;
mod install;
mod kept;
mod language;
mod offices;
mod preference;
mod problem;
mod qr;
mod ready;
mod tickets;
mod times;
mod words;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use talon_domain::catalogue::Text;

use crate::app::Lane;
use crate::cold::Asked;
use crate::http::problem::Problem;

pub use kept::KeptPages;

/// The routes.
pub fn routes() -> Router<Lane> {
    Router::new()
        .route("/", get(choose::front))
        .route("/book", get(choose::to_front))
        .route("/book/{authority}", get(choose::authority))
        .route("/book/{authority}/{service}", get(offices::offices))
        .route("/book/{authority}/{service}/{office}", get(days::days))
        .route("/book/{authority}/{service}/{office}/{date}", get(times::times))
        .route(
            "/book/{authority}/{service}/{office}/{date}/ready",
            get(ready::show).post(ready::book),
        )
        .route(
            "/book/{authority}/{service}/{office}/{date}/{time}",
            get(confirm::show).post(confirm::book),
        )
        .route("/tickets", get(tickets::all))
        .route("/tickets/{id}", get(tickets::one))
        .route("/tickets/{id}/visit.ics", get(tickets::calendar))
        .route("/tickets/{id}/cancel", get(tickets::back).post(tickets::cancel))
        .route("/language", post(language::choose))
        .route("/appearance", post(appearance::choose))
        .route("/clock", get(clock::now))
        .route("/manifest.webmanifest", get(install::manifest))
        .route("/tickets-worker.js", get(install::worker))
        .route("/assets/{file}", get(assets::serve))
}

/// A refusal as a page, for handlers that know nothing more about it.
pub fn problem(lane: &Lane, asked: &Asked, refusal: &Problem) -> Response {
    problem::refuse(lane, asked, refusal, problem::Aftermath::default())
}

/// What a problem means, for those who follow its type.
pub fn explain(lane: &Lane, asked: &Asked, example: &Problem) -> Response {
    problem::explain(lane, asked, example)
}

/// Asks a person whether the app with this name may book for them.
pub fn consent(
    lane: &Lane,
    asked: &Asked,
    name: &Text,
    agree: String,
    decline: String,
) -> Response {
    app::consent(lane, asked, name, agree, decline)
}
