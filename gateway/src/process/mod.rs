//! The process: everything opened, wired, run, and stopped in order.
//!
//! Owns the life of a gateway from its configuration to its exit code. Must not know routes or
//! rules.

mod admission;
mod ledger;
mod peaks;
mod peppers;
mod provider;
mod redis_owner;
mod reload;
mod sockets;
mod wiring;

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use talon_ledger::core::Authority;
use talon_ledger::load::{self, BadAuthority};
use talon_ledger::open::OpenFailure;
pub use talon_ledger::open::{EXIT_CONFIG, EXIT_DATA, EXIT_JOURNAL, EXIT_SYSTEM};
use talon_ledger_client::Remote;
use talon_telemetry::admin::{self, Admin, CurrentToken, Look, Notes, Token};
use talon_telemetry::{recorder, service, table};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::admission::EmbeddedStore;
use crate::app::{App, Lane, now};
use crate::config::{Config, ProcessMode};
use crate::demand::{self, Demands};
use crate::edge::Edge;
use crate::edge::certificate::BadCertificate;
use crate::identity::keys::{BadKeys, Keys};
use crate::identity::token::MAX_PEOPLE_IN_TOKEN;
use crate::measures;
use crate::proof;
use crate::server;
use crate::standing::{Standing, Standings};

use admission::Admissions;
use ledger::{LedgerOfProcess, Way};
pub use reload::Outside;

use reload::Reloader;
use sockets::Sockets;
use wiring::{Lasting, wire};

/// The target of what is logged of the process as a whole; it is never left out.
pub(crate) const LIFECYCLE: &str = "talon_gateway::lifecycle";
/// How often stores and caches are tidied.
const TIDY_EVERY: Duration = Duration::from_secs(10);
/// How often the metrics are tidied.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Why a gateway does not start, or ended badly.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The catalogue or the policy.
    #[error(transparent)]
    Authority(#[from] BadAuthority),
    /// The secrets.
    #[error("keys: {0}")]
    Keys(#[from] BadKeys),
    /// The certificate or its key.
    #[error("tls: {0}")]
    Certificate(#[from] BadCertificate),
    /// A setting that only its use can check.
    #[error("{key}: {problem}")]
    Setting {
        /// The key.
        key: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The journal or its replay.
    #[error(transparent)]
    Ledger(#[from] OpenFailure),
    /// The system.
    #[error("{action}: {source}")]
    System {
        /// What was tried.
        action: String,
        /// Why not.
        source: std::io::Error,
    },
}

impl Failure {
    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Authority(_) | Self::Keys(_) | Self::Certificate(_) | Self::Setting { .. } => {
                EXIT_CONFIG
            }
            Self::Ledger(failure) => failure.exit_code(),
            Self::System { .. } => EXIT_SYSTEM,
        }
    }

    fn setting(key: &str, problem: String) -> Self {
        Self::Setting { key: key.to_owned(), problem }
    }

    fn system(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let action = action.into();
        |source| Self::System { action, source }
    }
}

/// The authorities that a configuration names; paths are relative to `base`.
///
/// # Errors
/// [`Failure::Authority`], [`Failure::Setting`].
pub fn authorities(config: &Config, base: &Path) -> Result<Vec<Authority>, Failure> {
    let mut authorities = Vec::new();
    for files in &config.authorities {
        let (catalogue, policy) = (base.join(&files.catalogue), base.join(&files.policy));
        authorities.push(load::authority(&catalogue, &policy)?);
    }
    #[cfg(feature = "demo")]
    if authorities.is_empty() && config.mode == ProcessMode::Demo {
        authorities.push(crate::demo::authority()?);
    }
    refuse_twins(&authorities)?;
    for authority in &authorities {
        let policy = authority.policy.policy();
        let releases = std::iter::once(&policy.release).chain(policy.releases.iter().map(|r| &r.1));
        for rule in releases.filter_map(|release| release.proof.as_ref()) {
            proof::difficulty(rule).map_err(|problem| Failure::Setting {
                key: format!("policy of {}, proof", authority.catalogue.code),
                problem,
            })?;
        }
    }
    Ok(authorities)
}

/// Refuses two authorities under one name, and more than a session can hold.
fn refuse_twins(authorities: &[Authority]) -> Result<(), Failure> {
    let bad = |problem: String| Failure::setting("authority", problem);
    if authorities.len() > MAX_PEOPLE_IN_TOKEN {
        return Err(bad(format!(
            "{} authorities, at most {MAX_PEOPLE_IN_TOKEN}",
            authorities.len()
        )));
    }
    for (index, authority) in authorities.iter().enumerate() {
        let catalogue = &authority.catalogue;
        let is_twin = |other: &Authority| {
            other.catalogue.authority == catalogue.authority
                || other.catalogue.code == catalogue.code
        };
        if authorities[..index].iter().any(is_twin) {
            let (code, id) = (&catalogue.code, catalogue.authority);
            return Err(bad(format!("`{code}` (id {id}) shares its code or id with another one")));
        }
    }
    Ok(())
}

/// Checks what a start would need besides the settings: the secrets, where they have to exist, and
/// the certificate.
///
/// # Errors
/// [`Failure::Keys`], [`Failure::Certificate`].
pub fn check_keys(config: &Config) -> Result<(), Failure> {
    Edge::open(config)?;
    if config.mode == ProcessMode::Production {
        Keys::load(&config.keys_directory(), false)?;
    }
    Ok(())
}

/// Checks the files that a connection to a ledger elsewhere needs.
///
/// # Errors
/// [`Failure::Setting`].
pub fn check_ledger(config: &Config, base: &Path) -> Result<(), Failure> {
    if config.ledger.is_remote() {
        ledger::settings(config, base, &[])?;
    }
    Ok(())
}

/// The token that askers of the admin listener bear, when they need one.
///
/// # Errors
/// [`Failure::Setting`].
pub fn admin_token(config: &Config, base: &Path) -> Result<Option<Token>, Failure> {
    let Some(file) = config.admin.token_file() else { return Ok(None) };
    let token = Token::read(&base.join(file));
    Ok(Some(token.map_err(|bad| Failure::setting("admin.token_file", bad.to_string()))?))
}

/// Runs a gateway until it is told to stop; `outside` is asked again at each SIGHUP.
///
/// # Errors
/// [`Failure`], before anything was promised.
pub fn run(
    config: Config,
    base: &Path,
    release_in: Option<Duration>,
    outside: Outside,
) -> Result<(), Failure> {
    let shown: &[&str] = if config.ledger.is_remote() {
        &["gateway_", "ledger_client_"]
    } else {
        &["gateway_", "ledger_"]
    };
    let metrics =
        recorder::install(shown).map_err(|error| Failure::setting("metrics", error.to_string()))?;
    metrics::gauge!(table::BUILD_INFO.name, "program" => "gateway", "version" => env!("CARGO_PKG_VERSION"))
        .set(1.0);
    let authorities = authorities(&config, base)?;
    let is_demo = config.mode == ProcessMode::Demo;
    let keys = Keys::load(&config.keys_directory(), is_demo)?;
    let admissions = Admissions::new(&config)?;
    let edge = Edge::open(&config)?;
    let token = admin_token(&config, base)?.map(|token| Arc::new(CurrentToken::new(token)));
    // Every port first: a second process must not come so far as to answer anybody.
    let sockets = Sockets::bind(&config, lane_count(&config))?;
    let ledger = LedgerOfProcess::open(&config, base, authorities.clone(), release_in)?;
    let runtime = runtime()?;
    let mut way = ledger.way_of_bystander()?;
    runtime.spawn(std::mem::replace(&mut way.driver, Box::pin(std::future::ready(()))));
    let introduction = ledger.introduce(admissions.endpoint(), keys.peppers.ids(), &way);
    let introduced = runtime.block_on(introduction)?;
    let demonstration = release_in.map(|pause| demand::moment_of(now(), pause));
    let demands = Arc::new(Demands::new(demonstration));
    runtime.block_on(peaks::begin(admissions.endpoint(), Arc::clone(&demands)))?;
    let lasting = Lasting { demands, edge: Arc::new(edge) };
    let app = Arc::new(wire(config, authorities, keys, lasting, None)?);
    let (stop, stopped) = watch::channel(false);
    let Sockets { public, admin, hub } = sockets;
    let (lanes, standings) = start_lanes(&app, &ledger, &admissions, public, &stopped)?;
    let reloader = Arc::new(Reloader::new(outside, standings, ledger.core(), token.clone()));
    let outcome = runtime.block_on(async {
        let look = ledger.look(app.edge.clone());
        let around = Around { metrics, look, admin, token, hub, reloader };
        let outcome = supervise(&app, &way, introduced, &admissions, around).await;
        // Whatever ended the supervision, the lanes finish what they have promised. Until then
        // health is told here, and the stand-in hub answers.
        let _ = stop.send(true);
        if tokio::task::spawn_blocking(|| join(lanes)).await.is_err() {
            tracing::error!("the lanes could not be waited for");
        }
        outcome
    });
    // Whoever had work there is done; what is pending is committed now.
    drop((way, runtime));
    ledger.shutdown();
    tracing::info!(target: LIFECYCLE, "stopped");
    outcome
}

/// How many runtimes serve.
fn lane_count(config: &Config) -> usize {
    match config.server.threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads => threads,
    }
}

fn start_lanes(
    app: &Arc<App>,
    ledger: &LedgerOfProcess,
    admissions: &Admissions,
    listeners: Vec<TcpListener>,
    stopped: &watch::Receiver<bool>,
) -> Result<(Vec<JoinHandle<()>>, Standings), Failure> {
    let settings = &app.config.server;
    let count = listeners.len();
    let (mut lanes, mut standings) = (Vec::new(), Vec::new());
    for (number, listener) in listeners.into_iter().enumerate() {
        let runtime = runtime()?;
        let way = ledger.way()?;
        let admission = {
            let _inside = runtime.enter();
            admissions.handle()?
        };
        let lane = Lane {
            app: Arc::clone(app),
            ledger: way.ledger,
            admission,
            hub: Arc::new(provider::of(app)?),
        };
        let demands = Arc::clone(&app.demands);
        let standing = Arc::new(Standing::new(lane));
        standings.push(Arc::clone(&standing));
        let stop = stopped.clone();
        let max_connections = settings.max_connections.div_ceil(count);
        let drain = Duration::from_secs(settings.drain_seconds);
        let work = move || {
            runtime.spawn(way.driver);
            runtime.spawn(measures::watch_lag());
            if number == 0 {
                runtime.spawn(demand::watch(demands));
            }
            let serving = server::serve(standing, listener, max_connections, drain, stop);
            if let Err(error) = runtime.block_on(serving) {
                tracing::error!(%error, "a lane ended");
            }
        };
        let thread = std::thread::Builder::new().name(format!("talon-lane-{number}"));
        lanes.push(thread.spawn(work).map_err(Failure::system("a thread"))?);
    }
    Ok((lanes, standings))
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::system("a runtime"))
}

fn join(lanes: Vec<JoinHandle<()>>) {
    for lane in lanes {
        if lane.join().is_err() {
            tracing::error!("a lane had panicked");
        }
    }
}

/// What stands around the lanes.
struct Around {
    metrics: PrometheusHandle,
    look: Look,
    admin: TcpListener,
    token: Option<Arc<CurrentToken>>,
    hub: Option<TcpListener>,
    reloader: Arc<Reloader>,
}

/// Runs what is not a lane: admin listener, stand-ins, tidying; returns when told to stop. What it
/// started goes on as long as the runtime does.
async fn supervise(
    app: &Arc<App>,
    way: &Way,
    introduced: Option<()>,
    admissions: &Admissions,
    around: Around,
) -> Result<(), Failure> {
    let Around { metrics, look, admin, token, hub, reloader } = around;
    tokio::spawn(tidy(Arc::clone(&reloader), Arc::clone(admissions.local())));
    tokio::spawn(upkeep(metrics.clone()));
    app.edge.follow();
    #[cfg(feature = "demo")]
    if let Some(listener) = hub {
        crate::demo::start_hub(&app.config, &app.keys.hub_client_secret, listener)
            .map_err(|error| Failure::setting("hub", error.to_string()))?;
    }
    #[cfg(not(feature = "demo"))]
    drop(hub);
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::system("a signal"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::system("a signal"))?;
    let hangup = signal(SignalKind::hangup()).map_err(Failure::system("a signal"))?;
    tokio::spawn(reload::at_each(hangup, reloader));
    let address = app.config.admin.listen;
    let listener = tokio::net::TcpListener::from_std(admin)
        .map_err(Failure::system(format!("admin.listen {address}")))?;
    let serving = Arc::new(AtomicBool::new(true));
    let router = admin::router(Admin {
        ledger: Arc::clone(&way.ledger),
        notes: notes(way),
        look,
        serving: Arc::clone(&serving),
        metrics,
        token,
    });
    tokio::spawn(admin::serve(listener, router));
    tracing::info!(target: LIFECYCLE, origin = app.origin, admin = %address, "booking is open");
    service::is_ready();
    let (redis, peppers) = (admissions.endpoint(), app.keys.peppers.ids());
    let introduction = ledger::introduce_unless(introduced, redis, peppers, way);
    let outcome = tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        Err(failure) = introduction => Err(failure),
    };
    tracing::info!(target: LIFECYCLE, "stopping: finishing what is under way");
    service::is_stopping();
    // Relaxed: a flag of its own.
    serving.store(false, Ordering::Relaxed);
    outcome
}

/// What the ledger elsewhere said of its files. It decides by its own files whatever ours are, so this is no
/// reason to turn people away.
fn notes(way: &Way) -> Notes {
    let remote = way.remote.clone();
    Arc::new(move || {
        let differing = remote.iter().flat_map(Remote::differing_files);
        let line = |authority| format!("the ledger has other files for authority {authority}");
        differing.map(line).collect()
    })
}

async fn tidy(reloader: Arc<Reloader>, local: Arc<EmbeddedStore>) {
    let mut every = tokio::time::interval(TIDY_EVERY);
    loop {
        every.tick().await;
        let app = reloader.app();
        app.fence.tidy();
        app.login_fence.tidy();
        local.sweep();
    }
}

async fn upkeep(metrics: PrometheusHandle) {
    let mut every = tokio::time::interval(UPKEEP_EVERY);
    loop {
        every.tick().await;
        metrics.run_upkeep();
    }
}
