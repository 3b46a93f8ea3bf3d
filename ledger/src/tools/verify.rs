//! `verify`: judges a journal and prints the verdict.
//!
//! The judgement is the library's; here are its words. `main` calls it.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use talon_journal::{ChainHash, Sequence};
use talon_ledger::verify::{Report, verify};

use super::{describe, not_good, open, print, progress_bar, show};

/// Judges the journal in `directory`; says whether it is good.
pub(crate) fn run(
    directory: &Path,
    at_least: Option<(Sequence, ChainHash)>,
) -> anyhow::Result<bool> {
    let disk = open(directory)?;
    let bar = progress_bar();
    let report = verify(&disk, at_least, |done, all| show(&bar, done, all));
    bar.finish_and_clear();
    let report = report.with_context(|| not_good(directory))?;
    print(|output| write(&report, output))?;
    Ok(report.is_good())
}

fn write(report: &Report, output: &mut dyn Write) -> io::Result<()> {
    let summary = &report.summary;
    writeln!(output, "journal        {} ({})", summary.journal, summary.kind)?;
    writeln!(output, "segments       {} ({} bytes)", summary.segments, summary.bytes)?;
    writeln!(output, "head           {}:{}", summary.last_sequence, summary.head)?;
    writeln!(output, "state hash     {}", hex::encode(report.state_hash))?;
    writeln!(output, "bookings       {} ({} cancelled)", report.bookings, report.cancellations)?;
    writeln!(output, "two owners     0")?;
    writeln!(output, "over a limit   {}", report.breaches)?;
    for breach in &report.breaches_listed {
        writeln!(
            output,
            "  record {}: booking {} by rule {} ({} of {})",
            breach.sequence, breach.booking, breach.rule, breach.count, breach.limit
        )?;
    }
    match &summary.torn_tail {
        Some(tail) => writeln!(output, "torn tail      {}", describe(tail))?,
        None => writeln!(output, "torn tail      none")?,
    }
    let at_least = match report.contains_head {
        Some(true) => "the journal contains that head",
        Some(false) => "THE JOURNAL LACKS THAT HEAD: records are lost",
        None => {
            "not asked; without a published head the loss of the last commit cannot be excluded"
        }
    };
    writeln!(output, "at least       {at_least}")
}
