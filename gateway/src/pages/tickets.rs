//! The pages of what a person has: all tickets, one ticket, cancelling.
//!
//! Nothing here is ever stored by a browser or on the way to it.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use talon_domain::booking::Subject;
use talon_domain::ids::BookingId;
use talon_domain::policy::{LimitKind, Mode};
use talon_wire::{BookingState, BookingView};

use super::about::{AboutView, Phone};
use super::assets::ASSETS;
use super::calendar::Event;
use super::choice::Spot;
use super::frame::{Account, Frame, personal};
use super::problem::{Aftermath, answer};
use super::qr::Qr;
use super::words::{Words, zone_named};
use crate::app::{App, Lane, now};
use crate::caller::{identify, identify_writer};
use crate::cold::{Asked, redirect};
use crate::http::body::{self, Answer};
use crate::http::problem::Problem;
use crate::operations;

/// The digits of an id that people read to each other.
const SHORT_DIGITS: usize = 8;
/// What the address of a ticket says after a move.
const AFTER_MOVE: &str = "moved";

/// What has become of a booking, as its owner sees it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Ahead,
    Over,
    Cancelled,
    Moved,
    Missed,
}

impl Standing {
    fn of(booking: &BookingView) -> Self {
        match booking.state {
            BookingState::Cancelled => Self::Cancelled,
            BookingState::Moved => Self::Moved,
            BookingState::Absent => Self::Missed,
            BookingState::Served | BookingState::Failed => Self::Over,
            BookingState::Booked if booking.starts_at < now() => Self::Over,
            BookingState::Booked => Self::Ahead,
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Ahead => "ahead",
            Self::Over => "over",
            Self::Cancelled => "cancelled",
            Self::Moved => "moved",
            Self::Missed => "missed",
        }
    }
}

/// What all pages say of a booking.
pub(super) struct Ticket {
    pub(super) href: String,
    number: String,
    service: String,
    pub(super) office: String,
    address: String,
    pub(super) date: String,
    pub(super) time: String,
    zone: String,
    lasts: String,
    state: String,
    state_key: &'static str,
    /// Until when it may be cancelled, or might have been.
    cancel_until: String,
    /// That it is an organisation's; empty for a person's own.
    entity: String,
}

impl Ticket {
    pub(super) fn new(app: &App, words: Words<'_>, booking: &BookingView) -> Self {
        let catalogue = app.authority_by_id(booking.authority).map(|known| &*known.catalogue);
        let office = catalogue.and_then(|catalogue| catalogue.office(booking.office));
        let service = catalogue.and_then(|catalogue| catalogue.service(booking.service));
        let state_key = Standing::of(booking).key();
        let until = words.moment(booking.cancel_until, &zone_named(&booking.zone));
        let in_time = now() <= booking.cancel_until;
        let until_key = if in_time { "ticket-cancel-until" } else { "ticket-cancel-was-until" };
        Self {
            href: path(booking.id),
            number: number(booking.id),
            service: service.map_or_else(String::new, |known| words.name(&known.name).to_owned()),
            // A place that has left the catalogue is still where the visit is.
            office: office.map_or_else(
                || format!("№ {}", booking.office),
                |known| words.name(&known.name).to_owned(),
            ),
            address: office.map_or_else(String::new, |known| words.name(&known.address).to_owned()),
            date: words.full_date(booking.date),
            time: booking.start.to_string(),
            zone: words.zone(&zone_named(&booking.zone), booking.starts_at),
            lasts: words.with("front-minutes", [("minutes", booking.minutes.into())]),
            state: words.t(&format!("ticket-state-{state_key}")),
            state_key,
            cancel_until: words.with(until_key, [("moment", until.into())]),
            entity: match booking.subject {
                Subject::Person => String::new(),
                Subject::Entity => words.t("ticket-for-entity"),
            },
        }
    }
}

/// The address of a ticket.
pub(super) fn path(id: BookingId) -> String {
    format!("/tickets/{id}")
}

/// The address of the ticket that a move has just brought: its page says so.
pub(super) fn path_after_move(id: BookingId) -> String {
    format!("{}?{AFTER_MOVE}", path(id))
}

/// `A7B3-91C2`.
pub(super) fn number(id: BookingId) -> String {
    let digits = id.to_string().to_uppercase();
    let (left, right) = digits[..SHORT_DIGITS].split_at(SHORT_DIGITS / 2);
    format!("{left}-{right}")
}

#[derive(Template)]
#[template(path = "tickets.html")]
struct TicketsPage<'a> {
    frame: Frame<'a>,
    module: &'static str,
    count: String,
    ahead: Vec<Ticket>,
    past: Vec<Ticket>,
}

/// `/tickets`: everything the person has booked.
pub(super) async fn all(State(lane): State<Lane>, asked: Asked) -> Response {
    let result = tickets_page(&lane, &asked).await;
    asked.respond(&lane, result)
}

async fn tickets_page(lane: &Lane, asked: &Asked) -> Result<Answer, Problem> {
    let who = identify(&lane.app, &asked.parts.headers)?;
    let bookings = operations::bookings(lane, &who).await?;
    let frame = Frame::new(lane, asked, Account::In);
    let words = frame.words;
    let (ahead, mut past): (Vec<_>, Vec<_>) =
        bookings.iter().partition(|booking| Standing::of(booking) == Standing::Ahead);
    past.reverse();
    let cards = |bookings: Vec<&BookingView>| -> Vec<Ticket> {
        bookings.into_iter().map(|booking| Ticket::new(&lane.app, words, booking)).collect()
    };
    let page = TicketsPage {
        module: &ASSETS.tickets.path,
        count: words.with("tickets-count", [("count", ahead.len().into())]),
        ahead: cards(ahead),
        past: cards(past),
        frame,
    };
    Ok(personal(lane, asked, &page))
}

#[derive(Template)]
#[template(path = "ticket.html")]
struct TicketPage<'a> {
    frame: Frame<'a>,
    ticket: Ticket,
    outcome: String,
    module: &'static str,
    /// Its code, while it can be used.
    qr: Option<Qr>,
    /// What to bring.
    documents: Vec<String>,
    fee: String,
    phones: Vec<Phone>,
    is_ahead: bool,
    can_cancel: bool,
    /// Where another time can be chosen; empty when it may not be moved.
    move_href: String,
    /// Until when it may be, or might have been; empty when it may not be moved at all.
    move_until: String,
    still_counts: bool,
}

/// `/tickets/{id}`: one booking.
pub(super) async fn one(
    State(lane): State<Lane>,
    Path(id): Path<String>,
    asked: Asked,
) -> Response {
    let result = ticket_page(&lane, &asked, &id).await;
    asked.respond(&lane, result)
}

async fn ticket_page(lane: &Lane, asked: &Asked, id: &str) -> Result<Answer, Problem> {
    let who = identify(&lane.app, &asked.parts.headers)?;
    let id = id.parse().map_err(|_| Problem::NotFound)?;
    let booking = operations::booking(lane, &who, id).await?;
    let frame = Frame::new(lane, asked, Account::In);
    let words = frame.words;
    let ticket = Ticket::new(&lane.app, words, &booking);
    let is_ahead = Standing::of(&booking) == Standing::Ahead;
    let can_cancel = is_ahead && now() <= booking.cancel_until;
    let catalogue = lane.app.authority_by_id(booking.authority).map(|known| &*known.catalogue);
    let service = catalogue.and_then(|catalogue| catalogue.service(booking.service));
    let office = catalogue.and_then(|catalogue| catalogue.office(booking.office));
    let known = catalogue.zip(service);
    let about = known.map(|(catalogue, service)| AboutView::of(catalogue, service, words));
    let (move_href, move_until) =
        if is_ahead { moving(lane, words, &booking) } else { Default::default() };
    let is_moved_here = is_ahead && asked.parts.uri.query() == Some(AFTER_MOVE);
    let outcome = if is_moved_here { "moved-here" } else { ticket.state_key };
    let page = TicketPage {
        outcome: words.t(&format!("ticket-outcome-{outcome}")),
        module: &ASSETS.tickets.path,
        qr: is_ahead.then(|| Qr::of(booking.id)),
        fee: about.as_ref().map(|about| about.fee.clone()).unwrap_or_default(),
        documents: about.map(|about| about.documents).unwrap_or_default(),
        phones: office.map(|office| Phone::all(&office.phones)).unwrap_or_default(),
        is_ahead,
        can_cancel,
        move_href,
        move_until,
        still_counts: counts_cancelled(&lane.app, &booking),
        ticket,
        frame,
    };
    Ok(personal(lane, asked, &page))
}

/// `/tickets/{id}/visit.ics`: the visit for a calendar.
pub(super) async fn calendar(
    State(lane): State<Lane>,
    Path(id): Path<String>,
    asked: Asked,
) -> Response {
    let result = calendar_file(&lane, &asked, &id).await;
    asked.respond(&lane, result)
}

async fn calendar_file(lane: &Lane, asked: &Asked, id: &str) -> Result<Answer, Problem> {
    let who = identify(&lane.app, &asked.parts.headers)?;
    let id = id.parse().map_err(|_| Problem::NotFound)?;
    let booking = operations::booking(lane, &who, id).await?;
    if Standing::of(&booking) != Standing::Ahead {
        return Err(Problem::NotLive(booking.state));
    }
    let frame = Frame::new(lane, asked, Account::In);
    let words = frame.words;
    let ticket = Ticket::new(&lane.app, words, &booking);
    let when = [("time", ticket.time.into()), ("zone", ticket.zone.into())];
    let what = [("service", ticket.service.into()), ("number", ticket.number.into())];
    let file = Event {
        id: &id.to_string(),
        now: words.now,
        starts_at: booking.starts_at,
        minutes: booking.minutes,
        summary: words.with("ticket-calendar-summary", what),
        location: format!("{}, {}", ticket.office, ticket.address),
        description: format!(
            "{} {}",
            words.with("ticket-calendar-when", when),
            ticket.cancel_until
        ),
    }
    .file();
    let kind = "text/calendar; charset=utf-8";
    let mut answer = body::answer(StatusCode::OK, kind, file.into());
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, body::NO_STORE);
    let attachment = HeaderValue::from_static("attachment; filename=\"talon.ics\"");
    headers.insert(header::CONTENT_DISPOSITION, attachment);
    Ok(answer)
}

/// Where to move a booking, and until when that is possible.
fn moving(lane: &Lane, words: Words<'_>, booking: &BookingView) -> (String, String) {
    let Some(until) = booking.move_until else { return Default::default() };
    let moment = words.moment(until, &zone_named(&booking.zone));
    let is_in_time = now() <= until;
    let key = if is_in_time { "ticket-move-until" } else { "ticket-move-was-until" };
    let spot = Spot::to_move(&lane.app, booking).filter(|_| is_in_time);
    let href = spot.map_or_else(String::new, |spot| spot.path());
    (href, words.with(key, [("moment", moment.into())]))
}

/// Whether cancelling leaves the booking in the count of an enforced limit.
fn counts_cancelled(app: &App, booking: &BookingView) -> bool {
    let counts = |kind| {
        matches!(kind, LimitKind::PerPeriod { count_cancelled: true, channel, .. }
            if channel == booking.channel)
    };
    app.policy(booking.authority).is_some_and(|policy| {
        let limits = &policy.policy().limits;
        let mut of_booking =
            limits.iter().filter(|limit| limit.concerns(booking.subject, booking.service));
        of_booking.any(|limit| limit.mode == Mode::Enforced && counts(limit.kind))
    })
}

/// `POST /tickets/{id}/cancel`.
pub(super) async fn cancel(
    State(lane): State<Lane>,
    Path(id): Path<String>,
    asked: Asked,
) -> Response {
    let mut aftermath = Aftermath::default();
    let result = submit_cancel(&lane, &asked, &id, &mut aftermath).await;
    answer(&lane, &asked, result, aftermath)
}

async fn submit_cancel(
    lane: &Lane,
    asked: &Asked,
    id: &str,
    aftermath: &mut Aftermath,
) -> Result<Answer, Problem> {
    let who = identify_writer(&lane.app, &asked.parts.headers, &asked.parts.uri)?;
    let id = id.parse().map_err(|_| Problem::NotFound)?;
    let booking = operations::booking(lane, &who, id).await?;
    aftermath.zone = Some(zone_named(&booking.zone));
    aftermath.ticket = Some(path(id));
    operations::cancel(lane, &who, booking.authority, id).await?;
    Ok(redirect(&path(id)))
}

/// `GET /tickets/{id}/cancel`: a reload after a refusal, or another language.
pub(super) async fn back(
    State(lane): State<Lane>,
    Path(id): Path<String>,
    asked: Asked,
) -> Response {
    let result = id.parse().map(|id| redirect(&path(id))).map_err(|_| Problem::NotFound);
    asked.respond(&lane, result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_short_enough_to_be_read_aloud() {
        assert_eq!(number(BookingId([0xa7; 16])), "A7A7-A7A7");
    }
}
