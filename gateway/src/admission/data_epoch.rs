//! Whether a bucket in Redis still holds the data that it held before.
//!
//! Owns the last mark that Redis gave. The script keeps the mark, the moment at which the bucket began,
//! beside the data; after a crash without a disk, a flush or an eviction it is another one. Must not know
//! what was lost: rates begin anew, hints are told again by the ledger, and nothing is refunded.

use std::sync::atomic::{AtomicU64, Ordering};

use super::measures;

/// One bucket's mark, shared by all cores.
pub struct DataEpoch {
    bucket: u16,
    /// 0 = nothing seen yet. Orders nothing: it is compared with itself only.
    seen: AtomicU64,
    losses: metrics::Counter,
}

impl DataEpoch {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(bucket: u16) -> Self {
        Self { bucket, seen: AtomicU64::new(0), losses: measures::data_losses() }
    }

    /// Notes the mark of an answer; tells whether the data before it is lost. Of answers that cross, one
    /// tells.
    pub(super) fn note(&self, mark: u64) -> bool {
        // Marks are moments: an older one is the answer to an older question.
        let before = self.seen.fetch_max(mark, Ordering::Relaxed);
        let lost = before != 0 && before < mark;
        if lost {
            self.losses.increment(1);
            tracing::warn!(
                bucket = self.bucket,
                "the shared store has lost its data: rates begin anew, hints are told again"
            );
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_mark_is_a_loss_once_and_an_older_one_is_none() {
        let epoch = DataEpoch::new(0);
        let told: Vec<bool> = [5, 5, 9, 9, 5, 9, 10].map(|mark| epoch.note(mark)).into();
        assert_eq!(told, [false, false, true, false, false, false, true]);
    }
}
