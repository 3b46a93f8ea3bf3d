//! Release day: the funnel of a citizen, and who was refused by which rule.

use super::{Alarm, Dashboard, Row, lines, stacked, stat};

pub(super) const DASHBOARD: Dashboard = Dashboard {
    uid: "release-day",
    title: "Release day",
    description: "A citizen's way from the first request to a durable place, and where it ends for the others.",
    rows: &[
        Row {
            title: "Now",
            panels: &[
                stat(
                    "Places free",
                    "short",
                    "Steps of desks that are released and that nobody has.",
                    &[("sum(ledger_places{SEL,state=\"free\"})", "free")],
                ),
                stat(
                    "Booked in the last hour",
                    "short",
                    "Bookings that became durable in the last hour.",
                    &[(
                        "sum(increase(ledger_commands_total{SEL,command=\"book\",outcome=\"done\"}[1h]))",
                        "booked",
                    )],
                ),
                stat(
                    "Requests to book",
                    "reqps",
                    "What is asked now, whoever asks.",
                    &[(
                        "sum(rate(gateway_responses_total{SEL,kind=\"book\"}[$__rate_interval]))",
                        "requests",
                    )],
                ),
                stat(
                    "99 of 100 answered within",
                    "s",
                    "Time to the answer of a request to book; the objective is a quarter of a second.",
                    &[(
                        "histogram_quantile(0.99, sum by (le) (rate(gateway_request_duration_seconds_bucket{SEL,kind=\"book\"}[$__rate_interval])))",
                        "p99",
                    )],
                )
                .red(Alarm::From(0.25)),
                stat(
                    "Proof of work",
                    "short",
                    "Level that is asked outside releases; 0 asks for none.",
                    &[("max(gateway_proof_level{SEL})", "level")],
                ),
            ],
        },
        Row {
            title: "The funnel",
            panels: &[lines(
                "Arrived, identified, admitted, proved, claimed, durable",
                "ops",
                "Each stage as a rate. Where two neighbours part, people are refused, or something is broken.",
                &[
                    (
                        "sum(rate(gateway_responses_total{SEL,kind=\"book\"}[$__rate_interval]))",
                        "arrived to book",
                    ),
                    (
                        "sum(rate(gateway_logins_total{SEL,outcome=\"identified\"}[$__rate_interval]))",
                        "identified",
                    ),
                    (
                        "sum(rate(gateway_admission_decisions_total{SEL,outcome=\"admitted\"}[$__rate_interval]))",
                        "admitted",
                    ),
                    (
                        "sum(rate(gateway_proofs_total{SEL,outcome=\"good\"}[$__rate_interval]))",
                        "proved",
                    ),
                    (
                        "sum(rate(ledger_commands_total{SEL,command=\"book\",outcome=\"done\"}[$__rate_interval]))",
                        "claimed",
                    ),
                    (
                        "sum(rate(ledger_journal_commit_records_sum{SEL}[$__rate_interval]))",
                        "records durable",
                    ),
                ],
            )],
        },
        Row {
            title: "Who was refused, and by what",
            panels: &[
                stacked(
                    "Refusals by type",
                    "ops",
                    "Answers that refuse, by the problem's type; `overloaded`, `unavailable` and `journal-full` are ours.",
                    &[(
                        "sum by (type) (rate(gateway_refusals_total{SEL}[$__rate_interval]))",
                        "{{type}}",
                    )],
                ),
                stacked(
                    "Refusals by limit",
                    "ops",
                    "Which rule of a policy refused a booking.",
                    &[(
                        "sum by (rule) (rate(ledger_limit_refusals_total{SEL}[$__rate_interval]))",
                        "{{rule}}",
                    )],
                ),
                stacked(
                    "What became of requests to book",
                    "ops",
                    "The ledger's own word, by outcome.",
                    &[(
                        "sum by (outcome) (rate(ledger_commands_total{SEL,command=\"book\"}[$__rate_interval]))",
                        "{{outcome}}",
                    )],
                ),
            ],
        },
        Row {
            title: "Places",
            panels: &[
                stacked(
                    "Places by state",
                    "short",
                    "Steps of desks on days to come that the web may use.",
                    &[("sum by (state) (ledger_places{SEL})", "{{state}}")],
                ),
                lines(
                    "Free places by authority",
                    "short",
                    "How fast they go, and where nothing is left.",
                    &[("sum by (authority) (ledger_places{SEL,state=\"free\"})", "{{authority}}")],
                ),
                lines(
                    "Dates opened",
                    "short",
                    "In the last hour, for a service and a channel; late ones had missed their moment.",
                    &[(
                        "round(sum by (late) (increase(ledger_releases_total{SEL}[1h])))",
                        "late: {{late}}",
                    )],
                ),
            ],
        },
    ],
};
