//! A Prometheus that scrapes one process, with the rules that come along.
//!
//! Owns its process and folder. Must not know what is asked of it.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::process::{Reaper, free_port};
use super::{Browser, eventually};

/// Debian's Prometheus with our rules, scraping one target every second; ended when dropped.
pub(crate) struct Prometheus {
    process: Child,
    reaper: Reaper,
    port: u16,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts it and waits until it has scraped `target`.
    pub(crate) async fn start(target: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rules = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../grafana/prometheus");
        // Rates of a month's objective are looked at each half minute; a test has no half minute.
        let text = fs::read_to_string(rules.join("talon.rules.yml")).unwrap();
        let text = text.replace("interval: 30s", "interval: 1s");
        fs::write(folder.path().join("talon.rules.yml"), text).unwrap();
        let config = fs::read_to_string(rules.join("prometheus.yml")).unwrap();
        let config = config
            .replace("127.0.0.1:9090", &target.to_string())
            .replace("interval: 5s", "interval: 1s");
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
        let reaper = Reaper::watch(process.id(), folder.path());
        let started = Self { process, reaper, port, _folder: folder };
        eventually("Prometheus is up", async || started.is_up().await.then_some(())).await;
        started
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
    pub(crate) async fn ask(&self, query: &str) -> Vec<Value> {
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let answer = self.get(&format!("/api/v1/query?query={query}")).await;
        answer["data"]["result"].as_array().expect("a vector").clone()
    }

    /// All rules, each with its health.
    pub(crate) async fn rules(&self) -> Vec<Value> {
        let answer = self.get("/api/v1/rules").await;
        let groups = answer["data"]["groups"].as_array().expect("groups").clone();
        groups.iter().flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _already_ended = self.process.kill();
        self.reaper.dismiss();
        let _already_waited = self.process.wait();
    }
}

/// Whether a series of an answer has a value.
pub(crate) fn has_number(series: &Value) -> bool {
    number(series).is_some()
}

/// The value of a series of an answer.
pub(crate) fn number(series: &Value) -> Option<f64> {
    let value: f64 = series["value"][1].as_str()?.parse().ok()?;
    (!value.is_nan()).then_some(value)
}

/// A dashboard's query, over everything and the last seconds.
pub(crate) fn query_of(panel: &str) -> String {
    panel.replace("SEL", "job=~\".*\"").replace("$__rate_interval", "10s")
}
