//! `talon-ledger serve`: a ledger for gateways in other processes, from its configuration to its
//! exit code.
//!
//! Owns the flags and the life of the process. Must not know frames or commands.

mod config;

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use metrics_exporter_prometheus::PrometheusHandle;
use rustls::ServerConfig;
use talon_domain::ids::AuthorityId;
use talon_journal::JournalKind;
use talon_ledger::core::{Authority, BadLedger};
use talon_ledger::embedded::Embedded;
use talon_ledger::load::{self, BadAuthority};
use talon_ledger::open::{
    self, EXIT_CONFIG, EXIT_JOURNAL, EXIT_SYSTEM, Keep, LIFECYCLE, OpenFailure,
};
use talon_ledger::serve::tls::{BadTls, server_config};
use talon_ledger::serve::{self, Bounds, Server};
use talon_telemetry::admin::{self, Admin, BadToken, CurrentToken, Look, Token};
use talon_telemetry::logs::{BadLog, Logs};
use talon_telemetry::spans::{BadTraces, Traces};
use talon_telemetry::{recorder, service, table};
use talon_wire::Ledger;
use talon_wire::hello::{Mode, Welcome};
use tokio::signal::unix::{SignalKind, signal};

use config::{BadConfig, Config};

/// How often the metrics are tidied.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// What to serve.
#[derive(Args)]
pub(crate) struct Flags {
    /// The configuration file; `configs/ledger.example.toml` shows every key.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Address and port for gateways, instead of the file's.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where the journal lives, instead of the file's.
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,
    /// Address and port for health and metrics, instead of the file's.
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<SocketAddr>,
}

/// Why a ledger does not serve.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] BadConfig),
    #[error(transparent)]
    Authority(#[from] BadAuthority),
    #[error("tls: {0}")]
    Tls(#[from] BadTls),
    #[error("admin.token_file: {0}")]
    Token(#[from] BadToken),
    #[error(transparent)]
    Open(#[from] OpenFailure),
    #[error(transparent)]
    Reload(#[from] BadLedger),
    #[error(transparent)]
    Log(#[from] BadLog),
    #[error(transparent)]
    Traces(#[from] BadTraces),
    #[error("{action}: {source}")]
    System { action: String, source: std::io::Error },
    #[error("the journal failed: {0}")]
    Journal(talon_journal::JournalFailure),
}

impl Failure {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_)
            | Self::Authority(_)
            | Self::Tls(_)
            | Self::Token(_)
            | Self::Reload(_) => EXIT_CONFIG,
            Self::Open(failure) => failure.exit_code(),
            Self::Log(_) | Self::Traces(_) | Self::System { .. } => EXIT_SYSTEM,
            Self::Journal(_) => EXIT_JOURNAL,
        }
    }

    fn system(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let action = action.into();
        |source| Self::System { action, source }
    }
}

/// Which configuration to check.
#[derive(Args)]
pub(crate) struct Checked {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Checks the configuration and the files that it names; says what a start would say.
pub(crate) fn check(checked: &Checked) -> ExitCode {
    let check = || -> Result<Parts, Failure> {
        let config = Config::read(&checked.config)?;
        let file = checked.config.display().to_string();
        config.check().map_err(|problem| BadConfig { file, problem })?;
        parts(&config, checked.config.parent().unwrap_or(Path::new(".")))
    };
    match check() {
        Ok(parts) => {
            // With nobody left to read it, the exit code still says it.
            let count = parts.authorities.len();
            let _ = writeln!(std::io::stdout(), "the configuration is good: {count} authorities");
            ExitCode::SUCCESS
        }
        Err(failure) => refuse(&failure),
    }
}

fn refuse(failure: &Failure) -> ExitCode {
    // With nobody left to read it, the exit code still says it.
    let _ = writeln!(std::io::stderr(), "talon-ledger: {failure}");
    ExitCode::from(failure.exit_code())
}

/// Serves until told to stop.
pub(crate) fn main(flags: &Flags) -> ExitCode {
    match run(flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => refuse(&failure),
    }
}

fn run(flags: &Flags) -> Result<(), Failure> {
    let config = configure(flags)?;
    let logs = Logs::start(&config.log)?;
    let traces = Traces::start(&config.traces.settings(), "talon-ledger")?;
    let outcome = serve(flags, &config, &logs);
    traces.finish();
    logs.report();
    outcome
}

fn serve(flags: &Flags, config: &Config, logs: &Logs) -> Result<(), Failure> {
    let base = flags.config.parent().unwrap_or(Path::new("."));
    let Parts { authorities: served, tls, token } = parts(config, base)?;
    let metrics = recorder::install(&["ledger_"])
        .map_err(|error| Failure::system("metrics")(std::io::Error::other(error)))?;
    let version = env!("CARGO_PKG_VERSION");
    metrics::gauge!(table::BUILD_INFO.name, "program" => "ledger", "version" => version).set(1.0);
    // The ports first: a second process must not come so far as to touch the journal.
    let bind = |key: &str, address: SocketAddr| {
        TcpListener::bind(address).map_err(Failure::system(format!("{key} {address}")))
    };
    let (listener, admin) =
        (bind("listen", config.listen)?, bind("admin.listen", config.admin.listen)?);
    let kind = match config.mode {
        Mode::Demo => JournalKind::Demo,
        Mode::Production => JournalKind::Production,
    };
    let keep = Keep {
        kind,
        segment_bytes: config.journal.segment_bytes,
        snapshot_every_segments: config.journal.snapshot_every_segments,
        commit_by: config.journal.commit_by,
        release_in: None,
    };
    let directory = config.data_dir.join("journal");
    let running = open::open(&directory, &keep, served)?;
    let welcome = Welcome {
        mode: config.mode,
        journal: running.recovery.journal.to_string(),
        build: env!("CARGO_PKG_VERSION").to_owned(),
        files: Vec::new(),
    };
    let lanes = match config.threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads => threads,
    };
    let settings = serve::Settings { welcome, tls, lanes, bounds: Bounds::default() };
    let server =
        Server::start(&running.ledger, listener, settings).map_err(Failure::system("threads"))?;
    let token = token.map(|token| Arc::new(CurrentToken::new(token)));
    let reload = || {
        // Where its file is, is not changed by a reload; what is in it may be.
        let new_token = admin_token(config, base)?;
        let config = configure(flags)?;
        let authorities = authorities(&config, base)?;
        let changed = running.ledger.core().reload(authorities)?;
        if let (Some(current), Some(new)) = (&token, new_token) {
            current.replace(new);
        }
        logs.change(&config.log);
        Ok(changed)
    };
    let observed = running.observed();
    let shown =
        Shown { metrics, look: Arc::new(move || observed.look()), admin, token: token.clone() };
    supervise(&running.ledger, server, shown, reload)?;
    running.shutdown().map_err(Failure::Journal)?;
    tracing::info!(target: LIFECYCLE, "stopped");
    Ok(())
}

/// What the files say that a configuration names.
struct Parts {
    authorities: Vec<Authority>,
    tls: Option<Arc<ServerConfig>>,
    token: Option<Token>,
}

/// Reads all of them; paths are relative to `base`.
fn parts(config: &Config, base: &Path) -> Result<Parts, Failure> {
    let authorities = authorities(config, base)?;
    let tls = config.tls.as_ref().map(|tls| {
        let [certificate, key, ca] =
            [&tls.certificate, &tls.key, &tls.client_ca].map(|file| base.join(file));
        server_config(&certificate, &key, &ca)
    });
    let tls = tls.transpose()?;
    Ok(Parts { authorities, tls, token: admin_token(config, base)? })
}

/// What askers of the admin listener bear, when they need to.
fn admin_token(config: &Config, base: &Path) -> Result<Option<Token>, Failure> {
    let read = |file: &Path| Token::read(&base.join(file));
    Ok(config.admin.token_file().map(read).transpose()?)
}

fn configure(flags: &Flags) -> Result<Config, Failure> {
    let mut config = Config::read(&flags.config)?;
    if let Some(listen) = flags.listen {
        config.listen = listen;
    }
    if let Some(directory) = &flags.data_dir {
        config.data_dir.clone_from(directory);
    }
    if let Some(admin) = flags.admin {
        config.admin.listen = admin;
    }
    let file = flags.config.display().to_string();
    config.check().map_err(|problem| BadConfig { file, problem })?;
    Ok(config)
}

/// The authorities, each under a name of its own.
fn authorities(config: &Config, base: &Path) -> Result<Vec<Authority>, Failure> {
    let mut authorities: Vec<Authority> = Vec::new();
    for files in &config.authorities {
        let next = load::authority(&base.join(&files.catalogue), &base.join(&files.policy))?;
        let is_twin = |other: &Authority| other.catalogue.authority == next.catalogue.authority;
        if authorities.iter().any(is_twin) {
            let id = next.catalogue.authority;
            let file = files.catalogue.display().to_string();
            return Err(BadConfig { file, problem: format!("two authorities have id {id}") }.into());
        }
        authorities.push(next);
    }
    Ok(authorities)
}

/// What the admin listener shows, and where.
struct Shown {
    metrics: PrometheusHandle,
    look: Look,
    admin: TcpListener,
    token: Option<Arc<CurrentToken>>,
}

/// Tells health until told to stop; then lets the server finish.
fn supervise(
    ledger: &Embedded,
    server: Server,
    Shown { metrics, look, admin, token }: Shown,
    reload: impl Fn() -> Result<Vec<AuthorityId>, Failure>,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::system("a runtime"))?;
    let serving = Arc::new(AtomicBool::new(true));
    runtime.block_on(async {
        let (handle, driver) = ledger.bystander();
        tokio::spawn(driver);
        let mut terminate = signal(SignalKind::terminate()).map_err(Failure::system("a signal"))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::system("a signal"))?;
        let mut hangup = signal(SignalKind::hangup()).map_err(Failure::system("a signal"))?;
        admin.set_nonblocking(true).map_err(Failure::system("admin.listen"))?;
        let listener =
            tokio::net::TcpListener::from_std(admin).map_err(Failure::system("admin.listen"))?;
        let ledger: Arc<dyn Ledger> = Arc::new(handle);
        let router = admin::router(Admin {
            ledger,
            notes: Arc::new(Vec::new),
            look,
            serving: Arc::clone(&serving),
            metrics: metrics.clone(),
            token,
        });
        tokio::spawn(admin::serve(listener, router));
        tokio::spawn(async move {
            let mut every = tokio::time::interval(UPKEEP_EVERY);
            loop {
                every.tick().await;
                metrics.run_upkeep();
            }
        });
        tracing::info!(target: LIFECYCLE, address = %server.address(), "the ledger is open");
        service::is_ready();
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                // Nobody but the health listener waits for this thread.
                _ = hangup.recv() => tell(reload()),
            }
        }
        tracing::info!(target: LIFECYCLE, "stopping: answering what is under way");
        service::is_stopping();
        // Relaxed: a flag of its own.
        serving.store(false, Ordering::Relaxed);
        if tokio::task::spawn_blocking(|| server.stop()).await.is_err() {
            tracing::error!("the server could not be waited for");
        }
        Ok(())
    })
}

/// Says what became of a reload: all of it is in force, or none.
fn tell(outcome: Result<Vec<AuthorityId>, Failure>) {
    match outcome {
        Ok(changed) => {
            let policies: Vec<String> = changed.iter().map(ToString::to_string).collect();
            tracing::info!(target: LIFECYCLE, policies = policies.join(" "), "reloaded catalogues and policies");
        }
        Err(refused) => {
            tracing::error!(target: LIFECYCLE, %refused, "a reload is refused; everything stays as it was");
        }
    }
}
