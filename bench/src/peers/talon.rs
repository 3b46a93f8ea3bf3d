//! Talon as it is shipped: the real programs on the real disk, as a demonstration, for only that gives
//! sessions to a hundred thousand people.
//!
//! Owns their configuration and the sessions. Must not know what is measured.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::processes::{Cores, End, Server, command, free_address};
use super::{proofs, site};

/// What the stand-in hub gives in one answer.
const SESSIONS_AT_ONCE: usize = 500;
/// So that no fence stands before a load that comes from one address, and a person's pace is no limit to
/// one who books four times.
const SETTINGS: &[&str] = &[
    "admission.address_per_second=1000000",
    "admission.write_interval_ms=1",
    "admission.write_burst=60",
];
/// Warnings are of the demonstration, and nothing is logged for a request.
const LOG: (&str, &str) = ("TALON_LOG", "error");

/// The programs.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    pub(crate) talon: PathBuf,
    pub(crate) ledger: PathBuf,
}

/// A running gateway, with whatever else it needs.
pub(crate) struct Talon {
    /// In the order in which they end.
    servers: Vec<Server>,
    pub(crate) address: SocketAddr,
}

impl Talon {
    /// With the ledger in its process; limits and proofs in a Redis if there is one.
    pub(crate) fn start(programs: &Programs, folder: &Path, redis: Option<&str>) -> Result<Self> {
        let settings = redis.map(|url| format!("admission.redis_url={url}"));
        Self::gateway(programs, folder, settings.as_slice())
    }

    /// With a ledger of its own, over TCP.
    pub(crate) fn with_remote_ledger(programs: &Programs, folder: &Path) -> Result<Self> {
        let [address, admin] = [free_address()?, free_address()?];
        site::write(folder, "")?;
        let data = folder.join("ledger");
        let text = format!(
            "mode = \"demo\"\ndata_dir = {:?}\nlisten = \"{address}\"\n[admin]\n\
             listen = \"{admin}\"\n[[authority]]\ncatalogue = \"catalogue.toml\"\n\
             policy = \"policy.toml\"\n",
            data.display().to_string()
        );
        let file = folder.join("ledger.toml");
        std::fs::write(&file, text).context("the ledger's configuration")?;
        let mut start = command(&programs.ledger, Cores::Servers);
        start.args(["serve", "--config"]).arg(file).env(LOG.0, LOG.1);
        let mut ledger = Server::start("the ledger", &mut start, End::Kill)?;
        ledger.wait_for(address)?;
        let mut talon = Self::gateway(programs, folder, &[format!("ledger.address={address}")])?;
        talon.servers.push(ledger);
        Ok(talon)
    }

    /// With the ledger in its process, where each booking needs a proof of work.
    pub(crate) fn with_proofs(programs: &Programs, folder: &Path) -> Result<Self> {
        Self::started(programs, folder, &[], proofs::RULE)
    }

    fn gateway(programs: &Programs, folder: &Path, settings: &[String]) -> Result<Self> {
        Self::started(programs, folder, settings, "")
    }

    fn started(
        programs: &Programs,
        folder: &Path,
        settings: &[String],
        rule: &str,
    ) -> Result<Self> {
        let [address, hub, admin] = [free_address()?, free_address()?, free_address()?];
        site::write(folder, rule)?;
        let file = folder.join("talon.toml");
        let text = "mode = \"demo\"\n[[authority]]\ncatalogue = \"catalogue.toml\"\n\
                    policy = \"policy.toml\"\n";
        std::fs::write(&file, text).context("the gateway's configuration")?;
        let mut start = command(&programs.talon, Cores::Servers);
        start.args(["serve", "--listen", &address.to_string(), "--config"]).arg(file);
        start.arg("--data-dir").arg(folder.join("talon")).env(LOG.0, LOG.1);
        let set = [format!("hub.origin=http://{hub}"), format!("admin.listen={admin}")];
        let all = SETTINGS.iter().copied().chain(set.iter().chain(settings).map(String::as_str));
        for setting in all {
            start.args(["--set", setting]);
        }
        let mut server = Server::start("talon", &mut start, End::Kill)?;
        server.wait_until(|| {
            get(admin, "GET", "/readyz").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
        })?;
        Ok(Self { servers: vec![server], address })
    }

    /// Its processes.
    pub(crate) fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// Tokens of the first `count` people.
    pub(crate) fn sessions(&self, count: usize) -> Result<Vec<String>> {
        #[derive(Deserialize)]
        struct Made {
            sessions: Vec<String>,
        }
        let mut tokens = Vec::with_capacity(count);
        while tokens.len() < count {
            let (first, wanted) = (tokens.len(), SESSIONS_AT_ONCE.min(count - tokens.len()));
            let path = format!("/stand-in/sessions?first={first}&count={wanted}");
            let answer = get(self.address, "POST", &path)?;
            let (head, body) = answer.split_once("\r\n\r\n").context("an answer without a body")?;
            ensure!(head.starts_with("HTTP/1.1 200 "), "no sessions: {answer}");
            tokens.extend(serde_json::from_str::<Made>(body).context("reading sessions")?.sessions);
        }
        Ok(tokens)
    }
}

/// One request on a connection of its own.
fn get(to: SocketAddr, method: &str, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(to)?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
