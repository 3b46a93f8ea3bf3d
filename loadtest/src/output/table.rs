//! A report in a terminal: who got the places, whom rules refused, how long it took.
//!
//! Must not compute anything. Called by the output.

use std::fmt;

use crate::report::Report;

/// How many rules are shown.
const MAX_RULES: usize = 12;

/// Shows a report as text.
pub struct Table<'a>(pub &'a Report);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        writeln!(
            f,
            "\n{:<10} {:>8} {:>7} {:>9} {:>7} {:>7} {:>7} {:>10} {:>9} {:>5}",
            "persona",
            "persons",
            "share",
            "requests",
            "share",
            "places",
            "share",
            "advantage",
            "as quick",
            "most"
        )?;
        for row in &report.personas {
            let ratio = |value: Option<f64>| {
                value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"))
            };
            writeln!(
                f,
                "{:<10} {:>8} {:>6.1}% {:>9} {:>6.1}% {:>7} {:>6.1}% {:>10} {:>9} {:>5}",
                row.persona,
                row.persons,
                row.persons_percent,
                row.requests,
                row.requests_percent,
                row.places,
                row.places_percent,
                ratio(row.advantage),
                ratio(row.advantage_as_quick),
                row.most_places,
            )?;
        }
        for sentence in crate::report::meaning(report) {
            writeln!(f, "{sentence}")?;
        }
        self.groups(f)?;
        self.refusals_and_latencies(f)?;
        self.end(f)
    }
}

impl Table<'_> {
    fn groups(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        for (name, groups) in [
            ("first try", &report.by_arrival),
            ("network", &report.by_network),
            ("manner", &report.by_manner),
        ] {
            if groups.is_empty() {
                continue;
            }
            writeln!(f, "\nhonest people by {name}")?;
            for row in groups {
                let (group, with, all) = (&row.group, row.with_place, row.persons);
                writeln!(
                    f,
                    "  {group:<24} {with:>6} of {all:>6} have a place, {:>5.1}%",
                    row.with_place_percent
                )?;
            }
        }
        Ok(())
    }

    fn refusals_and_latencies(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        writeln!(f, "\nrefused bookings by rule")?;
        for row in report.refusals.iter().take(MAX_RULES) {
            writeln!(f, "  {:<40} {:>8}", row.rule, row.count)?;
        }
        writeln!(
            f,
            "\nlatency from when it was due, ms {:>28} {:>9} {:>9} {:>9}",
            "count", "p50", "p99", "max"
        )?;
        for row in &report.latencies {
            writeln!(
                f,
                "  {:<10} {:<38} {:>9} {:>9.1} {:>9.1} {:>9.1}",
                row.action.name(),
                row.outcome,
                row.count,
                row.p50_ms,
                row.p99_ms,
                row.max_ms
            )?;
        }
        Ok(())
    }

    fn end(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let (lag, check) = (&report.generator, &report.check);
        writeln!(
            f,
            "\ngenerator: 99 of 100 requests sent within {:.1} ms, the latest {:.1} ms; {} left out",
            lag.p99_ms, lag.max_ms, lag.skipped
        )?;
        writeln!(
            f,
            "checked: {} confirmations, {} bookings in the journal ({} of them moves), {} persons asked again \
             after SIGKILL, {} of {} hand-overs succeeded, {} violations",
            check.confirmed,
            check.in_journal,
            check.moves,
            check.asked_after_restart,
            check.hand_overs_caught,
            check.hand_overs,
            check.violations
        )?;
        for violation in &check.shown {
            writeln!(f, "  VIOLATION {violation}")?;
        }
        write!(f, "{}: {}", report.scenario, report.verdict.conclusion.name())?;
        for reason in &report.verdict.reasons {
            write!(f, "\n  {reason}")?;
        }
        Ok(())
    }
}
