//! The form that takes a place, on the confirming page and on the page that waits for a release: what it
//! carries, and what is done when it is sent.
//!
//! It carries an idempotency key, so however often it is sent it books once; the solution of a
//! challenge, or the promise that waiting stands for one. Must not know the page around it.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use talon_domain::booking::Subject;
use talon_domain::civil::{CivilDate, MICROS_PER_SECOND, UtcMicros};
use talon_domain::ids::Channel;
use talon_wire::Wishes;

use super::about::Phone;
use super::assets::{ASSETS, Asset};
use super::choice::Spot;
use super::problem::{Aftermath, Retry, answer};
use super::tickets;
use super::times::starts;
use super::words::Words;
use crate::app::{Lane, now_s};
use crate::caller::{Identified, identify_writer};
use crate::cold::{Asked, redirect};
use crate::http::body::{self, Answer};
use crate::http::problem::Problem;
use crate::identity::cookies;
use crate::operations::{self, MoveWish, Wish};
use crate::request::hash_key;
use crate::slow_lane::{self, GOOD_FOR_S, TRIES_A_DAY, Ticket};

/// What a page needs to show the form.
pub(super) struct ClaimForm {
    /// Where it is sent.
    pub(super) action: String,
    /// The idempotency key.
    pub(super) key: String,
    /// What the proof needs, where one is asked for.
    pub(super) proof: Option<ProofPart>,
    /// The promise that is sent instead of a proof; empty when there is none.
    pub(super) promise: String,
    /// From when on, or until when, the promise is good.
    pub(super) promise_from: String,
    /// Whether it may be for the organisation of the login.
    pub(super) offers_entity: bool,
    /// Whether it moves a booking.
    pub(super) is_move: bool,
    /// Until when the login lasts.
    pub(super) session_until: String,
    /// How long that is from now, in seconds.
    pub(super) session_lasts_s: u64,
    /// Whether the login ends before a release that is waited for.
    pub(super) ends_too_early: bool,
}

/// What the proof's module needs to know, and what is said to whom it cannot help.
pub(super) struct ProofPart {
    /// Where challenges come from.
    pub(super) challenge: String,
    /// The worker's address.
    pub(super) worker: &'static str,
    /// Where it is allowed to wait instead.
    pub(super) slow_lane: Option<SlowLane>,
    /// Whom to call.
    pub(super) phones: Vec<Phone>,
}

impl ClaimForm {
    /// A new form, under a new key; with the promise that the browser has, if it stands.
    ///
    /// # Errors
    /// [`Problem::Unavailable`] without randomness.
    pub(super) fn new(
        lane: &Lane,
        asked: &Asked,
        (spot, words): (&Spot<'_>, Words<'_>),
        who: &Identified,
        action: String,
        needs_proof: bool,
    ) -> Result<Self, Problem> {
        let promise = Promise::of_request(lane, asked);
        let offers_entity = spot.chosen.moving.is_none() && acts_for_entity(who, spot);
        let zone = &spot.office.zone;
        let expires_at_s = who.session.expires_at_s;
        let session_ends = at_seconds(expires_at_s / 60 * 60);
        let session_lasts_s = expires_at_s.saturating_sub(now_s());
        let session_until = words.moment(session_ends, zone);
        let session_until = words.with("claim-session", [("moment", session_until.into())]);
        let promise = promise.filter(|promise| {
            needs_proof && operations::is_promised(lane, who, &spot.place, &promise.text)
        });
        let promise_from = promise.as_ref().map_or_else(String::new, |promise| {
            let (text, moment_s) = if now_s() < promise.ready_at_s {
                ("claim-promised", promise.ready_at_s)
            } else {
                ("claim-promised-now", promise.ready_at_s + GOOD_FOR_S)
            };
            let moment = words.moment_and_zone(at_seconds(moment_s), zone);
            words.with(text, [("moment", moment.into())])
        });
        let promise = promise.map_or_else(String::new, |promise| promise.text);
        let proof = (needs_proof && promise.is_empty()).then(|| ProofPart::new(spot, words));
        let is_move = spot.chosen.moving.is_some();
        let key = new_key()?;
        Ok(Self {
            action,
            key,
            proof,
            promise,
            promise_from,
            offers_entity,
            is_move,
            session_until,
            session_lasts_s,
            ends_too_early: false,
        })
    }
}

impl ClaimForm {
    /// For a release that is still waited for.
    pub(super) fn until(mut self, opens_at: Option<UtcMicros>, who: &Identified) -> Self {
        let session_ends = at_seconds(who.session.expires_at_s);
        self.ends_too_early = opens_at.is_some_and(|opens_at| session_ends <= opens_at);
        self
    }
}

/// Waiting instead of a proof.
pub(super) struct SlowLane {
    /// What the button says.
    pub(super) offer: String,
    /// What that means.
    pub(super) explained: String,
}

impl ProofPart {
    fn new(spot: &Spot<'_>, words: Words<'_>) -> Self {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let release = spot.chosen.policy.release(spot.place.service, Channel::Web);
        let minutes = release.proof.as_ref().and_then(|rule| rule.slow_lane_minutes);
        let mut phones = Phone::all(&spot.office.phones);
        phones.extend(Phone::all(&spot.chosen.service.about.phones));
        Self {
            challenge: format!(
                "/api/v1/challenge?authority={}&office={}&service={}",
                encoded(&spot.chosen.catalogue.code),
                spot.office.id,
                encoded(&spot.chosen.service.code),
            ),
            worker: &ASSETS.worker.path,
            slow_lane: minutes.map(|minutes| SlowLane {
                offer: words.with("proof-slow-lane", [("minutes", minutes.into())]),
                explained: words.with("proof-slow-lane-explained", [("tries", TRIES_A_DAY.into())]),
            }),
            phones,
        }
    }
}

fn at_seconds(seconds: u64) -> UtcMicros {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    UtcMicros(seconds.saturating_mul(MICROS_PER_SECOND))
}

/// Whether the login names an organisation to act for.
fn acts_for_entity(who: &Identified, spot: &Spot<'_>) -> bool {
    who.at(spot.place.authority).is_ok_and(|caller| caller.entity.is_some())
}

fn new_key() -> Result<String, Problem> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| Problem::Unavailable)?;
    Ok(hex::encode(bytes))
}

/// The modules of a page with the form: the page's own first, then what it imports.
pub(super) fn modules(own: &'static Asset) -> Vec<&'static str> {
    let shared = [&ASSETS.clock, &ASSETS.countdown, &ASSETS.proof, &ASSETS.send];
    std::iter::once(own).chain(shared).map(|asset| asset.path.as_str()).collect()
}

/// The form as it comes back.
#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    key: String,
    #[serde(default)]
    altcha: String,
    #[serde(rename = "for")]
    subject: Option<Subject>,
    /// Pressed by whoever wants to wait instead of computing.
    wait: Option<String>,
}

/// A promise as the browser keeps it, so that going back, a reload or another language loses nothing.
struct Promise {
    text: String,
    ready_at_s: u64,
}

impl Promise {
    fn of_request(lane: &Lane, asked: &Asked) -> Option<Self> {
        let text = lane.app.cookies.read(&asked.parts.headers, cookies::PROMISE)?;
        let (ready_at_s, text) = text.split_once('.')?;
        Some(Self { text: text.to_owned(), ready_at_s: ready_at_s.parse().ok()? })
    }

    fn cookie(ticket: &Ticket, lane: &Lane) -> HeaderValue {
        let text = format!("{}.{}", ticket.ready_at_s, ticket.text);
        let lasts_s = (ticket.ready_at_s + GOOD_FOR_S).saturating_sub(now_s());
        lane.app.cookies.write(cookies::PROMISE, &text, lasts_s)
    }
}

/// What is asked for by a form at an address.
pub(super) struct Asking<'a> {
    /// Where.
    pub(super) spot: Spot<'a>,
    /// On which date.
    pub(super) date: CivilDate,
    /// When.
    pub(super) wishes: Wishes,
    /// The form's own address.
    pub(super) action: String,
}

/// The answer to a form that was sent; a promise is forgotten when something is booked with it, or it is
/// good for nothing any more. `asking` reads what the form's address says.
pub(super) async fn submitted<'a>(
    lane: &Lane,
    asked: &Asked,
    body: Body,
    mut aftermath: Aftermath,
    asking: impl FnOnce() -> Result<Asking<'a>, Problem>,
) -> Response {
    let result = take(lane, asked, body, &mut aftermath, asking).await;
    let promise_sent = aftermath.promise_sent;
    let is_over = result.as_ref().err().is_none_or(ends_promise);
    let mut response = answer(lane, asked, result, aftermath);
    if promise_sent && is_over {
        let clear = lane.app.cookies.clear(cookies::PROMISE);
        response.headers_mut().append(header::SET_COOKIE, clear);
    }
    response
}

/// Whether a refusal says that the promise is good for no other form; it is for more than one try.
fn ends_promise(problem: &Problem) -> bool {
    matches!(problem, Problem::PowInvalid(_) | Problem::PowExpired | Problem::PowReplayed)
}

async fn take<'a>(
    lane: &Lane,
    asked: &Asked,
    body: Body,
    aftermath: &mut Aftermath,
    asking: impl FnOnce() -> Result<Asking<'a>, Problem>,
) -> Result<Answer, Problem> {
    let who = identify_writer(&lane.app, &asked.parts.headers, &asked.parts.uri)?;
    let asking = asking()?;
    let sent: Sent = read_form(asked, body).await?;
    submit(lane, &who, asking, sent, aftermath).await
}

/// Books or moves by a form that was sent, or promises to after a wait. A refusal leaves the form to send
/// again in `aftermath`.
async fn submit(
    lane: &Lane,
    who: &Identified,
    asking: Asking<'_>,
    sent: Sent,
    aftermath: &mut Aftermath,
) -> Result<Answer, Problem> {
    let Asking { spot, date, wishes, action } = asking;
    let place = spot.place;
    aftermath.ticket = spot.chosen.moving.map(tickets::path);
    if sent.wait.is_some() {
        let ticket = operations::slow_lane(lane, who, &place).await?;
        let mut answer = redirect(&action);
        answer.headers_mut().append(header::SET_COOKIE, Promise::cookie(&ticket, lane));
        return Ok(answer);
    }
    let Sent { key: text, altcha, subject, .. } = sent;
    let subject = subject.unwrap_or(Subject::Person);
    let key = hash_key(text.as_bytes())?;
    aftermath.retry = Some(Retry { action, key: text, altcha: altcha.clone(), subject });
    aftermath.promise_sent = altcha.starts_with(slow_lane::PREFIX);
    // Pressed too early: the proof is kept for the moment when it helps.
    if let Some(release) = starts(lane, &spot, date).await?.release {
        return Err(Problem::NotReleased(release));
    }
    let solution = Some(altcha.as_str()).filter(|text| !text.is_empty());
    let ticket = match spot.chosen.moving {
        None => {
            let wish = Wish { place, subject, wishes, key, solution };
            tickets::path(operations::book(lane, who, wish).await?.booking.id)
        }
        Some(booking) => {
            let wish = MoveWish { booking, office: Some(place.office), wishes, key, solution };
            tickets::path_after_move(operations::move_booking(lane, who, wish).await?.booking.id)
        }
    };
    Ok(redirect(&ticket))
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
