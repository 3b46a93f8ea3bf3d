//! Limits applied to the bookings of a person: pure, so that the ledger decides by them, `verify`
//! judges by them, and a test can state them.
//!
//! Must not know where bookings are kept; it is given the facts that count.

use serde::{Deserialize, Serialize};

use crate::booking::{BookingState, Subject};
use crate::civil::{CivilDate, UtcMicros};
use crate::ids::{Channel, ServiceId};
use crate::policy::{CompiledPolicy, Holder, Limit, LimitKind, Mode, Moment, Period};

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

/// What a limit counts against an attempt.
struct Counted {
    count: u32,
    /// Whether the attempt would go beyond what the limit allows.
    is_exceeded: bool,
    resets: Resets,
}

/// When a limit allows one more, told in UTC only to whoever asks: most attempts exceed nothing.
#[derive(Clone, Copy)]
enum Resets {
    /// Not by time alone.
    Never,
    At(UtcMicros),
    /// With the period after the one that holds a date.
    After(Period, CivilDate),
}

impl Resets {
    fn at(self, policy: &CompiledPolicy) -> Option<UtcMicros> {
        match self {
            Self::Never => None,
            Self::At(moment) => Some(moment),
            Self::After(period, date) => Some(policy.period_end(period, date)),
        }
    }
}

impl From<Option<UtcMicros>> for Resets {
    fn from(moment: Option<UtcMicros>) -> Self {
        moment.map_or(Self::Never, Self::At)
    }
}

/// A limit of a period that a gateway may remember: the first enforced one that holds for an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// Its place in the policy.
    pub rule: u16,
    /// The first date of the period.
    pub period: CivilDate,
    /// How many bookings it allows.
    pub limit: u32,
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
        let Some(counted) = counted(policy, limit, attempt, standing) else { continue };
        if !counted.is_exceeded {
            continue;
        }
        let refusal = LimitRefusal {
            rule: limit.name.clone(),
            kind: limit.kind,
            count: counted.count,
            limit: limit.max,
            resets_at: counted.resets.at(policy),
        };
        match limit.mode {
            Mode::Shadow => verdict.shadow.push(refusal),
            Mode::Enforced if verdict.refusal.is_none() => verdict.refusal = Some(refusal),
            Mode::Enforced => {}
        }
    }
    verdict
}

/// The limit of a period whose count a gateway may remember to refuse the next attempt early.
pub fn tracked(policy: &CompiledPolicy, attempt: &Attempt) -> Option<Tracked> {
    policy.policy().limits.iter().enumerate().find_map(|(rule, limit)| {
        let LimitKind::PerPeriod { period, of, channel, .. } = limit.kind else { return None };
        let is_meant = limit.mode == Mode::Enforced
            && attempt.channel == channel
            && limit.concerns(attempt.subject, attempt.service);
        if !is_meant {
            return None;
        }
        let date = attempt_date(policy, of, attempt);
        let (rule, limit) = (u16::try_from(rule).ok()?, limit.max);
        Some(Tracked { rule, period: CompiledPolicy::period_start(period, date), limit })
    })
}

/// How far the limit that is [`tracked`] for `attempt` is used.
pub fn usage(
    policy: &CompiledPolicy,
    attempt: &Attempt,
    subject: Standing<'_>,
    actor: Standing<'_>,
) -> Option<Usage> {
    let Tracked { rule, period, limit } = tracked(policy, attempt)?;
    let of = &policy.policy().limits[usize::from(rule)];
    let counted = counted(policy, of, attempt, holder(of, subject, actor))?;
    let resets_at = counted.resets.at(policy)?;
    Some(Usage { rule, period, count: counted.count, limit, resets_at })
}

/// How many visits of the period of `visit_date` were missed, when they are enough for a block.
///
/// `bookings` are the subject's, the one that was just missed among them; what ended before
/// `unblocked_at` was forgiven and does not count. A limit in shadow mode blocks as well, so that
/// its shadow refusals can be seen; that block then refuses nobody.
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
                && limit.is_for_service(fact.service)
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

/// What `limit` counts against `attempt`; nothing when the limit does not concern the attempt.
fn counted(
    policy: &CompiledPolicy,
    limit: &Limit,
    attempt: &Attempt,
    standing: Standing<'_>,
) -> Option<Counted> {
    if !limit.concerns(attempt.subject, attempt.service) {
        return None;
    }
    let facts = || standing.bookings.iter().filter(|fact| limit.is_for_service(fact.service));
    match limit.kind {
        LimitKind::PerPeriod { period, of, count_cancelled, channel } => {
            if attempt.channel != channel {
                return None;
            }
            let date = attempt_date(policy, of, attempt);
            let start = CompiledPolicy::period_start(period, date);
            let counts = |fact: &&BookingFact| {
                let of_fact = period_date(policy, of, fact.registered_at, fact.visit_date);
                fact.channel == channel
                    && (count_cancelled || !fact.state.is_given_back())
                    && CompiledPolicy::period_start(period, of_fact) == start
            };
            let count = count(facts().filter(counts));
            let resets = Resets::After(period, date);
            Some(Counted { count, is_exceeded: count >= limit.max, resets })
        }
        LimitKind::LivePerService => {
            let is_live = |fact: &&BookingFact| {
                fact.service == attempt.service
                    && fact.state == BookingState::Booked
                    && fact.ends_at > attempt.now
            };
            Some(live(limit.max, facts().filter(is_live)))
        }
        LimitKind::NoShows { .. } => no_shows(attempt, standing),
        LimitKind::RetakeWait { days } => retake(days, attempt, facts()),
    }
}

/// Of visits still to come, so many have to be over that one more is allowed.
fn live<'a>(max: u32, live: impl Iterator<Item = &'a BookingFact>) -> Counted {
    let mut ends: Vec<UtcMicros> = live.map(|fact| fact.ends_at).collect();
    ends.sort_unstable();
    let count = u32::try_from(ends.len()).unwrap_or(u32::MAX);
    let last_in_the_way = count.checked_sub(max).and_then(|index| ends.get(index as usize));
    Counted { count, is_exceeded: count >= max, resets: last_in_the_way.copied().into() }
}

/// A block is lifted in person, by somebody who sees whom it is for. It holds for what is booked
/// from afar; whoever stands in the office, at the kiosk or in the queue, is there in person and
/// may be served.
fn no_shows(attempt: &Attempt, standing: Standing<'_>) -> Option<Counted> {
    match attempt.channel {
        Channel::Web => {
            let count = standing.block?.count;
            Some(Counted { count, is_exceeded: true, resets: Resets::Never })
        }
        Channel::Kiosk | Channel::WalkIn => None,
    }
}

/// The last failed visit for the same service says from which date on the next may be.
fn retake<'a>(
    days: u16,
    attempt: &Attempt,
    facts: impl Iterator<Item = &'a BookingFact>,
) -> Option<Counted> {
    let failed = facts
        .filter(|fact| fact.service == attempt.service && fact.state == BookingState::Failed)
        .map(|fact| fact.visit_date)
        .max()?;
    let allowed_from = failed.plus_days(days.into());
    (attempt.visit_date < allowed_from).then(|| Counted {
        count: 1,
        is_exceeded: true,
        resets: Resets::After(Period::Day, allowed_from.plus_days(-1)),
    })
}

fn attempt_date(policy: &CompiledPolicy, of: Moment, attempt: &Attempt) -> CivilDate {
    period_date(policy, of, attempt.registered_at, attempt.visit_date)
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

#[cfg(test)]
#[path = "limits_kinds_tests.rs"]
mod kinds_tests;
