//! A real Prometheus scrapes a gateway at work: every panel of every dashboard has something to show, and the
//! rules are good.

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use talon_telemetry::dashboards::ALL;
use tempfile::TempDir;

use crate::harness::{
    Ask, Browser, Gateway, Launch, Visit, day, eventually, fixture, free_port, log_in, somebody,
};
use crate::proof::proof;
use crate::redis_server::RedisServer;

/// Each takes about a second; most queries find something after a few.
const MAX_REHEARSALS: usize = 100;

/// Debian's Prometheus with our rules, scraping one target every second; ended when dropped.
struct Prometheus {
    process: Child,
    port: u16,
    _folder: TempDir,
}

impl Prometheus {
    fn start(target: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rules = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../grafana/prometheus");
        // Rates of a month's objective are looked at each half minute; a test has no half minute.
        let text = fs::read_to_string(rules.join("talon.rules.yml")).unwrap();
        let text = text.replace("interval: 30s", "interval: 1s");
        fs::write(folder.path().join("talon.rules.yml"), text).unwrap();
        let config = fs::read_to_string(rules.join("prometheus.yml")).unwrap();
        let config =
            config.replace("127.0.0.1:9090", target).replace("interval: 5s", "interval: 1s");
        fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        let port = free_port();
        let process = Command::new("prometheus")
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus is installed");
        Self { process, port, _folder: folder }
    }

    async fn get(&self, path: &str) -> Value {
        let mut browser = Browser::new(([127, 0, 0, 1], self.port).into());
        browser.get(path).await.expect(200).json()
    }

    /// Whether it listens and has scraped.
    async fn is_up(&self) -> bool {
        // A browser of these tests takes a connection for granted.
        if TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            return false;
        }
        let mut browser = Browser::new(([127, 0, 0, 1], self.port).into());
        let is_ready = browser.get("/-/ready").await.status == 200;
        is_ready && self.ask("up == 1").await.iter().any(has_number)
    }

    /// What a query finds.
    async fn ask(&self, query: &str) -> Vec<Value> {
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let answer = self.get(&format!("/api/v1/query?query={query}")).await;
        answer["data"]["result"].as_array().expect("a vector").clone()
    }

    /// All rules, each with its health.
    async fn rules(&self) -> Vec<Value> {
        let answer = self.get("/api/v1/rules").await;
        let groups = answer["data"]["groups"].as_array().expect("groups").clone();
        groups.iter().flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn has_number(series: &Value) -> bool {
    series["value"][1].as_str().is_some_and(|value| value != "NaN")
}

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
    let queries = panels.flat_map(|panel| panel.queries).map(|(query, _)| *query);
    queries
        .map(|query| query.replace("SEL", "job=~\".*\"").replace("$__rate_interval", "10s"))
        .collect()
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
    let prometheus = Prometheus::start(&gateway.admin().to_string());
    eventually("Prometheus is up", async || prometheus.is_up().await.then_some(())).await;
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
