//! The confirming page, and the booking that its form asks for.
//!
//! The form carries an idempotency key, so however often it is sent it books once.

use askama::Template;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::header;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use talon_domain::booking::Subject;
use talon_domain::civil::{CivilDate, Minute, resolve};
use talon_domain::ids::BookingId;
use talon_wire::{BookingState, BookingView, Wishes};

use super::assets::ASSETS;
use super::choice::{self, Spot};
use super::frame::{Account, Frame, personal};
use super::problem::{Aftermath, Retry, refuse};
use super::tickets::Ticket;
use super::times::starts;
use super::words::zone_named;
use crate::app::{Lane, now};
use crate::caller::{Identified, identify, identify_writer};
use crate::cold::{Asked, redirect};
use crate::http::body::{self, Answer};
use crate::http::problem::Problem;
use crate::operations::{self, MoveWish, Wish};
use crate::request::hash_key;

/// The words of a confirming page's address.
type Names = (String, String, String, String, String);

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage<'a> {
    frame: Frame<'a>,
    service: String,
    office: String,
    address: String,
    date: String,
    time: String,
    zone: String,
    lasts: String,
    cancel_until: String,
    action: String,
    key: String,
    proof: Option<ProofPart>,
    /// The booking that is moved.
    moved: Option<Ticket>,
    /// Whether it may be for the organisation of the login.
    offers_entity: bool,
}

/// What the proof's module needs to know.
struct ProofPart {
    challenge: String,
    script: &'static str,
    worker: &'static str,
}

struct Wanted<'a> {
    spot: Spot<'a>,
    date: CivilDate,
    start: Minute,
}

impl<'a> Wanted<'a> {
    fn find(lane: &'a Lane, asked: &Asked, names: &Names) -> Result<Self, Problem> {
        let moving = choice::moving(&asked.parts.uri)?;
        let (authority, service, office, date, start) = names;
        let spot = Spot::find(&lane.app, authority, service, office, moving)?;
        Ok(Self { spot, date: choice::date(date)?, start: choice::start(start)? })
    }

    fn path(&self) -> String {
        self.spot.start_path(self.date, self.start)
    }
}

/// `GET /book/{authority}/{service}/{office}/{date}/{time}`: all of it once more, and the button.
pub(super) async fn show(
    State(lane): State<Lane>,
    Path(names): Path<Names>,
    asked: Asked,
) -> Response {
    let mut aftermath = Aftermath::default();
    match confirm_page(&lane, &asked, &names, &mut aftermath).await {
        Ok(answer) => asked.respond(&lane, Ok(answer)),
        Err(problem) => refuse(&lane, &asked, &problem, aftermath),
    }
}

async fn confirm_page(
    lane: &Lane,
    asked: &Asked,
    names: &Names,
    aftermath: &mut Aftermath,
) -> Result<Answer, Problem> {
    let wanted = Wanted::find(lane, asked, names)?;
    let Wanted { spot, date, start } = wanted;
    let who = identify(&lane.app, &asked.parts.headers);
    let view = starts(lane, &spot, date).await?;
    if let Some(release) = view.release {
        return Err(Problem::NotReleased(release));
    }
    if !view.free.iter().any(|free| free.start == start) {
        if let Ok(who) = &who
            && let Some(ticket) = own_ticket(lane, who, &wanted).await?
        {
            return Ok(redirect(&ticket));
        }
        return Err(Problem::SlotTaken { free: view.free });
    }
    let moved = match (&who, spot.chosen.moving) {
        (Ok(who), Some(id)) => Some(movable(lane, who, &wanted, id, aftermath).await?),
        _ => None,
    };
    let offers_entity = moved.is_none() && acts_for_entity(&who, &spot);
    let frame = Frame::new(lane, asked, Account::of(&who));
    let words = frame.words;
    let starts_at = resolve(&spot.office.zone, date, start);
    let until = spot.chosen.policy.cancel_until(starts_at);
    let until = words.moment(until, &spot.office.zone);
    let minutes = spot.chosen.service.minutes;
    let zone = words.zone(&spot.office.zone, starts_at);
    let needs_proof = who.as_ref().is_ok_and(|who| operations::needs_proof(lane, who, &spot.place));
    let page = ConfirmPage {
        service: words.name(&spot.chosen.service.name).to_owned(),
        office: words.name(&spot.office.name).to_owned(),
        address: words.name(&spot.office.address).to_owned(),
        date: words.full_date(date),
        time: start.to_string(),
        zone,
        lasts: words.with("front-minutes", [("minutes", minutes.into())]),
        cancel_until: words.with("confirm-cancel-until", [("moment", until.into())]),
        action: wanted.path(),
        key: if who.is_ok() { new_key()? } else { String::new() },
        proof: needs_proof.then(|| proof_part(&spot)),
        moved: moved.map(|booking| Ticket::new(&lane.app, words, &booking)),
        offers_entity,
        frame: frame.at_step(5, {
            let mut trail = spot.trail_to(words, date);
            trail.push(super::frame::Crumb { label: start.to_string(), href: spot.day_path(date) });
            trail
        }),
    };
    Ok(personal(lane, asked, &page))
}

/// The booking that is to be moved, if it is one that can be.
async fn movable(
    lane: &Lane,
    who: &Identified,
    wanted: &Wanted<'_>,
    id: BookingId,
    aftermath: &mut Aftermath,
) -> Result<BookingView, Problem> {
    let booking = operations::booking(lane, who, id).await?;
    let place = &wanted.spot.place;
    if (booking.authority, booking.service) != (place.authority, place.service) {
        return Err(Problem::NotFound);
    }
    aftermath.ticket = Some(super::tickets::path(id));
    aftermath.zone = Some(zone_named(&booking.zone));
    if booking.state != BookingState::Booked {
        return Err(Problem::NotLive(booking.state));
    }
    match booking.move_until {
        Some(until) if now() > until => Err(Problem::TooLateToMove { until }),
        // Where it may not be moved at all, the ledger says why.
        _ => Ok(booking),
    }
}

/// Whether the login names an organisation to act for.
fn acts_for_entity(who: &Result<Identified, Problem>, spot: &Spot<'_>) -> bool {
    let caller = who.as_ref().ok().and_then(|who| who.at(spot.place.authority).ok());
    caller.is_some_and(|caller| caller.entity.is_some())
}

/// The ticket of somebody who comes back to the form after having booked.
async fn own_ticket(
    lane: &Lane,
    who: &Identified,
    wanted: &Wanted<'_>,
) -> Result<Option<String>, Problem> {
    let own = operations::bookings(lane, who).await?.into_iter().find(|booking| {
        let place = &wanted.spot.place;
        (booking.authority, booking.office, booking.service)
            == (place.authority, place.office, place.service)
            && (booking.date, booking.start) == (wanted.date, wanted.start)
            && booking.state == BookingState::Booked
    });
    Ok(own.map(|booking| super::tickets::path(booking.id)))
}

fn proof_part(spot: &Spot<'_>) -> ProofPart {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    ProofPart {
        challenge: format!(
            "/api/v1/challenge?authority={}&office={}&service={}",
            encoded(&spot.chosen.catalogue.code),
            spot.office.id,
            encoded(&spot.chosen.service.code),
        ),
        script: &ASSETS.proof.path,
        worker: &ASSETS.worker.path,
    }
}

fn new_key() -> Result<String, Problem> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| Problem::Unavailable)?;
    Ok(hex::encode(bytes))
}

#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    key: String,
    #[serde(default)]
    altcha: String,
    #[serde(rename = "for")]
    subject: Option<Subject>,
}

/// `POST` of the same address: books.
pub(super) async fn book(
    State(lane): State<Lane>,
    Path(names): Path<Names>,
    asked: Asked,
    body: Body,
) -> Response {
    let mut aftermath = Aftermath::default();
    match submit(&lane, &asked, &names, body, &mut aftermath).await {
        Ok(answer) => asked.respond(&lane, Ok(answer)),
        Err(problem) => refuse(&lane, &asked, &problem, aftermath),
    }
}

async fn submit(
    lane: &Lane,
    asked: &Asked,
    names: &Names,
    body: Body,
    aftermath: &mut Aftermath,
) -> Result<Answer, Problem> {
    let headers = &asked.parts.headers;
    let who = identify_writer(&lane.app, headers, &asked.parts.uri)?;
    let wanted = Wanted::find(lane, asked, names)?;
    let form: Form = read_form(asked, body).await?;
    let key = hash_key(form.key.as_bytes())?;
    let subject = form.subject.unwrap_or(Subject::Person);
    let wishes = Wishes::Starts(vec![(wanted.date, wanted.start)]);
    let solution = Some(form.altcha.as_str()).filter(|text| !text.is_empty());
    let place = wanted.spot.place;
    let outcome = match wanted.spot.chosen.moving {
        None => {
            let wish = Wish { place, subject, wishes, key, solution };
            operations::book(lane, &who, wish).await
        }
        Some(booking) => {
            aftermath.ticket = Some(super::tickets::path(booking));
            let wish = MoveWish { booking, office: Some(place.office), wishes, key, solution };
            operations::move_booking(lane, &who, wish).await
        }
    };
    match outcome {
        Ok(booked) => Ok(redirect(&super::tickets::path(booked.booking.id))),
        Err(problem) => {
            let Form { key, altcha, .. } = form;
            aftermath.retry = Some(Retry { action: wanted.path(), key, altcha, subject });
            Err(problem)
        }
    }
}

/// Reads the body of one of our forms.
///
/// # Errors
/// [`Problem::BadRequest`], and those of [`body::read`].
pub(super) async fn read_form<T: serde::de::DeserializeOwned>(
    asked: &Asked,
    body: Body,
) -> Result<T, Problem> {
    let headers = &asked.parts.headers;
    let is_form = headers.get(header::CONTENT_TYPE).is_some_and(|value| {
        value.to_str().is_ok_and(|text| text.starts_with("application/x-www-form-urlencoded"))
    });
    if !is_form {
        let expected = "Content-Type is application/x-www-form-urlencoded";
        return Err(Problem::bad_request(expected));
    }
    let bytes = body::read(headers, body).await?;
    serde_urlencoded::from_bytes(&bytes)
        .map_err(|_| Problem::bad_request("the form lacks a field or has one twice"))
}
