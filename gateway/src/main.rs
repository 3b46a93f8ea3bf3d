//! `talon`: the booking gateway's program. Reads flags, checks the configuration, runs.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand};
use talon_gateway::config::{BadConfig, Config, Layers};
use talon_gateway::process::{self, EXIT_CONFIG, EXIT_SYSTEM, Failure, Outside};
use talon_telemetry::logs::{BadLog, Logs};
use talon_telemetry::spans::{BadTraces, Traces};

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("GATEWAY_COMMIT"), ")");

/// A commit answers some hundred requests at once, so what they allocated is given back all together: the
/// system's allocator keeps only a handful of each size at hand.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A booking gateway for places in state offices.
#[derive(Parser)]
#[command(name = "talon", version = VERSION, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    task: Option<Task>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Subcommand)]
enum Task {
    /// Serve (the default).
    Serve(Settings),
    /// Check the configuration, the catalogues and the policies, and exit.
    CheckConfig(Settings),
    /// Print the settings in force, without secrets.
    PrintConfig(Settings),
    /// Print the JSON Schema of configuration files.
    ConfigSchema,
    /// Print the description of the API, OpenAPI 3.1.
    Openapi,
    /// Ask the running gateway whether it is ready; exits 0 when it is, 1 otherwise.
    Healthcheck(Settings),
    /// Print completions for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
}

/// Settings: file < environment (TALON_SECTION__KEY) < flag.
#[derive(Args, Clone)]
struct Settings {
    /// The configuration file; without one, a demonstration.
    #[arg(long, env = "TALON_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address and port to serve on (server.listen).
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where the journal lives (data_dir).
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,
    /// Keep limits and proofs in this Redis (admission.redis_url).
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// Set any key, such as session.ttl_minutes=30; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// In a demonstration: the next date opens after this, such as 60s or 5m.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    release_in: Option<Duration>,
}

fn main() -> ExitCode {
    // Nothing that speaks TLS may come before.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        eprintln!("talon: two providers of cryptography");
        return ExitCode::FAILURE;
    }
    let arguments = Arguments::parse();
    let outcome = match arguments.task {
        None => serve(arguments.settings),
        Some(Task::Serve(settings)) => serve(settings),
        Some(Task::CheckConfig(settings)) => configure(&settings)
            .map_err(Ended::from)
            .and_then(|(config, base)| Ok(check(&config, &base)?)),
        Some(Task::PrintConfig(settings)) => configure(&settings)
            .map_err(Ended::from)
            .and_then(|(config, _)| print(config.redacted().as_bytes())),
        Some(Task::Healthcheck(settings)) => configure(&settings)
            .map_err(Ended::from)
            .and_then(|(config, base)| healthcheck(&config, &base)),
        Some(Task::Openapi) => print(&talon_gateway::openapi::json()),
        Some(Task::ConfigSchema) => print(Config::schema().as_bytes()),
        Some(Task::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "talon", &mut script);
            print(&script)
        }
        Some(Task::Man) => {
            let mut page = Vec::new();
            let rendered = clap_mangen::Man::new(Arguments::command()).render(&mut page);
            rendered.map_err(Ended::from).and_then(|()| print(&page))
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(ended) => {
            eprintln!("talon: {}", ended.message);
            ExitCode::from(ended.code)
        }
    }
}

/// A bad end: a line for the operator and an exit code.
struct Ended {
    message: String,
    code: u8,
}

impl From<BadConfig> for Ended {
    fn from(error: BadConfig) -> Self {
        Self { message: error.to_string(), code: EXIT_CONFIG }
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self { message: failure.to_string(), code: failure.exit_code() }
    }
}

impl From<BadLog> for Ended {
    fn from(error: BadLog) -> Self {
        Self { message: error.to_string(), code: EXIT_SYSTEM }
    }
}

impl From<BadTraces> for Ended {
    fn from(error: BadTraces) -> Self {
        Self { message: error.to_string(), code: EXIT_SYSTEM }
    }
}

impl From<std::io::Error> for Ended {
    fn from(error: std::io::Error) -> Self {
        Self { message: error.to_string(), code: 1 }
    }
}

fn print(bytes: &[u8]) -> Result<(), Ended> {
    Ok(std::io::stdout().write_all(bytes)?)
}

fn serve(settings: Settings) -> Result<(), Ended> {
    let (config, base) = configure(&settings)?;
    let logs = Logs::start(&config.log)?;
    let at_end = logs.clone();
    let traces = Traces::start(&config.traces, "talon-gateway")?;
    let release_in = settings.release_in;
    let outside = Outside {
        read: Box::new(move || configure(&settings)),
        change_log: Box::new(move |config| logs.change(&config.log)),
    };
    let outcome = process::run(config, &base, release_in, outside);
    traces.finish();
    at_end.report();
    Ok(outcome?)
}

/// Asks `/readyz`, shows what it says.
fn healthcheck(config: &Config, base: &Path) -> Result<(), Ended> {
    const DEADLINE: Duration = Duration::from_secs(5);
    let mut admin = config.admin.listen;
    if admin.ip().is_unspecified() {
        // All addresses are listened on; this one is always there.
        admin.set_ip(if admin.is_ipv4() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            Ipv6Addr::LOCALHOST.into()
        });
    }
    let token = process::admin_token(config, base)?;
    let bearing =
        token.map_or_else(String::new, |token| format!("Authorization: {}\r\n", token.bearing()));
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&admin, DEADLINE)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        write!(
            stream,
            "GET /readyz HTTP/1.1\r\nHost: {admin}\r\n{bearing}Connection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let bad = |message: String| Ended { message, code: 1 };
    let answer = ask().map_err(|error| bad(format!("{admin} does not answer: {error}")))?;
    let (head, checks) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    print!("{checks}");
    if head.starts_with("HTTP/1.1 200 ") { Ok(()) } else { Err(bad("not ready".to_owned())) }
}

fn check(config: &Config, base: &Path) -> Result<(), Failure> {
    let authorities = process::authorities(config, base)?;
    process::check_keys(config)?;
    process::check_ledger(config, base)?;
    process::admin_token(config, base)?;
    println!("mode           {:?}", config.mode);
    println!("origin         {}", config.origin());
    for authority in authorities {
        let catalogue = &authority.catalogue;
        println!(
            "authority      {}: {} offices, {} services, {} limits",
            catalogue.code,
            catalogue.offices.len(),
            catalogue.services.len(),
            authority.policy.policy().limits.len()
        );
    }
    println!("the configuration is good");
    Ok(())
}

/// Reads the layers; also returns the directory that the file's paths are relative to.
fn configure(settings: &Settings) -> Result<(Config, PathBuf), BadConfig> {
    let bad = |source: &str, problem: String| BadConfig {
        source_name: source.to_owned(),
        key: String::new(),
        problem,
    };
    let (name, text, base) = match &settings.config {
        Some(path) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path).map_err(|e| bad(&name, e.to_string()))?;
            (name, text, path.parent().unwrap_or(Path::new(".")).to_owned())
        }
        None => built_in()?,
    };
    let mut layers = Layers::from_file(&name, &text)?.environment(std::env::vars())?;
    if let Some(listen) = settings.listen {
        layers = layers.set("--listen", "server.listen", &listen.to_string())?;
    }
    if let Some(directory) = &settings.data_dir {
        let text = directory.to_str().ok_or_else(|| bad("--data-dir", "not UTF-8".to_owned()))?;
        layers = layers.set("--data-dir", "data_dir", text)?;
    }
    if let Some(url) = &settings.redis {
        layers = layers.set("--redis", "admission.redis_url", url)?;
    }
    for assignment in &settings.set {
        let (key, value) = assignment
            .split_once('=')
            .ok_or_else(|| bad("--set", format!("`{assignment}` is not KEY=VALUE")))?;
        layers = layers.set("--set", key.trim(), value.trim())?;
    }
    let config = layers.finish()?;
    let is_demo = config.mode == talon_gateway::config::ProcessMode::Demo;
    if settings.release_in.is_some() && !is_demo {
        return Err(bad("--release-in", "works in a demonstration only".to_owned()));
    }
    Ok((config, base))
}

#[cfg(feature = "demo")]
fn built_in() -> Result<(String, String, PathBuf), BadConfig> {
    use talon_gateway::demo::{CONFIG, CONFIG_NAME};
    Ok((CONFIG_NAME.to_owned(), CONFIG.to_owned(), PathBuf::from(".")))
}

#[cfg(not(feature = "demo"))]
fn built_in() -> Result<(String, String, PathBuf), BadConfig> {
    Err(BadConfig {
        source_name: "--config".to_owned(),
        key: String::new(),
        problem: "give a configuration file; configs/production.example.toml shows every key"
            .to_owned(),
    })
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| "it is a number and s or m".to_owned())?;
    let seconds = match unit {
        "s" => Some(number),
        "m" => number.checked_mul(60),
        _ => return Err("the unit is s or m, as in 60s".to_owned()),
    };
    seconds
        .filter(|seconds| *seconds <= 24 * 60 * 60)
        .map(Duration::from_secs)
        .ok_or_else(|| "at most a day".to_owned())
}
