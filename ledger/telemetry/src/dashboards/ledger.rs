//! Ledger and journal: utilisation, saturation, errors.

use super::{Alarm, Dashboard, Row, lines, stacked, stat};

pub(super) const DASHBOARD: Dashboard = Dashboard {
    uid: "ledger",
    title: "Ledger and journal",
    description: "What the ledger decides, how the journal keeps up, and how much room is left.",
    rows: &[
        Row {
            title: "Now",
            panels: &[
                stat(
                    "Clock trusted",
                    "bool",
                    "While it is not, no date opens.",
                    &[("min(ledger_clock_trusted{SEL})", "trusted")],
                )
                .red(Alarm::Below(1.0)),
                stat(
                    "Keeper at work",
                    "bool",
                    "The thread that opens dates and gives places back.",
                    &[("min(ledger_keeper_at_work{SEL})", "at work")],
                )
                .red(Alarm::Below(1.0)),
                stat(
                    "Not durable yet",
                    "short",
                    "Records between the last appended and the last durable one.",
                    &[(
                        "max(ledger_journal_appended{SEL} - ledger_journal_watermark{SEL})",
                        "records",
                    )],
                ),
                stat(
                    "Disk free",
                    "percentunit",
                    "Of the file system of the journal.",
                    &[("min(ledger_disk_free_bytes{SEL} / ledger_disk_size_bytes{SEL})", "free")],
                )
                .red(Alarm::Below(0.1)),
                stat(
                    "Next segment ready",
                    "bool",
                    "0 for minutes means that the disk has no room for it.",
                    &[("min(ledger_journal_spare_ready{SEL})", "ready")],
                )
                .red(Alarm::Below(1.0)),
                stat(
                    "Last start",
                    "s",
                    "How long opening the journal took.",
                    &[("max(ledger_replay_duration_seconds{SEL})", "replay")],
                ),
            ],
        },
        Row {
            title: "Decisions",
            panels: &[
                stacked(
                    "Commands by outcome",
                    "ops",
                    "Bookings, moves, cancellations and visits, by what came of them.",
                    &[(
                        "sum by (command, outcome) (rate(ledger_commands_total{SEL}[$__rate_interval])) > 0",
                        "{{command}} {{outcome}}",
                    )],
                ),
                lines(
                    "Answers that wait for the disk",
                    "short",
                    "Over all runtimes; the bound is 65,536 for each.",
                    &[("ledger_answers_waiting{SEL}", "{{instance}}")],
                ),
                lines(
                    "People, sessions, places on their way back",
                    "short",
                    "What is held in memory.",
                    &[
                        ("ledger_holders{SEL}", "people and entities"),
                        ("ledger_revoked_sessions{SEL}", "ended sessions"),
                        ("ledger_withheld_places{SEL}", "withheld places"),
                    ],
                ),
            ],
        },
        Row {
            title: "Journal",
            panels: &[
                lines(
                    "Time of a commit",
                    "s",
                    "Sealing, writing and syncing one batch.",
                    &[
                        (
                            "histogram_quantile(0.5, sum by (le) (rate(ledger_journal_commit_duration_seconds_bucket{SEL}[$__rate_interval])))",
                            "p50",
                        ),
                        (
                            "histogram_quantile(0.99, sum by (le) (rate(ledger_journal_commit_duration_seconds_bucket{SEL}[$__rate_interval])))",
                            "p99",
                        ),
                    ],
                ),
                lines(
                    "Records in a commit",
                    "short",
                    "Grows with load: that is how the journal keeps up.",
                    &[(
                        "sum(rate(ledger_journal_commit_records_sum{SEL}[$__rate_interval])) / sum(rate(ledger_journal_commit_records_count{SEL}[$__rate_interval]))",
                        "mean",
                    )],
                ),
                lines(
                    "Written",
                    "Bps",
                    "Bytes of batches, padding included.",
                    &[("rate(ledger_journal_bytes_total{SEL}[$__rate_interval])", "{{instance}}")],
                ),
            ],
        },
        Row {
            title: "Room",
            panels: &[
                lines(
                    "Rest of the segment",
                    "bytes",
                    "Falls to zero and begins anew with the next segment.",
                    &[("ledger_journal_segment_left_bytes{SEL}", "{{instance}}")],
                ),
                lines(
                    "Disk",
                    "bytes",
                    "Free and whole size of the journal's file system.",
                    &[
                        ("ledger_disk_free_bytes{SEL}", "{{instance}} free"),
                        ("ledger_disk_size_bytes{SEL}", "{{instance}} size"),
                    ],
                ),
                lines(
                    "Records that wait for a commit",
                    "short",
                    "At its bound, bookings are asked to come back.",
                    &[("ledger_journal_pending_records{SEL}", "{{instance}}")],
                ),
            ],
        },
    ],
};
