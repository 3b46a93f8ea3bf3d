//! `backup`: a copy of a journal from which it can be restored, also of one that is being written.
//!
//! Owns the order: the snapshots, the sealed segments from the oldest on, at last the one that is being
//! filled, as they were when it began; so whatever the ledger does meanwhile, the copy is the journal as
//! it was at some moment of the copying. `main` calls it.

use std::path::Path;

use anyhow::Context;
use talon_journal::{
    Access, Begin, Disk, Entry, OpenError, Span, copy_growing_segment, read_span, segment_name,
    segments_present, snapshot_name, snapshots_present,
};

use super::archive::{copy_all, create, lock, refuse_other_journal};
use super::{open, print, progress_bar, show};

/// Copies from `directory` to `to`.
pub(crate) fn run(directory: &Path, to: &Path) -> anyhow::Result<()> {
    let disk = open(directory)?;
    let copy = create(to)?;
    let _lock = lock(&disk, directory)?;
    let mut segments = segments_present(&disk)?;
    refuse_other_journal(&disk, &copy, &segments)?;
    let active =
        segments.pop().with_context(|| format!("no journal in {}", directory.display()))?;
    // An earlier backup copied its last segment while it was being filled.
    let stale = segments_present(&copy)?.last().copied().filter(|last| segments.contains(last));
    if let Some(stale) = stale {
        copy_growing_segment(&disk, &copy, stale, &mut |_| {})?;
    }
    let mut copied = 0;
    let sealed = segments.iter().map(|number| segment_name(*number));
    let snapshots = snapshots_present(&disk)?.into_iter().map(snapshot_name);
    copy_all(&disk, &copy, snapshots.chain(sealed), &mut copied)?;
    let bar = progress_bar();
    bar.set_length(disk.open(&segment_name(active), Access::Read)?.length()?);
    copy_growing_segment(&disk, &copy, active, &mut |bytes| bar.inc(bytes))?;
    bar.finish_and_clear();
    // The copy alone says what it holds. Earlier segments may be in an archive instead.
    let bar = progress_bar();
    let span = Span { begin: Begin::Present, through: None };
    let visit = |_: Entry<'_>| Ok::<(), std::convert::Infallible>(());
    let read = read_span(&copy, &span, visit, |done, all| show(&bar, done, all));
    bar.finish_and_clear();
    let summary = read
        .map_err(|error| match error {
            OpenError::Journal(error) => error,
            OpenError::Visit { error, .. } => match error {},
        })
        .with_context(|| format!("the copy in {} is not good", to.display()))?
        .context("the copy has no segments")?;
    print(|output| {
        writeln!(output, "copied         {} files to {}", copied + 1, to.display())?;
        writeln!(output, "head           {}:{}", summary.last_sequence, summary.head)
    })
}
