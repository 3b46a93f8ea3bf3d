//! The metrics of a ledger and its journal, and of the connection between the two.

use super::{COUNTS, MAX_AUTHORITIES, MAX_RULES, SECONDS};
use crate::metric::{Metric, at_most, counter, gauge, histogram, one_of};

/// What the ledger was asked to do, and did.
pub const LEDGER_COMMANDS: Metric = counter(
    "ledger_commands_total",
    "Commands that the ledger carried out, by command and outcome.",
    &[one_of("command", LEDGER_COMMAND_NAMES), one_of("outcome", LEDGER_OUTCOMES)],
);
/// The commands that change something.
pub const LEDGER_COMMAND_NAMES: &[&str] = &["book", "move", "cancel", "conclude"];
/// What comes of them.
pub const LEDGER_OUTCOMES: &[&str] = &[
    "done",
    "repeated",
    "taken",
    "limit",
    "not_released",
    "past",
    "journal_full",
    "busy",
    "unavailable",
    "refused",
];
/// Limits that held.
pub const LEDGER_LIMIT_REFUSALS: Metric = counter(
    "ledger_limit_refusals_total",
    "Bookings that a limit refused, by rule.",
    &[at_most("rule", MAX_RULES, "the limits of the policies")],
);
/// Limits on trial.
pub const LEDGER_LIMIT_SHADOW_REFUSALS: Metric = counter(
    "ledger_limit_shadow_refusals_total",
    "Bookings that a limit in shadow mode would have refused, by rule.",
    &[at_most("rule", MAX_RULES, "the limits of the policies")],
);
/// What is left.
pub const LEDGER_PLACES: Metric = gauge(
    "ledger_places",
    "Steps of desks on days to come that the web may use, by authority and state.",
    &[
        at_most("authority", MAX_AUTHORITIES, "the codes of the authorities"),
        one_of("state", &["free", "taken", "unreleased"]),
    ],
);
/// Dates that opened.
pub const LEDGER_RELEASES: Metric = counter(
    "ledger_releases_total",
    "Dates opened for a service and a channel, by whether their moment had been missed.",
    &[one_of("late", &["no", "yes"])],
);
/// Places on their way back.
pub const LEDGER_WITHHELD: Metric =
    gauge("ledger_withheld_places", "Cancelled places that have not returned yet.", &[]);
/// People and entities.
pub const LEDGER_HOLDERS: Metric =
    gauge("ledger_holders", "People and legal entities with an entry.", &[]);
/// Ended sessions.
pub const LEDGER_REVOKED_SESSIONS: Metric =
    gauge("ledger_revoked_sessions", "Sessions that a logout ended and that are remembered.", &[]);
/// Answers that wait.
pub const LEDGER_ANSWERS_WAITING: Metric = gauge(
    "ledger_answers_waiting",
    "Answers that wait for their record to be durable, over all runtimes.",
    &[],
);
/// The clock.
pub const LEDGER_CLOCK_TRUSTED: Metric = gauge(
    "ledger_clock_trusted",
    "1 when the clocks agree; 0 after a jump, while nothing opens.",
    &[],
);
/// The keeper.
pub const LEDGER_KEEPER_AT_WORK: Metric = gauge(
    "ledger_keeper_at_work",
    "1 while the thread that opens dates and gives places back is there.",
    &[],
);
/// The start.
pub const LEDGER_REPLAY_DURATION: Metric =
    gauge("ledger_replay_duration_seconds", "How long opening the journal took at the start.", &[]);
/// Snapshots.
pub const LEDGER_SNAPSHOTS: Metric = counter(
    "ledger_snapshots_total",
    "Snapshots that the server tried to make, by outcome.",
    &[one_of("outcome", &["made", "failed"])],
);
/// The last snapshot.
pub const LEDGER_SNAPSHOT_TIME: Metric = gauge(
    "ledger_snapshot_made_timestamp_seconds",
    "When this process last made a snapshot, as Unix time; absent before the first.",
    &[],
);

/// Commits.
pub const JOURNAL_COMMIT_DURATION: Metric = histogram(
    "ledger_journal_commit_duration_seconds",
    SECONDS,
    "How long sealing, writing and syncing one batch took.",
    &[],
);
/// Records a commit.
pub const JOURNAL_COMMIT_RECORDS: Metric =
    histogram("ledger_journal_commit_records", COUNTS, "Records in one batch.", &[]);
/// Bytes written.
pub const JOURNAL_BYTES: Metric =
    counter("ledger_journal_bytes_total", "Bytes of batches written, padding included.", &[]);
/// The last record.
pub const JOURNAL_APPENDED: Metric = gauge(
    "ledger_journal_appended",
    "The sequence number of the last record, durable or not.",
    &[],
);
/// The last durable record.
pub const JOURNAL_WATERMARK: Metric =
    gauge("ledger_journal_watermark", "The sequence number of the last durable record.", &[]);
/// What waits for a commit.
pub const JOURNAL_PENDING: Metric =
    gauge("ledger_journal_pending_records", "Records that wait for a commit to take them.", &[]);
/// The active segment.
pub const JOURNAL_SEGMENT_LEFT: Metric = gauge(
    "ledger_journal_segment_left_bytes",
    "The rest of the segment that is being filled.",
    &[],
);
/// The next segment.
pub const JOURNAL_SPARE_READY: Metric = gauge(
    "ledger_journal_spare_ready",
    "1 when the next segment is made; 0 for long when the disk has no room for it.",
    &[],
);
/// The end of the journal.
pub const JOURNAL_FAILED: Metric = gauge(
    "ledger_journal_failed",
    "1 after a write or a sync failed: nothing is promised any more and the process ends.",
    &[],
);
/// Room on the disk.
pub const DISK_FREE: Metric = gauge(
    "ledger_disk_free_bytes",
    "Room for this process on the file system of the journal.",
    &[],
);
/// The disk.
pub const DISK_SIZE: Metric =
    gauge("ledger_disk_size_bytes", "Size of the file system of the journal.", &[]);

/// The server's connections.
pub const SERVER_CONNECTIONS_BROKEN: Metric = counter(
    "ledger_connections_broken_total",
    "Connections of gateways to the ledger that ended badly, at the ledger.",
    &[],
);
/// The server's bound.
pub const SERVER_REFUSED_BUSY: Metric = counter(
    "ledger_requests_refused_busy_total",
    "Requests of gateways refused because too many were under way on their connection.",
    &[],
);
/// The server's batches.
pub const SERVER_ANSWERS_PER_WRITE: Metric =
    histogram("ledger_answers_per_write", COUNTS, "Answers in one write to a gateway.", &[]);
/// The client's connections.
pub const CLIENT_CONNECTIONS_BROKEN: Metric = counter(
    "ledger_client_connections_broken_total",
    "Connections to the ledger that ended badly, at the gateway.",
    &[],
);
/// The client's batches.
pub const CLIENT_REQUESTS_PER_WRITE: Metric = histogram(
    "ledger_client_requests_per_write",
    COUNTS,
    "Requests in one write to the ledger.",
    &[],
);
/// Unknown outcomes.
pub const CLIENT_UNKNOWN_OUTCOMES: Metric = counter(
    "ledger_client_unknown_outcomes_total",
    "Requests whose answer was lost with a connection, by what became of them.",
    &[one_of("resolved", &["found", "sent_again"])],
);
