//! Who gets which place, and what the others are told.

use talon_domain::ids::{AuthorityId, Channel, Fingerprint, OfficeId, ServiceId};
use talon_journal::Sequence;
use talon_ledger::day::Tally;
use talon_wire::{Answer, BookingState, FreeStart, Place, Refusal, Release, Wishes};

use crate::fixture::{
    AUTHORITY, DAY, EXAM, EXCHANGE, MINUTE, PERMIT, TOWN, VILLAGE, World, booked, date, minute,
    person, refused, span, start, utc, wish,
};

#[test]
fn a_free_start_is_booked_and_seen_by_its_owner() {
    let world = World::new();
    let booking = world.books(1, EXAM, "2026-12-02", "08:30");
    assert_eq!((booking.authority, booking.office, booking.service), (AUTHORITY, TOWN, EXAM));
    assert_eq!(
        (booking.date, booking.start, booking.minutes),
        (date("2026-12-02"), minute("08:30"), 30)
    );
    assert_eq!(booking.starts_at, utc("2026-12-02T06:30:00Z"));
    assert_eq!(booking.cancel_until, utc("2026-12-02T04:30:00Z"));
    assert_eq!((&*booking.zone, booking.state), ("Europe/Kyiv", BookingState::Booked));
    let listed = world.core.bookings(&person(1));
    assert_eq!(listed.answer, Answer::Bookings(vec![booking.clone()]));
    assert_eq!(world.core.booking(&person(1), booking.id).answer, Answer::Booking(booking));
}

#[test]
fn a_confirmation_waits_for_its_record_and_a_personal_read_for_the_persons_last() {
    let world = World::new();
    let durable = world.core.journal().watermark();
    let outcome = world.core.book(&wish(1, TOWN, EXAM, start("2026-12-02", "08:30")));
    assert!(outcome.after > durable);
    let Answer::Booked { sequence, repeated: false, usage: Some(usage), .. } = outcome.answer
    else {
        panic!("{:?}", outcome.answer)
    };
    assert_eq!(sequence, outcome.after.get());
    assert_eq!((usage.count, usage.limit, usage.rule), (1, 4, 1));
    assert_eq!(usage.resets_at, utc("2026-12-31T22:00:00Z"));
    assert_eq!(world.core.bookings(&person(1)).after, outcome.after);
    let unknown = talon_domain::ids::BookingId([0; 16]);
    assert_eq!(world.core.booking(&person(1), unknown).after, outcome.after);
    assert_eq!(world.core.bookings(&person(2)).after, Sequence::NONE);
}

#[test]
fn second_claim_of_a_taken_start_is_refused_with_what_is_left() {
    let world = World::new();
    world.books(1, EXAM, "2026-12-02", "08:30");
    let outcome = world.core.book(&wish(2, TOWN, EXAM, start("2026-12-02", "08:30")));
    assert_eq!(outcome.after, Sequence::NONE, "taken promises nothing and leaves at once");
    let left = ["08:00", "09:00", "09:30", "10:30", "11:00", "11:30", "12:00"];
    let free = left.map(|time| FreeStart { start: minute(time), desks: 1 }).to_vec();
    assert_eq!(refused(outcome), Refusal::Taken { free });
}

#[test]
fn a_visit_takes_all_its_steps_from_every_other_service() {
    let world = World::new();
    world.books(1, EXAM, "2026-12-02", "08:30");
    // Desk 2 still has each of these; desk 1 lost 08:20 and 08:40 to the exam.
    let place = Place { authority: AUTHORITY, office: TOWN, service: EXCHANGE };
    let Answer::Starts(view) = world.core.starts(&place, Channel::Web, date("2026-12-02")).answer
    else {
        panic!("the date is open")
    };
    let desks = |time| view.free.iter().find(|f| f.start == minute(time)).map(|f| f.desks);
    assert_eq!(desks("08:00"), Some(2));
    assert_eq!((desks("08:20"), desks("08:40"), desks("09:00")), (Some(1), Some(1), Some(2)));
}

#[test]
fn the_most_specialised_desk_is_filled_first() {
    let world = World::new();
    for n in 1..=6 {
        let time = ["08:00", "08:20", "08:40", "09:00", "09:20", "09:40"][usize::from(n) - 1];
        world.books(n, EXCHANGE, "2026-12-02", time);
    }
    assert_eq!(world.free(EXAM, "2026-12-02").len(), 8, "desk 2 took them all");
    world.books(7, EXCHANGE, "2026-12-02", "08:00");
    assert_eq!(world.free(EXAM, "2026-12-02").len(), 7);
}

#[test]
fn wishes_are_granted_in_their_order() {
    let world = World::new();
    world.books(1, EXAM, "2026-12-02", "08:30");
    let wishes = [("2026-12-02", "08:30"), ("2026-12-05", "09:00"), ("2026-12-02", "08:00")];
    let wishes = wishes.map(|(day, time)| (date(day), minute(time))).to_vec();
    let booking = booked(world.core.book(&wish(2, TOWN, EXAM, Wishes::Starts(wishes))));
    assert_eq!((booking.date, booking.start), (date("2026-12-05"), minute("09:00")));
}

#[test]
fn wishes_beyond_the_bound_are_not_looked_at() {
    let world = World::new();
    let mut wishes = vec![(date("2026-12-02"), minute("08:31")); talon_wire::MAX_WISHES];
    wishes.push((date("2026-12-02"), minute("08:30")));
    let outcome = world.core.book(&wish(1, TOWN, EXAM, Wishes::Starts(wishes)));
    assert_eq!(refused(outcome), Refusal::UnknownStart);
    let none = wish(1, TOWN, EXAM, Wishes::Starts(Vec::new()));
    assert_eq!(refused(world.core.book(&none)), Refusal::UnknownStart);
}

#[test]
fn any_start_in_a_span_is_the_earliest_that_is_free() {
    let world = World::new();
    // Today it is 10:00: 10:30 is the first exam to come.
    let first = booked(world.core.book(&wish(1, TOWN, EXAM, span("2026-12-01", "2026-12-03"))));
    assert_eq!((first.date, first.start), (date("2026-12-01"), minute("10:30")));
    let late = Wishes::Any {
        from: date("2026-12-02"),
        to: date("2026-12-03"),
        after: minute("10:31"),
        before: minute("11:30"),
    };
    let second = booked(world.core.book(&wish(2, TOWN, EXAM, late.clone())));
    assert_eq!((second.date, second.start), (date("2026-12-02"), minute("11:00")));
    let third = booked(world.core.book(&wish(3, TOWN, EXAM, late.clone())));
    assert_eq!((third.date, third.start), (date("2026-12-03"), minute("11:00")));
    let full = refused(world.core.book(&wish(4, TOWN, EXAM, late)));
    assert!(matches!(full, Refusal::Taken { free } if free.len() == 7));
}

#[test]
fn a_span_of_which_only_the_past_is_free_is_taken_and_not_past() {
    let world = World::new();
    for (n, time) in (1..).zip(["10:30", "11:00", "11:30", "12:00"]) {
        world.books(n, EXAM, "2026-12-01", time);
    }
    let today = wish(9, TOWN, EXAM, span("2026-12-01", "2026-12-01"));
    assert_eq!(refused(world.core.book(&today)), Refusal::Taken { free: vec![] });
}

#[test]
fn a_span_says_why_it_has_nothing() {
    let world = World::new();
    let any =
        |n, service, from, to| refused(world.core.book(&wish(n, TOWN, service, span(from, to))));
    assert_eq!(any(1, EXAM, "2026-12-06", "2026-12-06"), Refusal::UnknownStart, "a Sunday");
    assert_eq!(any(1, EXAM, "2026-12-03", "2026-12-02"), Refusal::UnknownStart);
    assert!(matches!(any(1, EXAM, "2026-12-09", "2026-12-09"), Refusal::NotReleased(_)));
    let morning = Wishes::Any {
        from: date("2026-12-01"),
        to: date("2026-12-01"),
        after: minute("08:00"),
        before: minute("10:00"),
    };
    assert_eq!(refused(world.core.book(&wish(1, TOWN, EXAM, morning))), Refusal::Past);
}

#[test]
fn what_does_not_exist_is_refused_by_its_name() {
    let world = World::new();
    let book = |office, service, day, time| {
        refused(world.core.book(&wish(1, office, service, start(day, time))))
    };
    assert_eq!(book(OfficeId(3), EXAM, "2026-12-02", "08:30"), Refusal::UnknownOffice);
    assert_eq!(book(TOWN, ServiceId(9), "2026-12-02", "08:30"), Refusal::UnknownService);
    assert_eq!(book(VILLAGE, EXAM, "2026-12-02", "09:00"), Refusal::UnknownService);
    assert_eq!(book(TOWN, EXAM, "2026-12-02", "08:10"), Refusal::UnknownStart, "off the grid");
    assert_eq!(book(TOWN, EXAM, "2026-12-02", "08:31"), Refusal::UnknownStart, "off the step");
    assert_eq!(book(TOWN, EXAM, "2026-12-02", "10:00"), Refusal::UnknownStart, "a break");
    assert_eq!(book(TOWN, EXAM, "2026-12-02", "12:30"), Refusal::UnknownStart, "closing time");
    assert_eq!(book(TOWN, EXAM, "2026-12-06", "08:30"), Refusal::UnknownStart, "a Sunday");
    assert_eq!(book(VILLAGE, PERMIT, "2026-12-04", "09:00"), Refusal::UnknownStart, "closed");
    let mut elsewhere = wish(1, TOWN, EXAM, start("2026-12-02", "08:30"));
    elsewhere.place.authority = AuthorityId(2);
    assert_eq!(refused(world.core.book(&elsewhere)), Refusal::UnknownOffice);
}

#[test]
fn what_has_begun_is_past() {
    let world = World::new();
    assert_eq!(world.is_refused(1, EXAM, "2026-11-30", "08:30"), Refusal::Past);
    assert_eq!(world.is_refused(1, EXAM, "2026-12-01", "09:30"), Refusal::Past);
    world.pass(30 * MINUTE - 1);
    assert!(world.free(EXAM, "2026-12-01").contains(&"10:30".to_owned()));
    world.books(1, EXAM, "2026-12-01", "10:30");
    world.pass(30 * MINUTE + 1);
    assert_eq!(world.is_refused(2, EXAM, "2026-12-01", "11:00"), Refusal::Past, "to the moment");
    assert_eq!(world.free(EXAM, "2026-12-01"), ["11:30", "12:00"]);
}

#[test]
fn a_date_that_is_not_open_says_when_it_opens() {
    let world = World::new();
    let opens = |at| Refusal::NotReleased(Release { opens_at: Some(utc(at)), late: false });
    // Generated already, and not yet.
    let tomorrow = world.is_refused(1, EXAM, "2026-12-09", "08:30");
    assert_eq!(tomorrow, opens("2026-12-02T04:00:00Z"));
    let far = world.is_refused(1, EXAM, "2026-12-30", "08:30");
    assert_eq!(far, opens("2026-12-23T04:00:00Z"));
    let place = Place { authority: AUTHORITY, office: TOWN, service: EXAM };
    let Answer::Starts(view) = world.core.starts(&place, Channel::Web, date("2026-12-09")).answer
    else {
        panic!("a date that exists")
    };
    assert!(view.free.is_empty() && view.release.is_some(), "{view:?}");
    let far = refused(world.core.starts(&place, Channel::Web, date("2026-12-30")));
    assert_eq!(far, opens("2026-12-23T04:00:00Z"), "nothing to show of a date that does not exist");
    assert_eq!(refused(world.core.starts(&place, Channel::Web, date("2026-11-30"))), Refusal::Past);
}

#[test]
fn a_repeat_returns_the_same_booking_after_the_same_record() {
    let world = World::new();
    let book = wish(1, TOWN, EXAM, start("2026-12-02", "08:30"));
    let first = world.core.book(&book);
    let again = world.core.book(&book);
    assert_eq!(again.after, first.after, "a repeat in flight waits for the same watermark");
    let Answer::Booked { repeated: true, .. } = &again.answer else { panic!("{again:?}") };
    assert_eq!(booked(again), booked(first));
    assert_eq!(world.core.journal().space().pending_records, 1);
    let world = world.reopen();
    let Answer::Booked { repeated, .. } = world.core.book(&book).answer else {
        panic!("the key is known after a restart")
    };
    assert!(repeated);
}

#[test]
fn a_repeat_of_a_cancelled_booking_says_that_it_is_cancelled() {
    let world = World::new();
    let book = wish(1, TOWN, EXAM, start("2026-12-02", "08:30"));
    let booking = booked(world.core.book(&book));
    let cancelled = world.cancel(1, booking.id);
    let again = world.core.book(&book);
    assert_eq!(again.after, cancelled.after);
    assert_eq!(booked(again).state, BookingState::Cancelled);
}

#[test]
fn a_key_with_another_body_is_refused() {
    let world = World::new();
    let book = wish(1, TOWN, EXAM, start("2026-12-02", "08:30"));
    booked(world.core.book(&book));
    let mut other = wish(1, TOWN, PERMIT, start("2026-12-02", "08:30"));
    other.key = book.key;
    assert_eq!(refused(world.core.book(&other)), Refusal::KeyReused);
    let mut same = book;
    same.fingerprint = Fingerprint([1; 16]);
    assert_eq!(refused(world.core.book(&same)), Refusal::KeyReused);
}

#[test]
fn the_same_key_of_another_person_is_another_key() {
    let world = World::new();
    let book = wish(1, TOWN, EXAM, start("2026-12-02", "08:30"));
    let mine = booked(world.core.book(&book));
    let mut theirs = wish(2, TOWN, EXAM, start("2026-12-02", "09:00"));
    theirs.key = book.key;
    assert_ne!(booked(world.core.book(&theirs)).id, mine.id);
}

#[test]
fn what_was_asked_under_a_key_is_found_after_its_record_without_asking_again() {
    let world = World::new();
    let book = wish(1, TOWN, EXAM, start("2026-12-02", "08:30"));
    let find = |n, fingerprint| world.core.find(&person(n), book.key, fingerprint);
    assert_eq!(refused(find(1, book.fingerprint)), Refusal::NotFound);
    let first = world.core.book(&book);
    let found = find(1, book.fingerprint);
    assert_eq!(found.after, first.after);
    assert_eq!(booked(found), booked(first));
    assert_eq!(refused(find(1, Fingerprint([1; 16]))), Refusal::KeyReused);
    assert_eq!(refused(find(2, book.fingerprint)), Refusal::NotFound);
    world.core.revoke_session(&person(1));
    assert_eq!(refused(find(1, book.fingerprint)), Refusal::SessionRevoked);
}

#[test]
fn the_days_of_an_office_end_with_the_first_that_is_not_open() {
    let world = World::new();
    world.books(1, EXAM, "2026-12-02", "08:30");
    let place = Place { authority: AUTHORITY, office: TOWN, service: EXAM };
    let Answer::Days(days) = world.core.days(&place, Channel::Web).answer else {
        panic!("it offers exams")
    };
    let shown: Vec<_> =
        days.iter().map(|day| (day.date.to_string(), day.free, day.release.is_some())).collect();
    let expected = [
        ("2026-12-01", 4, false),
        ("2026-12-02", 7, false),
        ("2026-12-03", 8, false),
        ("2026-12-04", 8, false),
        ("2026-12-05", 8, false),
        ("2026-12-07", 8, false),
        ("2026-12-08", 8, false),
        ("2026-12-09", 0, true),
    ];
    assert_eq!(shown, expected.map(|(day, free, shut)| (day.to_owned(), free, shut)));
    let village = Place { office: VILLAGE, ..place };
    assert_eq!(refused(world.core.days(&village, Channel::Web)), Refusal::UnknownService);
}

#[test]
fn what_is_booked_moves_from_free_to_taken_and_what_is_not_open_is_neither() {
    let world = World::new();
    let tally = |text| {
        let day = world.core.state().day(&crate::fixture::day(TOWN, text)).expect("it exists");
        day.tally(Channel::Web)
    };
    let before = tally("2026-12-02");
    assert!(before.free > 0);
    assert_eq!((before.taken, before.unreleased), (0, 0));
    world.books(1, EXAM, "2026-12-02", "08:30");
    let after = tally("2026-12-02");
    let steps = before.free - after.free;
    assert_eq!((steps, after.taken, after.unreleased), (3, 3, 0));
    let closed = tally("2026-12-09");
    assert_eq!((closed.free, closed.taken), (0, 0));
    assert!(closed.unreleased > 0);
}

#[test]
fn the_places_of_an_authority_are_those_of_its_days_from_today_on() {
    let world = World::new();
    world.books(1, EXAM, "2026-12-02", "08:30");
    let by_hand = |from: &str| {
        let mut sum = Tally::default();
        world.core.state().each_day(|key, day| {
            if key.date >= date(from) {
                sum += day.tally(Channel::Web);
            }
        });
        sum
    };
    let told = || world.core.places().into_iter().map(|(_, sum)| sum).collect::<Vec<_>>();
    assert_eq!(told(), [by_hand("2026-12-01")]);
    assert_eq!(told()[0].taken, 3);
    world.pass(2 * DAY);
    assert_eq!(told(), [by_hand("2026-12-03")], "what was yesterday is not to come");
    assert_eq!(told()[0].taken, 0);
}
