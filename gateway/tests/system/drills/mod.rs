//! Drills: the real program at work, something that breaks under it, and what the alerts and dashboards say then.
//!
//! A real Prometheus scrapes and evaluates the rules that come along; an alert counts as soon as its expression
//! holds, because no test waits for its `for`. Every drill has a section in docs/operations.md that names what is
//! seen here.

mod certificate_expired;
mod clock_jump;
mod disk_full;
mod flood;
mod redis_lost;
mod slow_disk;

use std::path::PathBuf;

use serde_json::Value;
use talon_telemetry::dashboards::{ALL, Panel};

use crate::harness::{Prometheus, eventually, number, query_of};

/// How one trouble is seen.
struct Sign {
    alert: &'static str,
    /// The title of a dashboard, and that of a panel on it.
    dashboard: &'static str,
    panel: &'static str,
    /// Whether a value of the panel is one of the trouble.
    tells: fn(f64) -> bool,
}

impl Sign {
    /// The panel, which must be there.
    fn panel(&self) -> &'static Panel {
        let dashboard = ALL.iter().find(|dashboard| dashboard.title == self.dashboard);
        let rows = dashboard.unwrap_or_else(|| panic!("no dashboard {}", self.dashboard)).rows;
        let panel = rows.iter().flat_map(|row| row.panels).find(|panel| panel.title == self.panel);
        panel.unwrap_or_else(|| panic!("no panel {} on {}", self.panel, self.dashboard))
    }

    /// The values that the panel shows.
    async fn shown(&self, prometheus: &Prometheus) -> Vec<f64> {
        let mut values = Vec::new();
        for (query, _) in self.panel().queries {
            values.extend(prometheus.ask(&query_of(query)).await.iter().filter_map(number));
        }
        values
    }

    async fn rule(&self, prometheus: &Prometheus) -> Value {
        let rules = prometheus.rules().await;
        let rule = rules.into_iter().find(|rule| rule["name"] == self.alert);
        rule.unwrap_or_else(|| panic!("no alert {}", self.alert))
    }

    /// Nothing is wrong yet, or an alert that is always there would pass for one that comes.
    async fn is_quiet(&self, prometheus: &Prometheus) {
        let expression = self.rule(prometheus).await["query"].as_str().unwrap().to_owned();
        let found = prometheus.ask(&expression).await;
        assert!(found.is_empty(), "{}: {found:?}", self.alert);
        let shown = self.shown(prometheus).await;
        assert!(!shown.into_iter().any(self.tells), "{}", self.panel);
    }

    /// Waits until the alert is on its way and the panel tells of the trouble.
    async fn is_seen(&self, prometheus: &Prometheus) {
        eventually(self.alert, async || {
            let state = self.rule(prometheus).await["state"].as_str().map(str::to_owned);
            (state? != "inactive").then_some(())
        })
        .await;
        eventually(self.panel, async || {
            self.shown(prometheus).await.into_iter().any(self.tells).then_some(())
        })
        .await;
    }

    /// Waits until the alert has gone by itself.
    async fn is_over(&self, prometheus: &Prometheus) {
        eventually(&format!("the end of {}", self.alert), async || {
            (self.rule(prometheus).await["state"] == "inactive").then_some(())
        })
        .await;
    }
}

/// The signs of each drill, under the title of its section in the runbook.
const DRILLS: &[(&str, &[&Sign])] = &[
    ("Redis lost", &[&redis_lost::ALONE]),
    ("Disk full", &[&disk_full::NEARLY_FULL, &disk_full::NO_ROOM]),
    ("Slow disk", &[&slow_disk::SLOW]),
    ("Flood", &[&flood::MANY]),
    ("Certificate expired", &[&certificate_expired::EXPIRED]),
    ("Clock jump", &[&clock_jump::DISTRUSTED]),
];

/// The part of a text below a heading, up to the next heading of its kind or above.
fn below<'a>(text: &'a str, heading: &str) -> &'a str {
    let (_, after) = text
        .split_once(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("no heading {heading:?} in the runbook"));
    let depth = heading.chars().take_while(|letter| *letter == '#').count();
    let ends = (1..=depth).filter_map(|depth| after.find(&format!("\n{} ", "#".repeat(depth))));
    &after[..ends.min().unwrap_or(after.len())]
}

#[test]
fn the_runbook_tells_of_every_drill_what_is_seen_and_where() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
    let text = std::fs::read_to_string(file).unwrap();
    let (drills, alerts) = (below(&text, "# Drills"), below(&text, "# Alerts"));
    for (title, signs) in DRILLS {
        let section = below(drills, &format!("### {title}"));
        // Lines are broken anywhere.
        let section = section.split_whitespace().collect::<Vec<_>>().join(" ");
        for sign in *signs {
            let panel = format!("\"{}\" on *{}*", sign.panel().title, sign.dashboard);
            for part in [sign.alert, &panel] {
                assert!(section.contains(part), "{title}: no `{part}` in: {section}");
            }
            let advice = below(alerts, &format!("### {}", sign.alert));
            assert!(!advice.trim().is_empty(), "{}", sign.alert);
        }
    }
    assert_eq!(drills.matches("\n### ").count(), DRILLS.len(), "drills that nobody plays");
}
