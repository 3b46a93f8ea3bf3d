//! The times of a day: those that are free, or, before the day opens, those that will be given out.
//! The same for everybody.
//!
//! Must not know sessions. What the page is before a release is its snapshot after it, too: whoever
//! waits asks for the same address again.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use talon_domain::civil::{CivilDate, MICROS_PER_SECOND, Minute};
use talon_domain::ids::Channel;
use talon_wire::{Answer as LedgerAnswer, Command, Release, StartsView};

use super::assets::ASSETS;
use super::choice::{self, Spot};
use super::frame::{Account, Frame, kept, public};
use super::ready::planned_starts;
use super::words::Words;
use crate::app::Lane;
use crate::cold::Asked;
use crate::http::body::Answer;
use crate::http::problem::Problem;

/// So long before its release times of a date can be wished for.
const PREPARED_AHEAD_MICROS: i64 = 26 * 60 * 60 * MICROS_PER_SECOND;

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
    countdown: Option<CountdownPart>,
    module: Option<&'static str>,
    imports: Vec<&'static str>,
    /// The times that can be wished for before the date opens.
    planned: Vec<String>,
    ready: String,
    /// The booking that is to be moved; empty when none is.
    moving: String,
    times: Vec<TimeCard>,
}

/// What the countdown's module needs to know.
pub(super) struct CountdownPart {
    /// The moment in milliseconds since 1970.
    pub(super) opens_at_ms: i64,
}

impl CountdownPart {
    /// Of a release whose moment is known.
    pub(super) fn of(release: Release) -> Option<Self> {
        release.opens_at.map(|at| Self { opens_at_ms: at.0 / 1000 })
    }
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
    let result = match kept(&lane, &asked) {
        Some(answer) => Ok(answer),
        None => times_page(&lane, &asked, [&authority, &service, &office, &date]).await,
    };
    asked.respond(&lane, result)
}

async fn times_page(lane: &Lane, asked: &Asked, names: [&str; 4]) -> Result<Answer, Problem> {
    let moving = choice::moving(&asked.parts.uri)?;
    let spot = Spot::find(&lane.app, names[0], names[1], names[2], moving)?;
    let date = choice::date(names[3])?;
    let view = starts(lane, &spot, date).await?;
    let frame = Frame::new(lane, asked, Account::Unknown);
    let words = frame.words;
    let soon = view
        .release
        .and_then(|release| release.opens_at)
        .is_some_and(|at| at.0 - words.now.0 <= PREPARED_AHEAD_MICROS);
    let planned = if soon { planned_starts(&spot, date) } else { Vec::new() };
    let page = TimesPage {
        countdown: view.release.filter(|_| soon).and_then(CountdownPart::of),
        module: soon.then_some(ASSETS.release.path.as_str()),
        imports: if soon { vec![&ASSETS.clock.path, &ASSETS.countdown.path] } else { Vec::new() },
        planned: planned.iter().map(Minute::to_string).collect(),
        ready: spot.ready_address(date),
        moving: moving.map_or_else(String::new, |id| id.to_string()),
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
