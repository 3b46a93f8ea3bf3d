//! Redis: what the gateways see of it.

use super::{Alarm, Dashboard, Row, lines, stacked, stat};

pub(super) const DASHBOARD: Dashboard = Dashboard {
    uid: "redis",
    title: "Redis",
    description: "What the gateways see of Redis: batches, their time, failures, and who decides.",
    rows: &[
        Row {
            title: "Now",
            panels: &[
                stat(
                    "Buckets decided alone",
                    "short",
                    "More than 0: Redis does not answer, and gateways divide each limit between them.",
                    &[("sum(gateway_admission_degraded{SEL})", "buckets")],
                )
                .red(Alarm::From(1.0)),
                stat(
                    "Times that data was lost",
                    "short",
                    "In the last day: a flush, a restart, a failover.",
                    &[("sum(increase(gateway_admission_data_losses_total{SEL}[1d]))", "times")],
                )
                .red(Alarm::From(1.0)),
                stat(
                    "Hints dropped",
                    "short",
                    "In the last hour; costs a look at the ledger each.",
                    &[("sum(increase(gateway_admission_hints_dropped_total{SEL}[1h]))", "hints")],
                ),
            ],
        },
        Row {
            title: "Batches",
            panels: &[
                lines(
                    "Batches",
                    "ops",
                    "Script calls, by result.",
                    &[(
                        "sum by (result) (rate(gateway_admission_batches_total{SEL}[$__rate_interval]))",
                        "{{result}}",
                    )],
                ),
                lines(
                    "Requests in a batch",
                    "short",
                    "Grows with load: one call decides them all.",
                    &[(
                        "sum(rate(gateway_admission_batch_size_sum{SEL}[$__rate_interval])) / sum(rate(gateway_admission_batch_size_count{SEL}[$__rate_interval]))",
                        "mean",
                    )],
                ),
                lines(
                    "Time of a batch",
                    "s",
                    "From sending to the decisions; at the deadline of 50 ms this process decides alone.",
                    &[
                        (
                            "histogram_quantile(0.5, sum by (le) (rate(gateway_admission_batch_duration_seconds_bucket{SEL}[$__rate_interval])))",
                            "p50",
                        ),
                        (
                            "histogram_quantile(0.99, sum by (le) (rate(gateway_admission_batch_duration_seconds_bucket{SEL}[$__rate_interval])))",
                            "p99",
                        ),
                    ],
                ),
            ],
        },
        Row {
            title: "Trouble",
            panels: &[
                stacked(
                    "Failures by kind",
                    "ops",
                    "Batches and probes that Redis did not decide.",
                    &[(
                        "sum by (kind) (rate(gateway_admission_store_failures_total{SEL}[$__rate_interval]))",
                        "{{kind}}",
                    )],
                ),
                lines(
                    "Who decides",
                    "short",
                    "Changes between Redis and this process in the last hour.",
                    &[(
                        "sum by (decider) (increase(gateway_admission_changes_total{SEL}[1h]))",
                        "to {{decider}}",
                    )],
                ),
            ],
        },
    ],
};
