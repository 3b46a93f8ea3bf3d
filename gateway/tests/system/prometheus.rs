//! A real Prometheus scrapes a gateway at work: every panel of every dashboard has something to show, and the
//! rules are good.

use std::fs;

use talon_telemetry::dashboards::{ALL, Panel};
use tempfile::TempDir;

use crate::harness::{
    Ask, Gateway, Launch, Prometheus, Visit, day, fixture, has_number, log_in, query_of, somebody,
};
use crate::proof::proof;
use crate::redis_server::RedisServer;

/// Each takes about a second; most queries find something after a few.
const MAX_REHEARSALS: usize = 100;
/// The panel of the certificate, which the drill with one that has expired looks at.
const NEEDS_TLS: &str = "Certificate ends in";

/// The fixtures with one limit on trial.
fn with_a_limit_on_trial() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in fs::read_dir(fixture("")).unwrap().map(Result::unwrap) {
        if file.file_type().unwrap().is_file() {
            fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
        }
    }
    const NAME: &str = "name = \"live-per-service\"";
    let policy = folder.path().join("small.policy.toml");
    let text = fs::read_to_string(&policy).unwrap();
    let (before, after) = text.split_once(NAME).expect("it has that limit");
    let after = after.replacen("mode = \"enforced\"", "mode = \"shadow\"", 1);
    fs::write(policy, format!("{before}{NAME}{after}")).unwrap();
    folder
}

/// Somebody who books, is over a limit, asks too often, proves work, moves nothing, and logs out.
async fn rehearse(gateway: &Gateway) {
    let mut who = somebody(gateway);
    let any = |service: &str| Visit::any(1, service, &day(2), &day(9));
    for (key, service) in ["exam", "exam", "permit", "exchange", "registration"].iter().enumerate()
    {
        let _ = any(service).book(&mut who, &key.to_string()).await;
    }
    let mut other = somebody(gateway);
    let proven = any("driving").with("altcha", proof(&mut other).await);
    let _ = proven.book(&mut other, "1").await;
    let _ = who.send(Ask::get("/nowhere")).await;
    let _ = log_in(gateway, 9).await;
}

/// Every query of every dashboard, over everything.
fn queries() -> Vec<String> {
    let panels = ALL.iter().flat_map(|dashboard| dashboard.rows).flat_map(|row| row.panels);
    let panels = panels.filter(|panel| panel.title != NEEDS_TLS);
    let queries = |panel: &'static Panel| panel.queries.iter().map(|(query, _)| query_of(query));
    panels.flat_map(queries).collect()
}

#[tokio::test]
async fn every_panel_has_something_to_show_after_a_short_rehearsal() {
    let (redis, files) = (RedisServer::start(), with_a_limit_on_trial());
    let launch =
        Launch::new().on(files.path().join("gateway.toml")).flag("--redis").flag(redis.url());
    let launch = [
        "admission.write_interval_ms=60000",
        "admission.write_burst=3",
        "admission.shadow=[\"write-rate\"]",
    ]
    .into_iter()
    .fold(launch, Launch::set);
    let gateway = launch.start();
    let prometheus = Prometheus::start(gateway.admin()).await;
    let mut empty = queries();
    assert!(empty.len() > 60);
    for _ in 0..MAX_REHEARSALS {
        rehearse(&gateway).await;
        let mut still = Vec::new();
        for query in empty {
            if !prometheus.ask(&query).await.iter().any(has_number) {
                still.push(query);
            }
        }
        empty = still;
        if empty.is_empty() {
            break;
        }
    }
    assert!(empty.is_empty(), "these find nothing: {empty:#?}");
    let rules = prometheus.rules().await;
    assert!(rules.len() > 20 && rules.iter().all(|rule| rule["health"] == "ok"), "{rules:#?}");
}
