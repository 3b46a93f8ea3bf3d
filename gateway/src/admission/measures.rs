//! The handles of admission's metrics; all labels are closed sets.
//!
//! Must not know what is decided or why. Called by the batcher, the fallback and the fence. Handles are taken
//! once, because looking one up costs more than a decision from memory; so the recorder is installed first.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use talon_telemetry::table;

use super::{AdmissionError, Decision, StoreError};

/// Counts requests by outcome.
pub(super) struct Decisions {
    admitted: Counter,
    rate_limited: Counter,
    over_quota_hint: Counter,
    already_spent: Counter,
    shed: Counter,
    overloaded: Counter,
    unavailable: Counter,
}

impl Decisions {
    pub(super) fn new() -> Self {
        Self {
            admitted: counter!(table::ADMISSION_DECISIONS.name, "outcome" => "admitted"),
            rate_limited: counter!(table::ADMISSION_DECISIONS.name, "outcome" => "rate_limited"),
            over_quota_hint: counter!(table::ADMISSION_DECISIONS.name, "outcome" => "over_quota_hint"),
            already_spent: counter!(table::ADMISSION_DECISIONS.name, "outcome" => "already_spent"),
            shed: counter!(table::ADMISSION_DECISIONS.name, "outcome" => "shed"),
            overloaded: counter!(table::ADMISSION_DECISIONS.name, "outcome" => "overloaded"),
            unavailable: counter!(table::ADMISSION_DECISIONS.name, "outcome" => "unavailable"),
        }
    }

    pub(super) fn count(&self, outcome: &Result<Decision, AdmissionError>) {
        let counter = match outcome {
            Ok(Decision::Admitted { .. }) => &self.admitted,
            Ok(Decision::RateLimited { .. }) => &self.rate_limited,
            Ok(Decision::OverQuotaHint { .. }) => &self.over_quota_hint,
            Ok(Decision::AlreadySpent) => &self.already_spent,
            Ok(Decision::Shed { .. }) => &self.shed,
            Err(AdmissionError::Overloaded) => &self.overloaded,
            Err(AdmissionError::Unavailable) => &self.unavailable,
        };
        counter.increment(1);
    }
}

/// Counts batches.
pub(super) struct Batches {
    decided: Counter,
    failed: Counter,
    size: Histogram,
    took: Histogram,
}

impl Batches {
    pub(super) fn new() -> Self {
        Self {
            decided: counter!(table::ADMISSION_BATCHES.name, "result" => "decided"),
            failed: counter!(table::ADMISSION_BATCHES.name, "result" => "failed"),
            size: histogram!(table::ADMISSION_BATCH_SIZE.name),
            took: histogram!(table::ADMISSION_BATCH_DURATION.name),
        }
    }

    pub(super) fn count(&self, size: usize, decided: bool, took: Duration) {
        self.size.record(size as f64);
        self.took.record(took);
        if decided { self.decided.increment(1) } else { self.failed.increment(1) }
    }
}

pub(super) fn hints_dropped() -> Counter {
    counter!(table::ADMISSION_HINTS_DROPPED.name)
}

/// Who decides a bucket, and how that changed.
pub(super) struct Deciders {
    pub(super) degraded: Gauge,
    pub(super) to_local: Counter,
    pub(super) to_shared: Counter,
}

impl Deciders {
    pub(super) fn new() -> Self {
        Self {
            degraded: gauge!(table::ADMISSION_DEGRADED.name),
            to_local: counter!(table::ADMISSION_CHANGES.name, "decider" => "local"),
            to_shared: counter!(table::ADMISSION_CHANGES.name, "decider" => "shared"),
        }
    }
}

/// Counts batches that the shared store did not decide.
pub(super) fn count_failure(error: &StoreError) {
    let kind = match error {
        StoreError::Full { .. } => "full",
        StoreError::BatchTooLarge { .. } => "too_large",
        StoreError::TimedOut { .. } => "timed_out",
        StoreError::Unavailable { .. } => "unavailable",
        StoreError::BadReply { .. } => "bad_reply",
    };
    counter!(table::ADMISSION_STORE_FAILURES.name, "kind" => kind).increment(1);
}

pub(super) fn data_losses() -> Counter {
    counter!(table::ADMISSION_DATA_LOSSES.name)
}

/// What one half of the fence counts.
pub(super) struct Fence {
    pub(super) refusals: Counter,
    pub(super) overflows: Counter,
    pub(super) keys: Gauge,
}

impl Fence {
    /// `counted` is `person`, `address` or `login`; no two fences of a process share one, for each sets its gauge.
    pub(super) fn new(counted: &'static str) -> Self {
        Self {
            refusals: counter!(table::FENCE_REFUSALS.name, "counted" => counted),
            overflows: counter!(table::FENCE_OVERFLOWS.name, "counted" => counted),
            keys: gauge!(table::FENCE_KEYS.name, "counted" => counted),
        }
    }
}
