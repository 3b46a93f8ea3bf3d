//! Gateway: rate, errors, duration, and what it has left.

use super::{Dashboard, Row, lines, stacked};

pub(super) const DASHBOARD: Dashboard = Dashboard {
    uid: "gateway",
    title: "Gateway",
    description: "Rate, errors and duration of requests, and what the gateways have left.",
    rows: &[
        Row {
            title: "Requests",
            panels: &[
                stacked(
                    "Requests by kind",
                    "reqps",
                    "Book, availability and challenge are the hot lane; cold is everything else.",
                    &[(
                        "sum by (kind) (rate(gateway_responses_total{SEL}[$__rate_interval]))",
                        "{{kind}}",
                    )],
                ),
                stacked(
                    "Answers by class",
                    "reqps",
                    "5xx are ours; 4xx are refusals.",
                    &[(
                        "sum by (status) (rate(gateway_responses_total{SEL}[$__rate_interval]))",
                        "{{status}}",
                    )],
                ),
                lines(
                    "Time to an answer",
                    "s",
                    "Median and 99th percentile by kind, from headers to headers.",
                    &[
                        (
                            "histogram_quantile(0.5, sum by (le, kind) (rate(gateway_request_duration_seconds_bucket{SEL}[$__rate_interval])))",
                            "{{kind}} p50",
                        ),
                        (
                            "histogram_quantile(0.99, sum by (le, kind) (rate(gateway_request_duration_seconds_bucket{SEL}[$__rate_interval])))",
                            "{{kind}} p99",
                        ),
                    ],
                ),
            ],
        },
        Row {
            title: "Connections",
            panels: &[
                lines(
                    "Open connections",
                    "short",
                    "Of citizens, by gateway; what share of the bound that is, below.",
                    &[("sum by (instance) (gateway_connections{SEL})", "{{instance}}")],
                ),
                lines(
                    "Connections refused",
                    "cps",
                    "Because few were left and their address had its share.",
                    &[(
                        "sum by (instance) (rate(gateway_connections_refused_total{SEL}[$__rate_interval]))",
                        "{{instance}}",
                    )],
                ),
                stacked(
                    "Logins",
                    "ops",
                    "At the hub, by outcome; all but `identified` are failures.",
                    &[(
                        "sum by (outcome) (rate(gateway_logins_total{SEL}[$__rate_interval]))",
                        "{{outcome}}",
                    )],
                ),
            ],
        },
        Row {
            title: "What is left",
            panels: &[
                lines(
                    "How late runtimes are",
                    "s",
                    "99th percentile of how late a runtime came to a timer: it grows before anything else does.",
                    &[(
                        "histogram_quantile(0.99, sum by (le, instance) (rate(gateway_lane_lag_seconds_bucket{SEL}[$__rate_interval])))",
                        "{{instance}}",
                    )],
                ),
                lines(
                    "CPU",
                    "short",
                    "Cores in use by the process, of which the system tells whole seconds.",
                    &[("rate(process_cpu_seconds_total{SEL}[$__rate_interval])", "{{instance}}")],
                ),
                lines(
                    "Memory",
                    "bytes",
                    "Resident memory of the process.",
                    &[("process_resident_memory_bytes{SEL}", "{{instance}}")],
                ),
                lines(
                    "Bounds in use",
                    "percentunit",
                    "Connections and open files as shares of their bounds; close to the first, one address gets its share only.",
                    &[
                        (
                            "gateway_connections{SEL} / gateway_connections_max{SEL}",
                            "{{instance}} connections",
                        ),
                        ("process_open_fds{SEL} / process_max_fds{SEL}", "{{instance}} files"),
                    ],
                ),
            ],
        },
        Row {
            title: "Changes",
            panels: &[
                lines(
                    "Reloads",
                    "short",
                    "Reloads by SIGHUP in the last hour, by outcome.",
                    &[(
                        "round(sum by (outcome) (increase(gateway_reloads_total{SEL}[1h])))",
                        "{{outcome}}",
                    )],
                ),
                lines(
                    "Certificate ends in",
                    "s",
                    "Below 0 no client comes in. Nothing is shown where the gateway does not speak TLS itself.",
                    &[(
                        "gateway_certificate_expires_timestamp_seconds{SEL} - time()",
                        "{{instance}}",
                    )],
                ),
                lines(
                    "Log lines left out",
                    "ops",
                    "Lines that were counted and not logged because the same place logged too many, by level.",
                    &[(
                        "sum by (level) (rate(talon_log_lines_left_out_total{SEL}[$__rate_interval]))",
                        "{{level}}",
                    )],
                ),
                lines(
                    "Versions",
                    "short",
                    "Processes by version.",
                    &[(
                        "count by (program, version) (talon_build_info{SEL})",
                        "{{program}} {{version}}",
                    )],
                ),
            ],
        },
    ],
};
