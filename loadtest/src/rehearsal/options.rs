//! What a rehearsal can be told on the command line. Must not start anything. Called by the binary.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;

use crate::certificate::Certificate;
use crate::gateway::Launch;
use crate::scenario::Scenario;

/// Where a rehearsal finds its programs and leaves its files.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The program `talon`, a demo build; by default the one beside this program.
    #[arg(long, value_name = "PATH", default_value_os_t = beside("talon"))]
    pub talon: PathBuf,
    /// The program `talon-ledger`; by default the one beside this program.
    #[arg(long, value_name = "PATH", default_value_os_t = beside("talon-ledger"))]
    pub ledger: PathBuf,
    /// Where the data directory, the gateway's log and the reports go. Created, or emptied if this
    /// program made it.
    #[arg(long, value_name = "DIR", default_value = "talon-rehearsal")]
    pub work_dir: PathBuf,
    /// Keep limits and proofs in this Redis instead of in the process.
    #[arg(long, value_name = "URL")]
    pub redis: Option<String>,
    /// Serve over TLS, with a certificate made for this rehearsal.
    #[arg(long)]
    pub tls: bool,
}

/// A program in the folder of this one.
fn beside(name: &str) -> PathBuf {
    let here = std::env::current_exe().unwrap_or_default();
    here.parent().unwrap_or(Path::new("")).join(name)
}

impl Options {
    /// Looks whether the programs are there.
    ///
    /// # Errors
    /// When one is not, with the command that builds it.
    pub fn check(&self) -> Result<()> {
        for (program, package) in [(&self.talon, "talon-gateway"), (&self.ledger, "talon-ledger")] {
            let there = program.is_file();
            let name = program.display();
            ensure!(
                there,
                "{name} is not there: `cargo build -p {package}`, with --release or not as this program was"
            );
        }
        Ok(())
    }

    /// How the gateway of a scenario is started.
    ///
    /// # Errors
    /// When the certificate cannot be written.
    pub fn launch(&self, scenario: &Scenario, config: Option<PathBuf>) -> Result<Launch> {
        let certificate = self.tls.then(|| Certificate::make(&self.work_dir)).transpose()?;
        Ok(Launch {
            talon: self.talon.clone(),
            work_dir: self.work_dir.clone(),
            config,
            redis: self.redis.clone(),
            certificate,
            settings: scenario.gateway.settings.clone(),
            release_in: Some(Duration::from_secs(scenario.release.after_s)),
        })
    }
}
