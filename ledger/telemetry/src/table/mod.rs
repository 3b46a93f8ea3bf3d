//! The table of all metrics that a process of Talon records.
//!
//! Names begin with who records them, have base units, and labels with few values: never a person, an
//! address, an office or a path. What is not in this table is recorded nowhere; a test looks.

mod gateway;
mod ledger;

pub use gateway::*;
pub use ledger::*;

use crate::metric::Metric;

/// Upper bounds of durations, in seconds: from a compare-and-swap to a deadline.
pub const SECONDS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];
/// Upper bounds of how long people and their devices take, in seconds.
pub const PEOPLE_SECONDS: &[f64] =
    &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0];
/// Upper bounds of the work of a proof, in rounds; a citizen's device is asked for fewer than the last.
pub const ROUNDS: &[f64] = &[250.0, 1e3, 4e3, 8e3, 16e3, 32e3, 64e3, 128e3, 256e3];
/// Upper bounds of counts.
pub const COUNTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

const MAX_AUTHORITIES: usize = 16;
const MAX_RULES: usize = 256;
const MAX_PROBLEM_TYPES: usize = 64;

/// Every metric, in the order of a request's way.
pub const ALL: &[Metric] = &[
    BUILD_INFO,
    LOG_LINES_LEFT_OUT,
    CONNECTIONS,
    CONNECTIONS_MAX,
    CONNECTIONS_REFUSED,
    HANDSHAKES,
    CERTIFICATE_EXPIRES,
    REQUEST_DURATION,
    RESPONSES,
    REFUSALS,
    SHADOW_REFUSALS,
    LANE_LAG,
    LOGINS,
    APP_TOKENS,
    FENCE_REFUSALS,
    FENCE_OVERFLOWS,
    FENCE_KEYS,
    ADMISSION_DECISIONS,
    ADMISSION_BATCHES,
    ADMISSION_BATCH_SIZE,
    ADMISSION_BATCH_DURATION,
    ADMISSION_HINTS_DROPPED,
    ADMISSION_DEGRADED,
    ADMISSION_CHANGES,
    ADMISSION_STORE_FAILURES,
    ADMISSION_DATA_LOSSES,
    PROOF_LEVEL,
    PROOF_CHALLENGES,
    PROOF_CHALLENGE_ROUNDS,
    PROOF_SOLVE_DURATION,
    PROOFS,
    BOOKINGS,
    RELOADS,
    LEDGER_COMMANDS,
    LEDGER_LIMIT_REFUSALS,
    LEDGER_LIMIT_SHADOW_REFUSALS,
    LEDGER_PLACES,
    LEDGER_RELEASES,
    LEDGER_WITHHELD,
    LEDGER_HOLDERS,
    LEDGER_REVOKED_SESSIONS,
    LEDGER_ANSWERS_WAITING,
    LEDGER_CLOCK_TRUSTED,
    LEDGER_KEEPER_AT_WORK,
    LEDGER_REPLAY_DURATION,
    LEDGER_SNAPSHOTS,
    LEDGER_SNAPSHOT_TIME,
    JOURNAL_COMMIT_DURATION,
    JOURNAL_COMMIT_RECORDS,
    JOURNAL_BYTES,
    JOURNAL_APPENDED,
    JOURNAL_WATERMARK,
    JOURNAL_PENDING,
    JOURNAL_SEGMENT_LEFT,
    JOURNAL_SPARE_READY,
    JOURNAL_FAILED,
    DISK_FREE,
    DISK_SIZE,
    SERVER_CONNECTIONS_BROKEN,
    SERVER_REFUSED_BUSY,
    SERVER_ANSWERS_PER_WRITE,
    CLIENT_CONNECTIONS_BROKEN,
    CLIENT_REQUESTS_PER_WRITE,
    CLIENT_UNKNOWN_OUTCOMES,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::metric::{Kind, Values};

    /// Most series of one process, a histogram's buckets not counted.
    const MAX_SERIES: usize = 1_500;

    #[test]
    fn every_name_is_there_once_and_says_who_what_and_in_which_unit() {
        let names: BTreeSet<&str> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), ALL.len());
        for Metric { name, kind, .. } in ALL {
            let who = ["gateway_", "ledger_", "talon_"];
            assert!(who.iter().any(|who| name.starts_with(who)), "{name}");
            assert_eq!(*kind == Kind::Counter, name.ends_with("_total"), "{name}");
            let plain = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(name.chars().all(plain), "{name}");
            for unit in ["milli", "micro", "minutes", "_ms", "_kb"] {
                assert!(!name.contains(unit), "{name}: base units only");
            }
        }
    }

    #[test]
    fn every_help_text_is_one_sentence() {
        for Metric { name, help, .. } in ALL {
            assert!(help.ends_with('.') && help.len() < 120, "{name}: {help}");
        }
    }

    #[test]
    fn buckets_grow_and_labels_are_bounded() {
        let mut series = 0;
        for metric in ALL {
            if let Kind::Histogram(buckets) = metric.kind {
                assert!(buckets.is_sorted() && !buckets.is_empty(), "{}", metric.name);
            }
            for label in metric.labels {
                assert!(label.values.most() > 0, "{}", metric.name);
                if let Values::OneOf(values) = label.values {
                    let different: BTreeSet<_> = values.iter().collect();
                    assert_eq!(different.len(), values.len(), "{}", metric.name);
                }
            }
            series += metric.most_series();
        }
        assert!(series <= MAX_SERIES, "{series}");
    }
}
