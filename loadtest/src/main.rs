//! The binary `talon-loadtest`: its command line and nothing else. Called by people and by
//! `cargo xtask`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use talon_loadtest::kill;

/// Books under load and checks what was promised.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Kill a gateway under load, start it again, and look for everything that it confirmed.
    Kill(kill::Options),
}

fn main() -> ExitCode {
    let Arguments { command: Command::Kill(options) } = Arguments::parse();
    // One thread is enough to keep a gateway busy and leaves it the other cores.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(kill::run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
