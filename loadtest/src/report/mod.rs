//! What a rehearsal found, as data: JSON for machines, the source of the page and of comparisons.
//!
//! Owns the shape of a report, which stays readable from one version to the next, and how it is made
//! from the numbers. Must not measure. Called by the rehearsal and by the binary.

mod fairness;
pub mod html;
mod plot;
mod verdict;

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

pub use self::fairness::{ARRIVAL_GROUPS, GroupRow, PersonaRow, meaning};
pub use self::verdict::{Conclusion, Verdict};
use crate::client::words::Booking;
use crate::history::Person;
use crate::measure::{Recorder, Second};
use crate::personas::Stage;
use crate::rehearsal::Finding;
use crate::scenario::{Scenario, Thresholds};

/// The version of the report's shape.
pub const FORMAT: u32 = 1;
/// Most violations that a report shows one by one.
pub const MAX_SHOWN_VIOLATIONS: usize = 50;

/// A rehearsal's findings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of this shape, [`FORMAT`].
    pub format: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's seed.
    pub seed: u64,
    /// When the gateway was started, in UTC.
    pub started_at: String,
    /// How many cores the computer has, which generator and gateway share.
    pub cores: usize,
    /// Whether it passed, and why not.
    pub verdict: Verdict,
    /// What was asked for.
    pub thresholds: Thresholds,
    /// The sums.
    pub totals: Totals,
    /// How late the generator itself was.
    pub generator: Lag,
    /// Who got the places.
    pub personas: Vec<PersonaRow>,
    /// Honest people by when they first tried.
    pub by_arrival: Vec<GroupRow>,
    /// Honest people by their network.
    pub by_network: Vec<GroupRow>,
    /// Honest people by their manner: for whom, how, and whether they would move.
    #[serde(default)]
    pub by_manner: Vec<GroupRow>,
    /// Refused and failed bookings and moves by rule.
    pub refusals: Vec<RefusalRow>,
    /// Latencies by action and outcome, from when a request was due.
    pub latencies: Vec<LatencyRow>,
    /// Second by second, from the release on.
    pub seconds: BTreeMap<i64, Second>,
    /// What was checked afterwards.
    pub check: CheckRow,
}

/// The sums of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Identified persons.
    pub persons: u64,
    /// Requests sent.
    pub requests: u64,
    /// Places that somebody has in the end.
    pub places: u64,
    /// Requests without an answer, or with a 5xx that promises nothing.
    pub errors: u64,
    /// Most requests answered in one second.
    pub peak_per_second: u64,
    /// Connections that were set up.
    #[serde(default)]
    pub connections: u64,
    /// Requests, answers and parts of a set-up that the modelled networks lost, so that they were sent
    /// again.
    #[serde(default)]
    pub resent: u64,
}

/// The generator's own lag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lag {
    /// Median, in milliseconds.
    pub p50_ms: f64,
    /// 99 of 100, in milliseconds.
    pub p99_ms: f64,
    /// The greatest, in milliseconds.
    pub max_ms: f64,
    /// Requests that were due and not sent.
    pub skipped: u64,
}

/// A rule and whom it refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalRow {
    /// The problem's name, with the policy's rule where it names one.
    pub rule: String,
    /// How often.
    pub count: u64,
    /// How often by persona.
    pub by_persona: BTreeMap<crate::personas::Persona, u64>,
}

/// Latencies of one kind, in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyRow {
    /// What was asked for.
    pub action: crate::measure::Action,
    /// What became of it.
    pub outcome: String,
    /// How many.
    pub count: u64,
    /// Median.
    pub p50_ms: f64,
    /// 90 of 100.
    pub p90_ms: f64,
    /// 99 of 100.
    pub p99_ms: f64,
    /// 999 of 1000.
    pub p999_ms: f64,
    /// The greatest.
    pub max_ms: f64,
}

/// What was checked afterwards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRow {
    /// Bookings that clients were told of.
    pub confirmed: u64,
    /// Bookings in the journal.
    pub in_journal: u64,
    /// How many of them were moves.
    #[serde(default)]
    pub moves: u64,
    /// How often the gateway was killed and started again while people booked.
    pub restarts: u64,
    /// Persons who were asked again after SIGKILL and a restart.
    pub asked_after_restart: u64,
    /// Hand-overs that were tried.
    pub hand_overs: u64,
    /// Hand-overs that succeeded.
    pub hand_overs_caught: u64,
    /// How many promises or rules were broken.
    pub violations: u64,
    /// The first of them.
    pub shown: Vec<String>,
}

impl Report {
    /// The report of a run. `places` are the live bookings by person at its end.
    #[must_use]
    pub fn new(
        scenario: &Scenario,
        started_at: jiff::Timestamp,
        stage: &Stage,
        places: &BTreeMap<Person, Vec<Booking>>,
        finding: Finding,
    ) -> Self {
        let confirmed = stage.history(|history| history.counts().confirmed);
        stage.record(|recorder| {
            let mut report = Self {
                format: FORMAT,
                scenario: scenario.name.clone(),
                seed: scenario.seed,
                started_at: started_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
                verdict: Verdict::default(),
                thresholds: scenario.thresholds,
                totals: Totals {
                    connections: stage.network_costs.connections(),
                    resent: stage.network_costs.resent(),
                    ..totals(recorder, places)
                },
                generator: lag(recorder),
                personas: fairness::by_persona(recorder, places),
                by_arrival: fairness::by_arrival(recorder, places),
                by_network: fairness::by_network(recorder, places),
                by_manner: fairness::by_manner(recorder, places),
                refusals: refusals(recorder),
                latencies: latencies(recorder),
                seconds: whole(recorder.seconds()),
                check: check_row(confirmed, finding),
            };
            report.verdict = Verdict::of(&report, &scenario.generator);
            report
        })
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is plain data")
    }
}

/// The seconds with those in which nothing came.
fn whole(seconds: &BTreeMap<i64, Second>) -> BTreeMap<i64, Second> {
    let (Some((first, _)), Some((last, _))) = (seconds.first_key_value(), seconds.last_key_value())
    else {
        return BTreeMap::new();
    };
    (*first..=*last)
        .map(|second| (second, seconds.get(&second).cloned().unwrap_or_default()))
        .collect()
}

fn check_row(confirmed: usize, finding: Finding) -> CheckRow {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    CheckRow {
        confirmed: count(confirmed),
        in_journal: count(finding.in_journal),
        moves: count(finding.moves),
        restarts: finding.restarts,
        asked_after_restart: count(finding.asked),
        hand_overs: finding.hand_overs,
        hand_overs_caught: finding.caught,
        violations: count(finding.violations.len()),
        shown: finding.violations.into_iter().take(MAX_SHOWN_VIOLATIONS).collect(),
    }
}

fn totals(recorder: &Recorder, places: &BTreeMap<Person, Vec<Booking>>) -> Totals {
    let seconds = recorder.seconds().values();
    let all = |second: &Second| second.good + second.refused + second.errors;
    Totals {
        persons: recorder.persons().len() as u64,
        requests: recorder.requests().values().sum(),
        places: places.values().map(|bookings| bookings.len() as u64).sum(),
        errors: seconds.clone().map(|second| second.errors).sum(),
        peak_per_second: seconds.map(all).max().unwrap_or(0),
        ..Totals::default()
    }
}

pub(crate) fn lag(recorder: &Recorder) -> Lag {
    let lags = recorder.lags();
    Lag {
        p50_ms: quantile(lags, 0.5),
        p99_ms: quantile(lags, 0.99),
        max_ms: quantile(lags, 1.0),
        skipped: recorder.skips(),
    }
}

fn refusals(recorder: &Recorder) -> Vec<RefusalRow> {
    let row = |(rule, by_persona): (&String, &BTreeMap<_, u64>)| RefusalRow {
        rule: rule.clone(),
        count: by_persona.values().sum(),
        by_persona: by_persona.clone(),
    };
    let mut rows: Vec<RefusalRow> = recorder.refusals().iter().map(row).collect();
    rows.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.rule.cmp(&b.rule)));
    rows
}

pub(crate) fn latencies(recorder: &Recorder) -> Vec<LatencyRow> {
    let row = |(action, outcome, all): (_, &str, &Histogram<u64>)| LatencyRow {
        action,
        outcome: outcome.to_owned(),
        count: all.len(),
        p50_ms: quantile(all, 0.5),
        p90_ms: quantile(all, 0.9),
        p99_ms: quantile(all, 0.99),
        p999_ms: quantile(all, 0.999),
        max_ms: quantile(all, 1.0),
    };
    recorder.latencies().map(row).collect()
}

/// A quantile of microseconds, in milliseconds with three digits; 0 of nothing.
fn quantile(all: &Histogram<u64>, part: f64) -> f64 {
    let micros = u32::try_from(all.value_at_quantile(part)).unwrap_or(u32::MAX);
    if all.is_empty() { 0.0 } else { f64::from(micros) / 1000.0 }
}

#[cfg(test)]
pub(crate) mod tests;
