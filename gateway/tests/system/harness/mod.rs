//! What every whole-system test stands on: the real program as a process, people with browsers,
//! and bounded waiting.
//!
//! Must not know any rule of booking. Called by the tests beside it.

mod browser;
mod ledger;
mod people;
mod process;
mod prometheus;

use std::path::PathBuf;
use std::time::Duration;

pub(crate) use browser::{Ask, Browser, Reply};
pub(crate) use ledger::LedgerServer;
pub(crate) use people::{
    Visit, at_hub, authorize_link, day, log_in, log_in_with, name_of, now_s, somebody, token_with,
};
pub(crate) use process::{Gateway, Launch, free_port, run, shared};
pub(crate) use prometheus::{Prometheus, has_number, number, query_of};

/// How long anything may take on a busy machine; the end of a test that would hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at something that is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A file of the fixtures.
pub(crate) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Looks until there is something to see; panics with `what` when that takes too long.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    match tokio::time::timeout(PATIENCE, looking).await {
        Ok(seen) => seen,
        Err(_) => panic!("waited {PATIENCE:?} in vain: {what}"),
    }
}
