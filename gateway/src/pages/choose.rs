//! The pages of the choice: service, office, day, time. They are the same for everybody.
//!
//! Must not know sessions, except that the front page offers to log in or out.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use talon_domain::catalogue::Office;
use talon_domain::civil::CivilDate;
use talon_domain::ids::Channel;
use talon_wire::{Answer as LedgerAnswer, Command, DayView, Release, StartsView};

use super::about::{AboutView, OfficeNotes};
use super::choice::{self, Chosen, Spot};
use super::frame::{Account, Frame, personal, public};
use super::words::Words;
use crate::app::{App, Lane};
use crate::caller::identify;
use crate::cold::{Asked, redirect};
use crate::http::body::Answer;
use crate::http::language::Language;
use crate::http::problem::Problem;

/// Longer searches are cut, in characters.
const MAX_SEARCH_CHARS: usize = 100;

#[derive(Template)]
#[template(path = "front.html")]
struct FrontPage<'a> {
    frame: Frame<'a>,
    authorities: Vec<AuthorityCard>,
}

struct AuthorityCard {
    code: String,
    name: String,
    services: Vec<ServiceCard>,
}

struct ServiceCard {
    href: String,
    name: String,
    minutes: String,
    opens: String,
    is_test: bool,
}

/// `/`: what this is, and which services there are.
pub(super) async fn front(State(lane): State<Lane>, asked: Asked) -> Response {
    let account = Account::of(&identify(&lane.app, &asked.parts.headers));
    let frame = Frame::new(&lane, &asked, account).at_step(1, Vec::new());
    let page = FrontPage { authorities: authorities(&lane.app, frame.words), frame };
    asked.respond(&lane, Ok(personal(&lane, &asked, &page)))
}

fn authorities(app: &App, words: Words<'_>) -> Vec<AuthorityCard> {
    let sorted: BTreeMap<_, _> = app.authorities.iter().collect();
    let cards = sorted.values().map(|authority| {
        let catalogue = &*authority.catalogue;
        let services = catalogue.services.iter().map(|service| {
            let chosen = Chosen { catalogue, policy: &authority.policy, service, moving: None };
            let release = authority.policy.release(service.id, Channel::Web);
            ServiceCard {
                href: chosen.path(),
                name: words.name(&service.name).to_owned(),
                minutes: words.with("front-minutes", [("minutes", service.minutes.into())]),
                opens: words.with(
                    "front-opens",
                    [
                        ("days", release.days_ahead.into()),
                        ("time", release.time.to_string().into()),
                    ],
                ),
                is_test: service.test_mode,
            }
        });
        AuthorityCard {
            code: catalogue.code.clone(),
            name: words.name(&catalogue.name).to_owned(),
            services: services.collect(),
        }
    });
    cards.collect()
}

/// `/book` and `/book/{authority}`: the services are on the front page.
pub(super) async fn to_front(State(lane): State<Lane>, asked: Asked) -> Response {
    asked.respond(&lane, Ok(redirect("/")))
}

#[derive(Template)]
#[template(path = "offices.html")]
struct OfficesPage<'a> {
    frame: Frame<'a>,
    search: String,
    /// The booking that is to be moved; empty when none is.
    moving: String,
    /// This page without a search.
    all: String,
    found: String,
    is_open: bool,
    regions: Vec<RegionCard>,
    about: AboutView,
}

struct RegionCard {
    name: String,
    count: String,
    offices: Vec<OfficeCard>,
}

struct OfficeCard {
    href: String,
    name: String,
    address: String,
}

#[derive(Default, Deserialize)]
struct Search {
    #[serde(default)]
    q: String,
}

/// `/book/{authority}/{service}`: the offices that offer it.
pub(super) async fn offices(
    State(lane): State<Lane>,
    Path((authority, service)): Path<(String, String)>,
    asked: Asked,
) -> Response {
    let result = choice::moving(&asked.parts.uri)
        .and_then(|moving| Chosen::find(&lane.app, &authority, &service, moving))
        .map(|chosen| offices_page(&lane, &asked, chosen));
    asked.respond(&lane, result)
}

fn offices_page(lane: &Lane, asked: &Asked, chosen: Chosen<'_>) -> Answer {
    let query = asked.parts.uri.query().unwrap_or("");
    let search: Search = serde_urlencoded::from_str(query).unwrap_or_default();
    let search: String = search.q.trim().chars().take(MAX_SEARCH_CHARS).collect();
    let frame = Frame::new(lane, asked, Account::Unknown);
    let words = frame.words;
    let terms: Vec<String> = folded(&search).split_whitespace().map(str::to_owned).collect();
    let offices = chosen.catalogue.offices.iter().filter(|office| {
        office.offers(chosen.service.id) && (terms.is_empty() || fits(office, &terms))
    });
    let (regions, count) = by_region(offices, chosen, words);
    let found_key = if terms.is_empty() { "offices-found" } else { "offices-match" };
    let found = words.with(found_key, [("count", count.into())]);
    let frame = frame.at_step(2, chosen.trail(words));
    let is_open = !terms.is_empty() || regions.len() == 1;
    let about = AboutView::of(chosen.service, words);
    let moving = chosen.moving.map_or_else(String::new, |id| id.to_string());
    let all = chosen.path();
    public(lane, asked, &OfficesPage { frame, search, moving, all, found, is_open, regions, about })
}

/// The offices by region, in the catalogue's order, which is that of the Ukrainian alphabet; in
/// English by the English names.
fn by_region<'a>(
    offices: impl Iterator<Item = &'a Office>,
    chosen: Chosen<'_>,
    words: Words<'_>,
) -> (Vec<RegionCard>, usize) {
    let mut regions: Vec<(&str, RegionCard)> = Vec::new();
    let mut count = 0;
    for office in offices {
        let card = OfficeCard {
            href: chosen.office_path(office.id),
            name: words.name(&office.name).to_owned(),
            address: words.name(&office.address).to_owned(),
        };
        count += 1;
        match regions.iter_mut().find(|(code, _)| *code == office.region.code) {
            Some((_, region)) => region.offices.push(card),
            None => {
                let name = words.name(&office.region.name).to_owned();
                let region = RegionCard { name, count: String::new(), offices: vec![card] };
                regions.push((&office.region.code, region));
            }
        }
    }
    let mut regions: Vec<RegionCard> = regions.into_iter().map(|(_, region)| region).collect();
    for region in &mut regions {
        let count = region.offices.len();
        region.count = words.with("offices-count", [("count", count.into())]);
    }
    if words.language != Language::Uk {
        regions.sort_by(|left, right| left.name.cmp(&right.name));
    }
    (regions, count)
}

/// Whether all the terms stand somewhere in what is known of an office, in any language.
fn fits(office: &Office, terms: &[String]) -> bool {
    let mut all = format!("{:04}", office.id.0);
    for text in [&office.name, &office.region.name, &office.address] {
        for part in [&text.uk, &text.en] {
            all.push(' ');
            all.push_str(&folded(part));
        }
    }
    terms.iter().all(|term| all.contains(term.as_str()))
}

/// Letter case and the kind of apostrophe do not matter.
fn folded(text: &str) -> String {
    text.to_lowercase().replace(['’', 'ʼ', '`'], "'")
}

#[derive(Template)]
#[template(path = "days.html")]
struct DaysPage<'a> {
    frame: Frame<'a>,
    office: String,
    address: String,
    other_offices: String,
    zone_note: String,
    days: Vec<DayCard>,
    notes: OfficeNotes,
}

struct DayCard {
    /// Empty where there is nothing to choose.
    href: String,
    weekday: String,
    date: String,
    iso: String,
    state: String,
    is_closed: bool,
}

/// `/book/{authority}/{service}/{office}`: the days with what is free.
pub(super) async fn days(
    State(lane): State<Lane>,
    Path((authority, service, office)): Path<(String, String, String)>,
    asked: Asked,
) -> Response {
    let result = days_page(&lane, &asked, [&authority, &service, &office]).await;
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
    let frame = Frame::new(lane, asked, Account::Unknown);
    let words = frame.words;
    let page = DaysPage {
        office: words.name(&spot.office.name).to_owned(),
        address: words.name(&spot.office.address).to_owned(),
        other_offices: spot.chosen.path(),
        zone_note: days.first().map_or_else(String::new, |day| spot.zone_note(words, day.date)),
        days: days.iter().map(|day| day_card(&spot, words, day)).collect(),
        notes: OfficeNotes::of(spot.office, &days, words),
        frame: frame.at_step(3, spot.trail(words)),
    };
    Ok(public(lane, asked, &page))
}

fn day_card(spot: &Spot<'_>, words: Words<'_>, day: &DayView) -> DayCard {
    let can_book = day.release.is_none() && day.free > 0;
    DayCard {
        href: if can_book { spot.day_path(day.date) } else { String::new() },
        weekday: words.weekday(day.date),
        date: words.day_and_month(day.date),
        iso: day.date.to_string(),
        state: match day.release {
            None => words.with("days-free", [("free", day.free.into())]),
            Some(release) => opening(spot, words, release),
        },
        is_closed: day.release.is_some(),
    }
}

/// When a date opens, by the office's clocks.
pub(super) fn opening(spot: &Spot<'_>, words: Words<'_>, release: Release) -> String {
    let Some(at) = release.opens_at else { return words.t("days-opens-unknown") };
    let key = if release.late { "days-opens-late" } else { "days-opens" };
    words.with(key, [("moment", words.moment(at, &spot.office.zone).into())])
}

#[derive(Template)]
#[template(path = "times.html")]
struct TimesPage<'a> {
    frame: Frame<'a>,
    date: String,
    office: String,
    other_days: String,
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
        zone_note: spot.zone_note(words, date),
        opening: view.release.map_or_else(String::new, |release| opening(&spot, words, release)),
        times: time_cards(&spot, words, date, &view.free),
        frame: frame.at_step(4, spot.trail_to(words, date)),
    };
    Ok(public(lane, asked, &page))
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
