//! Other settings, catalogues, policies and keys for a gateway at work: all of them or none.
//!
//! Everything is read and checked before anything changes; the ledger may still refuse, and then
//! nothing has changed but the certificate, which is followed at any time. Must not know how requests
//! are served.

use std::path::PathBuf;
use std::sync::Arc;

use talon_ledger::core::{BadLedger, Core};
use talon_telemetry::admin::CurrentToken;
use talon_telemetry::table;
use tokio::signal::unix::Signal;

use super::wiring::Lasting;
use super::{Failure, LIFECYCLE, admin_token, authorities, provider, wire};
use crate::app::App;
use crate::config::{BadConfig, Config, ProcessMode};
use crate::identity::keys::Keys;
use crate::standing::Standings;

/// What a gateway asks of the program around it.
pub struct Outside {
    /// Reads the configuration, as at the start; also where its paths are relative to.
    pub read: Box<dyn Fn() -> Result<(Config, PathBuf), BadConfig> + Send + Sync>,
    /// Puts what a configuration says of the log in force.
    pub change_log: Box<dyn Fn(&Config) + Send + Sync>,
}

/// Why a reload is refused.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Config(#[from] BadConfig),
    #[error(transparent)]
    Parts(#[from] Failure),
    #[error(transparent)]
    Ledger(#[from] BadLedger),
}

/// Reloads a running gateway.
pub(super) struct Reloader {
    outside: Outside,
    standings: Standings,
    /// The ledger, when it is in this process; one elsewhere has files and a reload of its own.
    core: Option<Arc<Core>>,
    /// What askers of the admin listener bear, when they need to.
    token: Option<Arc<CurrentToken>>,
}

impl Reloader {
    pub(super) fn new(
        outside: Outside,
        standings: Standings,
        core: Option<Arc<Core>>,
        token: Option<Arc<CurrentToken>>,
    ) -> Self {
        Self { outside, standings, core, token }
    }

    /// What serves now.
    pub(super) fn app(&self) -> Arc<App> {
        let first = self.standings.first().expect("at least one runtime serves");
        Arc::clone(&first.now().lane.app)
    }

    /// Reads everything anew and puts it in force.
    fn reload(&self) {
        let outcome = match self.try_reload() {
            Ok(()) => "done",
            Err(refused) => {
                tracing::error!(target: LIFECYCLE, %refused, "a reload is refused; everything stays as it was");
                "refused"
            }
        };
        metrics::counter!(table::RELOADS.name, "outcome" => outcome).increment(1);
    }

    fn try_reload(&self) -> Result<(), Refused> {
        let (mut config, base) = (self.outside.read)()?;
        let before = self.app();
        let mut later = keep_until_restart(&mut config, &before.config);
        let authorities = authorities(&config, &base)?;
        // A key that is missing now is a mistake: a new one would log everybody out.
        let mut keys = Keys::load(&config.keys_directory(), false).map_err(Failure::from)?;
        if keys.peppers.ids() != before.keys.peppers.ids() {
            // The ledger has to agree first, as it is asked at a start.
            keys.peppers = before.keys.peppers.clone();
            later.push("keys.directory: the peppers");
        }
        let token = admin_token(&config, &base)?;
        let lasting = Lasting::of(&before);
        let app = Arc::new(wire(config, authorities.clone(), keys, lasting, Some(&before))?);
        let hub = Arc::new(provider::of(&app)?);
        // The certificate is followed without a signal too: a good one may come into force although
        // the ledger refuses the rest.
        app.edge.reload().map_err(Failure::from)?;
        let policies = match &self.core {
            Some(core) => core.reload(authorities)?,
            None => Vec::new(),
        };
        for standing in &self.standings {
            standing.change(Arc::clone(&app), Arc::clone(&hub));
        }
        if let (Some(current), Some(token)) = (&self.token, token) {
            current.replace(token);
        }
        (self.outside.change_log)(&app.config);
        for key in later {
            tracing::warn!(target: LIFECYCLE, key, "this setting takes effect at the next start");
        }
        let policies: Vec<String> = policies.iter().map(ToString::to_string).collect();
        tracing::info!(target: LIFECYCLE, policies = policies.join(" "), "reloaded");
        Ok(())
    }
}

/// Reloads at each signal; those that come while one is under way count as one.
pub(super) async fn at_each(mut hangup: Signal, reloader: Arc<Reloader>) {
    while hangup.recv().await.is_some() {
        let reloader = Arc::clone(&reloader);
        // It reads files.
        if tokio::task::spawn_blocking(move || reloader.reload()).await.is_err() {
            tracing::error!("a reload panicked");
        }
    }
}

/// Takes the settings that need a restart from the configuration in force; returns the names of
/// those that differ.
fn keep_until_restart(config: &mut Config, before: &Config) -> Vec<&'static str> {
    let mut later = Vec::new();
    let mut keep = |key: &'static str, differs: bool| {
        if differs {
            later.push(key);
        }
    };
    macro_rules! keep {
        ($($key:literal: $($name:ident).+,)*) => {
            $(
                keep($key, config.$($name).+ != before.$($name).+);
                config.$($name).+.clone_from(&before.$($name).+);
            )*
        };
    }
    keep! {
        "mode": mode,
        "data_dir": data_dir,
        "server.listen": server.listen,
        "server.trusted_proxies": server.trusted_proxies,
        "server.client_address": server.client_address,
        "server.threads": server.threads,
        "tls.certificate": tls.certificate,
        "tls.key": tls.key,
        "server.max_connections": server.max_connections,
        "server.drain_seconds": server.drain_seconds,
        "admin.listen": admin.listen,
        "admin.token_file": admin.token_file,
        "log.format": log.format,
        "traces.endpoint": traces.endpoint,
        "traces.ratio": traces.ratio,
        "journal.segment_bytes": journal.segment_bytes,
        "journal.snapshot_every_segments": journal.snapshot_every_segments,
        "journal.commit_by": journal.commit_by,
        "ledger": ledger,
        "admission.redis_url": admission.redis_url,
        "admission.redis_password_file": admission.redis_password_file,
        "admission.redis_ca": admission.redis_ca,
        "admission.cluster": admission.cluster,
        "admission.buckets": admission.buckets,
        "admission.redis_deadline_ms": admission.redis_deadline_ms,
        "admission.gateways": admission.gateways,
        "admission.degraded_per_second": admission.degraded_per_second,
    }
    if before.mode == ProcessMode::Demo {
        // The stand-in hub listens there, and knows the gateway by these.
        keep! { "hub.origin": hub.origin, "hub.client_id": hub.client_id, }
    }
    later
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layers;

    fn config(text: &str) -> Config {
        let text = format!("mode = \"demo\"\n{text}");
        Layers::from_file("talon.toml", &text).unwrap().finish().unwrap()
    }

    #[test]
    fn settings_that_need_a_restart_are_named_and_stay() {
        let before = config("[server]\nthreads = 2\n");
        let mut after = config(
            "data_dir = \"/elsewhere\"\n[server]\nthreads = 3\n[session]\nttl_minutes = 5\n",
        );
        assert_eq!(keep_until_restart(&mut after, &before), ["data_dir", "server.threads"]);
        assert_eq!((after.server.threads, &after.data_dir), (2, &before.data_dir));
        assert_eq!(after.session.ttl_minutes, 5, "this one may change");
        assert!(keep_until_restart(&mut after, &before).is_empty());
    }
}
