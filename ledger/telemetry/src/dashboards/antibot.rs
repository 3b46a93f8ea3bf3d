//! Anti-bot: what is refused before the ledger sees it, and what bots pay.

use super::{Dashboard, Row, lines, stacked, stat};

pub(super) const DASHBOARD: Dashboard = Dashboard {
    uid: "anti-bot",
    title: "Anti-bot",
    description: "What is refused before it reaches the ledger, by which guard, and what is asked of whom.",
    rows: &[
        Row {
            title: "Now",
            panels: &[
                stat(
                    "Refused as too many",
                    "percentunit",
                    "Share of all requests of the last ten minutes refused as too many, too fast or unproved.",
                    &[(
                        "sum(rate(gateway_refusals_total{SEL,type=~\"rate-limited|quota-exceeded|pow-.*\"}[10m])) / sum(rate(gateway_responses_total{SEL}[10m]))",
                        "share",
                    )],
                ),
                stat(
                    "Proof of work",
                    "short",
                    "Level that is asked outside releases; 0 asks for none.",
                    &[("max(gateway_proof_level{SEL})", "level")],
                ),
                stat(
                    "People and addresses counted",
                    "short",
                    "Keys that the local fence told apart within ten seconds; 262144 of each kind at most.",
                    &[("sum by (counted) (gateway_fence_keys{SEL})", "{{counted}}")],
                ),
            ],
        },
        Row {
            title: "The guards",
            panels: &[
                stacked(
                    "Admission decisions",
                    "ops",
                    "How admission decided; `over_quota_hint` is asked of the ledger again.",
                    &[(
                        "sum by (outcome) (rate(gateway_admission_decisions_total{SEL}[$__rate_interval]))",
                        "{{outcome}}",
                    )],
                ),
                stacked(
                    "Refused by the fence",
                    "ops",
                    "By person: somebody's session asks without a pause. By address: a flood.",
                    &[(
                        "sum by (counted) (rate(gateway_fence_refusals_total{SEL}[$__rate_interval]))",
                        "{{counted}}",
                    )],
                ),
                lines(
                    "Fence overflows",
                    "ops",
                    "Requests counted in the shared bucket because the fence was full.",
                    &[(
                        "sum by (counted) (rate(gateway_fence_overflows_total{SEL}[$__rate_interval]))",
                        "{{counted}}",
                    )],
                ),
                stacked(
                    "In shadow mode",
                    "ops",
                    "What limits on trial would have refused; empty while none has.",
                    &[
                        (
                            "sum by (limit) (rate(gateway_shadow_refusals_total{SEL}[$__rate_interval]))",
                            "gateway: {{limit}}",
                        ),
                        (
                            "sum by (rule) (rate(ledger_limit_shadow_refusals_total{SEL}[$__rate_interval]))",
                            "ledger: {{rule}}",
                        ),
                    ],
                ),
            ],
        },
        Row {
            title: "Proofs",
            panels: &[
                lines(
                    "Level",
                    "short",
                    "The level over time, by gateway.",
                    &[("gateway_proof_level{SEL}", "{{instance}}")],
                ),
                lines(
                    "Challenges and proofs",
                    "ops",
                    "Challenges that nobody solves are bots that gave up, or phones that are too slow.",
                    &[
                        (
                            "sum(rate(gateway_proof_challenges_total{SEL}[$__rate_interval]))",
                            "challenges",
                        ),
                        (
                            "sum by (outcome) (rate(gateway_proofs_total{SEL}[$__rate_interval]))",
                            "proofs: {{outcome}}",
                        ),
                    ],
                ),
                lines(
                    "Difficulty",
                    "short",
                    "Rounds that challenges given out take on average; a cheap phone computes 134,000 in a second.",
                    &[(
                        "sum(rate(gateway_proof_challenge_rounds_sum{SEL}[$__rate_interval])) / sum(rate(gateway_proof_challenge_rounds_count{SEL}[$__rate_interval]))",
                        "mean",
                    )],
                ),
                lines(
                    "From challenge to proof",
                    "s",
                    "As the server sees it: computing, and waiting for the release. Far below what the difficulty costs a phone: farms.",
                    &[
                        (
                            "histogram_quantile(0.05, sum by (le) (rate(gateway_proof_solve_duration_seconds_bucket{SEL}[$__rate_interval])))",
                            "p5",
                        ),
                        (
                            "histogram_quantile(0.5, sum by (le) (rate(gateway_proof_solve_duration_seconds_bucket{SEL}[$__rate_interval])))",
                            "p50",
                        ),
                        (
                            "histogram_quantile(0.95, sum by (le) (rate(gateway_proof_solve_duration_seconds_bucket{SEL}[$__rate_interval])))",
                            "p95",
                        ),
                    ],
                ),
            ],
        },
    ],
};
