//! The same claim by what people use today: PostgreSQL, Redis and SQLite, each durable before it answers.
//!
//! Owns their schemas, settings and loads. A claim takes any free place of a date for a person, in one round
//! trip, with nothing else around it: no HTTP, no session, no limit, no history. Each has all cores to itself
//! and its own load generator, which is in its favour.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::processes::{Cores, End, Server, command, free_address, output};
use super::{Sample, load::CONNECTIONS};

/// Where Debian has the programs of PostgreSQL, by version.
const POSTGRES: &str = "/usr/lib/postgresql";
/// It does not run as root.
const POSTGRES_USER: &str = "postgres";
const POSTGRES_CLIENTS: u32 = 64;
/// Dates over which claims are spread, and places of each.
const DATES: u32 = 1000;
const PLACES: u32 = 300;
/// Places of the one date that everybody wants.
const HOT_PLACES: u32 = 150_000;
/// Claims of Redis before the measured ones, which say how many those have to be.
const REDIS_TRIAL: u64 = 20_000;

/// The next free place of a date, and who has it.
const REDIS_CLAIM: &str = "local place = redis.call('INCR', KEYS[1]) \
                           if place > 10000000 then return 0 end \
                           redis.call('HSET', KEYS[1] .. ':owners', place, ARGV[1]) return place";

/// Whether claims go to many dates or to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dates {
    Many,
    One,
}

fn psql(bin: &Path, socket: &Path, text: &str) -> Result<String> {
    let mut psql = Command::new(bin.join("psql"));
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", POSTGRES_USER, "-d", "postgres", "-h"])
        .arg(socket)
        .args(["-c", text]);
    output(&mut psql)
}

/// The newest version that is installed.
pub(crate) fn postgres_programs() -> Result<std::path::PathBuf> {
    let versions = std::fs::read_dir(POSTGRES).context("PostgreSQL is not installed")?;
    let newest = versions
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok()?.parse::<u32>().ok())
        .max()
        .context("PostgreSQL is not installed")?;
    Ok(Path::new(POSTGRES).join(newest.to_string()).join("bin"))
}

/// `UPDATE … WHERE id = (SELECT … FOR UPDATE SKIP LOCKED)`, prepared, with 64 clients of pgbench.
pub(crate) fn postgres(folder: &Path, dates: Dates, seconds: u64) -> Result<Sample> {
    let bin = postgres_programs()?;
    let data = folder.join("postgres");
    let (dates_of, places) = match dates {
        Dates::Many => (DATES, PLACES),
        Dates::One => (1, HOT_PLACES),
    };
    let as_user = |program: &str| {
        let mut as_user = command("setpriv", Cores::All);
        as_user.args(["--reuid", POSTGRES_USER, "--regid", POSTGRES_USER, "--init-groups"]);
        as_user.arg(bin.join(program)).arg("-D").arg(&data).env("LC_ALL", "C").current_dir("/");
        as_user
    };
    std::fs::create_dir(&data).context("a folder for PostgreSQL")?;
    output(Command::new("chown").arg(POSTGRES_USER).arg(&data))?;
    output(as_user("initdb").args(["-A", "trust", "--no-sync", "-U", POSTGRES_USER]))?;
    let mut start = as_user("postgres");
    // Durable as it comes; more memory and log than it comes with, so that no checkpoint is in the way.
    start.args(["-c", "listen_addresses=", "-c", "shared_buffers=512MB", "-c"]);
    start.args(["max_wal_size=4GB", "-c", "log_min_messages=fatal", "-k"]).arg(&data);
    let mut server = Server::start("postgres", &mut start, End::Interrupt)?;
    server.wait_until(|| psql(&bin, &data, "SELECT 1").is_ok())?;
    psql(
        &bin,
        &data,
        &format!(
            "CREATE TABLE place (id serial PRIMARY KEY, date int NOT NULL, person bigint); \
             INSERT INTO place (date) SELECT date FROM generate_series(1, {places}), \
             generate_series(1, {dates_of}) AS date; \
             CREATE INDEX free ON place (date, id) WHERE person IS NULL; ANALYZE place; CHECKPOINT"
        ),
    )?;
    let script = folder.join("claim.sql");
    std::fs::write(
        &script,
        format!(
            "\\set date random(1, {dates_of})\n\\set person random(1, 1000000000)\n\
             UPDATE place SET person = :person WHERE id = (SELECT id FROM place WHERE date = :date \
             AND person IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id;\n"
        ),
    )
    .context("the script of pgbench")?;
    let (before, started) = (server.processor_time()?, Instant::now());
    let clients = POSTGRES_CLIENTS.to_string();
    output(
        Command::new(bin.join("pgbench"))
            .args(["-n", "-M", "prepared", "-c", &clients, "-j", "1", "-T", &seconds.to_string()])
            .args(["-U", POSTGRES_USER, "-h"])
            .arg(&data)
            .arg("-f")
            .arg(&script)
            .arg("postgres"),
    )?;
    let (took, used) = (started.elapsed(), server.processor_time()? - before);
    // What was claimed, rather than what ran: an update of nothing is quicker.
    let counted = psql(&bin, &data, "COPY (SELECT count(person) FROM place) TO STDOUT")?;
    let claims: u64 = counted.trim().parse().context("a count")?;
    ensure!(claims < u64::from(dates_of * places), "PostgreSQL ran out of places");
    Ok(Sample::new(claims, took, used))
}

/// A Lua script under `appendfsync always`, with as many clients as the gateway has connections.
pub(crate) fn redis_claims(folder: &Path, seconds: u64) -> Result<Sample> {
    let redis = Redis::start(folder, Cores::All, true)?;
    let hash = redis.cli(&["SCRIPT", "LOAD", REDIS_CLAIM])?;
    let hash = hash.trim();
    let trial = redis.benchmark(REDIS_TRIAL, hash)?;
    let count = (REDIS_TRIAL as f64 / trial.as_secs_f64() * seconds as f64) as u64;
    let before = redis.server.processor_time()?;
    let took = redis.benchmark(count, hash)?;
    Ok(Sample::new(count, took, redis.server.processor_time()? - before))
}

/// A Redis of our own.
pub(crate) struct Redis {
    pub(crate) server: Server,
    address: std::net::SocketAddr,
}

impl Redis {
    pub(crate) fn start(folder: &Path, on: Cores, durable: bool) -> Result<Self> {
        let address = free_address()?;
        let mut start = command("redis-server", on);
        start
            .args(["--bind", &address.ip().to_string(), "--port", &address.port().to_string()])
            .args(["--save", "", "--lazyfree-lazy-expire", "yes", "--appendfsync", "always"])
            .args(["--appendonly", if durable { "yes" } else { "no" }, "--dir"])
            .arg(folder);
        let mut server = Server::start("redis-server", &mut start, End::Kill)?;
        server.wait_for(address)?;
        Ok(Self { server, address })
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    fn cli(&self, arguments: &[&str]) -> Result<String> {
        let mut cli = Command::new("redis-cli");
        cli.args(["-p", &self.address.port().to_string()]).args(arguments);
        output(&mut cli)
    }

    /// How long so many claims take.
    fn benchmark(&self, claims: u64, hash: &str) -> Result<Duration> {
        let mut load = Command::new("redis-benchmark");
        load.args(["-p", &self.address.port().to_string(), "-c", &CONNECTIONS.to_string()])
            .args(["-n", &claims.to_string(), "-r", &DATES.to_string(), "--csv"])
            .args(["EVALSHA", hash, "1", "date:__rand_int__", "person"]);
        let said = output(&mut load)?;
        // The second line is "name","claims a second",…
        let pace = said.lines().nth(1).and_then(|line| line.split("\",\"").nth(1));
        let pace: f64 = pace.and_then(|pace| pace.parse().ok()).context("a pace")?;
        ensure!(pace > 0.0, "redis-benchmark did nothing:\n{said}");
        Ok(Duration::from_secs_f64(claims as f64 / pace))
    }
}

/// One writer, for SQLite has no more: a prepared update in a transaction of its own, `WAL` and
/// `synchronous = FULL`, from Python's module; Python's own part is a few µs of some hundred.
pub(crate) fn sqlite(folder: &Path, seconds: u64) -> Result<Sample> {
    let said = output(
        Command::new("python3")
            .args(["-c", include_str!("sqlite.py")])
            .arg(folder.join("claims.db"))
            .args([DATES, PLACES].map(|number| number.to_string()))
            .arg(seconds.to_string()),
    )?;
    let numbers: Vec<f64> = said.split_whitespace().map_while(|n| n.parse().ok()).collect();
    let [claims, took, used] = numbers[..] else { anyhow::bail!("SQLite said {said}") };
    let seconds = Duration::from_secs_f64;
    Ok(Sample::new(claims as u64, seconds(took), seconds(used)))
}

/// What SQLite itself says of its version.
pub(crate) fn sqlite_version() -> Result<String> {
    output(Command::new("python3").args(["-c", "import sqlite3; print(sqlite3.sqlite_version)"]))
}
