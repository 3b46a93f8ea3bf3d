//! What stands before the ledger: the proof and the admission store, in one question.
//!
//! Owns what the store is asked and told. Rates and proofs are the actor's, counts are those of whom
//! a rule counts. Must not know what was asked for beyond its place and time.

use std::time::{Duration, Instant};

use talon_domain::civil::{CivilDate, UtcMicros};
use talon_domain::ids::AuthorityId;
use talon_domain::limits::{Attempt, Usage, tracked};
use talon_domain::policy::{CompiledPolicy, Holder};
use talon_pow::Pressure;
use talon_wire::{Caller, Place};

use super::{ASKED_OVER, Claim, acting_for};
use crate::admission::{
    AdmissionError, AdmissionRequest, Decision, Hint, PersonKey, QuotaQuery, RateRule, Spend,
    WhenDown,
};
use crate::app::{ActingFor, App, Lane, now, now_s};
use crate::config::Shadowed;
use crate::http::problem::Problem;
use crate::http::rate_limit;
use crate::measures;
use crate::proof::{self, Pending};
use crate::slow_lane;

/// Admits a claim; notes how long that took, and whose fault a refusal was.
pub(super) async fn admit_claim(lane: &Lane, claim: &Claim<'_>) -> Result<(), Problem> {
    let waiting_since = Instant::now();
    let admitted = judge_claim(lane, claim).await;
    let demands = &lane.app.demands;
    demands.waited(waiting_since.elapsed());
    if let Err(problem) = &admitted
        && is_failure(problem)
        // A promise that was tried before is no sign of anything: its tries are counted.
        && !(matches!(problem, Problem::PowReplayed) && claim.is_promised())
    {
        demands.refused(&claim.caller.person, now());
    }
    admitted
}

/// The proof, if one is asked for, and the admission store, in one question. The proof's cheap
/// part comes first, its spending with the rate, and its dear part last.
async fn judge_claim(lane: &Lane, claim: &Claim<'_>) -> Result<(), Problem> {
    let app = &lane.app;
    let Claim { caller, place, .. } = claim;
    let policy = app.policy(place.authority).ok_or(Problem::UnknownAuthority)?;
    let mut evidence = match evidence(app, policy, claim) {
        Err(_) if app.shadows.lets_pass(Shadowed::Proof) => Evidence::NotNeeded,
        judged => judged?,
    };
    let person = PersonKey(caller.person.0);
    let quota = if claim.is_one_more { quota(policy, claim)? } else { None };
    let spend = evidence.spend();
    let when_down = when_down(lane, place.authority);
    let mut request = AdmissionRequest { person, rate: app.write_rate, quota, spend, when_down };
    let decision = loop {
        match decide_rate(lane, &request).await? {
            // A hint sheds load, it refuses nobody: the ledger is asked. Nothing is charged yet.
            Decision::OverQuotaHint { .. } if request.quota.take().is_some() => {}
            Decision::AlreadySpent
                if request.spend.is_some() && app.shadows.lets_pass(Shadowed::Proof) =>
            {
                (request.spend, evidence) = (None, Evidence::NotNeeded);
            }
            decision => break decision,
        }
    };
    problem_of(decision)?;
    match evidence {
        // Boxed: most bookings carry no proof.
        Evidence::Proof(proof) => {
            app.shadows.judge(Shadowed::Proof, Box::pin(proof.derive()).await)
        }
        Evidence::NotNeeded | Evidence::Waited(_) => Ok(()),
    }
}

/// What a claim shows for itself, where something is asked for.
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
    claim: &Claim<'_>,
) -> Result<Evidence<'a>, Problem> {
    let (person, service, channel) = (&claim.caller.person, claim.place.service, ASKED_OVER);
    let Some(rule) = &policy.release(service, channel).proof else {
        return Ok(Evidence::NotNeeded);
    };
    if app.demands.of(policy, service, channel, rule, person, now()) == Pressure::Calm {
        return Ok(Evidence::NotNeeded);
    }
    let release = release_tag(&claim.place);
    match claim.solution {
        Some(text) if claim.is_promised() && rule.slow_lane_minutes.is_some() => {
            let waited = slow_lane::check(&app.keys.session, text, person, &release, now_s())?;
            Ok(Evidence::Waited(waited.spend(claim.tries_before)))
        }
        solution => {
            let checked = measures::proved(proof::check(app, person, &release, solution));
            checked.map(Evidence::Proof)
        }
    }
}

/// Whether a refusal says something of who asks.
fn is_failure(problem: &Problem) -> bool {
    matches!(
        problem,
        Problem::RateLimited { .. }
            | Problem::PowInvalid(_)
            | Problem::PowExpired
            | Problem::PowReplayed
    )
}

/// What happens to a booking or cancellation while Redis does not answer.
fn when_down(lane: &Lane, authority: AuthorityId) -> WhenDown {
    lane.app.when_down.get(&authority).copied().unwrap_or(WhenDown::Degraded)
}

/// The pace alone.
pub(super) async fn admit(lane: &Lane, caller: &Caller, rate: RateRule) -> Result<(), Problem> {
    let person = PersonKey(caller.person.0);
    let when_down = if rate == lane.app.write_rate {
        when_down(lane, caller.authority)
    } else {
        WhenDown::Open
    };
    let request = AdmissionRequest { person, rate, quota: None, spend: None, when_down };
    problem_of(decide_rate(lane, &request).await?)
}

/// The count that a hint may tell of, and whose it is.
fn quota(policy: &CompiledPolicy, claim: &Claim<'_>) -> Result<Option<QuotaQuery>, Problem> {
    let acting = acting_for(&claim.caller, claim.subject)?;
    let now = now();
    let attempt = Attempt {
        now,
        registered_at: now,
        service: claim.place.service,
        channel: claim.channel,
        visit_date: claim.wished_date.unwrap_or_else(|| CivilDate::at(now, policy.zone())),
        subject: claim.subject,
    };
    Ok(tracked(policy, &attempt).map(|tracked| QuotaQuery {
        holder: holder(policy, tracked.rule, acting),
        period: tracked.period.days().unsigned_abs(),
        rule: tracked.rule,
        limit: tracked.limit,
    }))
}

/// Whose bookings a rule counts: those of the human who acts, or of the one they act for.
fn holder(policy: &CompiledPolicy, rule: u16, (actor, subject): ActingFor) -> PersonKey {
    let limit = policy.policy().limits.get(usize::from(rule));
    match limit.map(|limit| limit.holder) {
        Some(Holder::Actor) => PersonKey(actor.0),
        Some(Holder::Subject) | None => PersonKey(subject.0),
    }
}

/// The store's decision; a pace in shadow mode only counts, and the answer tells what is left of it.
async fn decide_rate(lane: &Lane, request: &AdmissionRequest) -> Result<Decision, Problem> {
    let decision = decide(lane, request).await?;
    rate_limit::note(&request.rate, &decision);
    let limit =
        if request.rate == lane.app.write_rate { Shadowed::WriteRate } else { Shadowed::ReadRate };
    if matches!(decision, Decision::RateLimited { .. }) && lane.app.shadows.lets_pass(limit) {
        // Under the same pace, so that a proof is found there whether the pace passed it or the shadow.
        let rate = request.rate.unlimited();
        return decide(lane, &AdmissionRequest { rate, ..*request }).await;
    }
    Ok(decision)
}

pub(super) async fn decide(lane: &Lane, request: &AdmissionRequest) -> Result<Decision, Problem> {
    lane.admission.admit(request).await.map_err(|error| match error {
        AdmissionError::Overloaded | AdmissionError::Unavailable => Problem::Overloaded,
    })
}

fn problem_of(decision: Decision) -> Result<(), Problem> {
    match decision {
        Decision::Admitted { .. } => Ok(()),
        Decision::RateLimited { retry_after_us } => {
            Err(Problem::RateLimited { retry_after: Duration::from_micros(retry_after_us) })
        }
        Decision::AlreadySpent => Err(Problem::PowReplayed),
        // With a hint nothing was charged, and whoever asked has to ask without.
        Decision::Shed { .. } | Decision::OverQuotaHint { .. } => Err(Problem::Overloaded),
    }
}

/// Tells the admission store the truth that the ledger told.
pub(super) fn remember_usage(
    lane: &Lane,
    claim: &Claim<'_>,
    acting: ActingFor,
    usage: Option<Usage>,
    sequence: u64,
) {
    let Some(usage) = usage else { return };
    let Some(policy) = lane.app.policy(claim.place.authority) else { return };
    lane.admission.hint(Hint {
        actor: PersonKey(claim.caller.person.0),
        person: holder(policy, usage.rule, acting),
        period: usage.period.days().unsigned_abs(),
        rule: usage.rule,
        count: usage.count,
        sequence,
        expires_at_s: UtcMicros::seconds(usage.resets_at).unsigned_abs(),
    });
}

/// The release that a proof is bound to.
pub(super) fn release_tag(place: &Place) -> String {
    format!("{}:{}", place.authority, place.service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_for_which_nothing_was_charged_admits_nobody() {
        let hint = Decision::OverQuotaHint { count: 4, sequence: 9 };
        assert!(matches!(problem_of(hint), Err(Problem::Overloaded)));
    }
}
