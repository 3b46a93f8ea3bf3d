//! A disk that fails under the real process: strace makes one write or one sync of the journal
//! fail, and from that moment on nothing may be promised.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use talon_ledger::journal::RealDisk;
use talon_ledger::verify::verify;

use crate::harness::{Browser, Gateway, Launch, Visit, day, somebody};

const HALL: u32 = 3;
const CLIENTS: usize = 8;
/// Calls of one thread before the one that fails: more than starting takes.
const BEFORE: u32 = 40;
/// Bookings of one client after which the failure must have come.
const MAX_BOOKINGS: usize = 150;
/// A second is what is promised; this is for a machine that does much else.
const EXIT_WITHIN: Duration = Duration::from_secs(5);

/// A booking that was confirmed, and how to ask for it again.
struct Confirmed {
    token: String,
    location: String,
}

#[tokio::test]
async fn a_sync_that_fails_ends_the_process_and_every_promise() {
    // With one client each booking is a batch. The last one's bytes were written and not synced:
    // it is in the file, and nobody was told.
    let failed = fail("fdatasync", "EIO", None, 1).await;
    assert_eq!(bookings_in(&failed.launch.journal()), failed.confirmed.len() as u64 + 1);
    failed.restarts_clean().await;
    fail("fdatasync", "EIO", None, CLIENTS).await.restarts_clean().await;
}

#[tokio::test]
async fn a_disk_that_stays_broken_ends_the_process_as_well() {
    fail("fdatasync", "EIO", Some("+"), CLIENTS).await.restarts_clean().await;
}

#[tokio::test]
async fn a_write_without_room_ends_the_process_and_every_promise() {
    // The last batch was not even written.
    let failed = fail("pwrite64", "ENOSPC", None, 1).await;
    assert_eq!(bookings_in(&failed.launch.journal()), failed.confirmed.len() as u64);
    failed.restarts_clean().await;
    fail("pwrite64", "ENOSPC", None, CLIENTS).await.restarts_clean().await;
}

#[test]
fn a_disk_that_fails_at_the_start_is_not_taken_for_damage() {
    for call in ["fdatasync", "pwrite64"] {
        let launch = Launch::new();
        let trace = launch.directory().join("strace.log");
        let inject = format!("inject={call}:error=EIO:when=1");
        let strace = ["-f", "-o", trace.to_str().unwrap(), "-e", &inject];
        let launch = launch.under_strace(&strace);
        let (code, said) = launch.run_to_the_end();
        assert_injected(&trace);
        assert_eq!(code, Some(74), "{said}");
        assert!(said.contains("Input/output error"), "{said}");
    }
}

#[tokio::test]
async fn a_journal_whose_segments_are_elsewhere_and_whose_snapshot_is_bad_is_not_started() {
    let gateway = Launch::new().start();
    Visit::any(HALL, "exam", &day(2), &day(9)).book(&mut somebody(&gateway), "k").await.expect(201);
    let launch = gateway.stop();
    let (first, elsewhere) =
        (launch.journal().join("segment-0000000001.talon"), launch.directory().join("archived"));
    std::fs::rename(&first, &elsewhere).unwrap();
    std::fs::write(launch.journal().join("snapshot-0000000001.talon"), "not good").unwrap();
    let (code, said) = launch.run_to_the_end();
    assert_eq!(code, Some(65), "{said}");
    assert!(said.contains("a snapshot is not good"), "{said}");
    assert!(said.contains("segment-0000000001.talon"), "{said}");
    assert!(said.contains("Put the file back from the archive"), "{said}");
    std::fs::rename(elsewhere, first).unwrap();
    assert_eq!(bookings_in(&launch.start().stop().journal()), 1);
}

/// What is left after the process ended.
struct Failed {
    launch: Launch,
    confirmed: Vec<Confirmed>,
}

impl Failed {
    /// Starts again without strace: all that was confirmed is there, and the journal is good.
    async fn restarts_clean(self) {
        let gateway = self.launch.untraced().start();
        for Confirmed { token, location } in self.confirmed {
            Browser::bearing(gateway.public(), token).get(&location).await.expect(200);
        }
        Visit::any(HALL, "exam", &day(2), &day(9))
            .book(&mut somebody(&gateway), "after")
            .await
            .expect(201);
        bookings_in(&gateway.stop().journal());
    }
}

/// How many bookings a journal holds, which must be good.
fn bookings_in(journal: &Path) -> u64 {
    let report = verify(&RealDisk::open(journal).unwrap(), None, |_, _| {}).unwrap();
    assert!(report.is_good(), "{report:?}");
    report.bookings
}

/// Books by several clients until the injected error comes; checks how the process ends.
async fn fail(call: &str, error: &str, persists: Option<&str>, clients: usize) -> Failed {
    // What strace can make fail is a thread's.
    let launch = Launch::new().set("journal.commit_by=thread");
    let log = launch.directory().join("strace.log");
    let inject = format!("inject={call}:error={error}:when={BEFORE}{}", persists.unwrap_or(""));
    let trace = format!("trace={call}");
    let log_name = log.to_str().unwrap().to_owned();
    let strace = ["-f", "--seccomp-bpf", "-ttt", "-o", &log_name, "-e", &trace, "-e", &inject];
    let gateway = launch.under_strace(&strace).start();
    assert_traced(&log, &gateway);

    let confirmed = join_all((0..clients).map(|_| book_until_the_end(&gateway))).await;
    let confirmed: Vec<Confirmed> = confirmed.into_iter().flatten().collect();
    let (status, launch) = gateway.wait();
    let ended = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();

    let injected = assert_injected(&log);
    assert!(injected.contains(error), "{injected}");
    // "PID SECONDS.MICROS call(…) = -1 …"
    let at = injected.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap();
    let took = ended.saturating_sub(Duration::from_secs_f64(at));
    assert!(took < EXIT_WITHIN, "{took:?} from the error to the end");
    assert_eq!(status.code(), Some(74), "the exit code says that the disk failed");
    assert!(!confirmed.is_empty(), "some bookings were confirmed before");
    Failed { launch, confirmed }
}

/// The line of the first call that was made to fail.
fn assert_injected(log: &Path) -> String {
    let trace = std::fs::read_to_string(log).unwrap_or_default();
    let injected = trace.lines().find(|line| line.contains("(INJECTED)"));
    injected.unwrap_or_else(|| panic!("strace injected nothing; it needs ptrace:\n{trace}")).into()
}

/// In an environment without ptrace this must fail, and say why.
fn assert_traced(log: &Path, gateway: &Gateway) {
    let traced = std::fs::metadata(log).is_ok_and(|file| file.len() > 0);
    assert!(
        traced,
        "strace traces nothing; these tests need ptrace (in a container: --cap-add=SYS_PTRACE): {}",
        gateway.log()
    );
}

/// Books as ever new people until there is no answer; what was confirmed.
async fn book_until_the_end(gateway: &Gateway) -> Vec<Confirmed> {
    let mut confirmed = Vec::new();
    let mut connection = Browser::new(gateway.public());
    let visit = Visit::any(HALL, "exam", &day(2), &day(12));
    for _ in 0..MAX_BOOKINGS {
        let token = somebody(gateway).bearer.unwrap();
        connection.bearer = Some(token.clone());
        match connection.try_send(visit.ask("k")).await {
            Err(_) => return confirmed,
            Ok(reply) if reply.status == 201 => {
                let location = reply.header("location").to_owned();
                confirmed.push(Confirmed { token, location });
            }
            // The process may still say that it cannot.
            Ok(reply) => {
                reply.refused(503, "unavailable");
            }
        }
    }
    panic!("{MAX_BOOKINGS} bookings and no failure");
}
