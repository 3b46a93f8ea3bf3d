//! Whether a rehearsal passed: a broken promise fails it, a missed threshold fails it, and a generator
//! that was itself late voids it.
//!
//! Pure. Called by the report; the exit code comes from here.

use serde::{Deserialize, Serialize};

use super::Report;
use super::fairness::percent;
use crate::measure::Action;
use crate::personas::Persona;
use crate::scenario::Generator;

/// How a rehearsal ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Conclusion {
    /// Everything that was asked for holds.
    #[default]
    Passed,
    /// Something does not.
    Failed,
    /// The generator was late: the numbers say nothing of the gateway.
    Void,
}

impl Conclusion {
    /// The exit code of the program.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Void => 3,
        }
    }

    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Void => "void",
        }
    }
}

/// How a rehearsal ended, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// How.
    pub conclusion: Conclusion,
    /// Why it did not pass, a line each.
    pub reasons: Vec<String>,
}

impl Verdict {
    /// The verdict on a report. Broken promises count however late the generator was.
    pub(super) fn of(report: &Report, generator: &Generator) -> Self {
        let mut reasons = broken(report);
        if !reasons.is_empty() {
            return Self { conclusion: Conclusion::Failed, reasons };
        }
        reasons = late(report, generator);
        if !reasons.is_empty() {
            return Self { conclusion: Conclusion::Void, reasons };
        }
        reasons = missed(report);
        let conclusion = if reasons.is_empty() { Conclusion::Passed } else { Conclusion::Failed };
        Self { conclusion, reasons }
    }
}

fn broken(report: &Report) -> Vec<String> {
    let violations = report.check.violations;
    if violations == 0 {
        return Vec::new();
    }
    let first = report.check.shown.first().map_or("", String::as_str);
    vec![format!("{violations} promises or rules were broken, the first: {first}")]
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are far below 2^53")]
fn late(report: &Report, generator: &Generator) -> Vec<String> {
    let mut reasons = Vec::new();
    let lag = &report.generator;
    if lag.p99_ms > generator.max_lag_p99_ms as f64 {
        reasons.push(format!(
            "the generator itself was late: 99 of 100 requests within {:.0} ms, {} ms are allowed; \
             use a smaller scenario or a computer with more cores",
            lag.p99_ms, generator.max_lag_p99_ms
        ));
    }
    let skipped = percent(lag.skipped, report.totals.requests + lag.skipped);
    if skipped > generator.max_skipped_percent {
        reasons.push(format!(
            "{skipped:.1} % of the requests were left out because too many were under way, {} % are \
             allowed; lower the bots' rates",
            generator.max_skipped_percent
        ));
    }
    reasons
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are far below 2^53")]
fn missed(report: &Report) -> Vec<String> {
    let asked = &report.thresholds;
    let mut reasons = Vec::new();
    let mut require = |holds: bool, reason: String| {
        if !holds {
            reasons.push(reason);
        }
    };
    if let Some(least) = asked.min_places {
        let places = report.totals.places;
        require(places >= least, format!("{places} places were given, at least {least} wanted"));
    }
    if let Some(least) = asked.min_honest_places_percent {
        let honest = report.personas.iter().find(|row| row.persona == Persona::Honest);
        let share = honest.map_or(0.0, |row| row.places_percent);
        let reason =
            format!("honest people have {share:.1} % of the places, at least {least} % wanted");
        require(share >= least, reason);
    }
    for row in report.personas.iter().filter(|row| row.persona != Persona::Honest) {
        if let Some(most) = asked.max_bot_advantage {
            let advantage = row.advantage.unwrap_or(0.0);
            let reason = format!(
                "the share of places of {} is {advantage:.2} times its share of persons, at most \
                 {most} wanted",
                row.persona
            );
            require(advantage <= most, reason);
        }
        if let Some(most) = asked.max_bot_advantage_as_quick {
            // Without an honest person as early there is nobody to compare with.
            let advantage = row.advantage_as_quick.unwrap_or(0.0);
            let reason = format!(
                "{} have {advantage:.2} times the places of honest people who came as early, at most {most} \
                 wanted",
                row.persona
            );
            require(advantage <= most, reason);
        }
    }
    if let Some(most) = asked.max_places_of_one_person {
        let found = report.personas.iter().map(|row| row.most_places).max().unwrap_or(0);
        let reason = format!("somebody has {found} places, at most {most} wanted");
        require(found <= most, reason);
    }
    if let Some(most) = asked.max_hand_overs {
        let caught = report.check.hand_overs_caught;
        let reason = format!("{caught} places were handed over, at most {most} wanted");
        require(caught <= most, reason);
    }
    if let Some(most) = asked.max_confirmed_p99_ms {
        let confirmed =
            |row: &&super::LatencyRow| row.action == Action::Book && row.outcome == "done";
        let p99 = report.latencies.iter().find(confirmed).map_or(0.0, |row| row.p99_ms);
        let reason = format!("99 of 100 confirmations took {p99:.0} ms, at most {most} ms wanted");
        require(p99 <= most as f64, reason);
    }
    if let Some(most) = asked.max_errors_percent {
        let errors = percent(report.totals.errors, report.totals.requests);
        let reason = format!("{errors:.2} % of the requests failed, at most {most} % wanted");
        require(errors <= most, reason);
    }
    reasons
}
