//! A rehearsal of a release: a gateway is started, everybody comes, the date opens, and afterwards the
//! gateway is killed, started again and held to its word, and so is its journal.
//!
//! Owns the order. Must not know how anybody behaves (that is [`crate::personas`]) and must not judge
//! (that is [`crate::check`], [`crate::journal`] and [`crate::report`]). Called by the binary.
//!
//! Map: `options` is what can be told; `configuration` writes the gateway's; `stage` finds what
//! everybody wants and makes their sessions; `cast` sends everybody on; `aftermath` asks again.

mod addresses;
mod aftermath;
mod cast;
mod configuration;
mod demo;
mod options;
mod stage;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::time::Instant;

pub use self::aftermath::Finding;
pub use self::demo::demo;
pub use self::options::Options;
use crate::client::Client;
use crate::gateway::Gateway;
use crate::measure::Recorder;
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
    let launch = options.launch(scenario, config);
    let started_at = jiff::Timestamp::now();
    let gateway = Gateway::start(&launch).await?;
    let client = Client::new(gateway.base(), IN_FLIGHT_PER_DEVICE);
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
    let mut cast = cast::send(scenario, &stage, gateway.base(), sessions, begins_at);
    let deadline = stage.goal.ends_at + END_GRACE;
    loop {
        tokio::select! {
            next = cast.join_next() => match next {
                Some(ended) => ended.context("an actor panicked")?,
                None => break,
            },
            () = tokio::time::sleep_until(deadline) => anyhow::bail!("an actor does not end"),
        }
        ensure!(gateway.is_running()?, "the gateway ended by itself\n{}", gateway.log_tail());
    }
    let places = aftermath::places(&stage);
    let finding = aftermath::look(&launch, options, &stage, gateway).await?;
    let stage = Arc::into_inner(stage).context("an actor goes on after the end")?;
    Ok(Report::new(scenario, started_at, &stage, &places, finding))
}
