//! The binary `talon-loadtest`: its command line and exit codes, nothing else. Called by people and by
//! `cargo xtask`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use talon_loadtest::{compare, gateway, kill, output, rehearsal, scenario, trace};

const EXIT_CODES: &str = "Exit codes:
  0   done; of a rehearsal: every promise was kept and every threshold of the scenario holds
  1   a promise was broken, a threshold was missed, or it could not be run
  2   wrong usage
  3   the generator itself was late, so that the rehearsal says nothing
  78  the scenario is wrong; the message names file, key and remedy";

/// Books under load, rehearses releases, and checks what was promised.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Kill a gateway under load, start it again, and look for everything that it confirmed.
    Kill(kill::Options),
    /// Rehearse a small release with all personas, in about a minute.
    Demo {
        #[command(flatten)]
        options: rehearsal::Options,
        #[command(flatten)]
        output: output::Files,
    },
    /// Rehearse a release by a scenario.
    Run {
        /// The scenario's file; `configs/scenarios/demo.toml` explains every key.
        scenario: PathBuf,
        #[command(flatten)]
        options: rehearsal::Options,
        #[command(flatten)]
        output: output::Files,
    },
    /// Put the reports of two rehearsals side by side.
    Compare {
        /// The JSON report of the first.
        before: PathBuf,
        /// The JSON report of the second.
        after: PathBuf,
    },
    /// Read a log into a trace that holds nothing of a person.
    Import {
        /// What kind of log it is.
        #[arg(long, value_enum)]
        kind: trace::Kind,
        /// The log.
        log: PathBuf,
        /// The trace, JSON lines.
        trace: PathBuf,
    },
    /// Play a trace again against a demonstration on this computer; prints latencies as JSON.
    Replay {
        /// The trace.
        trace: PathBuf,
        #[command(flatten)]
        options: trace::ReplayOptions,
    },
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    // One thread is enough to keep a gateway busy and leaves it the other cores.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(command)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            match error.downcast_ref::<scenario::BadScenario>() {
                Some(_) => ExitCode::from(scenario::EXIT_CONFIG),
                None => ExitCode::FAILURE,
            }
        }
    }
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Kill(options) => {
            kill::run(&options).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Demo { options, output } => {
            let scenario = rehearsal::demo(&options.work_dir)?;
            rehearse(&scenario, &options, &output).await
        }
        Command::Run { scenario, options, output } => {
            let scenario = scenario::Scenario::read(&scenario)?;
            gateway::prepare_work_dir(&options.work_dir)?;
            rehearse(&scenario, &options, &output).await
        }
        Command::Compare { before, after } => {
            let (before, after) = (compare::read(&before)?, compare::read(&after)?);
            output::print(compare::compare(&before, &after).to_string().trim_end())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Import { kind, log, trace } => {
            let summary = trace::import(kind, &log, &trace)?;
            output::print(&summary.to_string())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Replay { trace, options } => {
            let entries = trace::open(&trace)?;
            let replayed = trace::replay(&entries, &options).await?;
            output::print(&serde_json::to_string_pretty(&replayed)?)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn rehearse(
    scenario: &scenario::Scenario,
    options: &rehearsal::Options,
    output: &output::Files,
) -> anyhow::Result<ExitCode> {
    let view = output.view(scenario);
    let report = tokio::select! {
        report = rehearsal::run(scenario, options, |progress| view.follow(progress)) => report,
        // The gateway is killed on the way out, and the terminal must be given back.
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    view.end();
    let report = report?;
    output.write(&report, &options.work_dir)?;
    Ok(ExitCode::from(report.verdict.conclusion.exit_code()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
