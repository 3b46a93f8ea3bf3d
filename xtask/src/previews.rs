//! `cargo xtask previews`: draws the dashboards from the data of a rehearsal that a real Prometheus scraped.
//!
//! Owns the order: Redis, a rehearsal with it, Prometheus beside it, then the pictures. What is drawn and how
//! stands in `gateway/browser`, where the browser's packages are. Called by `main`.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::programs::{self, Built};
use crate::redis::{Redis, free_address};
use crate::{browser, installers, run};

/// The pictures.
const PICTURES: &str = "grafana/previews";
/// The rules and settings of Prometheus.
const PROMETHEUS: &str = "grafana/prometheus";
/// What the gateway logs of its admin listener once it serves.
const ADMIN: &str = " admin=";
/// How long a start may take.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How often it is looked whether something has started.
const LOOK_PAUSE: Duration = Duration::from_millis(100);
/// So much of the rehearsal is shown: until its people are through. Then its gateway is killed and asked what it
/// kept, which is no traffic.
const SHOWN: Duration = Duration::from_secs(40);
/// A rate needs two looks at its counter.
const FIRST_RATE: Duration = Duration::from_secs(2);

/// What `cargo xtask previews` can be told.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Rehearse with the optimised programs.
    #[arg(long)]
    release: bool,
}

/// Rehearses, scrapes and draws.
///
/// # Errors
/// When a build or a start fails, or nothing was scraped.
pub(crate) fn previews(options: &Options) -> Result<()> {
    installers::npm(&run::root().join(browser::FOLDER))?;
    let Built { folder: built, .. } = programs::build(options.release)?;

    let redis = Redis::start()?;
    let folder = tempfile::tempdir().context("a directory for the rehearsal")?;
    let work = folder.path().join("rehearsal");
    let mut rehearsal = run::program(built.join("talon-loadtest"));
    rehearsal.args(["demo", "--plain", "--tls", "--redis", &redis.url(), "--work-dir"]).arg(&work);
    let mut rehearsal = Ended(rehearsal.stdin(Stdio::null()).spawn().context("the rehearsal")?);
    let admin = admin_of(&mut rehearsal, &work.join("talon.log"))?;
    let (address, mut prometheus) = prometheus(folder.path(), &admin)?;
    let from = listening(&mut prometheus, address)? + FIRST_RATE;
    let status = rehearsal.0.wait().context("the rehearsal")?;
    if !status.success() {
        bail!("the rehearsal ended with {status}: its pictures would show what is not so");
    }
    draw(address, from)
}

/// Where the rehearsal's gateway tells its metrics.
fn admin_of(rehearsal: &mut Ended, log: &Path) -> Result<String> {
    let deadline = Instant::now() + START_TIMEOUT;
    while Instant::now() < deadline {
        let said = fs::read_to_string(log).unwrap_or_default();
        if let Some((_, after)) = said.rsplit_once(ADMIN)
            && let Some((address, _)) = after.split_once('\n')
        {
            return Ok(address.to_owned());
        }
        if let Some(status) = rehearsal.0.try_wait().context("the rehearsal")? {
            bail!("the rehearsal ended with {status} before its gateway served");
        }
        sleep(LOOK_PAUSE);
    }
    bail!("the rehearsal's gateway does not serve within {START_TIMEOUT:?}")
}

/// Debian's Prometheus with our rules, scraping every second.
fn prometheus(folder: &Path, admin: &str) -> Result<(SocketAddr, Ended)> {
    let address = free_address()?;
    let own = run::root().join(PROMETHEUS);
    for (file, changes) in [
        ("talon.rules.yml", [("interval: 30s", "interval: 1s"), ("", "")]),
        ("prometheus.yml", [("127.0.0.1:9090", admin), ("interval: 5s", "interval: 1s")]),
    ] {
        let text = fs::read_to_string(own.join(file)).with_context(|| format!("reading {file}"))?;
        let changed = |text: String, (from, to): (&str, &str)| match from {
            "" => text,
            _ => text.replace(from, to),
        };
        let text = changes.into_iter().fold(text, changed);
        fs::write(folder.join(file), text).with_context(|| format!("writing {file}"))?;
    }
    let mut command = run::program("prometheus");
    command
        .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=warn"])
        .arg(format!("--web.listen-address={address}"))
        .current_dir(folder)
        .stdin(Stdio::null());
    Ok((address, Ended(command.spawn().context("starting prometheus")?)))
}

/// Since when Prometheus listens.
fn listening(prometheus: &mut Ended, address: SocketAddr) -> Result<SystemTime> {
    let deadline = Instant::now() + START_TIMEOUT;
    while TcpStream::connect(address).is_err() {
        if let Some(status) = prometheus.0.try_wait().context("prometheus")? {
            bail!("prometheus ended with {status} before it listened on {address}");
        }
        if Instant::now() > deadline {
            bail!("prometheus does not listen on {address}");
        }
        sleep(LOOK_PAUSE);
    }
    Ok(SystemTime::now())
}

fn draw(prometheus: SocketAddr, from: SystemTime) -> Result<()> {
    let seconds = |at: SystemTime| -> Result<String> {
        Ok(at.duration_since(UNIX_EPOCH).context("the clock")?.as_secs().to_string())
    };
    let root = run::root();
    run::run(
        run::program("node")
            .arg("previews.mjs")
            .arg(format!("http://{prometheus}"))
            .args([seconds(from)?, seconds(from + SHOWN)?])
            .args([root.join("grafana/dashboards"), root.join(PICTURES)])
            .current_dir(root.join(browser::FOLDER)),
    )
}

/// A program that ends with the task.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended already, which is no news.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
