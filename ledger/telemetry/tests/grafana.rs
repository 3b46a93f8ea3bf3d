//! What lies in `grafana/` is whole: dashboards, rules and runbook say the same, and only of metrics that exist.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use talon_telemetry::dashboards::{ALL, Alarm, Draw, Panel, render};
use talon_telemetry::metric::Kind;
use talon_telemetry::table;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rules() -> String {
    read("grafana/prometheus/talon.rules.yml")
}

fn panels() -> impl Iterator<Item = &'static Panel> {
    ALL.iter().flat_map(|dashboard| dashboard.rows).flat_map(|row| row.panels)
}

/// What follows `key` on the lines that begin with it.
fn values(text: &str, key: &str) -> Vec<String> {
    let of_line = |line: &str| Some(line.trim().strip_prefix(key)?.trim().to_owned());
    text.lines().filter_map(of_line).collect()
}

/// All names of ours in a query: metrics, and what the rules record.
fn names(query: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let words = query.split(|c| !is_part(c));
    let ours = ["gateway_", "ledger_", "talon_", "talon:"];
    words.filter(|word| ours.iter().any(|of| word.starts_with(of))).map(str::to_owned).collect()
}

fn is_known(name: &str, recorded: &[String]) -> bool {
    let in_table = table::ALL.iter().any(|metric| match metric.kind {
        Kind::Histogram(_) => ["_bucket", "_sum", "_count"]
            .iter()
            .any(|part| name.strip_suffix(part) == Some(metric.name)),
        Kind::Counter | Kind::Gauge => metric.name == name,
    });
    in_table || recorded.iter().any(|rule| rule == name)
}

fn promtool(arguments: &[&str], directory: &std::path::Path) -> (bool, String) {
    let said = Command::new("promtool").args(arguments).current_dir(directory).output();
    let said = said.expect("promtool is installed");
    let text = [said.stdout, said.stderr].concat();
    (said.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn the_files_are_what_the_data_says() {
    for dashboard in ALL {
        let written = read(&format!("grafana/dashboards/{}.json", dashboard.uid));
        let again = "write them again: `cargo run -p talon-telemetry --example dashboards`";
        assert!(written == render(dashboard), "{}: {again}", dashboard.uid);
    }
    let files = std::fs::read_dir(root().join("grafana/dashboards")).unwrap().count();
    assert_eq!(files, ALL.len());
}

#[test]
fn every_dashboard_has_a_small_picture_that_is_linked() {
    const MAX_PICTURE_BYTES: u64 = 300_000;
    let readme = read("grafana/README.md");
    for dashboard in ALL {
        let path = format!("previews/{}.png", dashboard.uid);
        assert!(readme.contains(&format!("[{}]({path})", dashboard.title)), "{path}");
        let file = std::fs::metadata(root().join("grafana").join(&path));
        let bytes = file.expect("draw it: `cargo xtask previews`").len();
        assert!(bytes <= MAX_PICTURE_BYTES, "{path}: {bytes} bytes");
    }
    let pictures = std::fs::read_dir(root().join("grafana/previews")).unwrap().count();
    assert_eq!(pictures, ALL.len());
}

#[test]
fn every_panel_says_what_it_shows_in_which_unit() {
    let mut titles = BTreeSet::new();
    for dashboard in ALL {
        assert!(titles.insert(dashboard.title) && dashboard.description.ends_with('.'));
        let mut of_panels = BTreeSet::new();
        for panel in dashboard.rows.iter().flat_map(|row| row.panels) {
            assert!(of_panels.insert(panel.title), "{}: two panels {}", dashboard.uid, panel.title);
            assert!(panel.description.ends_with('.'), "{}", panel.title);
            assert!(!panel.unit.is_empty() && !panel.queries.is_empty(), "{}", panel.title);
            for (query, legend) in panel.queries {
                assert!(!legend.is_empty(), "{query}");
                // What is recorded is of all instances.
                let is_chosen =
                    query.contains("SEL") || names(query).iter().all(|n| n.contains(':'));
                assert!(is_chosen, "{query} ignores what is chosen");
                let is_rate = query.contains("rate(") && !query.contains("[10m]");
                assert!(!is_rate || query.contains("$__rate_interval"), "{query}");
            }
        }
    }
}

#[test]
fn what_is_true_or_false_is_red_when_it_is_false_and_no_number_is_red_by_grafanas_own_choice() {
    for panel in panels().filter(|panel| panel.draw == Draw::Stat && panel.unit == "bool") {
        assert_eq!(panel.alarm, Alarm::Below(1.0), "{}", panel.title);
    }
    for dashboard in ALL {
        let text = render(dashboard);
        let stats = text.matches("\"type\": \"stat\"").count();
        assert_eq!(text.matches("\"thresholds\": {").count(), stats, "{}", dashboard.title);
    }
}

#[test]
fn queries_and_rules_are_promql_of_metrics_that_exist() {
    let rules = rules();
    let recorded = values(&rules, "- record:");
    assert!(recorded.len() > 5);
    for name in names(&rules.replace("name: talon", "")) {
        assert!(is_known(&name, &recorded), "{name} is in no table");
    }
    let mut file = String::from("groups:\n  - name: panels\n    rules:\n");
    for (query, _) in panels().flat_map(|panel| panel.queries) {
        for name in names(query) {
            assert!(is_known(&name, &recorded), "{name} is in no table");
        }
        let query = query.replace("SEL", "job=~\".*\"").replace("$__rate_interval", "1m");
        file += &format!(
            "      - record: panel:query\n        expr: '{query}'\n        labels: {{ of: '{}' }}\n",
            file.len()
        );
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("panels.yml"), file).unwrap();
    let (is_good, said) = promtool(&["check", "rules", "panels.yml"], folder.path());
    assert!(is_good, "{said}");
}

#[test]
fn alerts_fire_when_they_should_and_not_on_a_good_day() {
    let directory = root().join("grafana/prometheus");
    for arguments in
        [["check", "rules", "talon.rules.yml"], ["test", "rules", "talon.rules.test.yml"]]
    {
        let (is_good, said) = promtool(&arguments, &directory);
        assert!(is_good, "{said}");
    }
    let (is_good, said) = promtool(&["check", "config", "prometheus.yml"], &directory);
    assert!(is_good, "{said}");
}

#[test]
fn every_alert_has_a_severity_a_summary_a_runbook_and_a_test() {
    let (rules, tests) = (rules(), read("grafana/prometheus/talon.rules.test.yml"));
    let operations = read("docs/operations.md");
    let alerts = values(&rules, "- alert:");
    assert!(alerts.len() >= 20);
    for alert in &alerts {
        let (_, rest) = rules.split_once(&format!("- alert: {alert}\n")).unwrap();
        let body = rest.split("- alert:").next().unwrap();
        assert!(["critical", "warning"].iter().any(|s| body.contains(&format!("severity: {s} "))));
        assert!(body.contains("summary: \""), "{alert}");
        let runbook = format!("runbook: docs/operations.md#{}\n", alert.to_lowercase());
        assert!(body.contains(&runbook), "{alert}: {runbook}");
        assert!(operations.contains(&format!("\n### {alert}\n")), "{alert} has no section");
        assert!(tests.contains(&format!("  - name: {alert}\n")), "{alert} has no test");
        let quiet = format!("eval_time: 110m\n        alertname: {alert}\n        exp_alerts: []");
        assert!(tests.contains(&quiet), "{alert}: the good day");
    }
    assert_eq!(
        operations.matches("\n### Talon").count(),
        alerts.len(),
        "sections without an alert"
    );
}
