//! What a gateway shows of itself is what the table of metrics says, and nothing of anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

use talon_telemetry::metric::{Kind, Metric, Values};
use talon_telemetry::table;

use crate::harness::{Ask, Browser, Gateway, Launch, Visit, day, log_in, somebody};
use crate::proof::proof;
use crate::redis_server::RedisServer;
use crate::story::whole_story;

/// One line of a page of metrics.
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').expect("a series and a value");
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.trim_end_matches('}').split("\",").filter(|label| !label.is_empty());
    let pair = |label: &str| {
        let (name, value) = label.split_once("=\"").expect("a name and a value");
        (name.to_owned(), value.trim_end_matches('"').to_owned())
    };
    Sample {
        name: name.to_owned(),
        labels: labels.map(pair).collect(),
        value: value.parse().expect("a number"),
    }
}

async fn page_of(gateway: &Gateway) -> String {
    Browser::new(gateway.admin()).get("/metrics").await.expect(200).text()
}

fn samples(page: &str) -> Vec<Sample> {
    page.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(sample).collect()
}

/// The metric of a sample, by its name or by that of the histogram whose part it is.
fn metric_of(name: &str) -> Option<&'static Metric> {
    let parts = ["_bucket", "_sum", "_count"];
    let base = parts.iter().find_map(|part| name.strip_suffix(part));
    table::ALL.iter().find(|metric| match metric.kind {
        Kind::Histogram(_) => Some(metric.name) == base,
        Kind::Counter | Kind::Gauge => metric.name == name,
    })
}

fn check(sample: &Sample, metric: &Metric) {
    let name = &sample.name;
    for (label, value) in sample.labels.iter().filter(|(label, _)| *label != "le") {
        let known = metric.labels.iter().find(|known| known.name == label);
        let known = known.unwrap_or_else(|| panic!("{name}: no label {label} in the table"));
        match known.values {
            Values::OneOf(values) => {
                assert!(values.contains(&value.as_str()), "{name}: {label}={value}");
            }
            Values::AtMost(..) => assert!(!value.is_empty(), "{name}: {label}"),
        }
    }
    let given = sample.labels.keys().filter(|label| *label != "le").count();
    assert_eq!(given, metric.labels.len(), "{name}: {:?}", sample.labels);
}

#[tokio::test]
async fn all_that_is_shown_is_in_the_table_with_its_labels_and_help() {
    let redis = RedisServer::start();
    let gateway = whole_story(Launch::new().flag("--redis").flag(redis.url())).await;
    let mut who = log_in(&gateway, 8).await;
    for (service, key) in [("exam", "1"), ("exam", "2"), ("exchange", "3")] {
        let _ = Visit::any(1, service, &day(2), &day(9)).book(&mut who, key).await;
    }
    let mut prover = somebody(&gateway);
    let proven =
        Visit::any(1, "driving", &day(2), &day(9)).with("altcha", proof(&mut prover).await);
    proven.book(&mut prover, "1").await.expect(201);
    who.send(Ask::get("/nowhere")).await.refused(404, "not-found");
    let page = page_of(&gateway).await;
    let mut series: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for sample in samples(&page).iter().filter(|sample| !sample.name.starts_with("process_")) {
        let metric = metric_of(&sample.name);
        let metric = metric.unwrap_or_else(|| panic!("{} is in no table", sample.name));
        check(sample, metric);
        let labels = sample.labels.iter().filter(|(label, _)| *label != "le");
        series.entry(metric.name).or_default().insert(format!("{:?}", labels.collect::<Vec<_>>()));
        let head = format!("# HELP {} {}\n", metric.name, metric.help);
        assert!(page.contains(&head), "{head}");
        assert!(page.contains(&format!("# TYPE {} {}\n", metric.name, metric.kind.name())));
    }
    for (name, seen) in &series {
        let most = table::ALL.iter().find(|metric| metric.name == *name).unwrap().most_series();
        assert!(seen.len() <= most, "{name}: {} series, at most {most}", seen.len());
    }
    // The way of a request, from its connection to its durable record.
    for name in [
        table::CONNECTIONS,
        table::REQUEST_DURATION,
        table::RESPONSES,
        table::LOGINS,
        table::ADMISSION_DECISIONS,
        table::ADMISSION_BATCH_DURATION,
        table::BOOKINGS,
        table::LEDGER_COMMANDS,
        table::LEDGER_LIMIT_REFUSALS,
        table::LEDGER_PLACES,
        table::JOURNAL_COMMIT_DURATION,
        table::JOURNAL_WATERMARK,
        table::DISK_FREE,
        table::LANE_LAG,
        table::PROOF_CHALLENGE_ROUNDS,
        table::PROOF_SOLVE_DURATION,
        table::BUILD_INFO,
    ] {
        assert!(series.contains_key(name.name), "{} is not shown", name.name);
    }
    let value = |name: &str| samples(&page).iter().find(|one| one.name == name).unwrap().value;
    assert_eq!(value("ledger_journal_watermark"), value("ledger_journal_appended"));
    assert!(value("ledger_holders") >= 2.0 && value("process_resident_memory_bytes") > 0.0);
}

#[tokio::test]
async fn prometheus_finds_nothing_wrong_with_the_page() {
    let gateway = whole_story(Launch::new()).await;
    let page = page_of(&gateway).await;
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed");
    std::io::Write::write_all(promtool.stdin.as_mut().unwrap(), page.as_bytes()).unwrap();
    let judged = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&judged.stderr) + String::from_utf8_lossy(&judged.stdout);
    assert!(judged.status.success() && said.is_empty(), "{said}");
}
