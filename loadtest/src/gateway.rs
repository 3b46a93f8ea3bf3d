//! The gateway as a process: start, wait until it is ready, SIGKILL, verify its journal.
//!
//! Owns command lines, ports and the log file. Must not know what is booked nor when to kill. Called by
//! the kill test and by the rehearsal.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::certificate::Certificate;
use crate::client::{Address, Client};

/// How long a start may take: reading the catalogue, replaying the journal.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// How often readiness is asked for.
const READY_PAUSE: Duration = Duration::from_millis(20);
/// Ports are free when chosen and may be taken a moment later.
const MAX_STARTS: u32 = 3;
/// How much of the gateway's log is shown when it fails.
const LOG_TAIL_LINES: usize = 30;
/// Marks a directory that this test may empty.
const MARK: &str = "made-by-talon-loadtest";

/// How a gateway is started, the first time and again on the same data.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program `talon`, a demo build.
    pub talon: PathBuf,
    /// Where the data directory and the log go.
    pub work_dir: PathBuf,
    /// The configuration file; without one, the built-in demonstration.
    pub config: Option<PathBuf>,
    /// Keep limits and proofs in this Redis instead of in the process.
    pub redis: Option<String>,
    /// Serve over TLS with this certificate instead of plainly.
    pub certificate: Option<Certificate>,
    /// Settings on top, each `key=value`.
    pub settings: Vec<String>,
    /// The next date opens so long after the start.
    pub release_in: Option<Duration>,
}

impl Launch {
    /// The gateway's data directory, kept from one start to the next.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.work_dir.join("data")
    }

    fn command(&self, [listen, hub, admin]: [SocketAddr; 3]) -> Command {
        let mut command = Command::new(&self.talon);
        command
            .args(["serve", "--listen", &listen.to_string()])
            .args(["--set", &format!("hub.origin=http://{hub}")])
            .args(["--set", &format!("admin.listen={admin}")])
            .args(self.settings.iter().flat_map(|setting| ["--set", setting]))
            .arg("--data-dir")
            .arg(self.data_dir());
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        if let Some(of) = &self.certificate {
            command.args(["--set", &format!("tls.certificate={}", of.certificate.display())]);
            command.args(["--set", &format!("tls.key={}", of.key.display())]);
        }
        if let Some(redis) = &self.redis {
            command.args(["--redis", redis]);
        }
        if let Some(pause) = self.release_in {
            command.args(["--release-in", &format!("{}s", pause.as_secs())]);
        }
        command
    }
}

/// A running gateway; killed when dropped.
pub struct Gateway {
    child: Arc<Mutex<Child>>,
    /// Of the public, of the stand-in hub, of health.
    addresses: [SocketAddr; 3],
    base: Address,
    log: PathBuf,
}

/// Creates the work directory, or empties one of an earlier run.
///
/// # Errors
/// When it exists and this program did not make it, or cannot be written.
pub fn prepare_work_dir(folder: &Path) -> Result<()> {
    let mark = folder.join(MARK);
    if folder.exists() {
        // A typing mistake must not delete somebody's files.
        ensure!(mark.exists(), "{} exists and was not made by talon-loadtest", folder.display());
        std::fs::remove_dir_all(folder)
            .with_context(|| format!("emptying {}", folder.display()))?;
    }
    std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    create(&mark).map(drop)
}

/// A new file.
pub(crate) fn create(file: &Path) -> Result<File> {
    File::create(file).with_context(|| format!("creating {}", file.display()))
}

impl Gateway {
    /// Starts `talon serve` on free loopback ports and waits until it is ready.
    ///
    /// # Errors
    /// When it does not start or is not ready in time, with the end of its log.
    pub async fn start(launch: &Launch) -> Result<Self> {
        let mut tries = 1;
        loop {
            match Self::start_at(launch, free_addresses()?).await {
                Ok(gateway) => return Ok(gateway),
                Err(error) if tries < MAX_STARTS && error.to_string().contains("in use") => {
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// SIGKILL, and a new start on the same ports and data.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub async fn restart(self, launch: &Launch) -> Result<Self> {
        self.kill()?;
        Self::start_at(launch, self.addresses).await
    }

    async fn start_at(launch: &Launch, addresses: [SocketAddr; 3]) -> Result<Self> {
        let [listen, _hub, admin] = addresses;
        let log = launch.work_dir.join("talon.log");
        let file = OpenOptions::new().create(true).append(true).open(&log);
        let file = file.with_context(|| format!("opening {}", log.display()))?;
        let child = launch
            .command(addresses)
            .stdin(Stdio::null())
            .stdout(file.try_clone().context("sharing the log file")?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("starting {}", launch.talon.display()))?;
        let child = Arc::new(Mutex::new(child));
        let base = match &launch.certificate {
            Some(of) => Address::secured(&format!("https://{listen}"), Arc::clone(&of.trust)),
            None => Address::from(format!("http://{listen}").as_str()),
        };
        let gateway = Self { child, addresses, base, log };
        gateway.wait_until_ready(admin).await?;
        Ok(gateway)
    }

    async fn wait_until_ready(&self, admin: SocketAddr) -> Result<()> {
        let client = Client::new(self.base.clone(), 1);
        let ready = format!("http://{admin}/readyz");
        let deadline = Instant::now() + READY_TIMEOUT;
        while !client.is_ok(&ready).await {
            if !self.is_running()? {
                bail!("the gateway ended before it was ready\n{}", self.log_tail());
            }
            if Instant::now() > deadline {
                let limit = READY_TIMEOUT.as_secs();
                bail!("the gateway was not ready within {limit} s\n{}", self.log_tail());
            }
            tokio::time::sleep(READY_PAUSE).await;
        }
        Ok(())
    }

    /// `http://127.0.0.1:port`, or with a certificate https.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.base
    }

    /// The process, for whoever kills it while clients book.
    pub(crate) fn process(&self) -> Arc<Mutex<Child>> {
        Arc::clone(&self.child)
    }

    pub(crate) fn is_running(&self) -> Result<bool> {
        Ok(self.child().try_wait().context("looking after the gateway")?.is_none())
    }

    /// SIGKILL, and waits until the process is gone, so that the next one finds the lock free.
    ///
    /// # Errors
    /// When the system does not let it be killed.
    pub fn kill(&self) -> Result<()> {
        let mut child = self.child();
        child.kill().context("killing the gateway")?;
        child.wait().context("waiting for the killed gateway")?;
        Ok(())
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().expect("nobody panics while holding the process")
    }

    /// The last lines that the gateway wrote.
    pub(crate) fn log_tail(&self) -> String {
        tail(&std::fs::read(&self.log).unwrap_or_default())
    }
}

fn tail(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // A killed child gives an error here, which is no news.
        let _ = self.kill();
    }
}

/// Runs `talon-ledger verify` over the journal of the stopped gateway.
pub(crate) fn verify(ledger: &Path, data_dir: &Path) -> Result<()> {
    read_journal(ledger, data_dir, &["verify"]).map(drop)
}

/// What a tool of `talon-ledger` prints about the journal of the stopped gateway.
pub(crate) fn read_journal(ledger: &Path, data_dir: &Path, tool: &[&str]) -> Result<Vec<u8>> {
    let journal = data_dir.join("journal");
    let output = Command::new(ledger)
        .args(tool)
        .arg(&journal)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {}", ledger.display()))?;
    if !output.status.success() {
        bail!(
            "`talon-ledger {} {}` ended with {}\n{}{}",
            tool.join(" "),
            journal.display(),
            output.status,
            tail(&output.stdout),
            tail(&output.stderr),
        );
    }
    Ok(output.stdout)
}

/// Three loopback addresses that nobody listens on at this moment.
fn free_addresses() -> Result<[SocketAddr; 3]> {
    let open = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port");
    // All are held until all are chosen, or the same one could come twice.
    let held = [open()?, open()?, open()?];
    let [a, b, c] = &held;
    Ok([a.local_addr()?, b.local_addr()?, c.local_addr()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_free_addresses_are_three_different_ones() {
        let [a, b, c] = free_addresses().unwrap();
        assert!(a != b && b != c && a != c);
    }

    #[test]
    fn a_directory_of_somebody_else_is_not_emptied() {
        let folder = std::env::temp_dir().join(format!("talon-kill-test-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("precious"), "").unwrap();
        assert!(prepare_work_dir(&folder).is_err());
        assert!(folder.join("precious").exists());

        std::fs::write(folder.join(MARK), "").unwrap();
        prepare_work_dir(&folder).unwrap();
        assert!(!folder.join("precious").exists());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
