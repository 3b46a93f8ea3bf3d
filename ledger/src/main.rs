//! `talon-ledger`: the journal's tools.
//!
//! Exit codes: 0 the journal is good, 1 it is damaged or breaks a rule, 2 wrong usage.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use talon_journal::{ChainHash, RealDisk, Sequence};
use talon_ledger::verify::{Report, verify};

/// Tools for the ledger's journal.
#[derive(Parser)]
#[command(name = "talon-ledger", version)]
struct Arguments {
    #[command(subcommand)]
    command: Tool,
}

#[derive(Subcommand)]
enum Tool {
    /// Check a journal: checksums, chain, and by replay that no place has two owners and nobody
    /// is over a limit.
    Verify {
        /// The journal's directory.
        directory: PathBuf,
        /// A published head, SEQUENCE:HASH, which the journal must contain.
        #[arg(long, value_parser = parse_head)]
        at_least: Option<(Sequence, ChainHash)>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("talon-ledger: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<bool> {
    let Tool::Verify { directory, at_least } = arguments.command;
    let disk = RealDisk::open(&directory)
        .with_context(|| format!("cannot open {}", directory.display()))?;
    let bar = progress_bar();
    let report = verify(&disk, at_least, |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let report = report.with_context(|| format!("{} is not good", directory.display()))?;
    print(&report);
    Ok(report.is_good())
}

/// A bar on a terminal, nothing elsewhere.
fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}

fn print(report: &Report) {
    let summary = &report.summary;
    println!("journal        {} ({})", summary.journal, summary.kind);
    println!("segments       {} ({} bytes)", summary.segments, summary.bytes);
    println!("head           {}:{}", summary.last_sequence, summary.head);
    println!("state hash     {}", hex::encode(report.state_hash));
    println!("bookings       {} ({} cancelled)", report.bookings, report.cancellations);
    println!("two owners     0");
    println!("over a limit   {}", report.breaches);
    for breach in &report.breaches_listed {
        println!(
            "  record {}: booking {} by rule {} ({} of {})",
            breach.sequence, breach.booking, breach.rule, breach.count, breach.limit
        );
    }
    match &summary.torn_tail {
        Some(tail) => println!(
            "torn tail      segment {} at byte {}: {} bytes, records from {} on may be lost",
            tail.segment, tail.offset, tail.bytes, tail.first_lost
        ),
        None => println!("torn tail      none"),
    }
    match report.contains_head {
        Some(true) => println!("at least       the journal contains that head"),
        Some(false) => println!("at least       THE JOURNAL LACKS THAT HEAD: records are lost"),
        None => println!(
            "at least       not asked; without a published head the loss of the last commit \
             cannot be excluded"
        ),
    }
}

fn parse_head(text: &str) -> Result<(Sequence, ChainHash), String> {
    let (sequence, hash) = text.split_once(':').ok_or("it is SEQUENCE:HASH")?;
    let sequence = sequence.parse::<u64>().map_err(|error| error.to_string())?;
    let hash = hash.parse::<ChainHash>().map_err(|error| error.to_string())?;
    Ok((Sequence::new(sequence), hash))
}
