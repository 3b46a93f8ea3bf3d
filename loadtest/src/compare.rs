//! Two reports side by side: what has become better or worse.
//!
//! Pure but for the reading of files. Must not judge: the machine varies by tens of percent from run
//! to run, so only somebody who knows how both were made can. Called by the binary.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::report::{FORMAT, Report};

/// One number of both reports.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What it counts.
    pub name: String,
    /// In the first report; nothing when it is not there.
    pub before: Option<f64>,
    /// In the second.
    pub after: Option<f64>,
}

/// Two reports side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What speaks against comparing them.
    pub warnings: Vec<String>,
    /// The numbers.
    pub lines: Vec<Line>,
}

/// Reads a report.
///
/// # Errors
/// When the file cannot be read, is no report, or is of another version.
pub fn read(file: &Path) -> Result<Report> {
    let text = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    let report: Report = serde_json::from_slice(&text)
        .with_context(|| format!("{} is no report of a rehearsal", file.display()))?;
    let format = report.format;
    ensure!(format == FORMAT, "{} is of version {format}, not {FORMAT}", file.display());
    Ok(report)
}

/// Puts two reports side by side.
#[must_use]
pub fn compare(before: &Report, after: &Report) -> Comparison {
    let mut warnings = Vec::new();
    let mut differs = |what: &str, before: &str, after: &str| {
        if before != after {
            warnings.push(format!("{what} differs: {before} and {after}"));
        }
    };
    differs("the scenario", &before.scenario, &after.scenario);
    differs("the seed", &before.seed.to_string(), &after.seed.to_string());
    differs("the number of cores", &before.cores.to_string(), &after.cores.to_string());
    for (name, report) in [("the first", before), ("the second", after)] {
        if report.verdict.conclusion == crate::report::Conclusion::Void {
            warnings.push(format!("{name} report is void"));
        }
    }
    let (order, mut both) = (numbers(before), BTreeMap::new());
    let mut names: Vec<String> = order.iter().map(|(name, _)| name.clone()).collect();
    for (name, value) in order {
        both.insert(name, (Some(value), None));
    }
    for (name, value) in numbers(after) {
        both.entry(name.clone())
            .or_insert_with(|| {
                names.push(name);
                (None, None)
            })
            .1 = Some(value);
    }
    let line = |name: String| {
        let (before, after) = both[&name];
        Line { name, before, after }
    };
    Comparison { warnings, lines: names.into_iter().map(line).collect() }
}

/// The numbers of a report that are worth comparing, by name, in order.
#[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
fn numbers(report: &Report) -> Vec<(String, f64)> {
    let totals = &report.totals;
    let mut numbers = vec![
        ("requests".to_owned(), totals.requests as f64),
        ("most requests in one second".to_owned(), totals.peak_per_second as f64),
        ("places".to_owned(), totals.places as f64),
        ("failed requests".to_owned(), totals.errors as f64),
        ("generator's lag p99, ms".to_owned(), report.generator.p99_ms),
        ("violations".to_owned(), report.check.violations as f64),
    ];
    for row in &report.personas {
        numbers.push((format!("{}: share of places, %", row.persona), row.places_percent));
        let as_quick = row
            .advantage_as_quick
            .map(|ratio| (format!("{}: places when as quick", row.persona), ratio));
        numbers.extend(as_quick);
    }
    for row in report.by_arrival.iter().chain(&report.by_network).chain(&report.by_manner) {
        numbers.push((format!("honest, {}: with a place, %", row.group), row.with_place_percent));
    }
    for row in &report.latencies {
        let name = format!("{} {}", row.action.name(), row.outcome);
        numbers.push((format!("{name}: p50, ms"), row.p50_ms));
        numbers.push((format!("{name}: p99, ms"), row.p99_ms));
    }
    for row in &report.refusals {
        numbers.push((format!("refused, {}", row.rule), row.count as f64));
    }
    numbers
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        writeln!(f, "{:<58} {:>12} {:>12} {:>9}", "", "before", "after", "change")?;
        let text =
            |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |it| format!("{it:.1}"));
        for Line { name, before, after } in &self.lines {
            let change = match (before, after) {
                (Some(before), Some(after)) if before.abs() > f64::EPSILON => {
                    format!("{:+.1} %", (after - before) * 100.0 / before)
                }
                _ => String::new(),
            };
            writeln!(f, "{name:<58} {:>12} {:>12} {change:>9}", text(*before), text(*after))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn a_report_compared_with_itself_shows_no_change() {
        let comparison = compare(&report(), &report());
        assert_eq!(comparison.warnings, Vec::<String>::new());
        assert!(comparison.lines.iter().all(|line| line.before == line.after));
        assert!(comparison.lines.iter().any(|line| line.name == "hammer: share of places, %"));
    }

    #[test]
    fn what_changed_is_shown_with_how_much() {
        let mut after = report();
        after.totals.requests *= 2;
        after.personas.pop();
        let text = compare(&report(), &after).to_string();
        let requests = text.lines().find(|line| line.starts_with("requests")).unwrap();
        assert!(requests.contains("10.0") && requests.contains("+100.0 %"), "{requests}");
        let gone = text.lines().find(|line| line.starts_with("hammer: share")).unwrap();
        assert!(gone.contains('–'), "{gone}");
    }

    #[test]
    fn reports_of_different_scenarios_are_compared_with_a_warning() {
        let mut after = report();
        after.scenario = "large".to_owned();
        after.verdict.conclusion = crate::report::Conclusion::Void;
        let warnings = compare(&report(), &after).warnings;
        assert_eq!(
            warnings,
            ["the scenario differs: small and large", "the second report is void"]
        );
    }

    #[test]
    fn another_version_or_another_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.json");
        let mut other = report();
        std::fs::write(&file, other.to_json()).unwrap();
        assert_eq!(read(&file).unwrap(), other);
        other.format += 1;
        std::fs::write(&file, other.to_json()).unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("is of version 2, not 1"));
        std::fs::write(&file, "{}").unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("is no report"));
    }
}
