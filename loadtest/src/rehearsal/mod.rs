//! A rehearsal of a release: a gateway is started, everybody comes, the date opens, and afterwards the
//! gateway is killed, started again and held to its word, and so is its journal.
//!
//! Owns the order. Must not know how anybody behaves (that is [`crate::personas`]) and must not judge
//! (that is [`crate::check`], [`crate::journal`] and [`crate::report`]). Called by the binary.
//!
//! Map: `options` is what can be told; `configuration` writes the gateway's; `stage` finds what
//! everybody wants and makes their sessions; `cast` sends everybody on, from `addresses` of their own and with
//! `manners` of their own;
//! `aftermath` asks again; `demo` is the built-in scenario.

mod addresses;
mod aftermath;
mod cast;
mod configuration;
mod demo;
mod manners;
mod options;
mod stage;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use self::aftermath::Finding;
pub use self::demo::demo;
pub use self::options::Options;
use crate::client::Client;
use crate::gateway::{Gateway, Launch};
use crate::measure::Recorder;
use crate::personas::Goal;
use crate::report::Report;
use crate::scenario::Scenario;

/// How long requests under way may take after the end of a run.
const END_GRACE: Duration = Duration::from_secs(25);
/// Requests in flight of one device.
const IN_FLIGHT_PER_DEVICE: usize = 256;

/// Where a rehearsal is, for whoever watches.
#[derive(Clone)]
pub struct Progress {
    /// The numbers so far.
    pub recorder: Arc<Mutex<Recorder>>,
    /// When the date opens.
    pub opens_at: Instant,
    /// When the first people come.
    pub begins_at: Instant,
    /// When the run ends.
    pub ends_at: Instant,
}

/// Runs a rehearsal in a work directory that was prepared; `watch` is told once everybody is ready.
///
/// # Errors
/// When a program does not run or the gateway ends by itself; when the gateway takes so long to start
/// that the release is over. What a rehearsal finds is in its report.
pub async fn run(
    scenario: &Scenario,
    options: &Options,
    watch: impl FnOnce(Progress),
) -> Result<Report> {
    options.check()?;
    let config = configuration::write(scenario, &options.work_dir)?;
    let launch = options.launch(scenario, config)?;
    let started_at = jiff::Timestamp::now();
    let gateway = Gateway::start(&launch).await?;
    let client = Client::new(gateway.address().clone(), IN_FLIGHT_PER_DEVICE);
    let stage = stage::set(scenario, &client).await.context("reading what opens")?;
    let stage = Arc::new(stage);
    let sessions = stage::sessions(scenario, &client)
        .await
        .context("making sessions; `talon` must be a demo build")?;
    let begins_at = stage
        .goal
        .opens_at
        .checked_sub(Duration::from_secs(scenario.release.lead_s))
        .unwrap_or(stage.goal.opens_at);
    ensure!(
        Instant::now() < begins_at,
        "the gateway and the sessions took longer than release.after_s - release.lead_s ({} s): \
         raise release.after_s",
        scenario.release.after_s - scenario.release.lead_s
    );
    watch(Progress {
        recorder: Arc::clone(&stage.recorder),
        opens_at: stage.goal.opens_at,
        begins_at,
        ends_at: stage.goal.ends_at,
    });
    let cast = cast::send(scenario, &stage, gateway.address(), sessions, begins_at);
    // The date that opens is in the journal from the first start on.
    let again = Launch { release_in: None, ..launch.clone() };
    let restart_at = scenario
        .gateway
        .restart_after_ms
        .map(|after| stage.goal.opens_at + Duration::from_millis(after));
    let (gateway, restarts) =
        until_all_have_gone(cast, gateway, &again, restart_at, &stage.goal).await?;
    let finding = aftermath::look(&again, options, &stage, gateway).await?;
    let places = aftermath::places(&stage);
    let finding = Finding { restarts, ..finding };
    let stage = Arc::into_inner(stage).context("an actor goes on after the end")?;
    Ok(Report::new(scenario, started_at, &stage, &places, finding))
}

/// Waits until everybody has gone, and kills and starts the gateway when it is time; gives how often.
async fn until_all_have_gone(
    mut cast: JoinSet<()>,
    mut gateway: Gateway,
    launch: &Launch,
    mut restart_at: Option<Instant>,
    goal: &Goal,
) -> Result<(Gateway, u64)> {
    let deadline = goal.ends_at + END_GRACE;
    let mut restarts = 0;
    loop {
        tokio::select! {
            next = cast.join_next() => match next {
                Some(ended) => ended.context("an actor panicked")?,
                None => return Ok((gateway, restarts)),
            },
            () = tokio::time::sleep_until(restart_at.unwrap_or(deadline)) => {
                ensure!(restart_at.take().is_some(), "an actor does not end");
                gateway = gateway.restart(launch).await.context("a restart during the run")?;
                restarts += 1;
            }
        }
        ensure!(gateway.is_running()?, "the gateway ended by itself\n{}", gateway.log_tail());
    }
}
