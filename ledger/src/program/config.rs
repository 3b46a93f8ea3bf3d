//! The configuration of `talon-ledger serve`: one file, every key known, every refusal with its
//! remedy.
//!
//! Owns the keys, their defaults and ranges. Must not know what the values are used for.
//! `configs/ledger.example.toml` explains each key.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use talon_domain::suggest::nearest;
use talon_ledger::committing::CommitBy;
use talon_ledger::snapshot::keeper::MAX_SNAPSHOT_EVERY_SEGMENTS;
use talon_telemetry::{admin, logs, spans};
use talon_wire::hello::Mode;

/// All settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    pub(super) mode: Mode,
    pub(super) data_dir: PathBuf,
    #[serde(default = "listen")]
    pub(super) listen: SocketAddr,
    /// Runtimes; 0: one per core.
    #[serde(default)]
    pub(super) threads: usize,
    #[serde(default)]
    pub(super) admin: Admin,
    pub(super) tls: Option<Tls>,
    #[serde(default)]
    pub(super) journal: Journal,
    #[serde(default)]
    pub(super) log: logs::Settings,
    #[serde(default)]
    pub(super) traces: Traces,
    #[serde(default, rename = "authority")]
    pub(super) authorities: Vec<AuthorityFiles>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Admin {
    pub(super) listen: SocketAddr,
    /// Relative to the configuration file; empty: no token is asked for.
    pub(super) token_file: PathBuf,
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 9190)), token_file: PathBuf::new() }
    }
}

impl Admin {
    /// The file of the token, when askers need one.
    pub(super) fn token_file(&self) -> Option<&Path> {
        let is_set = !self.token_file.as_os_str().is_empty();
        is_set.then_some(self.token_file.as_path())
    }
}

/// PEM files; relative to the configuration file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    pub(super) client_ca: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Journal {
    pub(super) segment_bytes: u64,
    pub(super) snapshot_every_segments: u64,
    pub(super) commit_by: CommitBy,
}

impl Default for Journal {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, snapshot_every_segments: 4, commit_by: CommitBy::Auto }
    }
}

/// What is recorded, the gateways decide.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Traces {
    endpoint: String,
}

impl Traces {
    pub(super) fn settings(&self) -> spans::Settings {
        spans::Settings { endpoint: self.endpoint.clone(), ratio: 0.0 }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthorityFiles {
    pub(super) catalogue: PathBuf,
    pub(super) policy: PathBuf,
}

fn listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7100))
}

/// A configuration that is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {problem}")]
pub(super) struct BadConfig {
    /// Which file or flag.
    pub(super) file: String,
    /// The key, what is wrong, and what would be right.
    pub(super) problem: String,
}

impl Config {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, BadConfig> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text).map_err(|problem| BadConfig { file, problem }),
            Err(error) => Err(BadConfig { file, problem: error.to_string() }),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            format!("not TOML: {}", error.to_string().trim_end())
        })?;
        serde_path_to_error::deserialize(toml::Value::Table(table)).map_err(|error| {
            let path = error.path().to_string();
            explain(path.trim_matches('.'), error.inner().message())
        })
    }

    /// Checks what types alone cannot; after the flags.
    pub(super) fn check(&self) -> Result<(), String> {
        let bytes = self.journal.segment_bytes;
        if !(8 << 20..=1 << 30).contains(&bytes) || !bytes.is_multiple_of(4096) {
            return Err(
                "journal.segment_bytes: a multiple of 4096 from 8388608 to 1073741824".into()
            );
        }
        if self.journal.snapshot_every_segments > MAX_SNAPSHOT_EVERY_SEGMENTS {
            let most = MAX_SNAPSHOT_EVERY_SEGMENTS;
            return Err(format!("journal.snapshot_every_segments: not from 0 to {most}"));
        }
        if self.threads > 1024 {
            return Err(format!("threads: {} is not from 0 to 1024", self.threads));
        }
        let has_token = self.admin.token_file().is_some();
        admin::check(self.admin.listen, self.mode == Mode::Demo, has_token)
            .map_err(|problem| format!("admin.listen: {problem}"))?;
        self.log.check().map_err(|(key, problem)| format!("{key}: {problem}"))?;
        let traces = self.traces.settings();
        traces.check().map_err(|(key, problem)| format!("{key}: {problem}"))?;
        if self.authorities.is_empty() {
            return Err("authority: at least one is needed".into());
        }
        match self.mode {
            Mode::Demo if !self.listen.ip().is_loopback() => {
                Err("listen: a demo listens on loopback only".into())
            }
            // Within one computer there is nobody in between; a demo binds nobody.
            Mode::Demo => Ok(()),
            Mode::Production if self.tls.is_none() => {
                Err("tls: certificate, key and client_ca are needed in production".into())
            }
            Mode::Production => Ok(()),
        }
    }
}

/// Makes a line for operators of what serde says.
fn explain(path: &str, message: &str) -> String {
    let mut words = message.split('`').skip(1).step_by(2);
    let Some(unknown) = words.next().filter(|_| message.starts_with("unknown field")) else {
        return if path.is_empty() { message.to_owned() } else { format!("{path}: {message}") };
    };
    let known: Vec<&str> = words.collect();
    let hint = match nearest(unknown, known.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known keys here: {}", known.join(", ")),
    };
    format!("{path}: unknown key; {hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEMO: &str =
        "mode = \"demo\"\ndata_dir = \"d\"\n[[authority]]\ncatalogue = \"c\"\npolicy = \"p\"\n";

    fn refusal(text: &str) -> String {
        Config::parse(text).and_then(|config| config.check()).unwrap_err()
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest() {
        assert_eq!(
            refusal(&format!("lsiten = 1\n{DEMO}")),
            "lsiten: unknown key; did you mean `listen`?"
        );
        let nested = refusal(&format!("{DEMO}[tls]\ncert = \"c\"\n"));
        assert_eq!(nested, "tls.cert: unknown key; did you mean `certificate`?");
        assert!(refusal("mode = 1").starts_with("mode: "));
    }

    #[test]
    fn a_demo_stays_on_loopback_and_production_has_tls() {
        assert_eq!(Config::parse(DEMO).and_then(|config| config.check()), Ok(()));
        let world = format!("listen = \"0.0.0.0:1\"\n{DEMO}");
        assert_eq!(refusal(&world), "listen: a demo listens on loopback only");
        let production = DEMO.replace("demo", "production");
        assert!(refusal(&production).starts_with("tls: certificate"), "{production}");
    }

    #[test]
    fn a_value_out_of_range_names_its_key() {
        let odd = format!("{DEMO}[journal]\nsegment_bytes = 8388609\n");
        assert!(refusal(&odd).starts_with("journal.segment_bytes: "));
        let open = format!("{DEMO}[admin]\nlisten = \"0.0.0.0:1\"\n");
        assert!(refusal(&open).starts_with("admin.listen: "));
        let mute = format!("{DEMO}[log]\nlines_per_second = 0\n");
        assert_eq!(refusal(&mute), "log.lines_per_second: 0 is not from 1 to 10000");
        assert!(refusal("mode = \"demo\"\ndata_dir = \"d\"\n").starts_with("authority: "));
    }

    #[test]
    fn the_example_is_a_good_configuration() {
        let text = include_str!("../../../configs/ledger.example.toml");
        assert_eq!(Config::parse(text).and_then(|config| config.check()), Ok(()));
    }
}
