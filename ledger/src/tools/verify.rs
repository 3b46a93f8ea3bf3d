//! `verify`: judges a journal and prints the verdict.
//!
//! The judgement is the library's; here are its words. `main` calls it.

use std::io::{self, Write};

use anyhow::Context;
use talon_journal::{ChainHash, Sequence};
use talon_ledger::snapshot::Skipped;
use talon_ledger::verify::{Report, verify};

use super::{Source, describe, print, progress_bar, show};

/// Judges a journal; says whether it is good.
pub(crate) fn run(
    source: &Source,
    at_least: Option<(Sequence, ChainHash)>,
) -> anyhow::Result<bool> {
    let disk = source.open()?;
    let bar = progress_bar();
    let report = verify(&disk, at_least, |done, all| show(&bar, done, all));
    bar.finish_and_clear();
    let report = report.with_context(|| source.not_good())?;
    print(|output| write(&report, at_least, output))?;
    Ok(report.is_good())
}

fn write(
    report: &Report,
    asked: Option<(Sequence, ChainHash)>,
    output: &mut dyn Write,
) -> io::Result<()> {
    let summary = &report.summary;
    writeln!(output, "journal        {} ({})", summary.journal, summary.kind)?;
    writeln!(output, "segments       {} ({} bytes)", summary.segments, summary.bytes)?;
    match &report.trusted {
        None => writeln!(output, "judged         from the first record")?,
        Some(covered) => writeln!(
            output,
            "judged         FROM RECORD {} ON: what was before is taken from a snapshot; give the \
             archive to judge all",
            covered.last_sequence.get() + 1
        )?,
    }
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
    writeln!(output, "snapshots      {} agree with the journal", report.snapshots)?;
    for Skipped { segment, reason } in &report.bad_snapshots {
        writeln!(output, "  SNAPSHOT {segment} IS NOT GOOD and is passed over: {reason}")?;
    }
    match &summary.torn_tail {
        Some(tail) => writeln!(output, "torn tail      {}", describe(tail))?,
        None => writeln!(output, "torn tail      none")?,
    }
    let at_least = match report.contains_head {
        Some(true) => "the journal contains that head",
        Some(false) if is_before_judged(report, asked) => {
            "NOT FOUND: that head is older than what was judged; give the archive"
        }
        Some(false) => "THE JOURNAL LACKS THAT HEAD: records are lost",
        None => {
            "not asked; without a published head the loss of the last commit cannot be excluded"
        }
    };
    writeln!(output, "at least       {at_least}")
}

/// Whether the head that was asked for is among the records that were taken from a snapshot.
fn is_before_judged(report: &Report, asked: Option<(Sequence, ChainHash)>) -> bool {
    let trusted = report.trusted.as_ref();
    asked.zip(trusted).is_some_and(|((wanted, _), covered)| wanted < covered.last_sequence)
}
