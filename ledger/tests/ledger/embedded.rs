//! The ledger inside a process: what an answer waits for, and what becomes of it when the disk
//! fails.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use talon_journal::SpareStatus;
use talon_journal::simulation::SimDisk;
use talon_ledger::clock::manual::ManualClock;
use talon_ledger::core::{Core, Setup};
use talon_ledger::embedded::{Embedded, Handle};
use talon_wire::{Answer, AnswerFuture, Command, Finding, Health, Ledger, Place, Refusal};

use crate::fixture::{
    AUTHORITY, EXAM, PERMIT, SMALL_JOURNAL, START, TOWN, authority, facts, judge, person, setup,
    span, start, utc, wish,
};
use crate::gated::Gate;
use crate::watched::Watched;

/// How long a test waits for what must come; nobody waits that long in a good run.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running ledger on a gated disk.
struct Running {
    ledger: Embedded,
    disk: SimDisk,
    gate: Arc<Gate>,
    failures: Arc<AtomicU32>,
    failed: mpsc::Receiver<()>,
    clock: ManualClock,
}

impl Running {
    /// Starts, and waits until the disk has nothing left to do.
    fn new() -> Self {
        let (disk, gate) = (SimDisk::new(), Gate::new());
        let clock = ManualClock::new(utc(START));
        let gated = Watched { disk: disk.clone(), watch: Arc::clone(&gate) };
        let setup = Setup {
            disk: Arc::new(gated),
            ..setup(&disk, &authority(&[]), &clock, &SMALL_JOURNAL)
        };
        let (core, _) = Core::open(setup).expect("an empty disk opens");
        let failures = Arc::new(AtomicU32::new(0));
        let (tell, failed) = mpsc::channel();
        let count = Arc::clone(&failures);
        let ledger = Embedded::start(core, move |_failure| {
            count.fetch_add(1, Ordering::SeqCst);
            // The test may have ended.
            let _ = tell.send(());
        })
        .expect("there are threads");
        let journal = ledger.core().journal();
        while journal.space().spare != SpareStatus::Ready || journal.space().promised_bytes > 0 {
            thread::yield_now();
        }
        Self { ledger, disk, gate, failures, failed, clock }
    }
}

fn poll(future: &mut AnswerFuture) -> Poll<Answer> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn book(n: u16) -> Command {
    Command::Book(wish(n, TOWN, PERMIT, span("2026-12-02", "2026-12-08")))
}

/// Runs `work` on a runtime of one thread, beside the future that wakes its waiters.
fn on_runtime<F: Future>(ledger: &Embedded, work: impl FnOnce(Handle) -> F) -> F::Output {
    let (handle, driver) = ledger.handle();
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime needs nothing");
    runtime.spawn(driver);
    runtime.block_on(work(handle))
}

#[test]
fn concurrent_bookings_get_dense_durable_answers() {
    const THREADS: u16 = 4;
    const BOOKINGS: u16 = 60;
    let running = Running::new();
    let before = running.ledger.core().journal().watermark().get();
    let sequences: BTreeSet<u64> = thread::scope(|scope| {
        let work = |thread: u16| {
            let ledger = &running.ledger;
            on_runtime(ledger, |handle| async move {
                // All at once, then heard one after the other.
                let calls: Vec<AnswerFuture> =
                    (0..BOOKINGS).map(|n| handle.call(book(thread * BOOKINGS + n))).collect();
                let mut sequences = Vec::new();
                for call in calls {
                    let Answer::Booked { sequence, .. } = call.await else {
                        panic!("there are places for all")
                    };
                    assert!(ledger.core().journal().watermark().get() >= sequence);
                    sequences.push(sequence);
                }
                sequences
            })
        };
        let threads: Vec<_> = (0..THREADS).map(|t| scope.spawn(move || work(t))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    let count = u64::from(THREADS * BOOKINGS);
    assert_eq!(sequences, (before + 1..=before + count).collect());
    let hash = running.ledger.core().state_hash();
    running.ledger.shutdown().expect("the disk works");
    let report = judge(&running.disk, None).expect("the journal is good");
    assert!(report.is_good());
    assert_eq!((report.bookings, report.state_hash), (count, hash));
}

#[test]
fn no_answer_that_promises_leaves_before_its_record_is_durable() {
    let running = Running::new();
    let _closed = running.gate.close();
    let (handle, driver) = running.ledger.handle();
    let mut driver = pin!(driver);
    let mut drive = || driver.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    let first = wish(1, TOWN, EXAM, start("2026-12-02", "08:30"));
    let mut booking = handle.call(Command::Book(first.clone()));
    running.gate.wait_for_a_sync();
    // The sync is under way. Whatever rests on the record waits with it.
    let mut waiting = [
        handle.call(Command::Book(first)),
        handle.call(Command::Bookings(person(1))),
        handle.call(Command::Book(wish(1, TOWN, EXAM, start("2026-12-03", "08:30")))),
        handle.call(Command::RevokeSession(person(2))),
    ];
    assert!(drive().is_pending() && poll(&mut booking).is_pending());
    for future in &mut waiting {
        assert!(poll(future).is_pending());
    }
    // What promises nothing leaves at once.
    let place = Place { authority: AUTHORITY, office: TOWN, service: EXAM };
    let date = crate::fixture::date("2026-12-02");
    let at_once = [
        handle.call(Command::Days { place, channel: talon_domain::ids::Channel::Web }),
        handle.call(Command::Starts { place, channel: talon_domain::ids::Channel::Web, date }),
        handle.call(Command::Bookings(person(3))),
        handle.call(Command::Book(wish(3, TOWN, EXAM, start("2026-12-02", "08:30")))),
    ];
    for mut future in at_once {
        assert!(poll(&mut future).is_ready());
    }
    running.gate.open();
    running
        .ledger
        .core()
        .journal()
        .wait_until_durable(talon_journal::Sequence::new(
            // The booking's record and the logout's are the last two.
            facts_appended(&running),
        ))
        .expect("the disk works");
    assert!(drive().is_pending());
    assert!(matches!(poll(&mut booking), Poll::Ready(Answer::Booked { repeated: false, .. })));
    let [again, list, limit, logout] = &mut waiting;
    assert!(matches!(poll(again), Poll::Ready(Answer::Booked { repeated: true, .. })));
    assert!(matches!(poll(list), Poll::Ready(Answer::Bookings(all)) if all.len() == 1));
    let limit = poll(limit);
    assert!(matches!(limit, Poll::Ready(Answer::Refused(Refusal::Limit { .. }))), "{limit:?}");
    assert!(matches!(poll(logout), Poll::Ready(Answer::SessionRevoked)));
}

/// The number of the last record, durable or not: those on the disk, a booking and a logout.
fn facts_appended(running: &Running) -> u64 {
    running.ledger.core().state().revoked_by(&person(2).session).expect("it was ended").get()
}

#[test]
fn after_a_failing_sync_no_confirmation_ever_comes() {
    let running = Running::new();
    let _closed = running.gate.close();
    let (handle, driver) = running.ledger.handle();
    let mut driver = pin!(driver);
    let mut drive = || driver.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    let mut first = handle.call(book(1));
    running.gate.wait_for_a_sync();
    let mut second = handle.call(book(2));
    assert_eq!(problems(&handle.health()), [false, false]);
    running.gate.fail();
    running.failed.recv_timeout(PATIENCE).expect("the failure is told");
    // The disk works again: too late.
    running.gate.open();
    let third = handle.call(book(3));
    assert!(drive().is_pending());
    assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
    assert_eq!(poll(&mut { third }), Poll::Ready(Answer::Refused(Refusal::Unavailable)));
    let mut repeat = handle.call(book(1));
    assert!(poll(&mut repeat).is_pending(), "what was found is no more durable");
    assert_eq!(problems(&handle.health()), [true, false]);
    assert!(!handle.health().is_ready());
    let (disk, failures) = (running.disk.clone(), Arc::clone(&running.failures));
    assert!(running.ledger.shutdown().is_err());
    assert!(drive().is_pending() && poll(&mut first).is_pending());
    assert_eq!(failures.load(Ordering::SeqCst), 1, "told once");
    // The synced part is good.
    assert!(judge(&disk.crash(7), None).expect("it is whole").is_good());
}

/// Which of the checks have found something: the journal, the clock.
fn problems(health: &Health) -> Vec<bool> {
    let found =
        |name| health.checks.iter().any(|(check, found)| check == name && *found != Finding::Good);
    vec![found("journal"), found("clock")]
}

#[test]
fn a_clock_that_jumped_is_told_and_nobody_is_turned_away() {
    let running = Running::new();
    let (handle, _driver) = running.ledger.handle();
    running.clock.jump_micros(crate::fixture::HOUR);
    running.ledger.core().keep();
    assert_eq!(problems(&handle.health()), [false, true]);
    assert!(handle.health().is_ready());
}

#[test]
fn a_machine_that_slept_is_ready_when_it_wakes() {
    let running = Running::new();
    let (handle, _driver) = running.ledger.handle();
    running.clock.sleep_micros(crate::fixture::HOUR);
    running.ledger.core().keep();
    assert!(handle.health().is_ready());
    // One that its host had stopped does not know: its wall clock was set forward.
    running.clock.jump_micros(crate::fixture::HOUR);
    running.ledger.core().keep();
    assert_eq!(problems(&handle.health()), [false, true]);
    running.clock.advance_micros(talon_ledger::clock::CLOCK_AGREEMENT_MICROS);
    running.ledger.core().keep();
    assert_eq!(problems(&handle.health()), [false, false], "and it does not stay so for ever");
}

#[test]
fn a_shutdown_commits_what_is_pending() {
    let running = Running::new();
    let before = facts(&running.disk).len();
    let (handle, _driver) = running.ledger.handle();
    for n in 0..20 {
        // Nobody waits for the answer.
        drop(handle.call(book(n)));
    }
    running.ledger.shutdown().expect("the disk works");
    assert_eq!(facts(&running.disk).len(), before + 20);
}

#[test]
fn what_was_due_while_down_is_done_before_the_first_answer() {
    let running = Running::new();
    let (handle, _driver) = running.ledger.handle();
    let place = Place { authority: AUTHORITY, office: TOWN, service: EXAM };
    let Poll::Ready(Answer::Days(days)) =
        poll(&mut handle.call(Command::Days { place, channel: talon_domain::ids::Channel::Web }))
    else {
        panic!("days are public")
    };
    assert_eq!(days.iter().filter(|day| day.release.is_none()).count(), 7);
}
