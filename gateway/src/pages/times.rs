//! The times of a day: those that are free, or, before the day opens, those that will be given out.
//! The same for everybody.
//!
//! Must not know sessions. What the page is before a release is its snapshot after it, too: whoever
//! waits asks for the same address again.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use talon_domain::civil::CivilDate;
use talon_domain::ids::Channel;
use talon_wire::{Answer as LedgerAnswer, Command, Release, StartsView};

use super::choice::{self, Spot};
use super::frame::{Account, Frame, public};
use super::words::Words;
use crate::app::Lane;
use crate::cold::Asked;
use crate::http::body::Answer;
use crate::http::problem::Problem;

#[derive(Template)]
#[template(path = "times.html")]
struct TimesPage<'a> {
    frame: Frame<'a>,
    date: String,
    office: String,
    other_days: String,
    other_offices: String,
    zone_note: String,
    /// When the date opens; empty when it is open.
    opening: String,
    times: Vec<TimeCard>,
}

/// A start that is free.
pub(super) struct TimeCard {
    /// The confirming page.
    pub(super) href: String,
    /// The time of day.
    pub(super) time: String,
    /// How many can come then.
    pub(super) free: String,
}

/// `/book/{authority}/{service}/{office}/{date}`: the free times of a day.
pub(super) async fn times(
    State(lane): State<Lane>,
    Path((authority, service, office, date)): Path<(String, String, String, String)>,
    asked: Asked,
) -> Response {
    let result = times_page(&lane, &asked, [&authority, &service, &office, &date]).await;
    asked.respond(&lane, result)
}

async fn times_page(lane: &Lane, asked: &Asked, names: [&str; 4]) -> Result<Answer, Problem> {
    let moving = choice::moving(&asked.parts.uri)?;
    let spot = Spot::find(&lane.app, names[0], names[1], names[2], moving)?;
    let date = choice::date(names[3])?;
    let view = starts(lane, &spot, date).await?;
    let frame = Frame::new(lane, asked, Account::Unknown);
    let words = frame.words;
    let page = TimesPage {
        date: words.full_date(date),
        office: words.name(&spot.office.name).to_owned(),
        other_days: spot.path(),
        other_offices: spot.chosen.path(),
        zone_note: spot.zone_note(words, date),
        opening: view.release.map_or_else(String::new, |release| opening(&spot, words, release)),
        times: time_cards(&spot, words, date, &view.free),
        frame: frame.at_step(4, spot.trail_to(words, date)),
    };
    Ok(public(lane, asked, &page))
}

/// When a date opens, by the office's clocks.
pub(super) fn opening(spot: &Spot<'_>, words: Words<'_>, release: Release) -> String {
    let Some(at) = release.opens_at else { return words.t("days-opens-unknown") };
    let key = if release.late { "days-opens-late" } else { "days-opens" };
    words.with(key, [("moment", words.moment(at, &spot.office.zone).into())])
}

/// The free starts of a date.
///
/// # Errors
/// What the ledger refuses.
pub(super) async fn starts(
    lane: &Lane,
    spot: &Spot<'_>,
    date: CivilDate,
) -> Result<StartsView, Problem> {
    match lane.ledger.call(Command::Starts { place: spot.place, channel: Channel::Web, date }).await
    {
        LedgerAnswer::Starts(view) => Ok(view),
        LedgerAnswer::Refused(refusal) => Err(refusal.into()),
        _ => Err(Problem::Unavailable),
    }
}

/// Links to the free starts of a date.
pub(super) fn time_cards(
    spot: &Spot<'_>,
    words: Words<'_>,
    date: CivilDate,
    free: &[talon_wire::FreeStart],
) -> Vec<TimeCard> {
    free.iter()
        .map(|start| TimeCard {
            href: spot.start_path(date, start.start),
            time: start.start.to_string(),
            free: words.with("days-free", [("free", start.desks.into())]),
        })
        .collect()
}
