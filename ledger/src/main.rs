//! `talon-ledger`: the ledger as a server of its own, and the journal's tools.
//!
//! Owns the command line and the exit codes; each tool is a module of [`tools`]. Must not know what
//! a record says. Operators and scripts call it. Exit codes: 0 what was asked for is done and the
//! journal is good as far as it was read, 1 it is damaged, breaks a rule, is not there or lacks
//! what was asked for, 2 wrong usage; those of `serve` are in [`talon_ledger::open`].

mod program;
mod tools;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use talon_journal::{ChainHash, Sequence};

use crate::tools::export::Format;
use crate::tools::replay::Until;
use crate::tools::selection::Selection;

const EXIT_CODES: &str = "Exit codes:
  0  done, and the journal is good as far as it was read
  1  the journal is damaged, breaks a rule, is not there or lacks what was asked for
  2  wrong usage

All tools read the journal's directory alone, without its lock: they may run beside the ledger.
`serve` ends with the gateway's exit codes: 0 stopped on request, 65 the journal is damaged, 71 the
system refused something, 74 the journal's disk failed, 78 bad configuration.";

/// The ledger as a server, and tools for its journal.
#[derive(Parser)]
#[command(name = "talon-ledger", version, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Tool,
}

#[derive(Subcommand)]
enum Tool {
    /// Serve gateways in other processes, until told to stop.
    Serve(program::Flags),
    /// Check a journal: checksums, chain, and by replay that no place has two owners and nobody
    /// is over a limit.
    Verify {
        /// The journal's directory.
        directory: PathBuf,
        /// A published head, SEQUENCE:HASH, which the journal must contain.
        #[arg(long, value_parser = parse_head)]
        at_least: Option<(Sequence, ChainHash)>,
    },
    /// Print records as JSON lines, one each, in the journal's order.
    ///
    /// Every filter narrows down; a list of kinds is one filter. Reading ends with --to or
    /// --limit, and what comes after is not checked. Nothing selected is exit code 0 and no line.
    Inspect {
        /// The journal's directory.
        directory: PathBuf,
        #[command(flatten)]
        selection: Selection,
    },
    /// Print the head, SEQUENCE:HASH, and the state hash after it.
    StateHash {
        /// The journal's directory.
        directory: PathBuf,
    },
    /// Replay up to a record or a moment; print what the state was then, and its hash.
    Replay {
        /// The journal's directory.
        directory: PathBuf,
        /// The last record to replay, by its number, or a moment of ledger time (RFC 3339): then
        /// the replay ends before the first record that is later.
        #[arg(long, value_name = "SEQUENCE|MOMENT")]
        until: Until,
    },
    /// Print the state after replay as one document, in an order that depends on the journal alone.
    Export {
        /// The journal's directory.
        directory: PathBuf,
        /// How to write it.
        #[arg(long, value_enum, default_value_t = Format::Json)]
        format: Format,
    },
}

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    if let Tool::Serve(flags) = &command {
        return program::main(flags);
    }
    match run(command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // With nobody left to read it, the exit code still says it.
            let _ = writeln!(std::io::stderr(), "talon-ledger: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a tool; says whether the journal is good.
fn run(tool: Tool) -> anyhow::Result<bool> {
    match tool {
        Tool::Serve(_) => unreachable!("`main` has run it"),
        Tool::Verify { directory, at_least } => return tools::verify::run(&directory, at_least),
        Tool::Inspect { directory, selection } => {
            if let Err(message) = selection.check() {
                wrong_usage(message);
            }
            tools::inspect::run(&directory, selection)?;
        }
        Tool::StateHash { directory } => tools::replay::state_hash_of(&directory)?,
        Tool::Replay { directory, until } => tools::replay::run(&directory, until)?,
        Tool::Export { directory, format } => tools::export::run(&directory, format)?,
    }
    Ok(true)
}

/// Ends as the parser does: the message, how to find help, exit code 2.
fn wrong_usage(message: &str) -> ! {
    Arguments::command().error(ErrorKind::ValueValidation, message).exit()
}

fn parse_head(text: &str) -> Result<(Sequence, ChainHash), String> {
    let (sequence, hash) = text.split_once(':').ok_or("it is SEQUENCE:HASH")?;
    let sequence = sequence.parse::<u64>().map_err(|error| error.to_string())?;
    let hash = hash.parse::<ChainHash>().map_err(|error| error.to_string())?;
    Ok((Sequence::new(sequence), hash))
}
