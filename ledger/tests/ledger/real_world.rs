//! A ledger in a real directory with its threads, small segments, and somebody who asks much of it.
//!
//! Owns the load and what was confirmed of it. The tests of backups, archives and full disks use it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use talon_domain::ids::{BookingId, SessionId};
use talon_journal::simulation::SimDisk;
use talon_journal::{JournalKind, Options, OsEntropy, RealDisk, Sequence};
use talon_ledger::clock::manual::ManualClock;
use talon_ledger::core::{BadLedger, Core, Outcome, Setup};
use talon_ledger::embedded::Embedded;
use talon_wire::Answer;

use crate::fixture::{PERMIT, START, TOWN, authority, person, setup, span, utc, wish};

/// Segments that a few commits fill.
pub(crate) const TINY_JOURNAL: Options =
    Options { segment_bytes: 64 << 10, kind: JournalKind::Demo, max_batch_bytes: 32 << 10 };

/// Opens the journal in a directory; no threads yet.
pub(crate) fn open(directory: &Path) -> Result<Core, BadLedger> {
    let clock = ManualClock::new(utc(START));
    let disk = Arc::new(RealDisk::create(directory).expect("a directory"));
    let parts = setup(&SimDisk::new(), &authority(&[]), &clock, &TINY_JOURNAL);
    // Journals that differ have names that differ.
    let journal_entropy = Box::new(OsEntropy::default());
    Core::open(Setup { disk, journal_entropy, ..parts }).map(|(core, _)| core)
}

/// A running ledger on a directory.
#[track_caller]
pub(crate) fn start(directory: &Path) -> Embedded {
    let core = open(directory).expect("the directory opens");
    Embedded::start(core, |failure| panic!("{failure}")).expect("there are threads")
}

/// What a client was told, after it was durable.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Confirmed {
    /// This person has this booking.
    Booked(u16, BookingId),
    /// This session has ended.
    LoggedOut(SessionId),
}

/// What was confirmed, by the record that it rests on.
pub(crate) type Promises = Vec<(Sequence, Confirmed)>;

/// Asks as person `n` for a place, or when there is none left, for an end of a session.
pub(crate) fn ask(core: &Core, n: u16) -> Option<(Sequence, Confirmed)> {
    let outcome = core.book(&wish(n, TOWN, PERMIT, span("2026-12-02", "2026-12-08")));
    let confirmed = match outcome.answer {
        Answer::Booked { ref booking, .. } => (outcome.after, Confirmed::Booked(n, booking.id)),
        Answer::Refused(_) => {
            let mut caller = person(n);
            caller.session.0[0] = 0xee;
            caller.session_expires_at = utc("2027-01-01T00:00:00Z");
            let Outcome { answer: Answer::SessionRevoked, after } = core.revoke_session(&caller)
            else {
                return None;
            };
            (after, Confirmed::LoggedOut(caller.session))
        }
        ref other => panic!("{other:?}"),
    };
    core.journal().wait_until_durable(confirmed.0).expect("the disk works");
    Some(confirmed)
}

/// Asks for ever new people until it is told to stop.
pub(crate) fn load(core: &Core, stop: &AtomicBool) -> Promises {
    let mut promises = Promises::new();
    for n in 0..u16::MAX {
        // Relaxed: the joining orders everything else.
        if stop.load(Ordering::Relaxed) {
            break;
        }
        promises.extend(ask(core, n));
    }
    promises
}

/// Asks until this many segments are sealed.
pub(crate) fn seal(core: &Core, segments: u64) -> Promises {
    let mut promises = Promises::new();
    for n in 0.. {
        if core.journal().active_segment().get().get() > segments {
            return promises;
        }
        promises.extend(ask(core, n));
    }
    unreachable!("every commit fills a block")
}

/// Whether a ledger keeps what it, or the one whose journal it has, confirmed.
pub(crate) fn keeps(core: &Core, promise: Confirmed) -> bool {
    match promise {
        Confirmed::Booked(n, id) => {
            let entry = core.state().person(&person(n).person);
            entry.is_some_and(|entry| entry.lock().by_id(id).is_some())
        }
        Confirmed::LoggedOut(session) => core.state().is_revoked(&session),
    }
}
