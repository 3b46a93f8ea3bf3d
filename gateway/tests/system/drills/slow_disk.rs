//! Slow disk: from some moment on each sync of the journal takes a third of a second.

use super::Sign;
use crate::harness::{Launch, Prometheus, Visit, day, somebody};

/// Syncs of one thread before the first that is slow: more than starting takes.
const BEFORE: u32 = 40;
const DELAY_MICROS: u32 = 300_000;
/// An office with places for everybody who books here.
const HALL: u32 = 3;

pub(super) const SLOW: Sign = Sign {
    alert: "TalonJournalSlow",
    dashboard: "Ledger and journal",
    panel: "Time of a commit",
    tells: |seconds| seconds > 0.1,
};

#[tokio::test]
async fn people_wait_for_a_slow_disk_and_get_their_places() {
    // What strace can slow down is a thread's.
    let launch = Launch::new().set("journal.commit_by=thread");
    let log = launch.directory().join("strace.log").to_str().unwrap().to_owned();
    let inject = format!("inject=fdatasync:delay_enter={DELAY_MICROS}:when={BEFORE}+");
    let strace = ["-f", "--seccomp-bpf", "-o", &log, "-e", "trace=fdatasync", "-e", &inject];
    let gateway = launch.under_strace(&strace).start();
    let prometheus = Prometheus::start(gateway.admin()).await;
    let visit = Visit::any(HALL, "exam", &day(2), &day(12));
    let book = async || visit.book(&mut somebody(&gateway), "k").await.expect(201);
    book().await;
    SLOW.is_quiet(&prometheus).await;
    let booking = async {
        loop {
            book().await;
        }
    };
    tokio::select! {
        () = SLOW.is_seen(&prometheus) => {}
        () = booking => {}
    }
    assert!(std::fs::read_to_string(log).unwrap().contains("(DELAYED)"));
}
