//! Tests of the bookkeeping.

use std::sync::Arc;

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;
use crate::client::words::{Subject, Want, Wish};

fn request() -> BookRequest {
    let wish = Wish { date: "2026-12-01".to_owned(), time: "09:00".to_owned() };
    BookRequest {
        authority: "mvs".to_owned(),
        office: 8041,
        service: "practical-exam".to_owned(),
        subject: Subject::Person,
        want: Want::Wishes(vec![wish]),
        altcha: None,
    }
}

fn booking(id: &str) -> Booking {
    Booking {
        id: id.to_owned(),
        authority: "mvs".to_owned(),
        office: 8041,
        service: "practical-exam".to_owned(),
        date: "2026-12-01".to_owned(),
        time: "09:00".to_owned(),
        minutes: 40,
        starts_at: "2026-12-01T07:00:00Z".to_owned(),
        state: State::Booked,
        subject: Subject::Person,
    }
}

fn history() -> History {
    History::new(Box::new(io::sink()))
}

fn all_questions(history: &History) -> Vec<Questions> {
    history.questions(&mut StdRng::seed_from_u64(1), 0)
}

/// What is written down, readable by the test.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_confirmation_is_written_down_and_counted() {
    let log = Log::default();
    let mut history = History::new(Box::new(log.clone()));
    let id = history.begin(7, "k", &request(), 1);
    assert_eq!((history.in_flight(), history.counts().unanswered), (1, 1));
    history.confirmed(id, booking("b")).unwrap();
    assert_eq!((history.in_flight(), history.counts().confirmed), (0, 1));
    let line: serde_json::Value = serde_json::from_slice(&log.0.lock().unwrap()).unwrap();
    assert_eq!((&line["person"], &line["key"]), (&7.into(), &"k".into()));
    assert_eq!(line["booking"]["id"], "b");
}

#[test]
fn a_confirmation_that_cannot_be_written_down_does_not_count() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut history = History::new(Box::new(Full));
    let id = history.begin(7, "k", &request(), 1);
    assert!(history.confirmed(id, booking("b")).is_err());
    assert_eq!(history.counts().confirmed, 0);
}

#[test]
fn the_same_booking_twice_is_one_confirmation_and_another_is_kept() {
    let mut history = history();
    let id = history.begin(7, "k", &request(), 3);
    for confirmed in ["b", "b", "c"] {
        history.confirmed(id, booking(confirmed)).unwrap();
    }
    let ids: Vec<_> = history.attempts[0].confirmed.iter().map(|b| b.id.as_str()).collect();
    assert_eq!(ids, ["b", "c"]);
    assert_eq!(history.counts(), Counts { confirmed: 1, ..Counts::default() });
}

#[test]
fn every_attempt_without_an_answer_is_sent_again_once() {
    let mut history = history();
    let id = history.begin(7, "k", &request(), 2);
    history.refused(id, Slug::SlotTaken);
    let refused = history.begin(8, "l", &request(), 1);
    history.refused(refused, Slug::SlotTaken);
    let questions = all_questions(&history);
    assert_eq!(questions.iter().map(|q| q.person).collect::<Vec<_>>(), [7, 8]);
    assert_eq!(questions[0].again.iter().map(|again| again.id).collect::<Vec<_>>(), [id]);
    assert!(questions[1].again.is_empty());

    let found = Retry::Found { booking: booking("b"), replayed: true };
    let mut observed = Observed::default();
    observed.retries.insert(id, vec![found]);
    observed.bookings = BTreeMap::from([(7, vec![booking("b")]), (8, vec![])]);
    assert_eq!(history.settle(&observed), 1);
    assert_eq!(history.counts(), Counts { confirmed: 1, refused: 1, ..Counts::default() });
    assert!(all_questions(&history).is_empty());
}

#[test]
fn a_cancellation_without_an_answer_is_settled_by_what_is_listed() {
    for (state, expected) in
        [(State::Booked, Cancel::NotAsked), (State::Cancelled, Cancel::Confirmed)]
    {
        let mut history = history();
        let id = history.begin(7, "k", &request(), 1);
        history.confirmed(id, booking("b")).unwrap();
        history.cancel_begun(id);
        assert!(history.attempts[0].live().is_none());
        let mut observed = Observed::default();
        observed.bookings.insert(7, vec![Booking { state, ..booking("b") }]);
        history.settle(&observed);
        assert_eq!(history.attempts[0].cancel, expected);
        assert_eq!(history.attempts[0].live().is_some(), state == State::Booked);
    }
}

#[test]
fn a_booking_is_exchanged_once_that_is_confirmed_and_may_be_while_an_answer_is_missing() {
    let mut history = history();
    let booked = history.begin(7, "k", &request(), 1);
    history.confirmed(booked, booking("b")).unwrap();
    assert!(history.exchanged().is_empty());
    let moving = history.begin(7, "m", &request(), 1);
    history.is_instead_of(moving, "b");
    assert_eq!(history.exchanged(), BTreeMap::from([("b", Exchange::Unanswered)]));
    let again: Vec<_> = all_questions(&history).remove(0).again;
    let moving_again = again.iter().find(|again| again.id == moving).unwrap();
    assert_eq!(moving_again.instead_of.as_deref(), Some("b"));
    history.refused(moving, Slug::SlotTaken);
    assert!(history.exchanged().is_empty(), "refused");
    history.confirmed(moving, booking("c")).unwrap();
    assert_eq!(history.exchanged(), BTreeMap::from([("b", Exchange::Confirmed)]));
}

#[test]
fn a_booking_counts_for_the_entity_that_it_was_made_for() {
    let mut history = history();
    let own = history.begin(7, "k", &request(), 1);
    let request = BookRequest { subject: Subject::Entity, ..request() };
    let theirs = history.begin(7, "l", &request, 1);
    history.acts_for(7, 3);
    let holder = |id: AttemptId| history.holder(&history.attempts[id.0]);
    assert_eq!((holder(own), holder(theirs)), (Holder::Person(7), Holder::Entity(3)));
    assert_eq!(all_questions(&history)[0].entity, Some(3));
}

#[test]
fn refusals_are_counted_by_kind() {
    let mut history = history();
    for slug in [Slug::SlotTaken, Slug::QuotaExceeded, Slug::SlotTaken] {
        let id = history.begin(7, "k", &request(), 1);
        history.refused(id, slug);
    }
    assert_eq!(history.refusals()[&Slug::SlotTaken], 2);
}

#[test]
fn beyond_the_bound_attempts_without_an_answer_are_only_counted() {
    let mut history = History::new(Box::new(std::io::sink()));
    assert_eq!(history.max_attempts, MAX_ATTEMPTS);
    history.max_attempts = 2;
    for number in 0..2 {
        assert!(!history.is_beyond_room());
        history.begin(number, "key", &request(), 1);
    }
    assert_eq!(history.unremembered(), 0);
    assert!(history.is_beyond_room());
    assert_eq!((history.unremembered(), history.in_flight()), (1, 2));
}
