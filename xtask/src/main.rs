//! `cargo xtask …`: the tasks of this repository that are more than one cargo command.
//!
//! Owns the order of the checks and what each of them runs. Knows nothing of bookings: what a task
//! checks lives in the crates it starts. Called by people and by `.ci/run`.

mod api;
mod browser;
mod clients;
mod deny;
mod deploy;
mod installers;
mod instructions;
mod kill;
mod loom;
mod metadata;
mod npm;
mod package;
mod peers;
mod previews;
mod production;
mod programs;
mod redis;
mod run;
mod test;
mod tidy;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's tasks.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run everything that must hold before a change is merged.
    Test(test::Options),
    /// Check the arrows between the crates and the form of the source files.
    Tidy,
    /// Let loom try every interleaving of the board's claims and returns.
    Loom,
    /// Kill a booking gateway under load again and again, and look for what it promised.
    Kill(kill::Options),
    /// Build the Debian package of both programs.
    Package(package::Options),
    /// Draw the dashboards from the data of a rehearsal.
    Previews(previews::Options),
    /// Count the instructions of the hot functions, against their baseline.
    Instructions(instructions::Options),
    /// Measure the whole path beside what people use today, and write bench/RESULTS.md.
    Peers(peers::Options),
    /// Run the benches that have goals in rounds, and write bench/RESULTS.md.
    Parts(peers::Options),
    /// Measure starts, memory and throughput against size, and write bench/RESULTS.md.
    Size(peers::Options),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Test(options) => test::test(&options),
        Task::Tidy => tidy::tidy(),
        Task::Loom => loom::loom(),
        Task::Kill(options) => kill::kill(&options),
        Task::Package(options) => package::package(&options),
        Task::Previews(options) => previews::previews(&options),
        Task::Instructions(options) => instructions::instructions(&options),
        Task::Peers(options) => peers::peers(&options),
        Task::Parts(options) => peers::parts(&options),
        Task::Size(options) => peers::size(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The last line says what failed; a backtrace of this tool would only bury it.
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
