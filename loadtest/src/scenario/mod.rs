//! Scenario files: who comes to a release, when, over which network, and what counts as passed.
//!
//! Owns the keys, their bounds and the refusals. Parsed once and trusted after. Must not know how
//! anybody behaves. Called by the rehearsal and by the binary. The keys with their units, defaults
//! and ranges are commented in `configs/scenarios/demo.toml`.

mod bad;
mod bounds;
mod networks;
mod people;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use self::bad::{BadScenario, EXIT_CONFIG};
pub use self::bounds::*;
pub use self::networks::NetworkDelays;
pub use self::people::{
    Farm, Hammer, HandOver, Honest, Networks, Personas, Poller, Replayer, Sybil,
};
use crate::arrivals::Shape;

/// One rehearsal.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is called in reports.
    pub name: String,
    /// Of all random choices.
    #[serde(default)]
    pub seed: u64,
    /// What is booked.
    pub target: Target,
    /// The gateway that is started.
    #[serde(default)]
    pub gateway: Gateway,
    /// The release and how people come to it.
    pub release: Release,
    /// How long a request travels.
    #[serde(default)]
    pub network: NetworkDelays,
    /// Who comes.
    pub personas: Personas,
    /// When the run passes.
    #[serde(default)]
    pub thresholds: Thresholds,
    /// When the run says nothing.
    #[serde(default)]
    pub generator: Generator,
}

/// What is booked: the next date of one service at some offices.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The authority's code.
    pub authority: String,
    /// The service's code.
    pub service: String,
    /// The offices' public numbers; everybody wants one of them.
    pub offices: Vec<u32>,
}

/// The gateway under test. Paths are relative to the scenario's file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gateway {
    /// Its catalogue; without one, the built-in one of the demonstration.
    pub catalogue: Option<PathBuf>,
    /// Its policy; goes with the catalogue.
    pub policy: Option<PathBuf>,
    /// Settings, each `key=value`, as `talon --set` takes them.
    pub settings: Vec<String>,
    /// So long after the release it is killed and started again, in milliseconds; by default never.
    pub restart_after_ms: Option<u64>,
}

/// The release and how people come to it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// So many seconds after the gateway's start.
    pub after_s: u64,
    /// So many seconds before it the first people look.
    pub lead_s: u64,
    /// So many seconds after it the run ends.
    pub duration_s: u64,
    /// How the first attempts of honest people lie after it.
    pub shape: Shape,
}

/// When a run passes. What is left out is not asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// Honest people have at least so much of the places, in percent.
    pub min_honest_places_percent: Option<f64>,
    /// No persona that breaks the rules has a share of places above so many times its share of persons.
    pub max_bot_advantage: Option<f64>,
    /// No such persona has above so many times the places of honest people who first tried as early.
    pub max_bot_advantage_as_quick: Option<f64>,
    /// Nobody has more places than this.
    pub max_places_of_one_person: Option<u64>,
    /// A hand-over does not succeed more often than this.
    pub max_hand_overs: Option<u64>,
    /// 99 of 100 confirmations came within so many milliseconds.
    pub max_confirmed_p99_ms: Option<u64>,
    /// At most so many requests in a hundred got no answer or a 5xx.
    pub max_errors_percent: Option<f64>,
    /// At least so many places were given.
    pub min_places: Option<u64>,
}

/// When a run says nothing, because the generator itself was late.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Generator {
    /// 99 of 100 requests were sent at most so many milliseconds after they were due.
    pub max_lag_p99_ms: u64,
    /// At most so many requests in a hundred were left out because too many were under way.
    pub max_skipped_percent: f64,
}

impl Default for Generator {
    fn default() -> Self {
        Self { max_lag_p99_ms: 100, max_skipped_percent: 1.0 }
    }
}

impl Scenario {
    /// Reads a scenario's file; its paths become relative to where it lies.
    ///
    /// # Errors
    /// [`BadScenario`], naming the file, the key and what would be right.
    pub fn read(file: &Path) -> Result<Self, BadScenario> {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file)
            .map_err(|error| BadScenario::new(&name, "", error.to_string()))?;
        let mut scenario = Self::parse(&name, &text)?;
        let base = file.parent().unwrap_or(Path::new("."));
        let gateway = &mut scenario.gateway;
        for path in [&mut gateway.catalogue, &mut gateway.policy].into_iter().flatten() {
            *path = base.join(&path);
        }
        Ok(scenario)
    }

    /// Reads a scenario's text; `name` is its file's.
    ///
    /// # Errors
    /// [`BadScenario`].
    pub fn parse(name: &str, text: &str) -> Result<Self, BadScenario> {
        let table = text.parse::<toml::Table>().map_err(|error| {
            let problem = error.to_string().trim_end().replace('\n', " ");
            BadScenario::new(name, "", format!("not TOML: {problem}"))
        })?;
        let scenario: Self = serde_path_to_error::deserialize(toml::Value::Table(table))
            .map_err(|error| bad::refused(name, &error))?;
        scenario.check().map_err(|(key, problem)| BadScenario::new(name, &key, problem))?;
        Ok(scenario)
    }

    fn check(&self) -> Result<(), (String, String)> {
        let bad = |key: &str, problem: String| Err((key.to_owned(), problem));
        if self.name.is_empty() || self.name.len() > MAX_NAME_BYTES {
            return bad("name", format!("has 1 to {MAX_NAME_BYTES} bytes"));
        }
        let offices = self.target.offices.len();
        within("target.offices", offices as u64, 1..=MAX_OFFICES)?;
        if self.gateway.catalogue.is_some() != self.gateway.policy.is_some() {
            return bad(
                "gateway",
                "catalogue and policy go together: give both or none".to_owned(),
            );
        }
        within("gateway.settings", self.gateway.settings.len() as u64, 0..=MAX_SETTINGS)?;
        if let Some(restart) = self.gateway.restart_after_ms {
            let most = self.release.duration_s * 1000;
            within("gateway.restart_after_ms", restart, 0..=most)?;
        }
        let release = &self.release;
        within("release.after_s", release.after_s, 1..=MAX_DURATION_S)?;
        within("release.lead_s", release.lead_s, 0..=release.after_s)?;
        within("release.duration_s", release.duration_s, 1..=MAX_DURATION_S)?;
        if let Shape::Wave { half_within_ms: within_ms } | Shape::Even { over_ms: within_ms } =
            release.shape
        {
            within("release.shape", within_ms, 1..=release.duration_s * 1000)?;
        }
        self.network.check()?;
        within("generator.max_lag_p99_ms", self.generator.max_lag_p99_ms, 1..=MAX_LAG_MS)?;
        self.check_parts()?;
        self.personas.check()
    }

    /// Refuses shares that are none.
    fn check_parts(&self) -> Result<(), (String, String)> {
        let asked = &self.thresholds;
        let percents = [
            ("thresholds.min_honest_places_percent", asked.min_honest_places_percent),
            ("thresholds.max_errors_percent", asked.max_errors_percent),
            ("generator.max_skipped_percent", Some(self.generator.max_skipped_percent)),
        ];
        for (key, percent) in percents {
            if let Some(percent) = percent.filter(|percent| !(0.0..=100.0).contains(percent)) {
                return Err((key.to_owned(), format!("{percent} is not from 0 to 100")));
            }
        }
        let advantages = [
            ("thresholds.max_bot_advantage", asked.max_bot_advantage),
            ("thresholds.max_bot_advantage_as_quick", asked.max_bot_advantage_as_quick),
        ];
        for (key, most) in advantages {
            if let Some(most) = most.filter(|most| !(0.0..=MAX_ADVANTAGE).contains(most)) {
                return Err((key.to_owned(), format!("{most} is not from 0 to {MAX_ADVANTAGE}")));
            }
        }
        Ok(())
    }

    /// How many people of each persona come, in the order in which synthetic people are given to
    /// them.
    #[must_use]
    pub fn persons(&self) -> BTreeMap<crate::personas::Persona, u32> {
        self.personas.persons()
    }
}

/// Refuses a number outside its range.
fn within(
    key: &str,
    value: u64,
    range: std::ops::RangeInclusive<u64>,
) -> Result<(), (String, String)> {
    if range.contains(&value) {
        return Ok(());
    }
    Err((key.to_owned(), format!("{value} is not from {} to {}", range.start(), range.end())))
}

#[cfg(test)]
mod tests;
