//! `archive`: copies sealed segments that snapshots cover, and takes them out of the journal.
//!
//! Owns which segments may go: those that even the oldest good snapshot here covers, so that every
//! snapshot that is kept can still be replayed from. How a file is copied and given up is the journal
//! crate's. An archive is nothing but these files under their names: each carries its journal's id,
//! its number and the chain, so there is no list that could disagree with them. `main` calls it.

use std::path::Path;

use anyhow::{Context, bail};
use talon_journal::{
    Access, Disk, DiskLock, RealDisk, SegmentNumber, copy_file, give_up_segment,
    journal_of_segment, lock_for_upkeep, segment_name, segments_present, snapshots_present,
};
use talon_ledger::snapshot::{Skipped, load};

use super::{open, print, progress_bar, show, tell_skipped};

/// What is asked for beside copying.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Archiving {
    /// Segments that stay although they could go.
    pub(crate) keep: usize,
    /// Files that are kept to be filled again.
    pub(crate) recycle: usize,
    /// Whether nothing is taken away.
    pub(crate) copy_only: bool,
}

/// Archives from `directory` to `to`.
pub(crate) fn run(directory: &Path, to: &Path, what: Archiving) -> anyhow::Result<()> {
    let disk = open(directory)?;
    let archive = create(to)?;
    let _lock = lock_for_upkeep(&disk)
        .with_context(|| format!("cannot lock {}", directory.display()))?
        .context(
            "another process makes a snapshot here or archives; try again when it has ended",
        )?;
    let going = going(&disk, what.keep)?;
    refuse_other_journal(&disk, &archive, &going)?;
    let (mut copied, mut given_up) = (0_u64, 0_u64);
    copy_all(&disk, &archive, going.iter().map(|number| segment_name(*number)), &mut copied)?;
    if !what.copy_only {
        // The oldest first: whatever interrupts this, the segments that are left have no gap.
        for number in &going {
            give_up_segment(&disk, *number, what.recycle)
                .with_context(|| format!("cannot take {} away", segment_name(*number)))?;
            given_up += 1;
        }
    }
    print(|output| {
        writeln!(output, "copied         {copied} segments to {}", to.display())?;
        writeln!(output, "taken away     {given_up} segments")?;
        match segments_present(&disk)?.first() {
            Some(first) => writeln!(output, "begins with    segment {first}"),
            None => Ok(()),
        }
    })
}

/// Keeps others from removing segments and snapshots of `directory` meanwhile.
pub(super) fn lock(disk: &dyn Disk, directory: &Path) -> anyhow::Result<Box<dyn DiskLock>> {
    lock_for_upkeep(disk)
        .with_context(|| format!("cannot lock {}", directory.display()))?
        .context("another process makes a snapshot here or archives; try again when it has ended")
}

/// The directory to copy to, made when it is not there.
pub(super) fn create(to: &Path) -> anyhow::Result<RealDisk> {
    RealDisk::create(to).with_context(|| format!("cannot make {}", to.display()))
}

/// Copies files that never change, with a bar; counts those that were not there yet.
pub(super) fn copy_all(
    from: &dyn Disk,
    to: &dyn Disk,
    names: impl Iterator<Item = String>,
    copied: &mut u64,
) -> anyhow::Result<()> {
    let names: Vec<_> = names.collect();
    let bar = progress_bar();
    let mut all = 0;
    for name in &names {
        all += from.open(name, Access::Read)?.length()?;
    }
    let mut done = 0;
    for name in &names {
        *copied += u64::from(copy_file(from, to, name, &mut |bytes| {
            done += bytes;
            show(&bar, done, all);
        })?);
    }
    bar.finish_and_clear();
    Ok(())
}

/// The segments that every good snapshot covers, but the newest `keep` of them.
fn going(disk: &dyn Disk, keep: usize) -> anyhow::Result<Vec<SegmentNumber>> {
    let mut oldest = None;
    let mut skipped = Vec::new();
    for segment in snapshots_present(disk)? {
        match load(disk, segment) {
            Ok((covered, _)) => oldest = Some(covered.segment),
            Err(reason) => skipped.push(Skipped { segment, reason }),
        }
    }
    tell_skipped(&skipped);
    let Some(oldest) = oldest else {
        bail!(
            "there is no good snapshot, and only what one covers can be archived; `snapshot` makes it"
        );
    };
    let mut going = segments_present(disk)?;
    // The last segment is being filled.
    going.pop();
    going.retain(|number| *number <= oldest);
    going.truncate(going.len().saturating_sub(keep));
    Ok(going)
}

/// An archive holds one journal.
pub(super) fn refuse_other_journal(
    disk: &dyn Disk,
    archive: &dyn Disk,
    going: &[SegmentNumber],
) -> anyhow::Result<()> {
    let (Some(ours), Some(theirs)) = (going.first(), segments_present(archive)?.last().copied())
    else {
        return Ok(());
    };
    let (ours, theirs) = (journal_of_segment(disk, *ours)?, journal_of_segment(archive, theirs)?);
    if ours != theirs {
        bail!("the archive holds segments of journal {theirs}, and this one is {ours}");
    }
    Ok(())
}
