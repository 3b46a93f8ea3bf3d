//! `talon`: the booking gateway's program. Reads flags, checks the configuration, runs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use talon_gateway::config::{BadConfig, Config, Layers};
use talon_gateway::process::{self, EXIT_CONFIG, Failure};
use tracing_subscriber::EnvFilter;

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("TALON_COMMIT"), ")");

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
    let arguments = Arguments::parse();
    init_logs();
    let (settings, only_check) = match arguments.task {
        None => (arguments.settings, false),
        Some(Task::Serve(settings)) => (settings, false),
        Some(Task::CheckConfig(settings)) => (settings, true),
    };
    let (config, base) = match configure(&settings) {
        Ok(configured) => configured,
        Err(error) => return fail(&error, EXIT_CONFIG),
    };
    let outcome = if only_check {
        check(&config, &base)
    } else {
        process::run(config, &base, settings.release_in)
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&failure, failure.exit_code()),
    }
}

fn fail(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    eprintln!("talon: {error}");
    ExitCode::from(code)
}

fn check(config: &Config, base: &Path) -> Result<(), Failure> {
    let authorities = process::authorities(config, base)?;
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

fn init_logs() {
    let filter = EnvFilter::try_from_env("TALON_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(ansi)
        .init();
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
