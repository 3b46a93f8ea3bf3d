//! The ledger of this process: in it, or at the other end of a connection.
//!
//! Owns which of the two it is, and whose journal that is. Everybody else sees
//! [`talon_wire::Ledger`].

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use talon_domain::ids::PepperId;
use talon_ledger::committing;
use talon_ledger::core::{Authority, Core};
use talon_ledger::embedded::Handle;
use talon_ledger::journal::JournalKind;
use talon_ledger::open::{self, Keep, Running};
use talon_ledger::serve::digests;
use talon_ledger_client::tls::Tls;
use talon_ledger_client::{ConnectError, Remote, Settings};
use talon_telemetry::admin::Look;
use talon_wire::hello::{ClientId, Mode};

use super::{EXIT_JOURNAL, Failure, peppers, redis_owner};
use crate::admission::RedisEndpoint;
use crate::config::{CommitBy, Config, ProcessMode};
use crate::edge::Edge;

/// How long a start waits for a ledger elsewhere; then it goes on without, and is not ready.
const START_GRACE: Duration = Duration::from_secs(3);

/// The ledger of this process.
pub(super) enum LedgerOfProcess {
    /// In it.
    Embedded(Box<Running>),
    /// Elsewhere.
    Remote(Box<Settings>),
}

/// One runtime's way to the ledger.
pub(super) struct Way {
    /// The ledger.
    pub(super) ledger: Arc<dyn talon_wire::Ledger>,
    /// The same, when it is elsewhere.
    pub(super) remote: Option<Remote>,
    /// What that runtime has to run.
    pub(super) driver: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Way {
    fn embedded((handle, driver): (Handle, impl Future<Output = ()> + Send + 'static)) -> Self {
        Self { ledger: Arc::new(handle), remote: None, driver: Box::pin(driver) }
    }
}

impl LedgerOfProcess {
    /// Opens the journal, or reads what a connection needs.
    ///
    /// # Errors
    /// [`Failure`], before anything was promised.
    pub(super) fn open(
        config: &Config,
        base: &Path,
        authorities: Vec<Authority>,
        release_in: Option<Duration>,
    ) -> Result<Self, Failure> {
        if config.ledger.is_remote() {
            if release_in.is_some() {
                let problem = "works with an embedded ledger only".to_owned();
                return Err(Failure::setting("--release-in", problem));
            }
            return Ok(Self::Remote(Box::new(settings(config, base, &authorities)?)));
        }
        let kind = match config.mode {
            ProcessMode::Demo => JournalKind::Demo,
            ProcessMode::Production => JournalKind::Production,
        };
        let segment_bytes = config.journal.segment_bytes;
        let snapshot_every_segments = config.journal.snapshot_every_segments;
        let commit_by = match config.journal.commit_by {
            CommitBy::Auto => committing::CommitBy::Auto,
            CommitBy::Thread => committing::CommitBy::Thread,
        };
        let keep = Keep { kind, segment_bytes, snapshot_every_segments, commit_by, release_in };
        let running = open::open(&config.journal_directory(), &keep, authorities)?;
        Ok(Self::Embedded(Box::new(running)))
    }

    /// The ledger's core, when it is in this process.
    pub(super) fn core(&self) -> Option<Arc<Core>> {
        match self {
            Self::Embedded(running) => Some(Arc::clone(running.ledger.core())),
            Self::Remote(_) => None,
        }
    }

    /// What brings the gauges of this process up to date.
    pub(super) fn look(&self, edge: Arc<Edge>) -> Look {
        let observed = match self {
            Self::Embedded(running) => Some(running.observed()),
            Self::Remote(_) => None,
        };
        Arc::new(move || {
            edge.look();
            if let Some(observed) = &observed {
                observed.look();
            }
        })
    }

    /// A way for one runtime that serves.
    ///
    /// # Errors
    /// [`Failure::System`] when the system gives no randomness.
    pub(super) fn way(&self) -> Result<Way, Failure> {
        match self {
            Self::Embedded(running) => Ok(Way::embedded(running.ledger.handle())),
            Self::Remote(_) => self.way_of_bystander(),
        }
    }

    /// A way for a runtime for which nobody may have to wait.
    ///
    /// # Errors
    /// [`Failure::System`] when the system gives no randomness.
    pub(super) fn way_of_bystander(&self) -> Result<Way, Failure> {
        match self {
            Self::Embedded(running) => Ok(Way::embedded(running.ledger.bystander())),
            Self::Remote(settings) => {
                let mut id = [0; 16];
                getrandom::fill(&mut id)
                    .map_err(|error| Failure::system("randomness")(error.into()))?;
                let (remote, driver) = Remote::new(Settings::clone(settings), ClientId(id));
                let ledger = Arc::new(remote.clone());
                Ok(Way { ledger, remote: Some(remote), driver: Box::pin(driver) })
            }
        }
    }

    /// Makes the Redis of this process that of its journal, as soon as it is known whose that is, and
    /// tells the ledger which peppers there are. Returns nothing when a ledger elsewhere is not reached
    /// in time: [`introduce_later`] goes on.
    ///
    /// # Errors
    /// [`Failure::Setting`] when the Redis is another ledger's, the ledger will not have us, or a
    /// pepper that counts is missing.
    pub(super) async fn introduce(
        &self,
        redis: Option<&RedisEndpoint>,
        peppers: Vec<PepperId>,
        way: &Way,
    ) -> Result<Option<()>, Failure> {
        match (self, &way.remote) {
            (Self::Embedded(running), _) => {
                redis_owner::claim(redis, &running.recovery.journal.to_string()).await?;
                peppers::declare(&*way.ledger, peppers).await.map(Some)
            }
            (Self::Remote(_), Some(remote)) => {
                let claim = introduce_later(redis, peppers, remote.clone());
                match tokio::time::timeout(START_GRACE, claim).await {
                    Ok(claimed) => claimed.map(Some),
                    Err(_) => {
                        tracing::warn!("the ledger is not reached; not ready until it is");
                        Ok(None)
                    }
                }
            }
            (Self::Remote(_), None) => unreachable!("a way to a ledger elsewhere has a remote"),
        }
    }

    /// Commits what is pending and stops; the end of the process when that fails.
    pub(super) fn shutdown(self) {
        if let Self::Embedded(running) = self
            && let Err(failure) = running.shutdown()
        {
            tracing::error!(%failure, "the journal");
            std::process::exit(EXIT_JOURNAL.into());
        }
    }
}

/// Waits for a ledger elsewhere and makes this process's Redis that of its journal: gateways of one
/// ledger share a Redis, and nobody else does.
///
/// # Errors
/// As [`LedgerOfProcess::introduce`].
pub(super) async fn introduce_later(
    redis: Option<&RedisEndpoint>,
    peppers: Vec<PepperId>,
    remote: Remote,
) -> Result<(), Failure> {
    let welcome = remote.welcome().await.map_err(|error| refused(&error))?;
    redis_owner::claim(redis, &welcome.journal).await?;
    peppers::declare(&remote, peppers).await
}

/// The same after a start without the ledger; nothing to do, for ever, after one with it.
///
/// # Errors
/// As [`introduce_later`].
pub(super) async fn introduce_unless(
    introduced: Option<()>,
    redis: Option<&RedisEndpoint>,
    peppers: Vec<PepperId>,
    way: &Way,
) -> Result<(), Failure> {
    match (&way.remote, introduced) {
        (Some(remote), None) => introduce_later(redis, peppers, remote.clone()).await,
        (None, _) | (Some(_), Some(())) => std::future::pending().await,
    }
}

fn refused(error: &ConnectError) -> Failure {
    Failure::setting("ledger.address", error.to_string())
}

/// How the ledger elsewhere is reached.
///
/// # Errors
/// [`Failure::Setting`] when a file of TLS is no good.
pub(super) fn settings(
    config: &Config,
    base: &Path,
    authorities: &[Authority],
) -> Result<Settings, Failure> {
    let ledger = &config.ledger;
    let tls = ledger.has_tls().then(|| {
        let [certificate, key, ca] =
            [&ledger.certificate, &ledger.key, &ledger.ca].map(|file| base.join(file));
        Tls::new(&certificate, &key, &ca, ledger.server_name())
    });
    Ok(Settings {
        address: ledger.address.clone(),
        tls: tls.transpose().map_err(|error| Failure::setting("ledger", error.to_string()))?,
        deadline: Duration::from_millis(ledger.deadline_ms),
        mode: match config.mode {
            ProcessMode::Demo => Mode::Demo,
            ProcessMode::Production => Mode::Production,
        },
        build: env!("CARGO_PKG_VERSION").to_owned(),
        files: digests(authorities),
        journal: Arc::default(),
    })
}
