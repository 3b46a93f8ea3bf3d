//! Booking and what goes with it, step by step, for the API and the pages alike.
//!
//! Owns the order of refusals after identification: memory, proof, admission, ledger. Must not
//! know how requests were parsed or how answers look.

use std::sync::Arc;
use std::time::{Duration, Instant};

use talon_domain::civil::{CivilDate, UtcMicros};
use talon_domain::ids::{AuthorityId, BookingId, Channel, KeyHash};
use talon_domain::limits::{Attempt, Standing, Usage, usage};
use talon_domain::policy::{CompiledPolicy, LimitKind, Moment};
use talon_pow::Pressure;
use talon_wire::{
    Answer, Book, BookingView, Caller, Cancel, Command, Place, Refusal, Subject, Wishes,
};

use crate::admission::{
    AdmissionError, AdmissionRequest, Decision, Hint, PersonKey, QuotaQuery, RateRule, Spend,
};
use crate::app::{App, Lane, now, now_s};
use crate::caller::Identified;
use crate::demand::KEPT_AFTER_MICROS;
use crate::http::problem::Problem;
use crate::proof::{self, CHALLENGE_TTL_S, Pending};
use crate::request::fingerprint;
use crate::slow_lane;

/// How long an answer of the ledger is waited for; the outcome is found under the same key.
pub const LEDGER_DEADLINE: Duration = Duration::from_secs(10);

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
    /// When.
    pub wishes: Wishes,
    /// The hash of the idempotency key.
    pub key: KeyHash,
    /// The solution of a challenge.
    pub solution: Option<&'a str>,
}

/// Books the first wish that can be granted.
///
/// # Errors
/// The first refusal on the way.
pub async fn book(lane: &Lane, who: &Identified, wish: Wish<'_>) -> Result<Booked, Problem> {
    let caller = who.at(wish.place.authority)?;
    if let Some(over) = lane.app.over_limit.get(&caller.person)
        && !over.1.contains(&wish.key)
        && over.0.resets_at.is_some_and(|resets_at| resets_at > now())
    {
        outcome("refused_from_memory");
        return Err(Problem::LimitReached(over.0.clone()));
    }
    let book = Book {
        caller,
        subject: Subject::Person,
        place: wish.place,
        channel: Channel::Web,
        key: wish.key,
        fingerprint: fingerprint(&wish.place, &wish.wishes),
        wishes: wish.wishes,
    };
    let waiting_since = Instant::now();
    let admitted = admit_booking(lane, &book, wish.solution).await;
    lane.app.demands.waited(waiting_since.elapsed());
    if let Err(problem) = &admitted
        && is_failure(problem)
    {
        lane.app.demands.refused(&book.caller.person);
    }
    match admitted {
        Ok(()) => {}
        Err(problem @ (Problem::PowRequired | Problem::PowExpired | Problem::PowReplayed)) => {
            // A repeat of a request whose answer was lost carries a proof that is spent.
            return earlier(lane, &book, problem).await;
        }
        Err(problem) => return Err(problem),
    }
    let person = book.caller.person;
    match call(lane, Command::Book(book)).await? {
        Answer::Booked { booking, repeated, usage, sequence } => {
            outcome(if repeated { "repeated" } else { "booked" });
            remember_usage(lane, &caller, usage, sequence);
            Ok(Booked { booking, repeated })
        }
        Answer::Refused(Refusal::Limit { refusal, usage, sequence, keys }) => {
            outcome("refused_by_limit");
            remember_usage(lane, &caller, usage, sequence);
            if is_remembered(refusal.kind) {
                lane.app.over_limit.insert(person, Arc::new((refusal.clone(), keys)));
            }
            Err(Problem::LimitReached(refusal))
        }
        Answer::Refused(refusal) => {
            outcome("refused_by_ledger");
            if matches!(refusal, Refusal::Taken { .. } | Refusal::NotReleased(_)) {
                lane.app.demands.refused(&person);
            }
            Err(refusal.into())
        }
        _ => Err(Problem::Unavailable),
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
            lane.app.over_limit.invalidate(&caller.person);
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
    let rule = policy.release(place.service).proof.as_ref().ok_or(Problem::ProofNotNeeded)?;
    let (app, now) = (&lane.app, now());
    let Pressure::Step(step) = app.demands.of(policy, place.service, rule, &caller.person, now)
    else {
        return Err(Problem::ProofNotNeeded);
    };
    admit(lane, &caller, app.read_rate).await?;
    check_session(lane, caller).await?;
    // Before a release the challenge lasts until the crowd is through; its difficulty is signed.
    let near = app.demands.near(policy, place.service, now);
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
    let rule = policy.release(place.service).proof.as_ref().ok_or(Problem::ProofNotNeeded)?;
    let minutes = rule.slow_lane_minutes.ok_or(Problem::NotFound)?;
    admit(lane, &caller, lane.app.read_rate).await?;
    check_session(lane, caller).await?;
    let (keys, release) = (&lane.app.keys.session, release_tag(place));
    Ok(slow_lane::issue(keys, &caller.person, &release, now_s(), minutes))
}

/// Checks that a session was not ended by a logout.
///
/// # Errors
/// [`Problem::SessionRevoked`].
pub async fn check_session(lane: &Lane, caller: Caller) -> Result<(), Problem> {
    match call(lane, Command::Session(caller)).await? {
        Answer::SessionLive => Ok(()),
        Answer::Refused(refusal) => Err(refusal.into()),
        _ => Err(Problem::Unavailable),
    }
}

/// Ends a session, durably.
///
/// # Errors
/// [`Problem::Overloaded`] when too many sessions are remembered as ended.
pub async fn log_out(lane: &Lane, who: &Identified) -> Result<(), Problem> {
    for authority in lane.app.authority_ids() {
        let Ok(caller) = who.at(authority) else { continue };
        // One partition keeps the sessions of all its authorities.
        match call(lane, Command::RevokeSession(caller)).await? {
            Answer::SessionRevoked => return Ok(()),
            Answer::Refused(refusal) => return Err(refusal.into()),
            _ => return Err(Problem::Unavailable),
        }
    }
    Ok(())
}

/// The proof, if one is asked for, and the admission store, in one question. The proof's cheap
/// part comes first, its spending with the rate, and its dear part last.
async fn admit_booking(lane: &Lane, book: &Book, solution: Option<&str>) -> Result<(), Problem> {
    let app = &lane.app;
    let policy = app.policy(book.place.authority).ok_or(Problem::UnknownAuthority)?;
    let evidence = evidence(app, policy, book, solution)?;
    let visit_date = match &book.wishes {
        Wishes::Starts(starts) => starts.first().map(|(date, _)| *date),
        Wishes::Any { from, .. } => Some(*from),
    };
    let now = now();
    let attempt = Attempt {
        now,
        registered_at: now,
        service: book.place.service,
        channel: book.channel,
        visit_date: visit_date.unwrap_or_else(|| CivilDate::at(now, policy.zone())),
        subject: book.subject,
    };
    let quota =
        usage(policy, &attempt, Standing::default(), Standing::default()).map(|usage| QuotaQuery {
            period: usage.period.days().unsigned_abs(),
            rule: usage.rule,
            limit: usage.limit,
        });
    let person = PersonKey(book.caller.person.0);
    let spend = evidence.spend();
    let mut request = AdmissionRequest { person, rate: app.write_rate, quota, spend };
    let mut decision = decide(lane, request).await?;
    if matches!(decision, Decision::OverQuotaHint { .. }) {
        // A hint sheds load, it refuses nobody: the ledger is asked.
        request.quota = None;
        decision = decide(lane, request).await?;
    }
    problem_of(decision)?;
    match evidence {
        Evidence::Proof(proof) => proof.derive().await,
        Evidence::NotNeeded | Evidence::Waited(_) => Ok(()),
    }
}

/// What a booking shows for itself, where something is asked for.
enum Evidence<'a> {
    NotNeeded,
    Proof(Pending<'a>),
    Waited(Spend),
}

impl Evidence<'_> {
    fn spend(&self) -> Option<Spend> {
        match self {
            Self::NotNeeded => None,
            Self::Proof(proof) => Some(proof.spend()),
            Self::Waited(spend) => Some(*spend),
        }
    }
}

fn evidence<'a>(
    app: &'a App,
    policy: &CompiledPolicy,
    book: &Book,
    solution: Option<&str>,
) -> Result<Evidence<'a>, Problem> {
    let (person, service) = (&book.caller.person, book.place.service);
    let Some(rule) = &policy.release(service).proof else { return Ok(Evidence::NotNeeded) };
    if app.demands.of(policy, service, rule, person, now()) == Pressure::Calm {
        return Ok(Evidence::NotNeeded);
    }
    let release = release_tag(&book.place);
    match solution {
        Some(text) if text.starts_with(slow_lane::PREFIX) && rule.slow_lane_minutes.is_some() => {
            slow_lane::check(&app.keys.session, text, person, &release, now_s())
                .map(Evidence::Waited)
                .map_err(Problem::from)
        }
        solution => proof::check(app, person, &release, solution).map(Evidence::Proof),
    }
}

async fn admit(lane: &Lane, caller: &Caller, rate: RateRule) -> Result<(), Problem> {
    let person = PersonKey(caller.person.0);
    problem_of(decide(lane, AdmissionRequest { person, rate, quota: None, spend: None }).await?)
}

/// Spends the state of a login.
///
/// # Errors
/// [`Problem::LoginInvalid`] when it was spent before.
pub async fn spend_login(lane: &Lane, spend: Spend) -> Result<(), Problem> {
    let mut key = [0; 32];
    key[..16].copy_from_slice(&spend.nonce);
    let request = AdmissionRequest {
        person: PersonKey(key),
        rate: lane.app.write_rate,
        quota: None,
        spend: Some(spend),
    };
    match decide(lane, request).await? {
        Decision::Admitted => Ok(()),
        _ => Err(Problem::LoginInvalid),
    }
}

async fn decide(lane: &Lane, request: AdmissionRequest) -> Result<Decision, Problem> {
    lane.admission.admit(request).await.map_err(|error| match error {
        AdmissionError::Overloaded | AdmissionError::Unavailable => Problem::Overloaded,
    })
}

fn problem_of(decision: Decision) -> Result<(), Problem> {
    match decision {
        Decision::Admitted | Decision::OverQuotaHint { .. } => Ok(()),
        Decision::RateLimited { retry_after_us } => {
            Err(Problem::RateLimited { retry_after: Duration::from_micros(retry_after_us) })
        }
        Decision::AlreadySpent => Err(Problem::PowReplayed),
    }
}

/// What an earlier request under the same key booked; `problem` when there was none.
async fn earlier(lane: &Lane, book: &Book, problem: Problem) -> Result<Booked, Problem> {
    let find = Command::Find { caller: book.caller, key: book.key, fingerprint: book.fingerprint };
    match call(lane, find).await {
        Ok(Answer::Booked { booking, .. }) => Ok(Booked { booking, repeated: true }),
        Ok(Answer::Refused(refusal @ (Refusal::KeyReused | Refusal::SessionRevoked))) => {
            Err(refusal.into())
        }
        _ => Err(problem),
    }
}

async fn call(lane: &Lane, command: Command) -> Result<Answer, Problem> {
    tokio::time::timeout(LEDGER_DEADLINE, lane.ledger.call(command))
        .await
        .map_err(|_| Problem::Unavailable)
}

/// Tells the admission store the truth that the ledger told.
fn remember_usage(lane: &Lane, caller: &Caller, usage: Option<Usage>, sequence: u64) {
    let Some(usage) = usage else { return };
    lane.admission.hint(Hint {
        person: PersonKey(caller.person.0),
        period: usage.period.days().unsigned_abs(),
        rule: usage.rule,
        count: usage.count,
        sequence,
        expires_at_s: UtcMicros::seconds(usage.resets_at).unsigned_abs(),
    });
}

/// Whether a refusal says something of who asks.
fn is_failure(problem: &Problem) -> bool {
    matches!(
        problem,
        Problem::RateLimited { .. }
            | Problem::PowInvalid
            | Problem::PowExpired
            | Problem::PowReplayed
    )
}

/// Only limits that hold for whatever is asked next may be remembered.
fn is_remembered(kind: LimitKind) -> bool {
    matches!(kind, LimitKind::PerPeriod { of: Moment::Registration, .. })
}

/// The release that a proof is bound to.
fn release_tag(place: &Place) -> String {
    format!("{}:{}", place.authority, place.service)
}

fn outcome(outcome: &'static str) {
    metrics::counter!("gateway_bookings_total", "outcome" => outcome).increment(1);
}
