//! The binary `talon-bench`: its command line, nothing else. Called by `cargo xtask peers`,
//! `cargo xtask parts` and `cargo xtask size`, and by itself where a server has to be a process of its own.

mod parts;
mod peers;
mod report;
mod size;

use std::net::SocketAddr;

use clap::{Parser, Subcommand};

/// As in the programs that it measures, for what the ledger keeps in memory is measured here.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the whole program beside what people use today, and against its own size.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Real servers on loopback, in interleaved rounds.
    Peers(peers::Options),
    /// The benches that have goals, in rounds.
    Parts(parts::Options),
    /// Starts, memory and throughput against offices, days and records.
    Size(size::Options),
    /// Write RESULTS.md anew from the figures that are kept.
    Report,
    /// Serve fixed answers with bare hyper until killed.
    #[command(hide = true)]
    Bare {
        /// Address and port.
        listen: SocketAddr,
    },
    /// One step of `size` in a process of its own; prints its figures as JSON.
    #[command(hide = true)]
    SizeStep(size::Step),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Peers(options) => match peers::run(&options)? {
            Some(results) => report::keep("peers", &results),
            None => Ok(()),
        },
        Command::Parts(options) => report::keep("parts", &parts::run(&options)?),
        Command::Size(options) => report::keep("size", &size::run(&options)?),
        Command::Report => report::write(),
        Command::Bare { listen } => peers::bare::serve(listen),
        Command::SizeStep(step) => size::step(&step),
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
