//! Limits applied to the bookings of a person: pure, so that the ledger decides by them, `verify`
//! judges by them, and a test can state them.
//!
//! Must not know where bookings are kept; it is given the facts that count.

use serde::{Deserialize, Serialize};

use crate::booking::{BookingState, Subject};
use crate::civil::{CivilDate, UtcMicros};
use crate::ids::{Channel, ServiceId};
use crate::policy::{CompiledPolicy, Holder, Limit, LimitKind, Mode, Moment, Subjects};

/// What a limit needs to know of one earlier booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookingFact {
    /// For which service.
    pub service: ServiceId,
    /// By which channel.
    pub channel: Channel,
    /// When it was booked.
    pub registered_at: UtcMicros,
    /// The civil date of the visit.
    pub visit_date: CivilDate,
    /// When the visit ends.
    pub ends_at: UtcMicros,
    /// What has become of it. A moved one is a fact only where moves count.
    pub state: BookingState,
}

/// Why a holder may not book until somebody lifts it in person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Since when.
    pub since: UtcMicros,
    /// How many visits of one period were missed by then.
    pub count: u32,
}

/// What the limits look at of one holder.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing<'a> {
    /// The bookings that may still count; facts that no limit asks for do no harm.
    pub bookings: &'a [BookingFact],
    /// Whether too many visits were missed.
    pub block: Option<Block>,
}

/// A booking somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it is asked for.
    pub now: UtcMicros,
    /// When it counts as booked: now, unless it takes the place of an earlier booking.
    pub registered_at: UtcMicros,
    /// For which service.
    pub service: ServiceId,
    /// By which channel.
    pub channel: Channel,
    /// The civil date of the visit.
    pub visit_date: CivilDate,
    /// For whom.
    pub subject: Subject,
}

/// A limit that would be exceeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitRefusal {
    /// The rule's name.
    pub rule: String,
    /// What kind of limit it is.
    pub kind: LimitKind,
    /// How many bookings it counted.
    pub count: u32,
    /// How many it allows.
    pub limit: u32,
    /// When it will allow one again, when that depends on time alone.
    pub resets_at: Option<UtcMicros>,
}

/// How far a person has used a limit of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// The limit's place in the policy.
    pub rule: u16,
    /// The first date of the period.
    pub period: CivilDate,
    /// How many bookings count now.
    pub count: u32,
    /// How many it allows.
    pub limit: u32,
    /// When the period ends.
    pub resets_at: UtcMicros,
}

/// What the limits say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The first enforced limit that refuses.
    pub refusal: Option<LimitRefusal>,
    /// Limits in shadow mode that would refuse.
    pub shadow: Vec<LimitRefusal>,
}

/// Judges `attempt` by every limit of the policy.
///
/// `subject` and `actor` are the standings of the one and the other; for whoever books for
/// themselves they are the same.
pub fn judge(
    policy: &CompiledPolicy,
    attempt: &Attempt,
    subject: Standing<'_>,
    actor: Standing<'_>,
) -> Verdict {
    let mut verdict = Verdict::default();
    for limit in &policy.policy().limits {
        let standing = holder(limit, subject, actor);
        let Some((count, resets_at)) = counted(policy, limit, attempt, standing) else { continue };
        if count < limit.max {
            continue;
        }
        let refusal = LimitRefusal {
            rule: limit.name.clone(),
            kind: limit.kind,
            count,
            limit: limit.max,
            resets_at,
        };
        match limit.mode {
            Mode::Shadow => verdict.shadow.push(refusal),
            Mode::Enforced if verdict.refusal.is_none() => verdict.refusal = Some(refusal),
            Mode::Enforced => {}
        }
    }
    verdict
}

/// How far the first enforced limit of a period that holds for `attempt` is used: what a gateway
/// may remember to refuse the next attempt early.
pub fn usage(
    policy: &CompiledPolicy,
    attempt: &Attempt,
    subject: Standing<'_>,
    actor: Standing<'_>,
) -> Option<Usage> {
    policy.policy().limits.iter().enumerate().find_map(|(rule, limit)| {
        let LimitKind::PerPeriod { period, of, .. } = limit.kind else { return None };
        if limit.mode != Mode::Enforced {
            return None;
        }
        let standing = holder(limit, subject, actor);
        let (count, resets_at) = counted(policy, limit, attempt, standing)?;
        let date = period_date(policy, of, attempt.registered_at, attempt.visit_date);
        Some(Usage {
            rule: u16::try_from(rule).ok()?,
            period: CompiledPolicy::period_start(period, date),
            count,
            limit: limit.max,
            resets_at: resets_at?,
        })
    })
}

/// How many visits of the period of `visit_date` were missed, when that is enough for a block.
///
/// Visits missed before `unblocked_at` do not count. `bookings` are those of the subject, the one
/// just missed included.
pub fn no_show_block(
    policy: &CompiledPolicy,
    bookings: &[BookingFact],
    visit_date: CivilDate,
    unblocked_at: Option<UtcMicros>,
) -> Option<u32> {
    policy.policy().limits.iter().find_map(|limit| {
        let LimitKind::NoShows { period } = limit.kind else { return None };
        let start = CompiledPolicy::period_start(period, visit_date);
        let missed = bookings.iter().filter(|fact| {
            fact.state == BookingState::Absent
                && CompiledPolicy::period_start(period, fact.visit_date) == start
                && unblocked_at.is_none_or(|at| fact.ends_at > at)
        });
        let missed = count(missed);
        (missed >= limit.max).then_some(missed)
    })
}

fn holder<'a>(limit: &Limit, subject: Standing<'a>, actor: Standing<'a>) -> Standing<'a> {
    match limit.holder {
        Holder::Subject => subject,
        Holder::Actor => actor,
    }
}

/// The bookings that `limit` counts against `attempt` and when it resets; nothing when the limit
/// does not concern the attempt.
fn counted(
    policy: &CompiledPolicy,
    limit: &Limit,
    attempt: &Attempt,
    standing: Standing<'_>,
) -> Option<(u32, Option<UtcMicros>)> {
    if !concerns(limit.subjects, attempt.subject) {
        return None;
    }
    let facts = standing.bookings;
    match limit.kind {
        LimitKind::PerPeriod { period, of, count_cancelled, channel } => {
            if attempt.channel != channel {
                return None;
            }
            let date = period_date(policy, of, attempt.registered_at, attempt.visit_date);
            let start = CompiledPolicy::period_start(period, date);
            let counts = |fact: &&BookingFact| {
                let of_fact = period_date(policy, of, fact.registered_at, fact.visit_date);
                fact.channel == channel
                    && (count_cancelled || !fact.state.is_given_back())
                    && CompiledPolicy::period_start(period, of_fact) == start
            };
            Some((count(facts.iter().filter(counts)), Some(policy.period_end(period, date))))
        }
        LimitKind::LivePerService => {
            let live = |fact: &&BookingFact| {
                fact.service == attempt.service
                    && fact.state == BookingState::Booked
                    && fact.ends_at > attempt.now
            };
            let resets_at = facts.iter().filter(live).map(|fact| fact.ends_at).min();
            Some((count(facts.iter().filter(live)), resets_at))
        }
        LimitKind::NoShows { .. } => standing.block.map(|block| (block.count.max(limit.max), None)),
        LimitKind::RetakeWait { .. } => None,
    }
}

fn concerns(subjects: Subjects, subject: Subject) -> bool {
    match subjects {
        Subjects::All => true,
        Subjects::Persons => subject == Subject::Person,
        Subjects::Entities => subject == Subject::Entity,
    }
}

fn period_date(
    policy: &CompiledPolicy,
    of: Moment,
    registered_at: UtcMicros,
    visit_date: CivilDate,
) -> CivilDate {
    match of {
        Moment::Registration => CivilDate::at(registered_at, policy.zone()),
        Moment::Visit => visit_date,
    }
}

fn count<'a>(facts: impl Iterator<Item = &'a BookingFact>) -> u32 {
    u32::try_from(facts.count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
