//! The whole ledger on a disk that loses power at random points.
//!
//! Clients remember what they were told. After every loss the ledger must open, nobody may have
//! more than the policy allows, and everything that was confirmed must be there.

use std::collections::{BTreeMap, BTreeSet};

use talon_domain::ids::{BookingId, SessionId};
use talon_journal::simulation::{SimDisk, SimEntropy};
use talon_journal::{JournalKind, Options, Sequence};
use talon_ledger::clock::manual::ManualClock;
use talon_ledger::core::Core;
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
    /// Bookings that somebody asked to cancel, whatever came of it.
    cancelling: BTreeSet<BookingId>,
    cancelled: BTreeSet<BookingId>,
    revoked: BTreeSet<SessionId>,
    asked: Vec<Book>,
    /// Answers that wait for their record.
    waiting: Vec<(Sequence, Caller, Answer)>,
    /// The number of the last record that an answer rested on.
    rested_on: u64,
}

impl Clients {
    /// Asks, and hears at once what promises nothing.
    fn ask(&mut self, world: &World, operation: &Operation) {
        let caller = match operation {
            Operation::Book(book) => {
                self.asked.push(book.clone());
                book.caller
            }
            Operation::Cancel { person: n, .. } | Operation::Logout { person: n } => person(*n),
            _ => return,
        };
        if let Operation::Cancel { person: n, which } = operation {
            let entry = world.core.state().person(&person(*n).person);
            let id = entry.and_then(|entry| entry.lock().bookings().get(*which).map(|b| b.id));
            self.cancelling.extend(id);
        }
        if let Some(outcome) = world.ask(operation) {
            self.waiting.push((outcome.after, caller, outcome.answer));
        }
    }

    /// Hears everything whose record is durable.
    fn hear(&mut self, watermark: Sequence) {
        let waiting = std::mem::take(&mut self.waiting);
        for (after, caller, answer) in waiting {
            if after > watermark {
                self.waiting.push((after, caller, answer));
                continue;
            }
            self.rested_on = self.rested_on.max(after.get());
            match answer {
                Answer::Booked { booking, .. } => {
                    if booking.state == BookingState::Cancelled {
                        self.cancelled.insert(booking.id);
                    }
                    self.confirmed.insert(booking.id, (caller, booking));
                }
                Answer::Cancelled(booking) => {
                    self.cancelled.insert(booking.id);
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
            let same_place = BookingView { state: view.state, ..now.clone() } == *view;
            let state_is_known = match now.state {
                BookingState::Booked => !self.cancelled.contains(id),
                BookingState::Cancelled => self.cancelling.contains(id),
                _ => false,
            };
            if !same_place || !state_is_known {
                return Err(format!("{view:?} was confirmed, and is now {now:?}"));
            }
        }
        if let Some(session) = self.revoked.iter().find(|s| !core.state().is_revoked(s)) {
            return Err(format!("{session:?} was ended, and is back"));
        }
        for book in &self.asked {
            let Some(entry) = core.state().person(&book.caller.person) else { continue };
            let under_key = entry.lock().bookings().iter().filter(|b| b.key == book.key).count();
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
                Operation::Book(_) | Operation::Cancel { .. } | Operation::Logout { .. } => {}
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
