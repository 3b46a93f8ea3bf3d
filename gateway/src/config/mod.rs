//! Configuration: file < environment < flag, every key known, every refusal with its remedy.
//!
//! Owns the keys, their defaults and ranges, and reading them in layers. Must not know what the
//! values are used for beyond their ranges. `configs/production.example.toml` explains each key.

mod admission;
mod apps;
mod edge;
mod hub;
mod layers;
mod ledger;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use talon_ledger::snapshot::keeper::MAX_SNAPSHOT_EVERY_SEGMENTS;
use talon_telemetry::{admin, logs, spans};

pub use admission::{Admission, OnRedisFailure, Shadowed};
pub use apps::App;
pub use edge::{ClientAddress, MAX_TRUSTED_PROXIES, Tls};
pub use hub::{Hub, HubClaims, HubKind, WITHOUT_OPENID_CONNECT};
pub use layers::{BadConfig, Layers};
pub use ledger::Ledger;

/// Whether this process serves a demonstration or the public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessMode {
    /// With a stand-in hub, on loopback only, with keys of its own making.
    Demo,
    /// For the public.
    Production,
}

/// All settings of a gateway.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Demonstration or production.
    pub mode: ProcessMode,
    /// Where the journal and, in a demonstration, the keys live.
    #[serde(default = "data_dir")]
    pub data_dir: PathBuf,
    /// The public listener.
    #[serde(default)]
    pub server: Server,
    /// TLS on the public listener.
    #[serde(default)]
    pub tls: Tls,
    /// The listener for health and metrics.
    #[serde(default)]
    pub admin: Admin,
    /// The identification hub.
    #[serde(default)]
    pub hub: Hub,
    /// The journal of the embedded ledger.
    #[serde(default)]
    pub journal: Journal,
    /// A ledger elsewhere.
    #[serde(default)]
    pub ledger: Ledger,
    /// Rates, and the store that keeps them.
    #[serde(default)]
    pub admission: Admission,
    /// Login sessions.
    #[serde(default)]
    pub session: Session,
    /// Secrets.
    #[serde(default)]
    pub keys: Keys,
    /// What is logged.
    #[serde(default)]
    pub log: logs::Settings,
    /// Traces of requests, in a build with feature `otlp`.
    #[serde(default)]
    pub traces: spans::Settings,
    /// The authorities of this ledger partition. Empty in a demonstration: the built-in one.
    #[serde(default, rename = "authority")]
    pub authorities: Vec<AuthorityFiles>,
    /// The native apps that may log people in.
    #[serde(default, rename = "app")]
    pub apps: Vec<App>,
}

/// The public listener.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address and port.
    pub listen: SocketAddr,
    /// What browsers see, such as `https://booking.example`; empty: http, or with `[tls]` https,
    /// at `listen`.
    pub origin: String,
    /// Runtimes, each on a thread of its own; 0: one per core.
    pub threads: usize,
    /// Connections at once, 1 to 1,000,000; further ones wait in the kernel.
    pub max_connections: usize,
    /// How long a stop waits for requests under way, in seconds, 0 to 600.
    pub drain_seconds: u64,
    /// Networks of the proxies and terminators in front of this gateway, at most 64. Absent: in
    /// production without `[tls]` this computer, otherwise none.
    #[schemars(with = "Option<Vec<String>>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted_proxies: Option<Vec<IpNet>>,
    /// How they pass on who is behind them; from everybody else it is ignored.
    pub client_address: ClientAddress,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            origin: String::new(),
            threads: 0,
            max_connections: 20_000,
            drain_seconds: 20,
            trusted_proxies: None,
            client_address: ClientAddress::Unknown,
        }
    }
}

/// The listener for health and metrics.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// Address and port; anything but loopback needs `token_file`.
    pub listen: SocketAddr,
    /// The file with the token that askers bear to see metrics and checks; nobody else may read it.
    /// Relative to the configuration file. Empty: none is asked for.
    pub token_file: PathBuf,
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 9090)), token_file: PathBuf::new() }
    }
}

impl Admin {
    /// The file of the token, when askers need one.
    pub fn token_file(&self) -> Option<&Path> {
        let is_set = !self.token_file.as_os_str().is_empty();
        is_set.then_some(self.token_file.as_path())
    }
}

/// The journal of the embedded ledger.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Journal {
    /// Size of a new segment in bytes: a multiple of 4096, 8 MiB to 1 GiB. Two are allocated.
    pub segment_bytes: u64,
    /// After how many filled segments a snapshot is made, 1 to 1024; 0: never. A start replays at most
    /// about as many. While one is made, the state is in memory a second time.
    pub snapshot_every_segments: u64,
    /// Who takes batches to the disk.
    pub commit_by: CommitBy,
}

/// Who commits the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CommitBy {
    /// The threads that serve, by io_uring, where the kernel and the file system have what it takes; else
    /// a thread.
    #[default]
    Auto,
    /// A thread.
    Thread,
}

impl Default for Journal {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, snapshot_every_segments: 4, commit_by: CommitBy::Auto }
    }
}

/// Login sessions.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Session {
    /// How long a session lasts, in minutes, 1 to 1,440.
    pub ttl_minutes: u32,
    /// How long a login may take, in minutes, 1 to 60.
    pub login_minutes: u32,
}

impl Default for Session {
    fn default() -> Self {
        Self { ttl_minutes: 60, login_minutes: 10 }
    }
}

/// Secrets: files of at least 32 bytes that nobody else may read.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Keys {
    /// Directory of `session.key`, `pepper.key`, `proof.key` and `hub-client.secret`, and of the
    /// peppers before the current one; never inside the journal's directory. Empty in a
    /// demonstration: `keys` in `data_dir`, made once.
    pub directory: PathBuf,
}

/// The files of one authority.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthorityFiles {
    /// Its offices and services; relative to the configuration file.
    pub catalogue: PathBuf,
    /// Its policy; relative to the configuration file.
    pub policy: PathBuf,
    /// What happens to its bookings and cancellations while Redis does not answer.
    #[serde(default)]
    pub on_redis_failure: OnRedisFailure,
}

fn data_dir() -> PathBuf {
    PathBuf::from("talon-data")
}

impl Config {
    /// The settings as a file, without secrets: a password in a URL is left out.
    pub fn redacted(&self) -> String {
        let mut config = self.clone();
        config.admission.redis_url = config.admission.redacted_url();
        toml::to_string_pretty(&config).expect("settings are plain data")
    }

    /// The JSON Schema of configuration files.
    pub fn schema() -> String {
        let schema = schemars::schema_for!(Self);
        serde_json::to_string_pretty(&schema).expect("a schema is plain data")
    }

    /// What browsers see.
    pub fn origin(&self) -> String {
        if self.server.origin.is_empty() {
            format!("{}://{}", self.scheme(), self.server.listen)
        } else {
            self.server.origin.trim_end_matches('/').to_owned()
        }
    }

    /// What is spoken at the listener itself, whatever stands before it.
    pub fn scheme(&self) -> &'static str {
        if self.tls.files().is_some() { "https" } else { "http" }
    }

    /// Whether cookies may be sent over an encrypted connection only.
    pub fn is_https(&self) -> bool {
        self.origin().starts_with("https://")
    }

    /// The networks whose connections are those of proxies in front of this gateway.
    pub fn trusted_proxies(&self) -> Vec<IpNet> {
        match &self.server.trusted_proxies {
            Some(named) => named.clone(),
            None if self.mode == ProcessMode::Production && self.tls.files().is_none() => {
                edge::loopback()
            }
            None => Vec::new(),
        }
    }

    /// Where the secrets are.
    pub fn keys_directory(&self) -> PathBuf {
        if self.keys.directory.as_os_str().is_empty() {
            self.data_dir.join("keys")
        } else {
            self.keys.directory.clone()
        }
    }

    /// Where the journal is.
    pub fn journal_directory(&self) -> PathBuf {
        self.data_dir.join("journal")
    }

    /// Checks what types alone cannot: ranges, and what goes with what.
    ///
    /// # Errors
    /// The key and what would be right.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let range = |key, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err((key, format!("{value} is not from {least} to {most}")))
            }
        };
        range("server.threads", self.server.threads as u64, 0, 1024)?;
        range("server.max_connections", self.server.max_connections as u64, 1, 1_000_000)?;
        range("server.drain_seconds", self.server.drain_seconds, 0, 600)?;
        range("hub.deadline_ms", self.hub.deadline_ms, 100, 60_000)?;
        range("journal.segment_bytes", self.journal.segment_bytes, 8 << 20, 1 << 30)?;
        if !self.journal.segment_bytes.is_multiple_of(4096) {
            return Err(("journal.segment_bytes", "is not a multiple of 4096".to_owned()));
        }
        edge::check(self)?;
        let every = self.journal.snapshot_every_segments;
        range("journal.snapshot_every_segments", every, 0, MAX_SNAPSHOT_EVERY_SEGMENTS)?;
        self.admission.check()?;
        range("session.ttl_minutes", self.session.ttl_minutes.into(), 1, 1_440)?;
        range("session.login_minutes", self.session.login_minutes.into(), 1, 60)?;
        self.ledger.check(self.mode)?;
        self.log.check()?;
        self.traces.check()?;
        apps::check(&self.apps).map_err(|problem| ("app", problem))?;
        self.check_mode()
    }

    fn check_mode(&self) -> Result<(), (&'static str, String)> {
        let is_demo = self.mode == ProcessMode::Demo;
        admin::check(self.admin.listen, is_demo, self.admin.token_file().is_some())
            .map_err(|problem| ("admin.listen", problem))?;
        self.hub.check(self.mode)?;
        match self.mode {
            ProcessMode::Demo => {
                if !cfg!(feature = "demo") {
                    let remedy = "this program is built without the stand-ins; use \"production\"";
                    return Err(("mode", remedy.to_owned()));
                }
                if !self.server.listen.ip().is_loopback() {
                    return Err(("server.listen", "a demo listens on loopback only".to_owned()));
                }
                if self.hub.address().is_none_or(|address| !address.ip().is_loopback()) {
                    let remedy = "in a demo, must be http:// and a loopback address with a port";
                    return Err(("hub.origin", remedy.to_owned()));
                }
            }
            ProcessMode::Production => {
                if !self.server.origin.starts_with("https://") {
                    let remedy = "must be the public https:// origin in production";
                    return Err(("server.origin", remedy.to_owned()));
                }
                if !self.hub.browser_origin().starts_with("https://") {
                    let remedy = "must be where browsers reach the hub, over https, in production";
                    return Err(("hub.browser_origin", remedy.to_owned()));
                }
                if self.keys.directory.as_os_str().is_empty() {
                    return Err(("keys.directory", "must be set in production".to_owned()));
                }
                if self.authorities.is_empty() {
                    return Err(("authority", "at least one is needed in production".to_owned()));
                }
            }
        }
        if self.keys_directory().starts_with(self.journal_directory()) {
            let remedy = "must not lie inside the journal's directory";
            return Err(("keys.directory", remedy.to_owned()));
        }
        Ok(())
    }
}
