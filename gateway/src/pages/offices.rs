//! A service's page: what people have to know of it, and the offices that offer it, by region, with
//! their first free days. The same for everybody.
//!
//! Must not know sessions.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use talon_domain::catalogue::Office;
use talon_domain::civil::CivilDate;

use super::about::AboutView;
use super::choice::{self, Chosen};
use super::choose::release_rule;
use super::frame::{Account, Frame, kept, public};
use super::words::Words;
use crate::app::Lane;
use crate::cold::Asked;
use crate::first_free::{FirstDays, first_free};
use crate::http::body::Answer;
use crate::http::language::Language;

/// Longer searches are cut, in characters.
const MAX_SEARCH_CHARS: usize = 100;

#[derive(Template)]
#[template(path = "offices.html")]
struct OfficesPage<'a> {
    frame: Frame<'a>,
    service: String,
    lasts: String,
    opens: String,
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
    /// The first free day in the region; that there is none; or nothing when it is not known.
    first: String,
    has_free: bool,
    first_date: Option<CivilDate>,
    offices: Vec<OfficeCard>,
}

/// An office to choose.
pub(super) struct OfficeCard {
    pub(super) href: String,
    pub(super) name: String,
    pub(super) address: String,
    /// Its first free day; that there is none; or nothing when it is not known.
    pub(super) first: String,
    pub(super) has_free: bool,
}

impl OfficeCard {
    /// With its first free day, as far as that is known.
    pub(super) fn new(
        office: &Office,
        chosen: &Chosen<'_>,
        days: Option<&FirstDays>,
        words: Words<'_>,
    ) -> Self {
        let date = days.and_then(|days| days.get(&office.id)).copied();
        Self {
            href: chosen.office_path(office.id),
            name: words.name(&office.name).to_owned(),
            address: words.name(&office.address).to_owned(),
            first: days.map_or_else(String::new, |_| first_day(date, words)),
            has_free: date.is_some(),
        }
    }
}

fn first_day(date: Option<CivilDate>, words: Words<'_>) -> String {
    match date {
        None => words.t("offices-none-free"),
        Some(date) => words.with("offices-first", [("date", words.day_and_month(date).into())]),
    }
}

#[derive(Default, Deserialize)]
struct Search {
    #[serde(default)]
    q: String,
}

/// `/book/{authority}/{service}`.
pub(super) async fn offices(
    State(lane): State<Lane>,
    Path((authority, service)): Path<(String, String)>,
    asked: Asked,
) -> Response {
    if let Some(answer) = kept(&lane, &asked) {
        return asked.respond(&lane, Ok(answer));
    }
    let chosen = choice::moving(&asked.parts.uri)
        .and_then(|moving| Chosen::find(&lane.app, &authority, &service, moving));
    let result = match chosen {
        Ok(chosen) => Ok(offices_page(&lane, &asked, chosen).await),
        Err(problem) => Err(problem),
    };
    asked.respond(&lane, result)
}

async fn offices_page(lane: &Lane, asked: &Asked, chosen: Chosen<'_>) -> Answer {
    let query = asked.parts.uri.query().unwrap_or("");
    let search: Search = serde_urlencoded::from_str(query).unwrap_or_default();
    let search: String = search.q.trim().chars().take(MAX_SEARCH_CHARS).collect();
    // Without them the offices can be chosen all the same.
    let days = first_free(lane, chosen.catalogue, chosen.service.id).await.ok();
    let frame = Frame::new(lane, asked, Account::Unknown);
    let words = frame.words;
    let terms: Vec<String> = folded(&search).split_whitespace().map(str::to_owned).collect();
    let offices = chosen.catalogue.offices.iter().filter(|office| {
        office.offers(chosen.service.id) && (terms.is_empty() || fits(office, &terms))
    });
    let (regions, count) = by_region(offices, chosen, days.as_deref(), words);
    let found_key = if terms.is_empty() { "offices-found" } else { "offices-match" };
    let minutes = chosen.service.minutes;
    let page = OfficesPage {
        service: words.name(&chosen.service.name).to_owned(),
        lasts: words.with("front-minutes", [("minutes", minutes.into())]),
        opens: release_rule(&chosen, words),
        found: words.with(found_key, [("count", count.into())]),
        is_open: !terms.is_empty() || regions.len() == 1,
        about: AboutView::of(chosen.catalogue, chosen.service, words),
        moving: chosen.moving.map_or_else(String::new, |id| id.to_string()),
        all: chosen.path(),
        frame: frame.at_step(2, chosen.trail(words)),
        search,
        regions,
    };
    public(lane, asked, &page)
}

/// The offices by region, in the catalogue's order, which is that of the Ukrainian alphabet; in
/// English by the English names.
fn by_region<'a>(
    offices: impl Iterator<Item = &'a Office>,
    chosen: Chosen<'_>,
    days: Option<&FirstDays>,
    words: Words<'_>,
) -> (Vec<RegionCard>, usize) {
    let mut regions: Vec<(&str, RegionCard)> = Vec::new();
    let mut count = 0;
    for office in offices {
        let card = OfficeCard::new(office, &chosen, days, words);
        let date = days.and_then(|days| days.get(&office.id)).copied();
        count += 1;
        match regions.iter_mut().find(|(code, _)| *code == office.region.code) {
            Some((_, region)) => {
                region.first_date = [region.first_date, date].into_iter().flatten().min();
                region.offices.push(card);
            }
            None => regions.push((
                &office.region.code,
                RegionCard {
                    name: words.name(&office.region.name).to_owned(),
                    count: String::new(),
                    first: String::new(),
                    has_free: false,
                    first_date: date,
                    offices: vec![card],
                },
            )),
        }
    }
    let mut regions: Vec<RegionCard> = regions.into_iter().map(|(_, region)| region).collect();
    for region in &mut regions {
        let count = region.offices.len();
        region.count = words.with("offices-count", [("count", count.into())]);
        region.has_free = region.first_date.is_some();
        region.first = days.map_or_else(String::new, |_| first_day(region.first_date, words));
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

/// Most offices that are offered instead of one without places.
const MAX_NEARBY: usize = 3;

/// Offices of the same region that have something free, the soonest first.
pub(super) fn nearby(
    office: &Office,
    chosen: &Chosen<'_>,
    days: &FirstDays,
    words: Words<'_>,
) -> Vec<OfficeCard> {
    let same = |other: &&Office| other.region.code == office.region.code && other.id != office.id;
    let mut others: Vec<_> = chosen
        .catalogue
        .offices
        .iter()
        .filter(same)
        .filter_map(|other| days.get(&other.id).map(|date| (*date, other)))
        .collect();
    others.sort_by_key(|(date, other)| (*date, other.id));
    others.truncate(MAX_NEARBY);
    others.into_iter().map(|(_, other)| OfficeCard::new(other, chosen, Some(days), words)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letter_case_and_apostrophes_do_not_matter_in_a_search() {
        assert_eq!(folded("П’ЯТИХАТКИ"), folded("п'ятихатки"));
    }
}
