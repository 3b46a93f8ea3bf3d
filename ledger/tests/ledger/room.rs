//! A journal without room: who is refused before anything is claimed, and what still works.

use talon_domain::civil::UtcMicros;
use talon_domain::ids::SessionId;
use talon_journal::simulation::SimDisk;
use talon_journal::{JournalKind, Options, Sequence, SpareStatus};
use talon_ledger::clock::manual::ManualClock;
use talon_ledger::core::Outcome;
use talon_ledger::keeper::MAX_KEEP_PAUSE_MICROS;
use talon_ledger::parties::MAX_BOOKINGS_PER_HOLDER;
use talon_ledger::state::MAX_REVOKED_SESSIONS;
use talon_wire::{Answer, Refusal};

use crate::fixture::{
    EXAM, MINUTE, PERMIT, START, TOWN, World, authority, booked, person, refused, span, utc, wish,
};

const TINY_JOURNAL: Options =
    Options { segment_bytes: 64 << 10, kind: JournalKind::Demo, max_batch_bytes: 32 << 10 };

/// The small authority in one segment of a disk with room for `segments`.
fn tiny_world(segments: u64) -> World {
    let disk = SimDisk::new();
    disk.limit_capacity(Some(segments * TINY_JOURNAL.segment_bytes));
    let clock = ManualClock::new(utc(START));
    let world = World::open(&disk, authority(&[]), &clock, TINY_JOURNAL).expect("it opens");
    world.core.keep();
    commit(&world);
    world
}

/// Commits without making the next segment.
fn commit(world: &World) {
    world.core.journal().commit_pending(world.core.now().0).expect("the disk works");
}

fn any_permit(world: &World, n: u16) -> Outcome {
    world.core.book(&wish(n, TOWN, PERMIT, span("2026-12-02", "2026-12-08")))
}

/// Books and commits until a booking is refused; returns how many were booked, and the refusal.
fn fill(world: &World) -> (u16, Refusal) {
    for n in 0..1000 {
        let outcome = any_permit(world, n);
        if !matches!(outcome.answer, Answer::Booked { .. }) {
            return (n, refused(outcome));
        }
        commit(world);
    }
    panic!("the journal never fills");
}

/// A world whose disk has no room for a second segment, filled by bookings.
fn full_world() -> (World, u16) {
    let world = tiny_world(1);
    assert!(world.core.journal().allocate_spare().is_err());
    assert_eq!(world.core.journal().space().spare, SpareStatus::NoRoom);
    let (count, refusal) = fill(&world);
    assert_eq!(refusal, Refusal::JournalFull);
    assert!(count > 3);
    (world, count)
}

#[test]
fn a_full_journal_refuses_a_booking_before_its_claim() {
    let (world, count) = full_world();
    let before = world.core.state_hash();
    assert_eq!(refused(any_permit(&world, count)), Refusal::JournalFull);
    assert_eq!(world.core.state_hash(), before, "no bit was touched");
    assert_eq!(world.core.journal().space().pending_records, 0);
    assert!(world.core.state().person(&person(count).person).is_none());
}

#[test]
fn a_full_journal_still_cancels_logs_out_and_finds_what_was_booked() {
    let (world, count) = full_world();
    let again = any_permit(&world, 0);
    assert!(matches!(again.answer, Answer::Booked { repeated: true, .. }), "{again:?}");
    let booking = booked(again);
    assert!(matches!(world.cancel(0, booking.id).answer, Answer::Cancelled(_)));
    commit(&world);
    assert_eq!(refused(any_permit(&world, count)), Refusal::JournalFull);
    let hash = world.core.state_hash();
    assert_eq!(world.reopen().core.state_hash(), hash);
    let (world, _) = full_world();
    assert_eq!(world.core.revoke_session(&person(1)).answer, Answer::SessionRevoked);
}

#[test]
fn a_place_that_finds_no_room_to_return_is_tried_again_without_hurry() {
    let (world, _) = full_world();
    let booking = booked(any_permit(&world, 0));
    world.cancel(0, booking.id);
    commit(&world);
    let mut logouts = 1;
    while world.core.revoke_session(&person(logouts)).answer == Answer::SessionRevoked {
        commit(&world);
        logouts += 1;
    }
    world.clock.advance_micros(60 * MINUTE);
    let next = world.core.keep();
    assert_eq!(next.0, world.core.now().0 + MAX_KEEP_PAUSE_MICROS);
    assert_eq!(world.core.state().withheld().len(), 1, "it is not lost");
    world.disk.limit_capacity(None);
    world.settle();
    world.settle();
    assert_eq!(world.core.state().withheld(), []);
}

#[test]
fn a_booking_beyond_what_may_be_pending_is_asked_to_come_back() {
    let world = tiny_world(8);
    world.commit();
    let mut busy = None;
    for n in 0..1000 {
        let outcome = any_permit(&world, n);
        if !matches!(outcome.answer, Answer::Booked { .. }) {
            busy = Some((n, world.core.state_hash(), refused(outcome)));
            break;
        }
    }
    let (n, hash, refusal) = busy.expect("what is pending is bounded");
    assert_eq!(refusal, Refusal::Busy);
    assert_eq!(refused(any_permit(&world, n)), Refusal::Busy);
    assert_eq!(world.core.state_hash(), hash, "no bit was touched");
    world.commit();
    booked(any_permit(&world, n));
}

#[test]
fn a_start_at_the_end_of_a_segment_makes_the_next_one_itself() {
    let world = tiny_world(8);
    let (count, refusal) = fill(&world);
    assert_eq!(refusal, Refusal::Busy, "the next segment has not been made");
    let stricter = authority(&[("max = 4", "max = 1")]);
    let world = world.reopen_with(stricter).expect("the new policy finds room");
    world.settle();
    let exam = world.core.book(&wish(0, TOWN, EXAM, span("2026-12-02", "2026-12-08")));
    assert!(matches!(refused(exam), Refusal::Limit { .. }), "the new policy is in force");
    booked(any_permit(&world, count));
}

#[test]
fn a_logout_beyond_what_is_remembered_is_asked_to_come_back() {
    let world = World::new();
    let state = world.core.state();
    for n in 0..MAX_REVOKED_SESSIONS {
        let mut session = [0xff; 16];
        session[..8].copy_from_slice(&(n as u64).to_le_bytes());
        state.revoke(Sequence::NONE, SessionId(session), UtcMicros(i64::MAX));
    }
    assert_eq!(refused(world.core.revoke_session(&person(1))), Refusal::Busy);
    assert!(!state.is_revoked(&person(1).session));
}

#[test]
fn a_holder_with_very_many_bookings_gets_no_more_and_their_list_fits_a_frame() {
    let world = World::under(|policy| policy.limits.clear());
    let first = world.books(1, EXAM, "2026-12-02", "08:30");
    let entry = world.core.state().person(&person(1).person).expect("it was just made");
    {
        let mut entry = entry.lock();
        let (copy, last) = (entry.bookings()[0].clone(), entry.last());
        for n in 1..MAX_BOOKINGS_PER_HOLDER {
            let id = talon_domain::ids::BookingId((n as u128).to_be_bytes());
            entry.booked(last, talon_ledger::person::Booking { id, ..copy.clone() }, utc(START));
        }
    }
    assert_eq!(refused(any_permit(&world, 1)), Refusal::Busy);
    let moved = world.core.move_booking(&talon_wire::Move {
        caller: person(1),
        booking: first.id,
        office: TOWN,
        wishes: span("2026-12-03", "2026-12-05"),
        key: talon_domain::ids::KeyHash([7; 16]),
        fingerprint: talon_domain::ids::Fingerprint([7; 16]),
    });
    assert_eq!(refused(moved), Refusal::Busy);
    booked(any_permit(&world, 2));
    let list = world.core.bookings(&person(1)).answer;
    assert!(matches!(&list, Answer::Bookings(all) if all.len() == MAX_BOOKINGS_PER_HOLDER));
    let mut frame = bytes::BytesMut::new();
    talon_wire::frame::put_answer(&mut frame, 1, &list).expect("it fits, and so do two");
    assert!(frame.len() < talon_wire::frame::MAX_FRAME_BYTES / 2);
}
