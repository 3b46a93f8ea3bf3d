//! The page that waits for a release: the times wished for, in their order, and the form that books
//! the first of them that is free, by one press.
//!
//! The wishes stand in the page's address, so that a reload, a login or another language loses none.
//! Must not know how the form is answered: that is [`super::claim_form`]'s.

use askama::Template;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use talon_domain::civil::{CivilDate, MINUTES_PER_DAY, Minute};
use talon_domain::ids::Channel;
use talon_domain::shape::{self, ServiceShape};
use talon_wire::{MAX_WISHES, Wishes};
use url::form_urlencoded;

use super::assets::ASSETS;
use super::choice::{self, Spot};
use super::claim_form::{Asking, ClaimForm, modules, submitted};
use super::confirm::movable;
use super::frame::{Account, Frame, personal};
use super::problem::{Aftermath, answer};
use super::tickets::Ticket;
use super::times::{CountdownPart, opening, starts};
use crate::app::Lane;
use crate::caller::identify;
use crate::cold::Asked;
use crate::http::body::Answer;
use crate::http::problem::Problem;

/// The words of the page's address.
type Names = (String, String, String, String);

#[derive(Template)]
#[template(path = "ready.html")]
struct ReadyPage<'a> {
    frame: Frame<'a>,
    title: String,
    service: String,
    office: String,
    address: String,
    date: String,
    zone_note: String,
    /// When it opens; empty when it has.
    opening: String,
    countdown: Option<CountdownPart>,
    /// In the order in which they are tried; none: any time of the day.
    wishes: Vec<WishRow>,
    /// Where other times can be wished for.
    change: String,
    /// What is free, for the module.
    snapshot: String,
    modules: Vec<&'static str>,
    form: Option<ClaimForm>,
    moved: Option<Ticket>,
}

struct WishRow {
    time: String,
    /// This page with the wish one place earlier; empty for the first.
    earlier: String,
    /// This page without the wish.
    without: String,
}

struct Wanted<'a> {
    spot: Spot<'a>,
    date: CivilDate,
    wishes: Vec<Minute>,
}

impl<'a> Wanted<'a> {
    fn find(lane: &'a Lane, asked: &Asked, names: &Names) -> Result<Self, Problem> {
        let moving = choice::moving(&asked.parts.uri)?;
        let (authority, service, office, date) = names;
        let spot = Spot::find(&lane.app, authority, service, office, moving)?;
        let wishes = wishes(asked.parts.uri.query().unwrap_or(""))?;
        Ok(Self { spot, date: choice::date(date)?, wishes })
    }

    fn path(&self) -> String {
        self.spot.ready_path(self.date, &self.wishes)
    }

    fn rows(&self) -> Vec<WishRow> {
        let row = |(index, wish): (usize, &Minute)| {
            let (mut earlier, mut without) = (self.wishes.clone(), self.wishes.clone());
            without.remove(index);
            earlier.swap(index, index.saturating_sub(1));
            let path = |wishes: &[Minute]| self.spot.ready_path(self.date, wishes);
            WishRow {
                time: wish.to_string(),
                earlier: if index == 0 { String::new() } else { path(&earlier) },
                without: path(&without),
            }
        };
        self.wishes.iter().enumerate().map(row).collect()
    }

    fn asking(self) -> Asking<'a> {
        let (wishes, action) = (self.of_ledger(), self.path());
        Asking { spot: self.spot, date: self.date, wishes, action }
    }

    fn of_ledger(&self) -> Wishes {
        if self.wishes.is_empty() {
            let minute = |minute| Minute::new(minute).expect("a day has a first and a last minute");
            let (after, before) = (minute(0), minute(MINUTES_PER_DAY));
            return Wishes::Any { from: self.date, to: self.date, after, before };
        }
        Wishes::Starts(self.wishes.iter().map(|wish| (self.date, *wish)).collect())
    }
}

/// The times of a query, each once, at most [`MAX_WISHES`]: more than the first of them is not tried.
fn wishes(query: &str) -> Result<Vec<Minute>, Problem> {
    let mut wishes = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name == "wish" {
            let wish = choice::start(&value)?;
            if wishes.len() < MAX_WISHES && !wishes.contains(&wish) {
                wishes.push(wish);
            }
        }
    }
    Ok(wishes)
}

/// The starts that a date will have for the web, by the catalogue.
pub(super) fn planned_starts(spot: &Spot<'_>, date: CivilDate) -> Vec<Minute> {
    let shape = shape::day_shape(spot.chosen.catalogue, spot.office, date);
    let mut starts = Vec::new();
    for (index, shift) in shape.shifts.iter().enumerate() {
        let Some(service) = shift.service(spot.place.service) else { continue };
        let index = u16::try_from(index).expect("catalogues bound the shifts of a day");
        let steps = (0..shift.steps).filter(|step| is_offered(service, *step));
        starts.extend(steps.map(|step| shape.minute(index, step)));
    }
    starts.sort_unstable();
    starts.dedup();
    starts
}

/// Whether a visit may start at a step, and the web may use all of its steps.
fn is_offered(service: &ServiceShape, step: u8) -> bool {
    let length = u64::MAX >> (64 - u32::from(service.steps.clamp(1, 64)));
    let needed = length << step;
    service.starts & (1 << step) != 0 && service.usable(Channel::Web) & needed == needed
}

/// `GET /book/{authority}/{service}/{office}/{date}/ready?wish=09:00&wish=…`.
pub(super) async fn show(
    State(lane): State<Lane>,
    Path(names): Path<Names>,
    asked: Asked,
) -> Response {
    let mut aftermath = Aftermath::default();
    let result = ready_page(&lane, &asked, &names, &mut aftermath).await;
    answer(&lane, &asked, result, aftermath)
}

async fn ready_page(
    lane: &Lane,
    asked: &Asked,
    names: &Names,
    aftermath: &mut Aftermath,
) -> Result<Answer, Problem> {
    let wanted = Wanted::find(lane, asked, names)?;
    let spot = wanted.spot;
    let who = identify(&lane.app, &asked.parts.headers);
    let release = starts(lane, &spot, wanted.date).await?.release;
    let moved = match &who {
        Ok(who) => movable(lane, who, &spot, aftermath).await?,
        Err(_) => None,
    };
    let frame = Frame::new(lane, asked, Account::of(&who));
    let words = frame.words;
    // Before a release the module asks later whether a proof is needed.
    let rule = spot.chosen.policy.release(spot.place.service, Channel::Web).proof.as_ref();
    let form = match &who {
        Ok(who) => {
            let page = (&spot, words);
            let form = ClaimForm::new(lane, asked, page, who, wanted.path(), rule.is_some())?;
            Some(form.until(release.and_then(|release| release.opens_at), who))
        }
        Err(_) => None,
    };
    let title = match (release, &who) {
        (None, _) => "ready-title-open",
        (Some(_), Ok(_)) => "ready-title",
        (Some(_), Err(_)) => "ready-title-out",
    };
    let page = ReadyPage {
        title: words.t(title),
        service: words.name(&spot.chosen.service.name).to_owned(),
        office: words.name(&spot.office.name).to_owned(),
        address: words.name(&spot.office.address).to_owned(),
        date: words.full_date(wanted.date),
        zone_note: spot.zone_note(words, wanted.date),
        opening: release.map_or_else(String::new, |release| opening(&spot, words, release)),
        countdown: release.and_then(CountdownPart::of),
        wishes: wanted.rows(),
        change: spot.day_path(wanted.date),
        snapshot: format!(
            "/api/v1/authorities/{}/offices/{}/services/{}/days/{}/starts",
            spot.chosen.catalogue.code, spot.office.id, spot.chosen.service.code, wanted.date
        ),
        modules: modules(&ASSETS.ready),
        form,
        moved: moved.map(|booking| Ticket::new(&lane.app, words, &booking)),
        frame: frame.at_step(5, spot.trail_to(words, wanted.date)),
    };
    Ok(personal(lane, asked, &page))
}

/// `POST` of the same address: books the first wish that is free, or promises to after a wait.
pub(super) async fn book(
    State(lane): State<Lane>,
    Path(names): Path<Names>,
    asked: Asked,
    body: Body,
) -> Response {
    let aftermath = Aftermath { wished: true, ..Aftermath::default() };
    let asking = || Wanted::find(&lane, &asked, &names).map(Wanted::asking);
    submitted(&lane, &asked, body, aftermath, asking).await
}

#[cfg(test)]
mod tests {
    use talon_ledger::load;

    use super::*;

    fn minutes(texts: &[&str]) -> Vec<Minute> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn wishes_keep_their_order_and_stand_once() {
        let said = wishes("wish=10%3A00&move=x&wish=09:00&wish=10:00").unwrap();
        assert_eq!(said, minutes(&["10:00", "09:00"]));
        assert_eq!(wishes("").unwrap(), []);
        for wrong in ["wish=", "wish=25:00", "wish=now"] {
            assert_eq!(wishes(wrong), Err(Problem::NotFound), "{wrong}");
        }
    }

    #[test]
    fn more_wishes_than_are_tried_are_left_out() {
        let query: Vec<_> = (0..20).map(|hour| format!("wish={hour:02}:00")).collect();
        assert_eq!(wishes(&query.join("&")).unwrap().len(), MAX_WISHES);
    }

    #[test]
    fn a_day_that_is_not_open_yet_lists_the_starts_that_it_will_have() {
        const CATALOGUE: &str = include_str!("../../tests/fixtures/small.catalogue.toml");
        const POLICY: &str = include_str!("../../tests/fixtures/small.policy.toml");
        let authority = load::parse(("catalogue", CATALOGUE), ("policy", POLICY)).unwrap();
        let catalogue = &authority.catalogue;
        let starts = |service: &str, office: u32| {
            let service = catalogue.service_by_code(service).unwrap();
            let office = catalogue.office(talon_domain::ids::OfficeId(office)).unwrap();
            let place = talon_wire::Place {
                authority: catalogue.authority,
                office: office.id,
                service: service.id,
            };
            let policy = &authority.policy;
            let chosen = super::super::choice::Chosen { catalogue, policy, service, moving: None };
            planned_starts(&Spot { chosen, office, place }, "2026-12-16".parse().unwrap())
        };
        assert_eq!(starts("exchange", 2), minutes(&["09:00", "09:20", "09:40"]));
        assert_eq!(starts("exam", 3).len(), 12);
        assert_eq!(starts("exam", 2), []);
    }
}
