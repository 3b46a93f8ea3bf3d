//! The metrics of a gateway, in the order of a request's way.

use super::{COUNTS, MAX_PROBLEM_TYPES, PEOPLE_SECONDS, ROUNDS, SECONDS};
use crate::metric::{Metric, at_most, counter, gauge, histogram, one_of};

/// The version that runs.
pub const BUILD_INFO: Metric = gauge(
    "talon_build_info",
    "Always 1; the labels say which program runs, and its version.",
    &[one_of("program", &["gateway", "ledger"]), at_most("version", 1, "the version")],
);

/// Lines that were too many.
pub const LOG_LINES_LEFT_OUT: Metric = counter(
    "talon_log_lines_left_out_total",
    "Lines that were not logged because the same place in the program logged too many, by level.",
    &[one_of("level", &["error", "warn", "info", "debug", "trace"])],
);
/// Open connections.
pub const CONNECTIONS: Metric = gauge("gateway_connections", "Open connections of citizens.", &[]);
/// Their bound.
pub const CONNECTIONS_MAX: Metric =
    gauge("gateway_connections_max", "Most connections of citizens that may be open.", &[]);
/// Connections that were refused.
pub const CONNECTIONS_REFUSED: Metric = counter(
    "gateway_connections_refused_total",
    "Connections refused because few were left and their address had its share.",
    &[],
);
/// TLS handshakes.
pub const HANDSHAKES: Metric = counter(
    "gateway_handshakes_total",
    "TLS handshakes, by outcome: full, resumed, refused by the budget, slow, failed.",
    &[one_of("outcome", &["full", "resumed", "refused", "slow", "failed"])],
);
/// When the certificate ends.
pub const CERTIFICATE_EXPIRES: Metric = gauge(
    "gateway_certificate_expires_timestamp_seconds",
    "When the certificate that is shown to citizens ends, as Unix time; absent without TLS.",
    &[],
);
/// Requests, by what they want.
pub const REQUEST_DURATION: Metric = histogram(
    "gateway_request_duration_seconds",
    SECONDS,
    "From a request's headers to its answer's, by kind of request.",
    &[one_of("kind", KINDS)],
);
/// The kinds of requests: three on the hot lane, all others together.
pub const KINDS: &[&str] = &["book", "availability", "challenge", "cold"];
/// Answers, by class of status.
pub const RESPONSES: Metric = counter(
    "gateway_responses_total",
    "Answers, by kind of request and class of status.",
    &[one_of("kind", KINDS), one_of("status", &["1xx", "2xx", "3xx", "4xx", "5xx"])],
);
/// Refusals, by problem.
pub const REFUSALS: Metric = counter(
    "gateway_refusals_total",
    "Requests refused, by the problem's type.",
    &[at_most("type", MAX_PROBLEM_TYPES, "the types below /problems")],
);
/// What shadow mode would have refused.
pub const SHADOW_REFUSALS: Metric = counter(
    "gateway_shadow_refusals_total",
    "Requests that a limit of the gateway in shadow mode would have refused, by limit.",
    &[at_most("limit", 16, "the gateway's limits that have a shadow mode")],
);
/// How late a runtime comes to what is due.
pub const LANE_LAG: Metric = histogram(
    "gateway_lane_lag_seconds",
    SECONDS,
    "How late a runtime of the gateway came to a timer: what has no time to spare shows it first.",
    &[],
);

/// Logins.
pub const LOGINS: Metric = counter(
    "gateway_logins_total",
    "Logins at the hub, by outcome.",
    &[one_of(
        "outcome",
        &[
            "identified",
            "hub_unreachable",
            "hub_slow",
            "hub_refused",
            "hub_answer",
            "not_believed",
            "no_identifier",
            "no_randomness",
        ],
    )],
);
/// Tokens of apps.
pub const APP_TOKENS: Metric =
    counter("gateway_app_tokens_total", "Tokens given to native apps.", &[]);

/// What is counted by the fence: requests of a person and of an address, logins of an address.
const COUNTED: &[&str] = &["person", "address", "login"];
/// The fence's refusals.
pub const FENCE_REFUSALS: Metric = counter(
    "gateway_fence_refusals_total",
    "Requests refused by the local fence, by what was counted.",
    &[one_of("counted", COUNTED)],
);
/// The fence's bound.
pub const FENCE_OVERFLOWS: Metric = counter(
    "gateway_fence_overflows_total",
    "Requests counted in the shared bucket of a full local fence.",
    &[one_of("counted", COUNTED)],
);
/// The fence's size.
pub const FENCE_KEYS: Metric = gauge(
    "gateway_fence_keys",
    "Keys that the local fence held when it was last tidied, by what is counted.",
    &[one_of("counted", COUNTED)],
);
/// How admission decided.
pub const ADMISSION_DECISIONS: Metric = counter(
    "gateway_admission_decisions_total",
    "Admission requests, by how they were decided.",
    &[one_of(
        "outcome",
        &[
            "admitted",
            "rate_limited",
            "over_quota_hint",
            "already_spent",
            "shed",
            "overloaded",
            "unavailable",
        ],
    )],
);
/// Script calls.
pub const ADMISSION_BATCHES: Metric = counter(
    "gateway_admission_batches_total",
    "Batches sent to the admission store, by result.",
    &[one_of("result", &["decided", "failed"])],
);
/// Requests a call.
pub const ADMISSION_BATCH_SIZE: Metric = histogram(
    "gateway_admission_batch_size",
    COUNTS,
    "Requests in one batch for the admission store.",
    &[],
);
/// How long a call takes.
pub const ADMISSION_BATCH_DURATION: Metric = histogram(
    "gateway_admission_batch_duration_seconds",
    SECONDS,
    "From sending a batch to the admission store to its decisions.",
    &[],
);
/// Lost hints.
pub const ADMISSION_HINTS_DROPPED: Metric = counter(
    "gateway_admission_hints_dropped_total",
    "Quota hints dropped because too many were waiting.",
    &[],
);
/// Who decides.
pub const ADMISSION_DEGRADED: Metric = gauge(
    "gateway_admission_degraded",
    "Buckets that this process decides alone: Redis does not answer.",
    &[],
);
/// How that changed.
pub const ADMISSION_CHANGES: Metric = counter(
    "gateway_admission_changes_total",
    "Changes of a bucket between Redis and this process, by who decides.",
    &[one_of("decider", &["local", "shared"])],
);
/// Failures of Redis.
pub const ADMISSION_STORE_FAILURES: Metric = counter(
    "gateway_admission_store_failures_total",
    "Batches and probes that Redis did not decide, by the kind of failure.",
    &[one_of("kind", &["full", "too_large", "timed_out", "unavailable", "bad_reply"])],
);
/// Redis without its data.
pub const ADMISSION_DATA_LOSSES: Metric = counter(
    "gateway_admission_data_losses_total",
    "Times that a bucket in Redis was found to have lost its data.",
    &[],
);
/// How hard proofs are now.
pub const PROOF_LEVEL: Metric = gauge(
    "gateway_proof_level",
    "The level of proof of work that is asked outside releases; 0 asks for none.",
    &[],
);
/// Challenges.
pub const PROOF_CHALLENGES: Metric =
    counter("gateway_proof_challenges_total", "Challenges given out.", &[]);
/// How hard they are.
pub const PROOF_CHALLENGE_ROUNDS: Metric = histogram(
    "gateway_proof_challenge_rounds",
    ROUNDS,
    "Rounds that a challenge given out takes on average: its difficulty.",
    &[],
);
/// How long they take.
pub const PROOF_SOLVE_DURATION: Metric = histogram(
    "gateway_proof_solve_duration_seconds",
    PEOPLE_SECONDS,
    "From giving out a challenge to its good proof, as the server sees it: computing and waiting.",
    &[],
);
/// Proofs shown.
pub const PROOFS: Metric = counter(
    "gateway_proofs_total",
    "Proofs of work shown with a booking, by outcome.",
    &[one_of("outcome", &["good", "refused"])],
);
/// Bookings asked for.
pub const BOOKINGS: Metric = counter(
    "gateway_bookings_total",
    "Requests to book or move that reached a decision.",
    &[at_most("outcome", 16, "the gateway's outcomes")],
);
/// Reloads.
pub const RELOADS: Metric = counter(
    "gateway_reloads_total",
    "Reloads by SIGHUP, by outcome.",
    &[one_of("outcome", &["done", "refused"])],
);
