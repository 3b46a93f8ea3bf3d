//! The names, help texts and handles of admission's metrics; all labels are closed sets.
//!
//! Must not know what is decided or why. Called by the batcher, the fallback and the fence. Handles are taken
//! once, because looking one up costs more than a decision from memory; so the recorder is installed first.

use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram,
    gauge, histogram,
};

use super::{AdmissionError, Decision, StoreError};

const DECISIONS: &str = "gateway_admission_decisions_total";
const BATCHES: &str = "gateway_admission_batches_total";
const BATCH_SIZE: &str = "gateway_admission_batch_size";
const HINTS_DROPPED: &str = "gateway_admission_hints_dropped_total";
const DEGRADED: &str = "gateway_admission_degraded";
const CHANGES: &str = "gateway_admission_changes_total";
const FAILED_BATCHES: &str = "gateway_admission_store_failures_total";
const DATA_LOSSES: &str = "gateway_admission_data_losses_total";
const FENCE_REFUSALS: &str = "gateway_fence_refusals_total";
const FENCE_OVERFLOWS: &str = "gateway_fence_overflows_total";
const FENCE_KEYS: &str = "gateway_fence_keys";

/// Tells the recorder the help texts; called once, after the recorder is installed.
pub fn describe_metrics() {
    describe_counter!(DECISIONS, "Admission requests, by how they were decided");
    describe_counter!(BATCHES, "Batches sent to the admission store, by result");
    describe_histogram!(BATCH_SIZE, Unit::Count, "Requests in one batch for the admission store");
    describe_counter!(HINTS_DROPPED, "Quota hints dropped because too many were waiting");
    describe_gauge!(DEGRADED, "Buckets that this process decides alone: Redis does not answer");
    describe_counter!(
        CHANGES,
        "Changes of a bucket between Redis and this process, by who decides"
    );
    describe_counter!(FAILED_BATCHES, "Batches that Redis did not decide, by the kind of failure");
    describe_counter!(DATA_LOSSES, "Times that a bucket in Redis was found to have lost its data");
    describe_counter!(FENCE_REFUSALS, "Requests refused by the local fence, by what was counted");
    describe_counter!(
        FENCE_OVERFLOWS,
        "Requests counted in the shared bucket of a full local fence"
    );
    describe_gauge!(FENCE_KEYS, "Keys held by the local fence, by what is counted");
}

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
            admitted: counter!(DECISIONS, "outcome" => "admitted"),
            rate_limited: counter!(DECISIONS, "outcome" => "rate_limited"),
            over_quota_hint: counter!(DECISIONS, "outcome" => "over_quota_hint"),
            already_spent: counter!(DECISIONS, "outcome" => "already_spent"),
            shed: counter!(DECISIONS, "outcome" => "shed"),
            overloaded: counter!(DECISIONS, "outcome" => "overloaded"),
            unavailable: counter!(DECISIONS, "outcome" => "unavailable"),
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
}

impl Batches {
    pub(super) fn new() -> Self {
        Self {
            decided: counter!(BATCHES, "result" => "decided"),
            failed: counter!(BATCHES, "result" => "failed"),
            size: histogram!(BATCH_SIZE),
        }
    }

    pub(super) fn count(&self, size: usize, decided: bool) {
        self.size.record(size as f64);
        if decided { self.decided.increment(1) } else { self.failed.increment(1) }
    }
}

pub(super) fn hints_dropped() -> Counter {
    counter!(HINTS_DROPPED)
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
            degraded: gauge!(DEGRADED),
            to_local: counter!(CHANGES, "decider" => "local"),
            to_shared: counter!(CHANGES, "decider" => "shared"),
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
    counter!(FAILED_BATCHES, "kind" => kind).increment(1);
}

pub(super) fn data_losses() -> Counter {
    counter!(DATA_LOSSES)
}

/// What one half of the fence counts.
pub(super) struct Fence {
    pub(super) refusals: Counter,
    pub(super) overflows: Counter,
    pub(super) keys: Gauge,
}

impl Fence {
    /// `counted` is `person` or `address`.
    pub(super) fn new(counted: &'static str) -> Self {
        Self {
            refusals: counter!(FENCE_REFUSALS, "counted" => counted),
            overflows: counter!(FENCE_OVERFLOWS, "counted" => counted),
            keys: gauge!(FENCE_KEYS, "counted" => counted),
        }
    }
}
