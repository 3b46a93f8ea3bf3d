//! After a run: SIGKILL, a new start on the same data, everybody who matters is asked again, and the
//! journal is read.
//!
//! Owns whom to ask and collects the findings. Must not judge. Called by the rehearsal.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::{IN_FLIGHT_PER_DEVICE, Options};
use crate::check::{Capacity, Limits, check_promises};
use crate::client::Client;
use crate::client::words::Booking;
use crate::gateway::{self, Gateway, Launch};
use crate::history::{Cancel, Exchange, Person};
use crate::inquiry;
use crate::journal::{Journal, KINDS};
use crate::personas::Stage;

/// Most persons who are asked again; those with an unanswered booking first.
const MAX_ASKED: usize = 500;
/// How many of them at once.
const ASKED_AT_ONCE: usize = 16;
/// Limits are counted from the journal, which knows the policy.
const NO_LIMITS: Limits = Limits { per_month: usize::MAX, live_per_service: usize::MAX };

/// What was found afterwards.
#[derive(Clone, Debug, Default)]
pub struct Finding {
    /// How many persons were asked again after the restart.
    pub asked: usize,
    /// How many bookings the journal has.
    pub in_journal: usize,
    /// How many of them were moves.
    pub moves: usize,
    /// How often the gateway was killed and started again during the run.
    pub restarts: u64,
    /// Everything that was wrong.
    pub violations: Vec<String>,
    /// How many hand-overs were tried.
    pub hand_overs: u64,
    /// How many of them succeeded: the very place went to the partner.
    pub caught: u64,
}

/// The live bookings of each person, with those that were only told of when asked for again.
pub(super) fn places(stage: &Stage) -> BTreeMap<Person, Vec<Booking>> {
    let mut places: BTreeMap<Person, Vec<Booking>> = BTreeMap::new();
    stage.history(|history| {
        let exchanged = history.exchanged();
        let is_kept =
            |booking: &&Booking| exchanged.get(booking.id.as_str()) != Some(&Exchange::Confirmed);
        for (_, attempt) in history.attempts().filter(|(_, it)| it.cancel != Cancel::Confirmed) {
            for booking in attempt.confirmed.iter().filter(is_kept) {
                places.entry(attempt.person).or_default().push(booking.clone());
            }
        }
    });
    places
}

/// Kills the gateway, starts it again, asks, kills it again and reads its journal.
pub(super) async fn look(
    launch: &Launch,
    options: &Options,
    stage: &Stage,
    running: Gateway,
) -> Result<Finding> {
    running.kill()?;
    let gateway = Gateway::start(launch).await.context("starting after SIGKILL")?;
    let client = Client::new(gateway.address().clone(), IN_FLIGHT_PER_DEVICE);
    let mut questions =
        stage.history(|history| history.questions(&mut StdRng::seed_from_u64(0), ASKED_AT_ONCE));
    // Nobody holds a session of this program under such a number.
    questions.retain(|question| question.person < crate::client::MAX_PEOPLE);
    let unanswered: BTreeSet<Person> = stage.history(|history| {
        let open = history.attempts().filter(|(_, attempt)| attempt.unanswered > 0);
        open.map(|(_, attempt)| attempt.person).collect()
    });
    questions.sort_by_key(|question| !unanswered.contains(&question.person));
    questions.truncate(MAX_ASKED);
    let authority = &stage.goal.authority;
    let observed = inquiry::ask(&client, authority, questions, ASKED_AT_ONCE, &Capacity::default())
        .await
        .context("asking after the restart")?;
    gateway.kill()?;

    let mut finding = Finding { asked: observed.bookings.len(), ..Finding::default() };
    stage.history(|history| {
        let broken = check_promises(history, &observed, NO_LIMITS);
        finding.violations.extend(broken.iter().map(ToString::to_string));
        history.settle(&observed);
    });
    read_journal(options, launch, stage, &mut finding)?;
    Ok(finding)
}

fn read_journal(
    options: &Options,
    launch: &Launch,
    stage: &Stage,
    finding: &mut Finding,
) -> Result<()> {
    let data_dir = launch.data_dir();
    if let Err(error) = gateway::verify(&options.ledger, &data_dir) {
        finding.violations.push(format!("{error:#}"));
    }
    let kinds = KINDS.iter().flat_map(|kind| ["--kind", kind]);
    let tool: Vec<&str> = std::iter::once("inspect").chain(kinds).collect();
    let printed = gateway::read_journal(&options.ledger, &data_dir, &tool)?;
    let journal = Journal::read(&printed)?;
    finding.in_journal = journal.bookings();
    finding.moves = journal.moves();
    let broken = stage.history(|history| journal.check(history));
    finding.violations.extend(broken.iter().map(ToString::to_string));
    let tried = stage.hand_overs.lock().expect("nobody panics while counting");
    for hand_over in tried.iter() {
        finding.hand_overs += 1;
        let place = journal.seat(&hand_over.given_back);
        let caught = hand_over.caught.iter().any(|id| journal.seat(id) == place);
        finding.caught += u64::from(caught);
    }
    Ok(())
}
