//! The whole ledger on a disk that loses power at random points.
//!
//! Clients remember what they were told. After every loss the ledger must open, nobody may have
//! more than the policy allows, and everything that was confirmed must be there.

use std::collections::{BTreeMap, BTreeSet};

use talon_domain::ids::{BookingId, Pseudonym, SessionId};
use talon_journal::simulation::{SimDisk, SimEntropy};
use talon_journal::{JournalKind, Options, Sequence};
use talon_ledger::clock::manual::ManualClock;
use talon_ledger::core::Core;
use talon_ledger::person::Booking;
use talon_wire::{Answer, Book, BookingState, BookingView, Caller};

use crate::fixture::{SECOND, START, World, authority, judge, person, utc};
use crate::random::Operation;

/// Lives of a ledger, each on a new disk.
const LIVES: u64 = 250;
/// Power losses in one life.
const LOSSES_PER_LIFE: u64 = 12;
/// Most operations of clients between two losses.
const MOST_OPERATIONS: u64 = 60;
/// Most operations of the disk between two losses.
const MOST_DISK_OPERATIONS: u64 = 80;

const JOURNAL: Options =
    Options { segment_bytes: 32 << 10, kind: JournalKind::Demo, max_batch_bytes: 24 << 10 };

/// What the clients of one life were told, and what they asked without hearing.
#[derive(Default)]
struct Clients {
    confirmed: BTreeMap<BookingId, (Caller, BookingView)>,
    /// What somebody asked to become of a booking, whatever came of it.
    possible: BTreeSet<(BookingId, BookingState)>,
    /// What became of a booking, as somebody was told.
    settled: BTreeMap<BookingId, BookingState>,
    /// Names that are one person's, as somebody was told.
    joined: Vec<(Pseudonym, Pseudonym)>,
    revoked: BTreeSet<SessionId>,
    asked: Vec<Book>,
    /// Answers that wait for their record.
    waiting: Vec<(Sequence, Caller, Heard)>,
    /// The number of the last record that an answer rested on.
    rested_on: u64,
}

/// An answer, and what of its question one has to know to understand it.
struct Heard {
    answer: Answer,
    /// The booking that was to be moved.
    moved: Option<BookingId>,
    /// The other name of a login.
    other: Option<Pseudonym>,
}

impl Clients {
    /// Asks, and hears at once what promises nothing.
    fn ask(&mut self, world: &World, operation: &Operation) {
        let caller = match operation {
            Operation::Book(book) => {
                self.asked.push(book.clone());
                book.caller
            }
            Operation::Cancel { person: n, .. }
            | Operation::Move { person: n, .. }
            | Operation::Identify { one: n, .. }
            | Operation::Conclude { person: n, .. }
            | Operation::Unblock { person: n }
            | Operation::Logout { person: n } => person(*n),
            Operation::Pass { .. } | Operation::Commit | Operation::Restart => return,
        };
        let state = match operation {
            Operation::Cancel { which, .. } => Some((*which, BookingState::Cancelled)),
            Operation::Move { which, .. } => Some((*which, BookingState::Moved)),
            Operation::Conclude { which, visit, .. } => Some((*which, visit.state())),
            _ => None,
        };
        let about = state.and_then(|(which, state)| {
            let n = u16::from_le_bytes([caller.person.0[0], caller.person.0[1]]);
            Some((world.nth(n, which)?, state))
        });
        self.possible.extend(about);
        if let Some(outcome) = world.ask(operation) {
            let moved = about.filter(|(_, state)| *state == BookingState::Moved);
            let other = match operation {
                Operation::Identify { other, .. } => Some(person(*other).person),
                _ => None,
            };
            let heard = Heard { answer: outcome.answer, moved: moved.map(|(id, _)| id), other };
            self.waiting.push((outcome.after, caller, heard));
        }
    }

    /// Hears everything whose record is durable.
    fn hear(&mut self, watermark: Sequence) {
        let waiting = std::mem::take(&mut self.waiting);
        for (after, caller, heard) in waiting {
            if after > watermark {
                self.waiting.push((after, caller, heard));
                continue;
            }
            self.rested_on = self.rested_on.max(after.get());
            match heard.answer {
                Answer::Booked { booking, repeated, .. } => {
                    if booking.state != BookingState::Booked {
                        self.settled.insert(booking.id, booking.state);
                    }
                    if let Some(from) = heard.moved.filter(|_| !repeated) {
                        self.settled.insert(from, BookingState::Moved);
                    }
                    self.confirmed.insert(booking.id, (caller, booking));
                }
                Answer::Cancelled(booking) | Answer::Concluded(booking) => {
                    self.settled.insert(booking.id, booking.state);
                }
                Answer::Identified { .. } => {
                    self.joined.extend(heard.other.map(|other| (caller.person, other)));
                }
                Answer::SessionRevoked => {
                    self.revoked.insert(caller.session);
                }
                _ => {}
            }
        }
    }

    /// What is wrong with a ledger that was opened after a power loss; nothing when all is well.
    fn judge(&self, core: &Core) -> Result<(), String> {
        if core.journal().watermark().get() < self.rested_on {
            return Err(format!("an answer rested on record {}, which is lost", self.rested_on));
        }
        for (id, (owner, view)) in &self.confirmed {
            // A login that nobody has ended.
            let caller = Caller { session: SessionId([0xee; 16]), ..*owner };
            let Answer::Booking(now) = core.booking(&caller, *id).answer else {
                return Err(format!("the confirmed booking {id} is lost"));
            };
            let (state, move_until) = (view.state, view.move_until);
            let same_place = BookingView { state, move_until, ..now.clone() } == *view;
            let state_is_known = match self.settled.get(id) {
                Some(state) => now.state == *state,
                None if now.state == BookingState::Booked => true,
                None => self.possible.contains(&(*id, now.state)),
            };
            if !same_place || !state_is_known {
                return Err(format!("{view:?} was confirmed, and is now {now:?}"));
            }
        }
        if let Some(session) = self.revoked.iter().find(|s| !core.state().is_revoked(s)) {
            return Err(format!("{session:?} was ended, and is back"));
        }
        for (one, other) in &self.joined {
            let root = |name| core.state().party(name).map(|party| party.name);
            if root(one) != root(other) {
                return Err(format!("{one:?} and {other:?} were one, and are no more"));
            }
        }
        for book in &self.asked {
            let Some(party) = core.state().party(&book.caller.person) else { continue };
            let of_key = |b: &&Booking| b.key == book.key && b.fingerprint == book.fingerprint;
            let under_key = party.entry.all().filter(of_key).count();
            if under_key > 1 {
                return Err(format!("{under_key} bookings under one key: {book:?}"));
            }
        }
        Ok(())
    }
}

/// One life up to its last power loss.
struct Life {
    random: SimEntropy,
    disk: SimDisk,
    clock: ManualClock,
    clients: Clients,
}

impl Life {
    fn new(seed: u64) -> Self {
        let clock = ManualClock::new(utc(START));
        let (random, disk) = (SimEntropy::new(seed), SimDisk::new());
        Self { random, disk, clock, clients: Clients::default() }
    }

    /// Runs until the power goes, at a random operation of clients or disk; the disk is then what
    /// the loss left of it.
    fn run(&mut self) {
        let dies_after = self.random.below(MOST_DISK_OPERATIONS);
        self.disk.die_after(dies_after);
        // Opening can be interrupted like everything else.
        if let Ok(world) = World::open(&self.disk, authority(&[]), &self.clock, JOURNAL) {
            self.serve(&world);
        }
        self.clients.waiting.clear();
        self.disk = self.disk.crash(self.random.next_u64());
        self.clock.advance_micros(SECOND);
    }

    fn serve(&mut self, world: &World) {
        world.core.keep();
        for _ in 0..self.random.below(MOST_OPERATIONS) {
            let operation = Operation::of(self.random.next_u64(), world.core.now());
            self.clients.ask(world, &operation);
            let journal = world.core.journal();
            match operation {
                Operation::Pass { micros } => {
                    self.clock.advance_micros(micros);
                    world.core.keep();
                }
                Operation::Commit | Operation::Restart => {
                    let committed = journal.commit_pending(world.core.now().0);
                    self.clients.hear(journal.watermark());
                    if committed.is_err() || journal.allocate_spare().is_err() {
                        return;
                    }
                }
                _ => {}
            }
        }
    }

    /// Opens what a loss left, without touching it, and judges it in every way there is.
    fn judge(&self) -> Result<(), String> {
        let left = self.disk.fork();
        match judge(&left, None) {
            Ok(report) if report.is_good() => {}
            Ok(report) => return Err(format!("over a limit: {:?}", report.breaches_listed)),
            Err(talon_ledger::verify::BadJournal::Missing) => {}
            Err(error) => return Err(format!("verify: {error}")),
        }
        let world = World::open(&left, authority(&[]), &self.clock, JOURNAL)
            .map_err(|error| format!("the ledger does not open: {error}"))?;
        self.clients.judge(&world.core)
    }
}

/// Runs one life; the number of its confirmations, or what was lost.
fn live(seed: u64, has_sync: bool) -> Result<usize, String> {
    let mut life = Life::new(seed);
    if !has_sync {
        life.disk.without_sync();
    }
    for loss in 0..LOSSES_PER_LIFE {
        life.run();
        life.judge().map_err(|error| format!("seed {seed}, loss {loss}: {error}"))?;
    }
    Ok(life.clients.confirmed.len())
}

#[test]
fn what_was_confirmed_survives_every_power_loss() {
    let mut confirmed = 0;
    for seed in 0..LIVES {
        confirmed += live(seed, true).unwrap_or_else(|lost| panic!("{lost}"));
    }
    // Otherwise nothing was at stake.
    assert!(confirmed > usize::try_from(LIVES * 5).expect("few"), "{confirmed} confirmations");
}

#[test]
fn without_syncs_the_same_lives_lose_what_was_confirmed() {
    let lost: Vec<String> = (0..LIVES / 10).filter_map(|seed| live(seed, false).err()).collect();
    let confirmations = lost.iter().filter(|error| error.contains("is lost")).count();
    assert!(confirmations > 0, "{lost:?}");
}
