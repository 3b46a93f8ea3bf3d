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

use crate::tools::Source;
use crate::tools::archive::Archiving;
use crate::tools::export::Format;
use crate::tools::replay::Until;
use crate::tools::selection::Selection;

const EXIT_CODES: &str = "Exit codes:
  0  done, and the journal is good as far as it was read
  1  the journal is damaged, breaks a rule, is not there or lacks what was asked for
  2  wrong usage

The tools work without the journal's lock: they may run beside the ledger. Only snapshot and archive
change the directory, one at a time. `serve` and `check-config` end with the gateway's exit codes: 0 stopped on request,
65 the journal is damaged, 71 the system refused something, 74 the journal's disk failed, 78 bad
configuration.";

/// A commit answers some hundred requests at once, so what they allocated is given back all together: the
/// system's allocator keeps only a handful of each size at hand.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    /// Check the configuration of `serve` and the files that it names, and exit.
    CheckConfig(program::Checked),
    /// Check a journal: checksums, chain, and by replay that no place has two owners and nobody
    /// is over a limit.
    Verify {
        #[command(flatten)]
        source: Source,
        /// A published head, SEQUENCE:HASH, which the journal must contain.
        #[arg(long, value_parser = parse_head)]
        at_least: Option<(Sequence, ChainHash)>,
    },
    /// Print records as JSON lines, one each, in the journal's order.
    ///
    /// Every filter narrows down; a list of kinds is one filter. Reading ends with --to or
    /// --limit, and what comes after is not checked. Nothing selected is exit code 0 and no line.
    Inspect {
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        selection: Selection,
    },
    /// Print the head, SEQUENCE:HASH, and the state hash after it.
    StateHash {
        #[command(flatten)]
        source: Source,
    },
    /// Replay up to a record or a moment; print what the state was then, and its hash.
    Replay {
        #[command(flatten)]
        source: Source,
        /// The last record to replay, by its number, or a moment of ledger time (RFC 3339): then
        /// the replay ends before the first record that is later.
        #[arg(long, value_name = "SEQUENCE|MOMENT")]
        until: Until,
    },
    /// Print the state after replay as one document, in an order that depends on the journal alone.
    Export {
        #[command(flatten)]
        source: Source,
        /// How to write it.
        #[arg(long, value_enum, default_value_t = Format::Json)]
        format: Format,
    },
    /// Make a snapshot of all sealed segments, so that a start need not replay them.
    ///
    /// May run beside the ledger, which makes its own as well. Needs the memory of the state once.
    Snapshot {
        /// The journal's directory.
        directory: PathBuf,
    },
    /// Copy the sealed segments that snapshots cover to another directory, and take them away here.
    ///
    /// A copy is read back before its original goes, and never replaces a file that differs. May run
    /// beside the ledger.
    Archive {
        /// The journal's directory.
        directory: PathBuf,
        /// Where to; made when it is not there.
        to: PathBuf,
        /// Leave this many of the segments that could go.
        #[arg(long, value_name = "N", default_value_t = 0)]
        keep: usize,
        /// Keep up to this many files to be filled again, which a full disk cannot refuse; the
        /// others are removed.
        #[arg(long, value_name = "N", default_value_t = 1)]
        recycle: usize,
        /// Copy, and take nothing away.
        #[arg(long)]
        copy_only: bool,
    },
    /// Copy a journal, of a running ledger too, to another directory from which it can be restored.
    ///
    /// What is there already is not copied again. Prints the head that the copy was found to have.
    Backup {
        /// The journal's directory.
        directory: PathBuf,
        /// Where to; made when it is not there.
        to: PathBuf,
    },
    /// Print completions for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
}

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    match &command {
        Tool::Serve(flags) => return program::main(flags),
        Tool::CheckConfig(checked) => return program::check(checked),
        _ => {}
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
        Tool::Serve(_) | Tool::CheckConfig(_) => unreachable!("`main` has run it"),
        Tool::Verify { source, at_least } => return tools::verify::run(&source, at_least),
        Tool::Inspect { source, selection } => {
            if let Err(message) = selection.check() {
                wrong_usage(message);
            }
            tools::inspect::run(&source, selection)?;
        }
        Tool::StateHash { source } => tools::replay::state_hash_of(&source)?,
        Tool::Replay { source, until } => tools::replay::run(&source, until)?,
        Tool::Export { source, format } => tools::export::run(&source, format)?,
        Tool::Snapshot { directory } => tools::snapshot::run(&directory)?,
        Tool::Archive { directory, to, keep, recycle, copy_only } => {
            let what = Archiving { keep, recycle, copy_only };
            tools::archive::run(&directory, &to, what)?;
        }
        Tool::Backup { directory, to } => tools::backup::run(&directory, &to)?,
        Tool::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "talon-ledger", &mut script);
            std::io::stdout().write_all(&script)?;
        }
        Tool::Man => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Arguments::command()).render(&mut page)?;
            std::io::stdout().write_all(&page)?;
        }
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
