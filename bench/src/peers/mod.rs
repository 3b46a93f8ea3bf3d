//! The whole path beside what people use today: real servers on loopback, in interleaved rounds.
//!
//! Owns the variants and their order in a round. Each round starts every server anew on empty data,
//! measures it and ends it, so that whatever else the computer does meets all variants alike; only ratios
//! within a round mean anything, and the median over the rounds is what counts.
//!
//! The HTTP servers (the bare one, nginx, Talon with its Redis and its ledger) share the first core and the
//! load has the others, so requests a second are what one core bears. Processor time is the servers' own, from
//! `/proc`. The databases and their loads have all cores, which is in their favour.

pub(crate) mod bare;
mod databases;
mod disk;
mod load;
pub(crate) mod machine;
mod processes;
mod proofs;
mod site;
mod talon;
mod web;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use databases::{Dates, Redis};
use load::{CONNECTIONS, Figures, Load, What};
pub(crate) use processes::output;
use processes::{Cores, Server};
use talon::{Programs, Talon};

/// Before every measurement, unmeasured.
const WARM_UP_SECONDS: u64 = 1;
/// Persons who are over their limit and ask again: each well below the pace of the local fence, and asked
/// of the ledger again once in five seconds, which is one request of some hundred.
const REFUSED_PERSONS: usize = 5_000;
/// One proof is good for one booking, and there is one for each person: enough for so many bookings a second,
/// for so many seconds at most.
const MAX_PROVED_A_SECOND: u64 = 12_000;
const MAX_PROVED_SECONDS: u64 = 4;
/// Of a token that no server looks into; as long as a session's.
const TOKEN_CHARS: usize = 157;

/// What can be told.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// How many rounds; a median wants five at least.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: u64,
    /// How long each variant is measured in a round.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Only these variants (may be given several times); then nothing is written, only shown.
    #[arg(long, value_name = "VARIANT")]
    only: Vec<Variant>,
    /// The program `talon`, optimised, with the feature `demo`.
    #[arg(long)]
    talon: PathBuf,
    /// The program `talon-ledger`, optimised.
    #[arg(long)]
    ledger: PathBuf,
    /// Where servers keep their data: on a real disk, emptied before and after.
    #[arg(long)]
    work_dir: PathBuf,
}

/// One thing that is measured, in the order of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Variant {
    /// A bare hyper server, requests to book.
    BarePost,
    /// Talon with everything in its process; bookings spread over all days.
    Talon,
    /// The same, everybody at one office and date until it is full.
    TalonOneDay,
    /// Talon with limits and proofs in Redis.
    TalonRedis,
    /// Talon with its ledger in a process of its own.
    TalonRemote,
    /// Talon, each booking with a proof of work that was computed before; what clients compute is not in it.
    TalonProof,
    /// Talon, one connection: how long a booking takes when nobody else asks.
    TalonAlone,
    /// Talon, persons who are known to be over their limit.
    TalonRefusal,
    /// A bare hyper server, reads.
    BareGet,
    /// Talon, days and starts.
    TalonRead,
    /// nginx with limit_req in front of the bare server, requests to book.
    NginxLimit,
    /// PostgreSQL alone, claims spread over a thousand dates.
    PostgresSpread,
    /// PostgreSQL alone, claims on one date.
    PostgresOneDay,
    /// Redis alone, appendfsync always, a Lua script.
    RedisClaim,
    /// SQLite alone, WAL, synchronous FULL.
    Sqlite,
    /// One block and fdatasync, alone.
    Sync,
}

impl Variant {
    pub(crate) fn name(self) -> String {
        self.to_possible_value().expect("no variant is hidden").get_name().to_owned()
    }

    /// What it is, for the table.
    pub(crate) fn description(self) -> String {
        let value = self.to_possible_value().expect("no variant is hidden");
        value.get_help().map(ToString::to_string).unwrap_or_default()
    }

    fn measure(self, context: &Context<'_>) -> Result<Sample> {
        let Context { folder, seconds, .. } = *context;
        match self {
            Self::BarePost => context.bare(What::Spread),
            Self::BareGet => context.bare(What::Read),
            Self::NginxLimit => context.nginx(),
            Self::Talon => context.bookings(What::Spread, &context.embedded()?, None),
            Self::TalonOneDay => context.bookings(What::OneDay, &context.embedded()?, None),
            Self::TalonRedis => {
                let redis = Redis::start(folder, Cores::Servers, false)?;
                let talon = Talon::start(context.programs, folder, Some(&redis.url()))?;
                context.bookings(What::Spread, &talon, Some(&redis.server))
            }
            Self::TalonRemote => {
                let talon = Talon::with_remote_ledger(context.programs, folder)?;
                context.bookings(What::Spread, &talon, None)
            }
            Self::TalonProof => context.proved(),
            Self::TalonAlone => context.alone(),
            Self::TalonRefusal => context.refusals(),
            Self::TalonRead => context.reads(),
            Self::PostgresSpread => databases::postgres(folder, Dates::Many, seconds),
            Self::PostgresOneDay => databases::postgres(folder, Dates::One, seconds),
            Self::RedisClaim => databases::redis_claims(folder, seconds),
            Self::Sqlite => databases::sqlite(folder, seconds),
            Self::Sync => disk::syncs(folder, seconds),
        }
    }
}

/// What one variant did in one round.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    /// Processor time of the servers for each request, but for that of Redis.
    pub(crate) cpu_us: Option<f64>,
    /// That of Redis beside the gateway.
    pub(crate) redis_cpu_us: Option<f64>,
    pub(crate) p50_us: Option<u64>,
    pub(crate) p99_us: Option<u64>,
}

impl Sample {
    fn new(requests: u64, took: Duration, used: Duration) -> Self {
        Self {
            requests,
            seconds: took.as_secs_f64(),
            cpu_us: Some(used.as_secs_f64() * 1e6 / requests as f64),
            redis_cpu_us: None,
            p50_us: None,
            p99_us: None,
        }
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    /// Of the gateway and its Redis.
    pub(crate) fn all_cpu_us(&self) -> Option<f64> {
        Some(self.cpu_us? + self.redis_cpu_us.unwrap_or(0.0))
    }
}

/// All of a run, as it is kept.
#[derive(Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) machine: machine::Machine,
    pub(crate) seconds: u64,
    pub(crate) rounds: Vec<BTreeMap<Variant, Sample>>,
}

/// What a variant needs to be measured.
struct Context<'a> {
    programs: &'a Programs,
    folder: &'a Path,
    seconds: u64,
}

impl Context<'_> {
    fn bare(&self, what: What) -> Result<Sample> {
        let (server, address) = web::bare()?;
        let mut load = Load::new(self.folder, address, &tokens())?;
        self.measure(&mut load, what, CONNECTIONS, &[&server])
    }

    fn nginx(&self) -> Result<Sample> {
        let (bare, behind) = web::bare()?;
        let (nginx, address) = web::nginx(self.folder, behind)?;
        let mut load = Load::new(self.folder, address, &tokens())?;
        self.measure(&mut load, What::Spread, CONNECTIONS, &[&nginx, &bare])
    }

    fn embedded(&self) -> Result<Talon> {
        Talon::start(self.programs, self.folder, None)
    }

    fn bookings(&self, what: What, talon: &Talon, redis: Option<&Server>) -> Result<Sample> {
        let mut load = Load::new(self.folder, talon.address, &talon.sessions(site::PERSONS)?)?;
        let servers: Vec<&Server> = talon.servers().iter().collect();
        let used = || redis.map_or(Ok(Duration::ZERO), Server::processor_time);
        load.run(what, WARM_UP_SECONDS, CONNECTIONS)?;
        let before = used()?;
        let sample = self.measure_warm(&mut load, what, CONNECTIONS, &servers)?;
        let used = used()? - before;
        let redis_cpu_us = redis.map(|_| used.as_secs_f64() * 1e6 / sample.requests as f64);
        Ok(Sample { redis_cpu_us, ..sample })
    }

    fn proved(&self) -> Result<Sample> {
        let talon = Talon::with_proofs(self.programs, self.folder)?;
        let seconds = self.seconds.min(MAX_PROVED_SECONDS);
        let count = MAX_PROVED_A_SECOND * (WARM_UP_SECONDS + seconds);
        let tokens =
            talon.sessions(usize::try_from(count).unwrap_or(usize::MAX).min(site::PERSONS))?;
        let proofs = proofs::solved(talon.address, &tokens)?;
        let mut load = Load::with_proofs(self.folder, talon.address, &tokens, &proofs)?;
        let shorter = Self { seconds, ..*self };
        // A person who comes a second time has no proof left, is refused, and so the round fails.
        shorter.measure(&mut load, What::Spread, CONNECTIONS, &[&talon.servers()[0]])
    }

    fn alone(&self) -> Result<Sample> {
        let talon = self.embedded()?;
        let mut load = Load::new(self.folder, talon.address, &talon.sessions(site::PERSONS)?)?;
        self.measure(&mut load, What::Spread, 1, &[&talon.servers()[0]])
    }

    fn reads(&self) -> Result<Sample> {
        let talon = self.embedded()?;
        let mut load = Load::new(self.folder, talon.address, &tokens())?;
        self.measure(&mut load, What::Read, CONNECTIONS, &[&talon.servers()[0]])
    }

    fn refusals(&self) -> Result<Sample> {
        let talon = self.embedded()?;
        let mut load = Load::new(self.folder, talon.address, &talon.sessions(REFUSED_PERSONS)?)?;
        // Everybody books what they may, and is refused once.
        let wanted = REFUSED_PERSONS as u64 * u64::from(site::BOOKINGS_A_PERSON + 1);
        let (mut asked, mut refused) = (0, 0);
        while refused == 0 || asked < wanted {
            let figures = load.run(What::Spread, WARM_UP_SECONDS, CONNECTIONS)?;
            (asked, refused) = (asked + figures.requests, figures.refused);
        }
        let (figures, used) =
            timed(&talon.servers()[0], || load.run(What::Spread, self.seconds, CONNECTIONS))?;
        ensure!(figures.refused == figures.requests, "somebody was not refused: {figures:?}");
        Ok(figures.sample(used))
    }

    fn measure(
        &self,
        load: &mut Load,
        what: What,
        connections: usize,
        servers: &[&Server],
    ) -> Result<Sample> {
        load.run(what, WARM_UP_SECONDS, connections)?;
        self.measure_warm(load, what, connections, servers)
    }

    fn measure_warm(
        &self,
        load: &mut Load,
        what: What,
        connections: usize,
        servers: &[&Server],
    ) -> Result<Sample> {
        let used = || servers.iter().map(|server| server.processor_time()).sum::<Result<_>>();
        let before: Duration = used()?;
        let figures = load.run(what, self.seconds, connections)?;
        let used = used()? - before;
        ensure!(
            figures.refused == 0 && figures.broken == 0,
            "not everybody was served: {figures:?}"
        );
        Ok(figures.sample(used))
    }
}

/// What `load` did, and the processor time that `server` used meanwhile.
fn timed(server: &Server, load: impl FnOnce() -> Result<Figures>) -> Result<(Figures, Duration)> {
    let before = server.processor_time()?;
    let figures = load()?;
    Ok((figures, server.processor_time()? - before))
}

impl Figures {
    fn sample(&self, used: Duration) -> Sample {
        let sample = Sample::new(self.requests, self.took, used);
        Sample { p50_us: Some(self.p50_us), p99_us: Some(self.p99_us), ..sample }
    }
}

/// What looks like the sessions of as many people as the gateway has.
fn tokens() -> Vec<String> {
    (0..site::PERSONS).map(|person| format!("{person:0TOKEN_CHARS$}")).collect()
}

/// Measures all rounds; with `only`, just shows them.
///
/// # Errors
/// When a server does not start or does not serve.
pub(crate) fn run(options: &Options) -> Result<Option<Results>> {
    let programs = Programs { talon: options.talon.clone(), ledger: options.ledger.clone() };
    let chosen: Vec<Variant> = match options.only.as_slice() {
        [] => Variant::value_variants().to_vec(),
        only => only.to_vec(),
    };
    let machine = machine::Machine::look()?;
    std::fs::create_dir_all(&options.work_dir).context("the work directory")?;
    let (started, mut rounds) = (Instant::now(), Vec::new());
    for round in 1..=options.rounds {
        let mut samples = BTreeMap::new();
        for &variant in &chosen {
            let folder = tempfile::tempdir_in(&options.work_dir).context("a folder for servers")?;
            machine::let_others_in(folder.path())?;
            let (folder, seconds) = (folder.path(), options.seconds);
            let context = Context { programs: &programs, folder, seconds };
            let sample = variant
                .measure(&context)
                .with_context(|| format!("measuring {}", variant.name()))?;
            println!(
                "{round}/{} {:<16} {:>9.0}/s {:>8.2} µs {:>8} µs p50",
                options.rounds,
                variant.name(),
                sample.per_second(),
                sample.all_cpu_us().unwrap_or(f64::NAN),
                sample.p50_us.map_or("-".to_owned(), |p50| p50.to_string()),
            );
            samples.insert(variant, sample);
        }
        rounds.push(samples);
    }
    println!("{} rounds in {:.0} s", rounds.len(), started.elapsed().as_secs_f64());
    let results = Results { machine, seconds: options.seconds, rounds };
    Ok(options.only.is_empty().then_some(results))
}
