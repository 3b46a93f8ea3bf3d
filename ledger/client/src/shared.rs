//! What callers see of a connection: whether it is there, to whom, and how the ledger is.
//!
//! Written by the driver, read by callers. Must not know sockets.

use parking_lot::Mutex;
use talon_domain::ids::AuthorityId;
use talon_wire::hello::Welcome;
use talon_wire::{Finding, Health};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::HEALTH_HOLDS;
use crate::connect::ConnectError;

/// The name of the check that the connection is.
const CHECK: &str = "ledger connection";

#[derive(Default)]
pub(crate) struct Shared {
    health: Mutex<Option<(Health, Instant)>>,
    /// Why there is no connection.
    problem: Mutex<Option<String>>,
    differing: Mutex<Vec<AuthorityId>>,
    first: watch::Sender<Option<Result<Welcome, ConnectError>>>,
}

impl Shared {
    pub(crate) fn connected(&self, welcome: Welcome, differing: Vec<AuthorityId>) {
        *self.problem.lock() = None;
        *self.differing.lock() = differing;
        self.first.send_if_modified(|first| {
            let is_first = !matches!(first, Some(Ok(_)));
            if is_first {
                *first = Some(Ok(welcome));
            }
            is_first
        });
    }

    /// There is no connection, and what was known of the ledger's health is no more.
    pub(crate) fn disconnected(&self, problem: String) {
        *self.health.lock() = None;
        *self.problem.lock() = Some(problem);
    }

    /// No retry will help before somebody changes a configuration.
    pub(crate) fn misconfigured(&self, error: &ConnectError) {
        self.first.send_if_modified(|first| {
            let is_first = first.is_none();
            if is_first {
                *first = Some(Err(error.clone()));
            }
            is_first
        });
    }

    pub(crate) fn heard(&self, health: Health, now: Instant) {
        *self.health.lock() = Some((health, now));
    }

    pub(crate) fn health(&self, now: Instant) -> Health {
        let (mut health, problem) = match &*self.health.lock() {
            Some((health, at)) if now.duration_since(*at) <= HEALTH_HOLDS => (health.clone(), None),
            Some(_) => (Health { checks: Vec::new() }, Some("the ledger is silent".to_owned())),
            None => {
                let problem = self.problem.lock().clone();
                let problem = problem.unwrap_or_else(|| "connecting".to_owned());
                (Health { checks: Vec::new() }, Some(problem))
            }
        };
        let finding = problem.map_or(Finding::Good, Finding::Failed);
        health.checks.push((CHECK.to_owned(), finding));
        health
    }

    pub(crate) fn differing_files(&self) -> Vec<AuthorityId> {
        self.differing.lock().clone()
    }

    pub(crate) async fn welcome(&self) -> Result<Welcome, ConnectError> {
        let mut first = self.first.subscribe();
        let known = first.wait_for(Option::is_some).await;
        known.ok().and_then(|known| known.clone()).expect("the sender is in `self`")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn health_is_the_ledgers_last_word_until_that_is_old() {
        let (shared, now) = (Shared::default(), Instant::now());
        assert!(!shared.health(now).is_ready());
        let checks = vec![("journal".to_owned(), Finding::Impaired("slow".to_owned()))];
        shared.heard(Health { checks: checks.clone() }, now);
        let health = shared.health(now + HEALTH_HOLDS);
        assert!(health.is_ready());
        assert_eq!(health.checks[..1], checks);
        let later = now + HEALTH_HOLDS + Duration::from_millis(1);
        assert!(!shared.health(later).is_ready());
        shared.disconnected("it is gone".to_owned());
        let gone = (CHECK.to_owned(), Finding::Failed("it is gone".to_owned()));
        assert_eq!(shared.health(now).checks, [gone]);
    }
}
