//! One example of every problem, for the API's description and the pages that explain problems.
//!
//! The examples form a chain whose match names every problem, so that a new one cannot be left
//! out. Must not decide anything.

use std::time::Duration;

use talon_domain::civil::{Minute, UtcMicros};
use talon_domain::ids::Channel;
use talon_domain::limits::LimitRefusal;
use talon_domain::policy::{LimitKind, Moment, Period};
use talon_wire::{BookingState, FreeStart, Release};

use super::problem::{BadProof, Problem};

/// 2026-12-01 04:00 UTC.
const MOMENT: UtcMicros = UtcMicros(1_796_097_600_000_000);

/// Every problem once, with facts as they could be.
pub fn examples() -> Vec<Problem> {
    std::iter::successors(Some(Problem::bad_request("any: the span ends before it starts")), next)
        .collect()
}

/// The example with this slug.
pub fn example(slug: &str) -> Option<Problem> {
    examples().into_iter().find(|problem| problem.slug() == slug)
}

/// The example after this one.
fn next(problem: &Problem) -> Option<Problem> {
    let next = match problem {
        Problem::BadRequest { .. } => Problem::IdempotencyKeyMissing,
        Problem::IdempotencyKeyMissing => Problem::UnsupportedMediaType,
        Problem::UnsupportedMediaType => Problem::BodyTooLarge,
        Problem::BodyTooLarge => Problem::BodyTooSlow,
        Problem::BodyTooSlow => Problem::NotFound,
        Problem::NotFound => Problem::MethodNotAllowed,
        Problem::MethodNotAllowed => Problem::Unauthenticated,
        Problem::Unauthenticated => Problem::SessionExpired,
        Problem::SessionExpired => Problem::SessionRevoked,
        Problem::SessionRevoked => Problem::ForbiddenOrigin,
        Problem::ForbiddenOrigin => Problem::ForbiddenInDemo,
        Problem::ForbiddenInDemo => Problem::UnknownAuthority,
        Problem::UnknownAuthority => Problem::UnknownOffice,
        Problem::UnknownOffice => Problem::UnknownService,
        Problem::UnknownService => Problem::PastDate,
        Problem::PastDate => Problem::UnknownStart,
        Problem::UnknownStart => {
            Problem::NotReleased(Release { opens_at: Some(MOMENT), late: false })
        }
        Problem::NotReleased(_) => Problem::SlotTaken { free: vec![free()] },
        Problem::SlotTaken { .. } => Problem::IdempotencyKeyReused,
        Problem::IdempotencyKeyReused => limit(
            LimitKind::PerPeriod {
                period: Period::Month,
                of: Moment::Registration,
                count_cancelled: true,
                channel: Channel::Web,
            },
            Some(MOMENT),
        ),
        Problem::LimitReached(refusal) => match refusal.kind {
            LimitKind::PerPeriod { .. } => limit(LimitKind::LivePerService, None),
            LimitKind::LivePerService => limit(LimitKind::NoShows { period: Period::Month }, None),
            LimitKind::NoShows { .. } => limit(LimitKind::RetakeWait { days: 10 }, Some(MOMENT)),
            LimitKind::RetakeWait { .. } => Problem::TooLateToCancel { until: MOMENT },
        },
        Problem::TooLateToCancel { .. } => Problem::TooLateToMove { until: MOMENT },
        Problem::TooLateToMove { .. } => Problem::NoEntity,
        Problem::NoEntity => Problem::NotLive(BookingState::Cancelled),
        Problem::NotLive(_) => Problem::MovedTooOften { count: 2, limit: 2 },
        Problem::MovedTooOften { .. } => {
            Problem::RateLimited { retry_after: Duration::from_millis(1500) }
        }
        Problem::RateLimited { .. } => Problem::PowRequired,
        Problem::PowRequired => Problem::PowInvalid(BadProof::NoSolution),
        Problem::PowInvalid(bad) => match bad {
            BadProof::NoSolution => Problem::PowInvalid(BadProof::Forged),
            BadProof::Forged => Problem::PowInvalid(BadProof::WrongPerson),
            BadProof::WrongPerson => Problem::PowInvalid(BadProof::WrongAction),
            BadProof::WrongAction => Problem::PowInvalid(BadProof::WrongRelease),
            BadProof::WrongRelease => Problem::PowInvalid(BadProof::TooWeak),
            BadProof::TooWeak => Problem::PowExpired,
        },
        Problem::PowExpired => Problem::PowReplayed,
        Problem::PowReplayed => Problem::ProofNotNeeded,
        Problem::ProofNotNeeded => {
            Problem::SlowLaneEarly { ready_at_s: MOMENT.seconds().unsigned_abs() }
        }
        Problem::SlowLaneEarly { .. } => Problem::Overloaded,
        Problem::Overloaded => Problem::JournalFull,
        Problem::JournalFull => Problem::Unavailable,
        Problem::Unavailable => Problem::LoginFailed,
        Problem::LoginFailed => Problem::LoginDenied,
        Problem::LoginDenied => Problem::LoginInvalid,
        Problem::LoginInvalid => Problem::AppUnknown,
        Problem::AppUnknown => Problem::AppRedirect,
        Problem::AppRedirect => return None,
    };
    Some(next)
}

fn free() -> FreeStart {
    FreeStart { start: Minute::new(9 * 60 + 20).expect("09:20 is a minute"), desks: 2 }
}

fn limit(kind: LimitKind, resets_at: Option<UtcMicros>) -> Problem {
    let rule = match kind {
        LimitKind::PerPeriod { .. } => "online-month",
        LimitKind::LivePerService => "live-per-service",
        LimitKind::NoShows { .. } => "no-shows",
        LimitKind::RetakeWait { .. } => "retake",
    };
    Problem::LimitReached(LimitRefusal {
        rule: rule.to_owned(),
        kind,
        count: 4,
        limit: 4,
        resets_at,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_problem_that_has_texts_has_one_example() {
        let texts = include_str!("../../pages/locales/en/problems.ftl");
        let keys: BTreeSet<&str> = texts
            .lines()
            .filter(|line| line.starts_with(|letter: char| letter.is_ascii_lowercase()))
            .filter_map(|line| line.split_once(" ="))
            .map(|(key, _)| key)
            .collect();
        let examples = examples();
        let slugs: BTreeSet<&str> = examples.iter().map(Problem::slug).collect();
        assert_eq!(slugs, keys);
        assert_eq!(examples.len(), slugs.len(), "each once");
    }
}
