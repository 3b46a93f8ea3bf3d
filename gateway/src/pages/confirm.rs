//! The confirming page: one time, all of it once more, and the form that books it.
//!
//! Must not know how the form is answered: that is [`super::claim_form`]'s.

use askama::Template;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use talon_domain::civil::{CivilDate, Minute, resolve};
use talon_wire::{BookingState, BookingView, Wishes};

use super::assets::ASSETS;
use super::choice::{self, Spot};
use super::claim_form::{Asking, ClaimForm, modules, submitted};
use super::frame::{Account, Crumb, Frame, personal};
use super::problem::{Aftermath, answer};
use super::tickets::Ticket;
use super::times::starts;
use super::words::zone_named;
use crate::app::{Lane, now};
use crate::caller::{Identified, identify};
use crate::cold::{Asked, redirect};
use crate::http::body::Answer;
use crate::http::problem::Problem;
use crate::operations;

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
    modules: Vec<&'static str>,
    /// For whoever is logged in.
    form: Option<ClaimForm>,
    /// The booking that is moved.
    moved: Option<Ticket>,
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

    fn asking(self) -> Asking<'a> {
        let wishes = Wishes::Starts(vec![(self.date, self.start)]);
        Asking { action: self.path(), spot: self.spot, date: self.date, wishes }
    }
}

/// `GET /book/{authority}/{service}/{office}/{date}/{time}`: all of it once more, and the button.
pub(super) async fn show(
    State(lane): State<Lane>,
    Path(names): Path<Names>,
    asked: Asked,
) -> Response {
    let mut aftermath = Aftermath::default();
    let result = confirm_page(&lane, &asked, &names, &mut aftermath).await;
    answer(&lane, &asked, result, aftermath)
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
    let moved = match &who {
        Ok(who) => movable(lane, who, &spot, aftermath).await?,
        Err(_) => None,
    };
    let frame = Frame::new(lane, asked, Account::of(&who));
    let words = frame.words;
    let starts_at = resolve(&spot.office.zone, date, start);
    let until = spot.chosen.policy.cancel_until(starts_at);
    let until = words.moment(until, &spot.office.zone);
    let minutes = spot.chosen.service.minutes;
    let form = match &who {
        Ok(who) => {
            let needs_proof = operations::needs_proof(lane, who, &spot.place);
            Some({
                let page = (&spot, words);
                ClaimForm::new(lane, asked, page, who, wanted.path(), needs_proof)?
            })
        }
        Err(_) => None,
    };
    let page = ConfirmPage {
        service: words.name(&spot.chosen.service.name).to_owned(),
        office: words.name(&spot.office.name).to_owned(),
        address: words.name(&spot.office.address).to_owned(),
        date: words.full_date(date),
        time: start.to_string(),
        zone: words.zone(&spot.office.zone, starts_at),
        lasts: words.with("front-minutes", [("minutes", minutes.into())]),
        cancel_until: words.with("confirm-cancel-until", [("moment", until.into())]),
        modules: modules(&ASSETS.confirm),
        form,
        moved: moved.map(|booking| Ticket::new(&lane.app, words, &booking)),
        frame: frame.at_step(5, {
            let mut trail = spot.trail_to(words, date);
            trail.push(Crumb { label: start.to_string(), href: spot.day_path(date) });
            trail
        }),
    };
    Ok(personal(lane, asked, &page))
}

/// The booking that is to be moved, where one is and it is one that can be.
///
/// # Errors
/// Why not; `aftermath` then leads to its ticket.
pub(super) async fn movable(
    lane: &Lane,
    who: &Identified,
    spot: &Spot<'_>,
    aftermath: &mut Aftermath,
) -> Result<Option<BookingView>, Problem> {
    let Some(id) = spot.chosen.moving else { return Ok(None) };
    let booking = operations::booking(lane, who, id).await?;
    let place = &spot.place;
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
        _ => Ok(Some(booking)),
    }
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

/// `POST` of the same address: books, or promises to after a wait.
pub(super) async fn book(
    State(lane): State<Lane>,
    Path(names): Path<Names>,
    asked: Asked,
    body: Body,
) -> Response {
    let asking = || Wanted::find(&lane, &asked, &names).map(Wanted::asking);
    submitted(&lane, &asked, body, Aftermath::default(), asking).await
}
