//! The kill test: clients book under load and write down each confirmation; SIGKILL; the gateway is
//! started again and held to its word.
//!
//! Owns the order of a round and its report. Must not judge (that is [`crate::check`]) and must not look
//! into the journal (that is `talon-ledger verify`, run as a program). Called by the binary.
//!
//! Map: `trigger` kills at the right moment; `scenery` chooses the places that are fought over; `load`
//! is the fight. The process itself, what the clients were told, asking again and the judgement are
//! shared with the rehearsal: `crate::{gateway, history, inquiry, check}`.

mod load;
mod options;
mod scenery;
mod trigger;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use self::load::{Clients, Load};
pub use self::options::Options;
use self::trigger::Trigger;
use crate::check::{Capacity, Limits, check};
use crate::client::Client;
use crate::gateway::{self, Gateway};
use crate::history::{self, History};
use crate::inquiry;

/// The authority whose places are booked.
const AUTHORITY: &str = "mvs";
/// The demo's policy: how many bookings a person may make in a month, cancelled ones included.
const LIMITS: Limits = Limits { per_month: 4, live_per_service: 1 };
/// SIGKILL comes this long after the first confirmation of the round, in every second round or so in
/// the instant of the next confirmation.
const KILL_AFTER_MS: std::ops::Range<u64> = 50..1_000;
/// How long that next confirmation is waited for.
const NEXT_CONFIRMATION_TIMEOUT: Duration = Duration::from_secs(1);
/// How often the rounds look whether what they wait for has come.
const LOOK_PAUSE: Duration = Duration::from_millis(1);
/// How long a round waits for its first confirmation.
const FIRST_CONFIRMATION_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the last clients may take to notice that the gateway is gone.
const CLIENTS_END_TIMEOUT: Duration = Duration::from_secs(30);
/// A round that shows nothing is repeated this often before the test fails.
const MAX_EMPTY_ROUNDS: u32 = 3;
/// How many broken promises are shown; the first ones are enough to look for the cause.
const MAX_SHOWN: usize = 20;
/// How many requests the clients have open at once, per client: a booking may be sent twice.
const IN_FLIGHT_PER_CLIENT: usize = 2;

/// What lives across the rounds.
struct Run<'a> {
    options: &'a Options,
    random: StdRng,
    history: Arc<Mutex<History>>,
    capacity: Capacity,
    /// The next synthetic person who has not booked anything.
    next_person: Arc<Mutex<u32>>,
    offices_seen: usize,
}

/// What one round did.
struct Report {
    killed_after: Duration,
    in_flight: usize,
    confirmed: usize,
    cancelled: usize,
    refused: usize,
    unanswered: usize,
    found_later: usize,
    persons: usize,
    restart: Duration,
    verify: Duration,
}

/// Runs the test.
///
/// # Errors
/// When a promise was broken, with the facts; when the programs do not run; when a round could not
/// show anything.
pub async fn run(options: &Options) -> Result<()> {
    let seed = options.seed.unwrap_or_else(rand::random);
    println!("kill: {} rounds, {} clients, --seed {seed}", options.rounds, options.clients);
    ensure!(options.rounds > 0, "no round, nothing shown");
    gateway::prepare_work_dir(&options.work_dir)?;
    let log = gateway::create(&options.work_dir.join("confirmations.jsonl"))?;
    let mut run = Run {
        options,
        random: StdRng::seed_from_u64(seed),
        history: Arc::new(Mutex::new(History::new(Box::new(log)))),
        capacity: Capacity::default(),
        next_person: Arc::new(Mutex::new(options.first_person)),
        offices_seen: 0,
    };
    let start = Instant::now();
    let mut confirmed = 0;
    for round in 1..=options.rounds {
        let report = run.round_that_counts(round).await.with_context(|| {
            format!("round {round}, --seed {seed}, everything is in {}", options.work_dir.display())
        })?;
        confirmed += report.confirmed;
        println!("round {round}/{}: {report}", options.rounds);
    }
    for (slug, times) in run.history().refusals() {
        println!("refused: {times} × {slug}");
    }
    println!(
        "kill: {} rounds passed in {:.0} s; {confirmed} confirmations, none lost, no place twice",
        options.rounds,
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

impl Run<'_> {
    /// A round without a confirmation, or with nothing in flight when the process died, shows
    /// nothing: it is repeated, and a test that only has such rounds fails.
    async fn round_that_counts(&mut self, round: u32) -> Result<Report> {
        for _ in 0..MAX_EMPTY_ROUNDS {
            let report = self.round().await?;
            if report.confirmed > 0 && report.in_flight > 0 {
                return Ok(report);
            }
            println!("round {round} shows nothing and is repeated: {report}");
        }
        bail!("{MAX_EMPTY_ROUNDS} rounds without a confirmation, or killed while nothing was asked")
    }

    async fn round(&mut self) -> Result<Report> {
        let before = self.counts();
        let (killed_after, in_flight) = self.load_and_kill().await?;
        let counts = self.counts().since(before);

        let restart = Instant::now();
        let gateway =
            Gateway::start(&self.options.launch()).await.context("starting after SIGKILL")?;
        let restart = restart.elapsed();
        let client = self.client(&gateway);
        let (persons, found_later) = self.inquire(&client).await?;
        gateway.kill()?;

        let verify = Instant::now();
        gateway::verify(&self.options.ledger, &self.options.data_dir())?;
        Ok(Report {
            killed_after,
            in_flight,
            confirmed: counts.confirmed,
            cancelled: counts.cancelled,
            refused: counts.refused,
            unanswered: counts.unanswered,
            found_later,
            persons,
            restart,
            verify: verify.elapsed(),
        })
    }

    /// Gives when the process was killed, after the first confirmation, and how many bookings were
    /// on their way then.
    async fn load_and_kill(&mut self) -> Result<(Duration, usize)> {
        let gateway = Gateway::start(&self.options.launch()).await?;
        let client = self.client(&gateway);
        let places =
            scenery::choose(&client, &mut self.offices_seen, &mut self.capacity, &mut self.random)
                .await
                .context("reading what is free")?;
        let before = self.counts().confirmed;
        let trigger = Arc::new(Trigger::new(gateway.process()));
        let load = Load {
            client,
            places: Arc::new(places),
            history: Arc::clone(&self.history),
            next_person: Arc::clone(&self.next_person),
            end_of_persons: self.options.end_of_persons(),
            trigger: Arc::clone(&trigger),
        };
        let mut clients = load.start(self.options.clients, &mut self.random).await?;
        self.wait_for_confirmation(before, &gateway, &mut clients).await?;
        let first = Instant::now();
        let pause = Duration::from_millis(self.random.random_range(KILL_AFTER_MS));
        tokio::time::sleep(pause).await;
        ensure!(gateway.is_running()?, "the gateway ended by itself\n{}", gateway.log_tail());
        if self.random.random() {
            trigger.arm();
            let deadline = Instant::now() + NEXT_CONFIRMATION_TIMEOUT;
            while !trigger.is_over() && Instant::now() < deadline {
                tokio::time::sleep(LOOK_PAUSE).await;
            }
        }
        trigger.pull(|| self.history().in_flight())?;
        gateway.kill()?;
        clients.end(CLIENTS_END_TIMEOUT).await?;
        let shot = trigger.shot().expect("it has just been pulled");
        Ok((shot.at.duration_since(first), shot.in_flight))
    }

    /// Waits until somebody has a confirmation more than `before`, or nobody books any more.
    async fn wait_for_confirmation(
        &self,
        before: usize,
        gateway: &Gateway,
        clients: &mut Clients,
    ) -> Result<()> {
        let deadline = Instant::now() + FIRST_CONFIRMATION_TIMEOUT;
        while self.counts().confirmed == before {
            ensure!(gateway.is_running()?, "the gateway ended by itself\n{}", gateway.log_tail());
            if Instant::now() > deadline || clients.all_ended()? {
                break;
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
        Ok(())
    }

    /// Asks for everything again and compares; gives how many persons were asked, and how many
    /// bookings were there although nobody had been told.
    async fn inquire(&mut self, client: &Client) -> Result<(usize, usize)> {
        let questions =
            history::lock(&self.history).questions(&mut self.random, self.options.clients);
        let observed =
            inquiry::ask(client, AUTHORITY, questions, self.options.clients, &self.capacity)
                .await
                .context("asking after the restart")?;
        let mut history = self.history();
        let violations = check(&history, &observed, &self.capacity, LIMITS);
        if !violations.is_empty() {
            for violation in violations.iter().take(MAX_SHOWN) {
                println!("VIOLATION {violation}");
            }
            bail!("{} promises were broken", violations.len());
        }
        let found_later = history.settle(&observed);
        Ok((observed.bookings.len(), found_later))
    }

    fn client(&self, gateway: &Gateway) -> Client {
        Client::new(gateway.address().clone(), self.options.clients * IN_FLIGHT_PER_CLIENT)
    }

    fn counts(&self) -> history::Counts {
        self.history().counts()
    }

    fn history(&self) -> std::sync::MutexGuard<'_, History> {
        history::lock(&self.history)
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} confirmed, {} cancelled, {} refused; killed {} ms after the first with {} asked; \
             {} unanswered, {} of them booked; back in {} ms; {} persons asked; verified in {} ms",
            self.confirmed,
            self.cancelled,
            self.refused,
            self.killed_after.as_millis(),
            self.in_flight,
            self.unanswered,
            self.found_later,
            self.restart.as_millis(),
            self.persons,
            self.verify.as_millis(),
        )
    }
}
