//! A refusal as a page: what happened, why, and the ways on.
//!
//! Status and headers are those of the API's answer. Must not decide anything.

use askama::Template;
use axum::response::Response;
use http::{Method, header};
use jiff::tz::TimeZone;
use talon_domain::booking::Subject;
use talon_domain::civil::{CivilDate, MICROS_PER_SECOND, UtcMicros};
use talon_domain::limits::LimitRefusal;
use talon_domain::policy::{LimitKind, Moment, Period};

use super::choice::Spot;
use super::frame::{Account, Frame, personal};
use super::times::{TimeCard, opening, time_cards};
use super::words::Words;
use crate::app::{App, Lane, now};
use crate::caller::identify;
use crate::cold::Asked;
use crate::http::body::Answer;
use crate::http::problem::Problem;
use crate::slow_lane::TRIES_A_DAY;

/// What a handler knew when it was refused.
#[derive(Default)]
pub(super) struct Aftermath {
    /// The form that may be sent again.
    pub(super) retry: Option<Retry>,
    /// The zone of the moments in the explanation.
    pub(super) zone: Option<TimeZone>,
    /// The ticket that it was about.
    pub(super) ticket: Option<String>,
    /// Whether several times were wished for.
    pub(super) wished: bool,
    /// Whether it was tried with a promise instead of a proof.
    pub(super) promise_sent: bool,
}

/// A booking form, to be sent again under its key.
pub(super) struct Retry {
    /// Where to.
    pub(super) action: String,
    /// The idempotency key.
    pub(super) key: String,
    /// The proof, if there was one.
    pub(super) altcha: String,
    /// For whom.
    pub(super) subject: Subject,
}

impl Retry {
    fn subject(&self) -> &'static str {
        match self.subject {
            Subject::Person => "person",
            Subject::Entity => "entity",
        }
    }
}

struct Way {
    href: String,
    label: String,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    frame: Frame<'a>,
    slug: &'static str,
    title: String,
    detail: String,
    request_id: String,
    retry: Option<Retry>,
    times: Vec<TimeCard>,
    ways: Vec<Way>,
}

/// What a handler came to, a refusal as a page.
pub(super) fn answer(
    lane: &Lane,
    asked: &Asked,
    result: Result<Answer, Problem>,
    aftermath: Aftermath,
) -> Response {
    match result {
        Ok(answer) => asked.respond(lane, Ok(answer)),
        Err(problem) => refuse(lane, asked, &problem, aftermath),
    }
}

/// A refusal as a page; as a problem document for those who do not read pages.
pub(super) fn refuse(
    lane: &Lane,
    asked: &Asked,
    problem: &Problem,
    aftermath: Aftermath,
) -> Response {
    if !asked.wants_html() {
        return asked.respond(lane, Err(problem.clone()));
    }
    let app = &*lane.app;
    let (id, language) = (asked.context.id, asked.context.language);
    let (mut base, _) = problem.answer(&app.texts, language, id, now()).into_parts();
    let account = match problem {
        Problem::Unauthenticated | Problem::SessionExpired | Problem::SessionRevoked => {
            Account::Out
        }
        _ => Account::of(&identify(app, &asked.parts.headers)),
    };
    let frame = Frame::new(lane, asked, account);
    let spot = Spot::of_address(app, &asked.parts.uri);
    let seconds = problem.retry_after_seconds(id, now()).unwrap_or(0);
    let (title, plain) = problem.words(&app.texts, language, seconds);
    let zone = aftermath.zone.or_else(|| zone(app, spot.as_ref())).unwrap_or(TimeZone::UTC);
    let own = match problem {
        Problem::PowReplayed if aftermath.promise_sent => {
            Some(frame.words.with("problem-tries-used", [("tries", TRIES_A_DAY.into())]))
        }
        _ => detail(frame.words, problem, spot.as_ref(), &zone),
    };
    let detail = own.unwrap_or(plain);
    let title = own_title(frame.words, problem, aftermath.wished).unwrap_or(title);
    let times = match (problem, &spot) {
        (Problem::SlotTaken { free }, Some((spot, Some(date)))) => {
            time_cards(spot, frame.words, *date, free)
        }
        _ => Vec::new(),
    };
    let page = ProblemPage {
        ways: ways(&frame, asked, problem, spot.as_ref(), aftermath.ticket),
        retry: aftermath.retry.filter(|_| may_repeat(problem)),
        slug: problem.slug(),
        title,
        detail,
        request_id: id.to_string(),
        times,
        frame,
    };
    let mut answer = personal(lane, asked, &page);
    *answer.status_mut() = base.status;
    base.headers.remove(header::CONTENT_TYPE);
    for (name, value) in &base.headers {
        answer.headers_mut().insert(name, value.clone());
    }
    asked.respond(lane, Ok(answer))
}

/// What a problem means, with the facts of an example.
pub(super) fn explain(lane: &Lane, asked: &Asked, example: &Problem) -> Response {
    let app = &*lane.app;
    let (id, language) = (asked.context.id, asked.context.language);
    let frame = Frame::new(lane, asked, Account::Unknown);
    let seconds = example.retry_after_seconds(id, now()).unwrap_or(0);
    let (title, detail) = example.words(&app.texts, language, seconds);
    let ways = vec![Way { href: "/".to_owned(), label: frame.t("problem-to-start") }];
    let (retry, times, request_id) = (None, Vec::new(), id.to_string());
    let slug = example.slug();
    let page = ProblemPage { ways, retry, slug, title, detail, request_id, times, frame };
    asked.respond(lane, Ok(personal(lane, asked, &page)))
}

fn zone(app: &App, spot: Option<&(Spot<'_>, Option<CivilDate>)>) -> Option<TimeZone> {
    let of_first = || {
        let authority = app.authority_ids().first().and_then(|id| app.authority_by_id(*id));
        authority.map(|authority| authority.policy.zone().clone())
    };
    spot.map(|(spot, _)| spot.office.zone.clone()).or_else(of_first)
}

/// The outcome in a citizen's words, where it is more than one time's.
fn own_title(words: Words<'_>, problem: &Problem, wished: bool) -> Option<String> {
    match problem {
        Problem::SlotTaken { free } if free.is_empty() => Some(words.t("problem-nothing-left")),
        Problem::SlotTaken { .. } if wished => Some(words.t("problem-wishes-taken")),
        _ => None,
    }
}

/// The explanation in a citizen's words, where the API's words are for programs.
fn detail(
    words: Words<'_>,
    problem: &Problem,
    spot: Option<&(Spot<'_>, Option<CivilDate>)>,
    zone: &TimeZone,
) -> Option<String> {
    match problem {
        Problem::NotReleased(release) => match spot {
            Some((spot, _)) => Some(opening(spot, words, *release)),
            None => release.opens_at.map(|at| {
                words.with("days-opens", [("moment", words.moment_and_zone(at, zone).into())])
            }),
        },
        Problem::SlotTaken { free } if free.is_empty() => Some(words.t("times-none-explained")),
        Problem::SlowLaneEarly { ready_at_s } => {
            let seconds = i64::try_from(*ready_at_s).unwrap_or(i64::MAX);
            let at = UtcMicros(seconds.saturating_mul(MICROS_PER_SECOND));
            let moment = words.moment_and_zone(at, zone);
            Some(words.with("problem-slow-lane-early", [("moment", moment.into())]))
        }
        Problem::TooLateToCancel { until } => {
            let moment = words.moment_and_zone(*until, zone);
            Some(words.with("problem-too-late-to-cancel", [("moment", moment.into())]))
        }
        Problem::TooLateToMove { until } => {
            let moment = words.moment_and_zone(*until, zone);
            Some(words.with("problem-too-late-to-move", [("moment", moment.into())]))
        }
        Problem::LimitReached(refusal) => Some(limit_detail(words, refusal, zone)),
        Problem::IdempotencyKeyMissing | Problem::IdempotencyKeyReused => {
            Some(words.t("problem-form-is-old"))
        }
        Problem::PowRequired => Some(words.t("problem-pow-required")),
        Problem::PowInvalid(_) | Problem::PowExpired | Problem::PowReplayed => {
            Some(words.t("problem-pow-again"))
        }
        Problem::Overloaded => Some(words.t("problem-overloaded")),
        Problem::Unavailable => Some(words.t("problem-unavailable")),
        Problem::UnknownAuthority | Problem::UnknownOffice | Problem::UnknownService => {
            Some(words.t("problem-unknown-place"))
        }
        _ => None,
    }
}

fn limit_detail(words: Words<'_>, refusal: &LimitRefusal, zone: &TimeZone) -> String {
    let (period, of, count_cancelled) = match refusal.kind {
        LimitKind::PerPeriod { period, of, count_cancelled, .. } => (period, of, count_cancelled),
        LimitKind::LivePerService => return words.t("problem-already-booked"),
        LimitKind::NoShows { .. } => {
            return words.with("problem-blocked-for-absence", [("count", refusal.count.into())]);
        }
        LimitKind::RetakeWait { .. } => {
            let moment = refusal.resets_at.map_or_else(String::new, |at| words.moment(at, zone));
            return words.with("problem-retake-too-soon", [("moment", moment.into())]);
        }
    };
    let period = match period {
        Period::Day => "day",
        Period::Month => "month",
    };
    let of = match of {
        Moment::Registration => "registration",
        Moment::Visit => "visit",
    };
    let mut text = words.with(
        &format!("problem-quota-{period}-of-{of}"),
        [("limit", refusal.limit.into()), ("count", refusal.count.into())],
    );
    if count_cancelled {
        text = format!("{text} {}", words.t("problem-quota-cancelled-count"));
    }
    if let Some(at) = refusal.resets_at {
        let moment = words.moment_and_zone(at, zone);
        text =
            format!("{text} {}", words.with("problem-quota-resets", [("moment", moment.into())]));
    }
    text
}

/// Whether the same form may succeed a moment later.
fn may_repeat(problem: &Problem) -> bool {
    matches!(
        problem,
        Problem::Overloaded
            | Problem::Unavailable
            | Problem::JournalFull
            | Problem::RateLimited { .. }
            | Problem::NotReleased(_)
            | Problem::SlowLaneEarly { .. }
    )
}

fn ways(
    frame: &Frame<'_>,
    asked: &Asked,
    problem: &Problem,
    spot: Option<&(Spot<'_>, Option<CivilDate>)>,
    ticket: Option<String>,
) -> Vec<Way> {
    let way = |href: String, key: &str| Way { href, label: frame.t(key) };
    let mut ways = Vec::new();
    match problem {
        Problem::Unauthenticated
        | Problem::SessionExpired
        | Problem::SessionRevoked
        | Problem::LoginFailed
        | Problem::LoginDenied
        | Problem::LoginInvalid => ways.push(way(frame.login(), "site-log-in")),
        Problem::LimitReached(_) => ways.push(way("/tickets".to_owned(), "site-tickets")),
        Problem::PowRequired
        | Problem::PowInvalid(_)
        | Problem::PowExpired
        | Problem::PowReplayed
        | Problem::IdempotencyKeyMissing
        | Problem::IdempotencyKeyReused => {
            ways.push(way(frame.here.clone(), "problem-open-form"));
        }
        _ if may_repeat(problem) && asked.parts.method == Method::GET => {
            ways.push(way(frame.here.clone(), "problem-try-again"));
        }
        _ => {}
    }
    ways.extend(ticket.map(|href| way(href, "problem-to-ticket")));
    match spot {
        Some((spot, _)) => {
            ways.push(way(spot.path(), "problem-other-days"));
            ways.push(way(spot.chosen.path(), "problem-other-offices"));
        }
        None => ways.push(way("/".to_owned(), "problem-to-start")),
    }
    ways
}
