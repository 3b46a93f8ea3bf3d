//! The section `[ledger]`: a ledger elsewhere, and how it is reached.

use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ProcessMode;

/// A ledger of its own (`talon-ledger serve`). Without an address the ledger is in this process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ledger {
    /// Host and port, such as `ledger.internal:7100`; empty: the ledger is in this process.
    pub address: String,
    /// The certificate that this gateway shows, PEM; relative to the configuration file.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// The authority that signed the ledger's certificate, PEM.
    pub ca: PathBuf,
    /// The name in the ledger's certificate; empty: the host in `address`.
    pub server_name: String,
    /// How long a command may take, in milliseconds, 100 to 60,000; its outcome is then found under
    /// its key.
    pub deadline_ms: u64,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            address: String::new(),
            certificate: PathBuf::new(),
            key: PathBuf::new(),
            ca: PathBuf::new(),
            server_name: String::new(),
            deadline_ms: 10_000,
        }
    }
}

impl Ledger {
    /// Whether the ledger is elsewhere.
    pub fn is_remote(&self) -> bool {
        !self.address.is_empty()
    }

    /// Whether it is reached by TLS.
    pub fn has_tls(&self) -> bool {
        !self.certificate.as_os_str().is_empty()
    }

    /// The name in its certificate.
    pub fn server_name(&self) -> &str {
        if !self.server_name.is_empty() {
            return &self.server_name;
        }
        let host = self.address.rsplit_once(':').map_or(self.address.as_str(), |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// Checks what types alone cannot.
    ///
    /// # Errors
    /// The key and what would be right.
    pub(super) fn check(&self, mode: ProcessMode) -> Result<(), (&'static str, String)> {
        if !(100..=60_000).contains(&self.deadline_ms) {
            let problem = format!("{} is not from 100 to 60000", self.deadline_ms);
            return Err(("ledger.deadline_ms", problem));
        }
        let files = [&self.certificate, &self.key, &self.ca];
        let given = files.iter().filter(|file| !file.as_os_str().is_empty()).count();
        if given != 0 && given != files.len() {
            let problem = "goes with ledger.key and ledger.ca: all three, or none";
            return Err(("ledger.certificate", problem.to_owned()));
        }
        if !self.is_remote() {
            let problem = "must be set for a ledger elsewhere; nothing else in [ledger] is used";
            return if given == 0 { Ok(()) } else { Err(("ledger.address", problem.to_owned())) };
        }
        let port = self.address.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        if !matches!(port, Some(Ok(_))) {
            let problem = "must be a host and a port, such as ledger.internal:7100";
            return Err(("ledger.address", problem.to_owned()));
        }
        let is_here = self.address.parse::<SocketAddr>().is_ok_and(|a| a.ip().is_loopback());
        // Within one computer there is nobody in between; a demo binds nobody.
        let may_be_plain = mode == ProcessMode::Demo && is_here;
        if !self.has_tls() && !may_be_plain {
            let problem = "must be set, with key and ca; only a demo on one computer goes without";
            return Err(("ledger.certificate", problem.to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str, file: &str) -> Ledger {
        let [certificate, key, ca] = [file; 3].map(PathBuf::from);
        Ledger { address: address.to_owned(), certificate, key, ca, ..Ledger::default() }
    }

    #[track_caller]
    fn refused(ledger: &Ledger, mode: ProcessMode, key: &str) {
        assert_eq!(ledger.check(mode).unwrap_err().0, key);
    }

    #[test]
    fn plain_tcp_is_for_a_demo_on_one_computer() {
        assert_eq!(at("127.0.0.1:7100", "").check(ProcessMode::Demo), Ok(()));
        refused(&at("127.0.0.1:7100", ""), ProcessMode::Production, "ledger.certificate");
        refused(&at("ledger:7100", ""), ProcessMode::Demo, "ledger.certificate");
        assert_eq!(at("ledger:7100", "f").check(ProcessMode::Production), Ok(()));
    }

    #[test]
    fn an_address_has_a_port_and_the_files_of_tls_go_together() {
        refused(&at("ledger", "f"), ProcessMode::Production, "ledger.address");
        refused(&at("", "f"), ProcessMode::Production, "ledger.address");
        let half = Ledger { ca: PathBuf::new(), ..at("ledger:1", "f") };
        refused(&half, ProcessMode::Production, "ledger.certificate");
        let hasty = Ledger { deadline_ms: 1, ..Ledger::default() };
        refused(&hasty, ProcessMode::Demo, "ledger.deadline_ms");
    }

    #[test]
    fn the_name_is_the_host_unless_it_is_given() {
        assert_eq!(at("ledger.internal:7100", "f").server_name(), "ledger.internal");
        assert_eq!(at("[::1]:7100", "f").server_name(), "::1");
        let named = Ledger { server_name: "other".to_owned(), ..at("ledger:1", "f") };
        assert_eq!(named.server_name(), "other");
    }
}
