//! What proof of work a booking needs now: around a release, under pressure, for a person who fails
//! again and again.
//!
//! Owns the pressure of this gateway. A scheduled release has its level fixed [`FIXED_BEFORE_MICROS`]
//! ahead: the floor, or the most pressure that any gateway saw at the release before
//! ([`ReleasePeaks`]), and keeps it for everybody until [`KEPT_AFTER_MICROS`] after the moment. At any
//! other time the level follows the measured delay of admission, which each gateway measures for
//! itself, and a person's own refusals. Must not look at anything a client claims.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use parking_lot::Mutex;
use talon_domain::civil::{MICROS_PER_SECOND, UtcMicros};
use talon_domain::ids::{Channel, Pseudonym, ServiceId};
use talon_domain::policy::{CompiledPolicy, ProofRule, ProofWhen};
use talon_pow::{Controller, Pressure, PressureRules};

use talon_telemetry::table;

use crate::admission::NameHash;
use crate::app::now;
use crate::release_peaks::{self, ReleasePeaks};

/// So long before its moment a release's level is fixed and published.
pub const FIXED_BEFORE_MICROS: i64 = 10 * 60 * MICROS_PER_SECOND;
/// So long after its moment the level is kept.
pub const KEPT_AFTER_MICROS: i64 = 2 * 60 * MICROS_PER_SECOND;
/// So many refusals, none of them [`FAILURE_MEMORY`] after the one before, raise what one person is asked for by one level.
pub const FAILURES_PER_LEVEL: u32 = 8;
/// Most levels that a person's own refusals add.
pub const MAX_PERSONAL_LEVELS: u8 = 3;
/// How long after the last refusal a person's are remembered.
pub const FAILURE_MEMORY: Duration = Duration::from_secs(60);
/// Most persons whose refusals are counted; at it, those least asked after are forgotten.
pub const MAX_COUNTED_PERSONS: u64 = 200_000;
/// How often the pressure is looked at.
pub const LOOK_EVERY: Duration = Duration::from_millis(250);

/// One part in so many of the measured delay is new with each measurement.
const SMOOTHING: u64 = 16;

/// What one person was refused.
#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last_at: UtcMicros,
}

impl Failures {
    /// Asking after them prolongs nothing: only the last refusal counts.
    fn are_remembered(&self, now: UtcMicros) -> bool {
        now < moment_of(self.last_at, FAILURE_MEMORY)
    }
}

/// The state of this gateway's demands.
pub struct Demands {
    controller: Mutex<Controller>,
    delay_us: AtomicU64,
    peaks: ReleasePeaks,
    failures: Cache<Pseudonym, Failures, NameHash>,
    /// When a demonstration opens its dates.
    demonstration: Option<UtcMicros>,
}

/// A release that is near.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextRelease {
    /// Its moment.
    pub opens_at: UtcMicros,
    /// What it asks for, fixed.
    pub pressure: Pressure,
}

impl Demands {
    /// No pressure yet. `demonstration` is when a demonstration opens its dates, if it does.
    pub fn new(demonstration: Option<UtcMicros>) -> Self {
        Self {
            controller: Mutex::new(Controller::new(PressureRules::default())),
            delay_us: AtomicU64::new(0),
            peaks: ReleasePeaks::default(),
            failures: Cache::builder()
                .max_capacity(MAX_COUNTED_PERSONS)
                .time_to_live(FAILURE_MEMORY)
                .build_with_hasher(NameHash::default()),
            demonstration,
        }
    }

    /// Takes note of how long one booking waited until it was admitted.
    pub fn waited(&self, delay: Duration) {
        let delay = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        // Relaxed: a mean of its own; a measurement lost to a race does not matter.
        let mean = self.delay_us.load(Ordering::Relaxed);
        let mean = mean - mean / SMOOTHING + delay / SMOOTHING;
        self.delay_us.store(mean, Ordering::Relaxed);
    }

    /// Looks at the pressure; a task calls it every [`LOOK_EVERY`], and says how late it was called,
    /// which is what a runtime without time to spare shows first.
    pub fn look(&self, now: UtcMicros, late: Duration) {
        let late = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        // Relaxed: as in `waited`. Without bookings the delay fades.
        let mean = self.delay_us.load(Ordering::Relaxed);
        self.delay_us.store(mean - mean.div_ceil(SMOOTHING).min(mean), Ordering::Relaxed);
        let now_us = now.0.unsigned_abs();
        let (before, after) = {
            let mut controller = self.controller.lock();
            (controller.pressure(), controller.look(now_us, mean.max(late)))
        };
        if before != after {
            tracing::info!(?before, ?after, delay_us = mean, "the demand for proofs has changed");
        }
        metrics::gauge!(table::PROOF_LEVEL.name).set(f64::from(release_peaks::level(after)));
        self.peaks.see(now, after);
    }

    /// What releases saw.
    pub fn peaks(&self) -> &ReleasePeaks {
        &self.peaks
    }

    /// Takes note of a refusal that somebody got.
    pub fn refused(&self, person: &Pseudonym, now: UtcMicros) {
        self.failures.entry(*person).and_upsert_with(|entry| {
            let before = entry.map(moka::Entry::into_value);
            let before = before.filter(|failures| failures.are_remembered(now));
            let count = before.map_or(0, |failures| failures.count).saturating_add(1);
            Failures { count, last_at: now }
        });
    }

    /// What a person is asked for now. Near a release that is what was published, for everybody.
    pub fn of(
        &self,
        policy: &CompiledPolicy,
        service: ServiceId,
        channel: Channel,
        rule: &ProofRule,
        person: &Pseudonym,
        now: UtcMicros,
    ) -> Pressure {
        let general = self.general(policy, service, channel, rule, now);
        if self.moment_near(policy, service, channel, now).is_some() {
            return general;
        }
        general.raised(self.personal_levels(person, now))
    }

    /// What somebody without refusals is asked for now.
    pub fn general(
        &self,
        policy: &CompiledPolicy,
        service: ServiceId,
        channel: Channel,
        rule: &ProofRule,
        now: UtcMicros,
    ) -> Pressure {
        let near = self.near(policy, service, channel, now).map(|release| release.pressure);
        let general = near.unwrap_or_else(|| self.controller.lock().pressure());
        match rule.when {
            ProofWhen::Always => general.max(Pressure::Step(0)),
            ProofWhen::Pressure => general,
        }
    }

    fn personal_levels(&self, person: &Pseudonym, now: UtcMicros) -> u8 {
        let failures = self.failures.get(person).filter(|failures| failures.are_remembered(now));
        let failures = failures.map_or(0, |failures| failures.count);
        u8::try_from(failures / FAILURES_PER_LEVEL).unwrap_or(u8::MAX).min(MAX_PERSONAL_LEVELS)
    }

    /// The release whose level holds now, if one is near.
    pub fn near(
        &self,
        policy: &CompiledPolicy,
        service: ServiceId,
        channel: Channel,
        now: UtcMicros,
    ) -> Option<NextRelease> {
        let (opens_at, before) = self.moment_near(policy, service, channel, now)?;
        self.peaks.begin(opens_at);
        let peak = before.map_or(Pressure::Calm, |before| self.peaks.of(before));
        // The floor at least: calm is for other times.
        Some(NextRelease { opens_at, pressure: peak.max(Pressure::Step(0)) })
    }

    /// The moment of the release that is near, and that of the one before.
    fn moment_near(
        &self,
        policy: &CompiledPolicy,
        service: ServiceId,
        channel: Channel,
        now: UtcMicros,
    ) -> Option<(UtcMicros, Option<UtcMicros>)> {
        let last = policy.last_open_date(service, channel, now);
        let moment = |date| policy.opens_at(service, channel, date);
        let scheduled =
            [last, last.plus_days(1)].map(|date| (moment(date), Some(moment(date.plus_days(-1)))));
        let is_near = |(at, _): &(UtcMicros, Option<UtcMicros>)| {
            (at.0 - FIXED_BEFORE_MICROS..=at.0 + KEPT_AFTER_MICROS).contains(&now.0)
        };
        scheduled.into_iter().chain(self.demonstration.map(|at| (at, None))).find(is_near)
    }
}

/// Looks at the pressure for as long as the runtime lives.
pub async fn watch(demands: Arc<Demands>) {
    let mut due = tokio::time::Instant::now();
    loop {
        due += LOOK_EVERY;
        tokio::time::sleep_until(due).await;
        demands.look(now(), due.elapsed());
        // Late looks are not made up for.
        due = due.max(tokio::time::Instant::now() - LOOK_EVERY);
    }
}

/// The moment that comes after a pause.
pub fn moment_of(now: UtcMicros, pause: Duration) -> UtcMicros {
    let pause = i64::try_from(pause.as_micros()).unwrap_or(i64::MAX);
    UtcMicros(now.0.saturating_add(pause))
}

#[cfg(test)]
#[path = "demand_tests.rs"]
mod tests;
