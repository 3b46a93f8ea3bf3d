//! Load by `wrk`: closed loop, a bound number of connections, requests drawn by `load.lua`.
//!
//! Owns which numbers were used already, so that no booking is asked for twice. Must not know who serves.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::processes::{Cores, command, load_cores, output};
use super::site;

const SCRIPT: &str = include_str!("load.lua");
/// Connections when the point is how much goes through.
pub(crate) const CONNECTIONS: usize = 256;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Bookings on one day after the other: everybody wants the same one.
    OneDay,
    /// Bookings on all days at once.
    Spread,
    /// Days and starts, by turns.
    Read,
}

/// One run's figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figures {
    pub(crate) requests: u64,
    pub(crate) took: Duration,
    /// Answers that were no success.
    pub(crate) refused: u64,
    /// Requests without an answer.
    pub(crate) broken: u64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
}

/// The load on one server, with the tokens of its sessions.
pub(crate) struct Load {
    script: PathBuf,
    tokens: PathBuf,
    proofs: Option<PathBuf>,
    to: SocketAddr,
    next: u64,
}

impl Load {
    pub(crate) fn new(folder: &Path, to: SocketAddr, tokens: &[String]) -> Result<Self> {
        let (script, file) = (folder.join("load.lua"), folder.join("tokens"));
        std::fs::write(&script, SCRIPT).context("writing the script")?;
        std::fs::write(&file, tokens.join("\n")).context("writing the tokens")?;
        Ok(Self { script, tokens: file, proofs: None, to, next: 0 })
    }

    /// The same, with a proof for the person of each token.
    pub(crate) fn with_proofs(
        folder: &Path,
        to: SocketAddr,
        tokens: &[String],
        proofs: &[String],
    ) -> Result<Self> {
        let file = folder.join("proofs");
        std::fs::write(&file, proofs.join("\n")).context("writing the proofs")?;
        Ok(Self { proofs: Some(file), ..Self::new(folder, to, tokens)? })
    }

    /// Asks for so long, over so many connections.
    pub(crate) fn run(&mut self, what: What, seconds: u64, connections: usize) -> Result<Figures> {
        let threads = load_cores().min(connections);
        let mut wrk = command("wrk", Cores::Load);
        wrk.args(["--threads", &threads.to_string(), "--connections", &connections.to_string()])
            .args(["--duration", &format!("{seconds}s"), "--timeout", "10s", "--script"])
            .arg(&self.script)
            .arg(format!("http://{}", self.to))
            .arg("--")
            .arg(match what {
                What::OneDay => "book",
                What::Spread => "spread",
                What::Read => "read",
            })
            .arg(&self.tokens)
            .args([self.next, threads as u64].map(|number| number.to_string()))
            .args(site::NUMBERS.map(|number| number.to_string()))
            .arg(site::dates().join(","))
            .args(&self.proofs);
        let said = output(&mut wrk)?;
        let figures = parse(&said).with_context(|| format!("wrk said\n{said}"))?;
        ensure!(figures.requests > 0, "wrk had no answer:\n{said}");
        // A little more than were answered are under way at the end.
        self.next += figures.requests + 2 * connections as u64;
        Ok(figures)
    }
}

fn parse(said: &str) -> Option<Figures> {
    let line = said.lines().find_map(|line| line.strip_prefix("figures "))?;
    let numbers: Vec<u64> = line.split(' ').map_while(|number| number.parse().ok()).collect();
    let [requests, took_us, refused, broken, p50_us, p99_us] = numbers.try_into().ok()?;
    let took = Duration::from_micros(took_us);
    Some(Figures { requests, took, refused, broken, p50_us, p99_us })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_last_line_is_read() {
        let figures = parse("Running 3s test\nfigures 300 3000000 2 1 1200 5000\n").unwrap();
        assert_eq!((figures.requests, figures.took), (300, Duration::from_secs(3)));
        assert_eq!((figures.refused, figures.broken), (2, 1));
        assert_eq!((figures.p50_us, figures.p99_us), (1200, 5000));
        assert_eq!(parse("figures 300"), None);
    }
}
