//! Objectives: what was promised, and how fast it is used up.

use super::{Alarm, Dashboard, Row, lines, stat};

pub(super) const DASHBOARD: Dashboard = Dashboard {
    uid: "slo",
    title: "Objectives",
    description: "Of the requests to book, 99.9 % in 30 days are no failure of ours; how fast the rest is used up.",
    rows: &[
        Row {
            title: "Now",
            panels: &[
                stat(
                    "Answered without a failure",
                    "percentunit",
                    "Share of the requests to book of the last hour without a 5xx.",
                    &[("1 - talon:book_failures:ratio_rate1h", "share")],
                )
                .red(Alarm::Below(0.999)),
                stat(
                    "Answered within 250 ms",
                    "percentunit",
                    "Share of the requests to book of the last five minutes.",
                    &[("talon:book_quick:ratio_rate5m", "share")],
                )
                .red(Alarm::Below(0.99)),
                stat(
                    "Alerts that fire",
                    "short",
                    "Each has a section in docs/operations.md.",
                    &[(
                        "count(ALERTS{alertname=~\"Talon.*\",alertstate=\"firing\"}) or vector(0)",
                        "alerts",
                    )],
                )
                .red(Alarm::From(1.0)),
            ],
        },
        Row {
            title: "How fast failures are used up",
            panels: &[lines(
                "Burn rate",
                "short",
                "1 uses up a month's failures in a month; alerts fire at 14.4, 6 and 1.",
                &[
                    ("talon:book_failures:ratio_rate5m / 0.001", "5 minutes"),
                    ("talon:book_failures:ratio_rate1h / 0.001", "1 hour"),
                    ("talon:book_failures:ratio_rate6h / 0.001", "6 hours"),
                ],
            )],
        },
        Row {
            title: "What counts",
            panels: &[
                lines(
                    "Requests to book by class of answer",
                    "reqps",
                    "5xx count as failures, 4xx do not.",
                    &[(
                        "sum by (status) (rate(gateway_responses_total{SEL,kind=\"book\"}[$__rate_interval]))",
                        "{{status}}",
                    )],
                ),
                lines(
                    "Time to the answer of a request to book",
                    "s",
                    "Median and 99th percentile.",
                    &[
                        (
                            "histogram_quantile(0.5, sum by (le) (rate(gateway_request_duration_seconds_bucket{SEL,kind=\"book\"}[$__rate_interval])))",
                            "p50",
                        ),
                        (
                            "histogram_quantile(0.99, sum by (le) (rate(gateway_request_duration_seconds_bucket{SEL,kind=\"book\"}[$__rate_interval])))",
                            "p99",
                        ),
                    ],
                ),
            ],
        },
    ],
};
