//! The calendar of an office for one service: what is free on which day, and what opens next. The
//! same for everybody.
//!
//! Must not know sessions.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use talon_domain::ids::Channel;
use talon_wire::{Answer as LedgerAnswer, Command, DayView};

use super::about::OfficeNotes;
use super::choice::{self, Spot};
use super::frame::{Account, Frame, kept, public};
use super::offices::{OfficeCard, nearby};
use super::times::opening;
use super::words::Words;
use crate::app::Lane;
use crate::cold::Asked;
use crate::first_free::{first_free, has_free};
use crate::http::body::Answer;
use crate::http::problem::Problem;

/// Most days to come that the page announces one by one.
const MAX_ANNOUNCED_DAYS: usize = 3;

#[derive(Template)]
#[template(path = "days.html")]
struct DaysPage<'a> {
    frame: Frame<'a>,
    office: String,
    address: String,
    other_offices: String,
    zone_note: String,
    first: String,
    announced: Vec<DayCard>,
    weekdays: Vec<String>,
    months: Vec<MonthCard>,
    notes: OfficeNotes,
    nearby: Vec<OfficeCard>,
}

/// A month of the calendar.
struct MonthCard {
    title: String,
    days: Vec<DayCard>,
}

struct DayCard {
    /// Empty where there is nothing to choose.
    href: String,
    weekday: String,
    /// 1 is Monday.
    column: i8,
    number: i8,
    date: String,
    iso: String,
    /// How many places are free, in words; or when the day opens.
    state: String,
    free: u32,
    is_closed: bool,
}

/// `/book/{authority}/{service}/{office}`: the days with what is free.
pub(super) async fn days(
    State(lane): State<Lane>,
    Path((authority, service, office)): Path<(String, String, String)>,
    asked: Asked,
) -> Response {
    let result = match kept(&lane, &asked) {
        Some(answer) => Ok(answer),
        None => days_page(&lane, &asked, [&authority, &service, &office]).await,
    };
    asked.respond(&lane, result)
}

async fn days_page(lane: &Lane, asked: &Asked, names: [&str; 3]) -> Result<Answer, Problem> {
    let moving = choice::moving(&asked.parts.uri)?;
    let spot = Spot::find(&lane.app, names[0], names[1], names[2], moving)?;
    let days =
        match lane.ledger.call(Command::Days { place: spot.place, channel: Channel::Web }).await {
            LedgerAnswer::Days(days) => days,
            LedgerAnswer::Refused(refusal) => return Err(refusal.into()),
            _ => return Err(Problem::Unavailable),
        };
    let first = days.iter().find(|day| has_free(day)).map(|day| day.date);
    let frame = Frame::new(lane, asked, Account::Unknown);
    let words = frame.words;
    let nearby = match first {
        Some(_) => Vec::new(),
        None => match first_free(lane, spot.chosen.catalogue, spot.place.service).await {
            Ok(days) => nearby(spot.office, &spot.chosen, &days, words),
            Err(_) => Vec::new(),
        },
    };
    let announced =
        days.iter().filter(|day| day.release.is_some_and(|release| release.opens_at.is_some()));
    let page = DaysPage {
        office: words.name(&spot.office.name).to_owned(),
        address: words.name(&spot.office.address).to_owned(),
        other_offices: spot.chosen.path(),
        zone_note: days.first().map_or_else(String::new, |day| spot.zone_note(words, day.date)),
        first: first.map_or_else(String::new, |date| {
            words.with("days-first", [("date", words.day_and_month(date).into())])
        }),
        announced: announced
            .take(MAX_ANNOUNCED_DAYS)
            .map(|day| day_card(&spot, words, day))
            .collect(),
        weekdays: (1..=7).map(|day| words.t(&format!("date-weekday-short-{day}"))).collect(),
        months: months(&spot, words, &days),
        notes: OfficeNotes::of(spot.office, &days, words),
        nearby,
        frame: frame.at_step(3, spot.trail(words)),
    };
    Ok(public(lane, asked, &page))
}

fn months(spot: &Spot<'_>, words: Words<'_>, days: &[DayView]) -> Vec<MonthCard> {
    let mut months: Vec<MonthCard> = Vec::new();
    let mut last = None;
    for day in days {
        let civil = day.date.date();
        let month = (civil.year(), civil.month());
        if last != Some(month) {
            last = Some(month);
            months.push(MonthCard { title: words.month(day.date), days: Vec::new() });
        }
        if let Some(month) = months.last_mut() {
            month.days.push(day_card(spot, words, day));
        }
    }
    months
}

fn day_card(spot: &Spot<'_>, words: Words<'_>, day: &DayView) -> DayCard {
    let civil = day.date.date();
    let is_linked = has_free(day) || day.release.is_some();
    DayCard {
        href: if is_linked { spot.day_path(day.date) } else { String::new() },
        weekday: words.weekday(day.date),
        column: civil.weekday().to_monday_one_offset(),
        number: civil.day(),
        date: words.day_and_month(day.date),
        iso: day.date.to_string(),
        state: match day.release {
            None => words.with("days-free", [("free", day.free.into())]),
            Some(release) => opening(spot, words, release),
        },
        free: day.free,
        is_closed: day.release.is_some(),
    }
}
