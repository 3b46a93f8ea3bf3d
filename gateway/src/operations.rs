//! Booking and what goes with it, step by step, for the API and the pages alike.
//!
//! Owns the order of refusals after identification: memory, proof, admission, ledger. Must not
//! know how requests were parsed or how answers look.

mod admitting;
mod logins;

use std::sync::Arc;
use std::time::Duration;

use talon_domain::booking::Subject;
use talon_domain::civil::{CivilDate, UtcMicros};
use talon_domain::ids::{AuthorityId, BookingId, Channel, Fingerprint, KeyHash, OfficeId};
use talon_domain::limits::LimitRefusal;
use talon_domain::policy::{LimitKind, Moment};
use talon_pow::Pressure;
use talon_telemetry::{handles, spans, table};
use talon_wire::{
    Answer, Book, BookingView, Caller, Cancel, Command, Move, Place, Refusal, Wishes,
};

use crate::app::{ActingFor, Lane, OverLimit, now, now_s};
use crate::caller::Identified;
use crate::demand::KEPT_AFTER_MICROS;
use crate::http::problem::Problem;
use crate::proof::{self, CHALLENGE_TTL_S};
use crate::request::{fingerprint, move_fingerprint};
use crate::slow_lane;

use admitting::{admit, admit_claim, release_tag, remember_usage};
pub use logins::{check_session, log_in, log_out, spend_login};

/// How long an answer of the ledger is waited for; the outcome is found under the same key.
pub const LEDGER_DEADLINE: Duration = Duration::from_secs(10);

/// By whose release a proof is asked for: all that is asked here comes over the web, also to move what was
/// booked at a kiosk. Who stands at a kiosk proves no work; who moves from afar does.
const ASKED_OVER: Channel = Channel::Web;

/// A booking that was made, now or by an earlier request under the same key.
#[derive(Clone, Debug)]
pub struct Booked {
    /// The booking.
    pub booking: BookingView,
    /// Whether an earlier request made it.
    pub repeated: bool,
}

/// A wish to book, with everything looked up.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    /// Where, what for.
    pub place: Place,
    /// For whom.
    pub subject: Subject,
    /// When.
    pub wishes: Wishes,
    /// The hash of the idempotency key.
    pub key: KeyHash,
    /// The solution of a challenge.
    pub solution: Option<&'a str>,
}

/// A wish to move a booking, with everything looked up.
#[derive(Clone, Debug)]
pub struct MoveWish<'a> {
    /// Which booking.
    pub booking: BookingId,
    /// To another office; none: at the same one.
    pub office: Option<OfficeId>,
    /// When.
    pub wishes: Wishes,
    /// The hash of the idempotency key.
    pub key: KeyHash,
    /// The solution of a challenge.
    pub solution: Option<&'a str>,
}

/// What booking and moving have in common: they take a scarce place.
struct Claim<'a> {
    caller: Caller,
    subject: Subject,
    place: Place,
    channel: Channel,
    key: KeyHash,
    fingerprint: Fingerprint,
    solution: Option<&'a str>,
    /// Of a promise in its stead, the tries that were made before.
    tries_before: u8,
    /// The date wished for first.
    wished_date: Option<CivilDate>,
    /// Whether it is one booking more: only then can a remembered count say anything of it.
    is_one_more: bool,
}

impl Claim<'_> {
    /// Whether a promise stands in a solution's stead.
    fn is_promised(&self) -> bool {
        self.solution.is_some_and(|text| text.starts_with(slow_lane::PREFIX))
    }

    /// Goes on to the next try of a promise, if there is one.
    fn next_try(&mut self) -> bool {
        self.tries_before += 1;
        self.is_promised() && self.tries_before < slow_lane::TRIES_A_DAY
    }
}

/// Books the first wish that can be granted.
///
/// # Errors
/// The first refusal on the way.
pub async fn book(lane: &Lane, who: &Identified, wish: Wish<'_>) -> Result<Booked, Problem> {
    let Wish { place, subject, wishes, key, solution } = wish;
    let caller = who.at(place.authority)?;
    let (channel, fingerprint) = (Channel::Web, fingerprint(&place, subject, &wishes));
    let (wished_date, is_one_more, tries_before) = (wishes.first_date(), true, 0);
    let mut claim = Claim {
        caller,
        subject,
        place,
        channel,
        key,
        fingerprint,
        solution,
        tries_before,
        wished_date,
        is_one_more,
    };
    let acting = acting_for(&caller, subject)?;
    let policy = lane.app.policy_versions.get(&place.authority).copied();
    if let Some(over) = lane.app.over_limit.get(&acting)
        && over.refuses(&key, policy, now())
        && concerns(lane, &over.refusal, &claim)
    {
        outcome("refused_from_memory");
        return Err(Problem::LimitReached(over.refusal.clone()));
    }
    let book = Book { caller, subject, place, channel, wishes, key, fingerprint };
    take(lane, &mut claim, Command::Book(book)).await
}

/// Moves a booking of the caller to the first wish that can be granted; the answer is the new one.
///
/// # Errors
/// The first refusal on the way; when any, the booking is where it was.
pub async fn move_booking(
    lane: &Lane,
    who: &Identified,
    wish: MoveWish<'_>,
) -> Result<Booked, Problem> {
    let MoveWish { booking, office, wishes, key, solution } = wish;
    // What it is for decides by which release the new place is given out.
    let view = self::booking(lane, who, booking).await?;
    let caller = who.at(view.authority)?;
    let office = office.unwrap_or(view.office);
    let mut claim = Claim {
        caller,
        subject: view.subject,
        place: Place { authority: view.authority, office, service: view.service },
        channel: view.channel,
        key,
        fingerprint: move_fingerprint(booking, office, &wishes),
        solution,
        tries_before: 0,
        wished_date: wishes.first_date(),
        is_one_more: false,
    };
    let command = Move { caller, booking, office, wishes, key, fingerprint: claim.fingerprint };
    take(lane, &mut claim, Command::Move(command)).await.map_err(|problem| match problem {
        Problem::TooLateToCancel { until } => Problem::TooLateToMove { until },
        other => other,
    })
}

/// Admission, then the ledger, for whatever takes a place.
async fn take(lane: &Lane, claim: &mut Claim<'_>, command: Command) -> Result<Booked, Problem> {
    let acting = acting_for(&claim.caller, claim.subject)?;
    while let Err(problem) = spans::step("admission", admit_claim(lane, claim)).await {
        if !matches!(problem, Problem::PowRequired | Problem::PowExpired | Problem::PowReplayed) {
            return Err(problem);
        }
        // A repeat of a request whose answer was lost carries a proof that is spent. It asks the
        // ledger something all the same, so it is held to a pace.
        admit(lane, &claim.caller, lane.app.read_rate).await?;
        match earlier(lane, claim, problem).await {
            Err(Problem::PowReplayed) if claim.next_try() => {}
            found => return found,
        }
    }
    match call(lane, command).await? {
        Answer::Booked { booking, repeated, usage, sequence } => {
            outcome(match (repeated, claim.is_one_more) {
                (true, _) => "repeated",
                (false, true) => "booked",
                (false, false) => "moved",
            });
            remember_usage(lane, claim, acting, usage, sequence);
            Ok(Booked { booking, repeated })
        }
        Answer::Refused(Refusal::Limit { refusal, usage, sequence, keys }) => {
            outcome("refused_by_limit");
            remember_usage(lane, claim, acting, usage, sequence);
            if claim.is_one_more
                && is_remembered(refusal.kind)
                && let Some(policy) = lane.app.policy_versions.get(&claim.place.authority).copied()
            {
                let over = OverLimit { refusal: refusal.clone(), keys, policy };
                lane.app.over_limit.insert(acting, Arc::new(over));
            }
            Err(Problem::LimitReached(refusal))
        }
        Answer::Refused(refusal) => {
            outcome("refused_by_ledger");
            if matches!(refusal, Refusal::Taken { .. } | Refusal::NotReleased(_)) {
                lane.app.demands.refused(&claim.caller.person, now());
            }
            Err(refusal.into())
        }
        _ => Err(Problem::Unavailable),
    }
}

/// Who acts and for whom.
///
/// # Errors
/// [`Problem::NoEntity`] when the login names no legal entity to act for.
fn acting_for(caller: &Caller, subject: Subject) -> Result<ActingFor, Problem> {
    match subject {
        Subject::Person => Ok((caller.person, caller.person)),
        Subject::Entity => {
            caller.entity.map(|entity| (caller.person, entity)).ok_or(Problem::NoEntity)
        }
    }
}

/// Cancels a booking of the caller.
///
/// # Errors
/// The first refusal on the way.
pub async fn cancel(
    lane: &Lane,
    who: &Identified,
    authority: AuthorityId,
    booking: BookingId,
) -> Result<BookingView, Problem> {
    let caller = who.at(authority)?;
    admit(lane, &caller, lane.app.write_rate).await?;
    match call(lane, Command::Cancel(Cancel { caller, booking })).await? {
        Answer::Cancelled(booking) => {
            for subject in [Subject::Person, Subject::Entity] {
                if let Ok(acting) = acting_for(&caller, subject) {
                    lane.app.over_limit.invalidate(&acting);
                }
            }
            outcome("cancelled");
            Ok(booking)
        }
        Answer::Refused(refusal) => Err(refusal.into()),
        _ => Err(Problem::Unavailable),
    }
}

/// The caller's bookings at all authorities, by visit.
///
/// # Errors
/// The first refusal on the way.
pub async fn bookings(lane: &Lane, who: &Identified) -> Result<Vec<BookingView>, Problem> {
    let mut all = Vec::new();
    for authority in lane.app.authority_ids() {
        let Ok(caller) = who.at(authority) else { continue };
        admit(lane, &caller, lane.app.read_rate).await?;
        match call(lane, Command::Bookings(caller)).await? {
            Answer::Bookings(bookings) => all.extend(bookings),
            Answer::Refused(refusal) => return Err(refusal.into()),
            _ => return Err(Problem::Unavailable),
        }
    }
    all.sort_by_key(|booking| (booking.starts_at, booking.id));
    Ok(all)
}

/// One booking of the caller, at whichever authority it is.
///
/// # Errors
/// [`Problem::NotFound`] also when it is somebody else's.
pub async fn booking(
    lane: &Lane,
    who: &Identified,
    booking: BookingId,
) -> Result<BookingView, Problem> {
    for authority in lane.app.authority_ids() {
        let Ok(caller) = who.at(authority) else { continue };
        admit(lane, &caller, lane.app.read_rate).await?;
        match call(lane, Command::Booking { caller, booking }).await? {
            Answer::Booking(booking) => return Ok(booking),
            Answer::Refused(Refusal::NotFound) => {}
            Answer::Refused(refusal) => return Err(refusal.into()),
            _ => return Err(Problem::Unavailable),
        }
    }
    Err(Problem::NotFound)
}

/// Whether a person needs a proof now to book a service.
pub fn needs_proof(lane: &Lane, who: &Identified, place: &Place) -> bool {
    let (Ok(caller), Some(policy)) = (who.at(place.authority), lane.app.policy(place.authority))
    else {
        return false;
    };
    let (service, channel) = (place.service, ASKED_OVER);
    policy.release(service, channel).proof.as_ref().is_some_and(|rule| {
        let demands = &lane.app.demands;
        demands.of(policy, service, channel, rule, &caller.person, now()) != Pressure::Calm
    })
}

/// A challenge for booking a service.
///
/// # Errors
/// [`Problem::ProofNotNeeded`], and the first refusal on the way.
pub async fn challenge(
    lane: &Lane,
    who: &Identified,
    place: &Place,
) -> Result<talon_pow::Challenge, Problem> {
    let caller = who.at(place.authority)?;
    let policy = lane.app.policy(place.authority).ok_or(Problem::UnknownAuthority)?;
    let (service, channel) = (place.service, ASKED_OVER);
    let rule = policy.release(service, channel).proof.as_ref().ok_or(Problem::ProofNotNeeded)?;
    let (app, now) = (&lane.app, now());
    let Pressure::Step(step) = app.demands.of(policy, service, channel, rule, &caller.person, now)
    else {
        return Err(Problem::ProofNotNeeded);
    };
    admit(lane, &caller, app.read_rate).await?;
    check_session(lane, caller).await?;
    // Before a release the challenge lasts until the crowd is through; its difficulty is signed.
    let near = app.demands.near(policy, service, channel, now);
    let ahead = near.map(|release| UtcMicros(release.opens_at.0 + KEPT_AFTER_MICROS).seconds());
    let least = now_s() + CHALLENGE_TTL_S;
    let expires_at_s = ahead.map_or(least, |until| least.max(until.unsigned_abs()));
    proof::challenge(app, &caller.person, &release_tag(place), rule, step, expires_at_s)
}

/// A promise to book without a proof after a wait, where the authority allows it.
///
/// # Errors
/// [`Problem::ProofNotNeeded`], [`Problem::NotFound`] where it is not allowed, and the first refusal
/// on the way.
pub async fn slow_lane(
    lane: &Lane,
    who: &Identified,
    place: &Place,
) -> Result<slow_lane::Ticket, Problem> {
    let caller = who.at(place.authority)?;
    let policy = lane.app.policy(place.authority).ok_or(Problem::UnknownAuthority)?;
    let (service, channel) = (place.service, ASKED_OVER);
    let rule = policy.release(service, channel).proof.as_ref().ok_or(Problem::ProofNotNeeded)?;
    let minutes = rule.slow_lane_minutes.ok_or(Problem::NotFound)?;
    admit(lane, &caller, lane.app.read_rate).await?;
    check_session(lane, caller).await?;
    // Who asks early waits from the release on, like who asks then.
    let near = lane.app.demands.near(policy, service, channel, now());
    let opens_at_s = near.map_or(0, |release| release.opens_at.seconds().unsigned_abs());
    let (keys, release) = (&lane.app.keys.session, release_tag(place));
    Ok(slow_lane::issue(keys, &caller.person, &release, now_s().max(opens_at_s), minutes))
}

/// Whether a promise is this person's for this service, and good now or later.
pub fn is_promised(lane: &Lane, who: &Identified, place: &Place, promise: &str) -> bool {
    let Ok(caller) = who.at(place.authority) else { return false };
    let (keys, release) = (&lane.app.keys.session, release_tag(place));
    let checked = slow_lane::check(keys, promise, &caller.person, &release, now_s());
    matches!(checked, Ok(_) | Err(slow_lane::BadTicket::Early { .. }))
}

/// What an earlier request under the same key booked; `problem` when there was none.
async fn earlier(lane: &Lane, claim: &Claim<'_>, problem: Problem) -> Result<Booked, Problem> {
    let Claim { caller, key, fingerprint, .. } = *claim;
    let find = Command::Find { caller, key, fingerprint };
    match call(lane, find).await {
        Ok(Answer::Booked { booking, .. }) => Ok(Booked { booking, repeated: true }),
        Ok(Answer::Refused(refusal @ (Refusal::KeyReused | Refusal::SessionRevoked))) => {
            Err(refusal.into())
        }
        _ => Err(problem),
    }
}

/// No `async fn`, which would have room for the command twice.
fn call(lane: &Lane, command: Command) -> impl Future<Output = Result<Answer, Problem>> {
    // The call begins within its step: a ledger in this process decides before it returns.
    let calling = async move {
        let answer = tokio::time::timeout(LEDGER_DEADLINE, lane.ledger.call(command)).await;
        answer.map_err(|_| Problem::Unavailable)
    };
    spans::step("ledger", calling)
}

/// Only limits that hold for whichever date is asked next may be remembered.
fn is_remembered(kind: LimitKind) -> bool {
    matches!(kind, LimitKind::PerPeriod { of: Moment::Registration, .. })
}

/// Whether a limit that refused somebody concerns what is asked next, too.
fn concerns(lane: &Lane, refusal: &LimitRefusal, claim: &Claim<'_>) -> bool {
    lane.app.policy(claim.place.authority).is_some_and(|policy| {
        let limits = &policy.policy().limits;
        let limit = limits.iter().find(|limit| limit.name == refusal.rule);
        limit.is_some_and(|limit| limit.concerns(claim.subject, claim.place.service))
    })
}

fn outcome(outcome: &'static str) {
    handles::count(table::BOOKINGS, [("outcome", outcome)]);
}
