//! Tests of the journal's checker: an honest journal passes, and each way to break a promise or a
//! rule is found.

use super::*;
use crate::client::words::{BookRequest, State, Subject, Want, Wish};

const POLICY: &str = r#"{"at":"2026-11-25T00:00:00Z","kind":"policy-set","policy":{"authority":1,
    "zone":"Europe/Kyiv","limits":[
    {"kind":"live-per-service","name":"live","mode":"enforced","subjects":"persons","holder":"subject",
     "services":[],"max":1},
    {"kind":"no-shows","name":"absent","mode":"enforced","subjects":"all","holder":"subject",
     "services":[],"max":4,"period":"month"},
    {"kind":"per-period","name":"month","mode":"enforced","subjects":"persons","holder":"subject",
     "services":[],"max":2,"period":"month","of":"registration","channel":"web","count_cancelled":true},
    {"kind":"per-period","name":"trial","mode":"shadow","subjects":"persons","holder":"subject",
     "services":[],"max":1,"period":"month","of":"visit","channel":"web","count_cancelled":true}]}}"#;

fn id(number: u32) -> String {
    format!("{number:032x}")
}

fn seat(number: u8) -> String {
    format!(
        r#"{{"authority":1,"office":8041,"date":"2026-12-01","desk":3,"start":"{:02}:00",
        "minutes":40,"shift":0,"step":{},"steps":4}}"#,
        8 + number,
        number * 6
    )
}

/// A line of a booking at a moment: its number is its start as well.
fn booked(at: &str, number: u8, place: u8, subject: &str, service: u16) -> String {
    format!(
        r#"{{"at":"{at}","kind":"booked","booking":"{}","subject":"{subject}","actor":null,
        "channel":"web","service":{service},"seat":{}}}"#,
        id(number.into()),
        seat(place)
    )
}

const NOVEMBER: &str = "2026-11-25T04:00:00Z";

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

fn journal(lines: &[String]) -> Journal {
    let mut all = vec![one_line(POLICY)];
    all.extend(lines.iter().map(|line| one_line(line)));
    Journal::read(all.join("\n").as_bytes()).unwrap()
}

fn booking(number: u8) -> Booking {
    Booking {
        id: id(number.into()),
        authority: "mvs".to_owned(),
        office: 8041,
        service: "practical-exam".to_owned(),
        date: "2026-12-01".to_owned(),
        time: format!("{:02}:00", 8 + number),
        minutes: 40,
        starts_at: "2026-12-01T06:00:00Z".to_owned(),
        state: State::Booked,
        subject: Subject::Person,
    }
}

/// A history in which each of these persons was confirmed the booking of that number.
fn history(confirmed: &[(Person, u8)]) -> History {
    let mut history = History::new(Box::new(std::io::sink()));
    for (person, number) in confirmed {
        let booking = booking(*number);
        let wish = Wish { date: booking.date.clone(), time: booking.time.clone() };
        let request = BookRequest {
            authority: booking.authority.clone(),
            office: booking.office,
            service: booking.service.clone(),
            subject: Subject::Person,
            want: Want::Wishes(vec![wish]),
            altcha: None,
        };
        let attempt = history.begin(*person, &format!("k{number}"), &request, 1);
        history.confirmed(attempt, booking).unwrap();
    }
    history
}

#[test]
fn an_honest_journal_passes() {
    let journal = journal(&[booked(NOVEMBER, 1, 1, "aa", 2), booked(NOVEMBER, 2, 2, "bb", 2)]);
    assert_eq!(journal.bookings(), 2);
    assert_eq!(journal.seat(&id(2)).unwrap().desk, Some(3));
    assert_eq!(journal.check(&history(&[(7, 1), (8, 2)])), []);
}

#[test]
fn a_forged_confirmation_is_found() {
    let journal = journal(&[booked(NOVEMBER, 1, 1, "aa", 2)]);
    let violations = journal.check(&history(&[(7, 1), (8, 9)]));
    assert_eq!(violations, [Violation::Missing { person: 8, id: id(9) }]);
}

#[test]
fn a_confirmation_of_another_place_is_found() {
    let journal = journal(&[booked(NOVEMBER, 1, 3, "aa", 2)]);
    let violations = journal.check(&history(&[(7, 1)]));
    assert!(matches!(&violations[..], [Violation::Differs { person: 7, .. }]), "{violations:?}");
}

#[test]
fn a_booking_that_nobody_asked_for_is_found_unless_an_answer_is_missing() {
    let journal = journal(&[booked(NOVEMBER, 1, 1, "aa", 2), booked(NOVEMBER, 2, 2, "bb", 2)]);
    let mut told = history(&[(7, 1)]);
    let violations = journal.check(&told);
    assert_eq!(violations, [Violation::Unexplained { ids: vec![id(2)], unanswered: 0 }]);
    let request = told.attempts().next().unwrap().1.request.clone();
    told.begin(8, "lost", &request, 1);
    assert_eq!(journal.check(&told), []);
}

#[test]
fn a_place_with_two_owners_is_found_until_it_has_returned() {
    let cancelled = format!(
        r#"{{"at":"{NOVEMBER}","kind":"cancelled","booking":"{}","returns_at":"x"}}"#,
        id(1)
    );
    let returned = format!(
        r#"{{"at":"{NOVEMBER}","kind":"returned","booking":"{}","seat":{}}}"#,
        id(1),
        seat(1)
    );
    let (first, second) = (booked(NOVEMBER, 1, 1, "aa", 2), booked(NOVEMBER, 2, 1, "bb", 2));
    let owners = |lines: &[&String]| {
        let lines: Vec<String> = lines.iter().map(|line| (*line).clone()).collect();
        let violations = journal(&lines).violations;
        violations.iter().filter(|it| matches!(it, Violation::TwoOwners { .. })).count()
    };
    assert_eq!(owners(&[&first, &second]), 1);
    assert_eq!(owners(&[&first, &cancelled, &second]), 1);
    assert_eq!(owners(&[&first, &cancelled, &returned, &second]), 0);
}

#[test]
fn a_person_over_a_limit_is_found() {
    let rules = |lines: &[String]| -> Vec<(String, u32)> {
        let violations = journal(lines).violations.into_iter();
        violations
            .map(|violation| match violation {
                Violation::OverLimit { rule, count, .. } => (rule, count),
                other => panic!("{other}"),
            })
            .collect()
    };
    let (one, two) = (booked(NOVEMBER, 1, 1, "aa", 2), booked(NOVEMBER, 2, 2, "aa", 2));
    assert_eq!(rules(&[one.clone(), two]), [("live".to_owned(), 2)]);
    let [two, three] = [2, 3].map(|n| booked(NOVEMBER, n, n, "aa", u16::from(n) + 1));
    assert_eq!(rules(&[one.clone(), two.clone()]), []);
    assert_eq!(rules(&[one.clone(), two.clone(), three]), [("month".to_owned(), 3)]);
    // In Kyiv the first of December has begun.
    let next_month = booked("2026-11-30T22:30:00Z", 3, 3, "aa", 4);
    assert_eq!(rules(&[one, two, next_month]), []);
}

#[test]
fn names_that_were_joined_are_one_holder_of_limits() {
    let linked = format!(r#"{{"at":"{NOVEMBER}","kind":"linked","into":"bb","from":["aa","cc"]}}"#);
    let lines = [booked(NOVEMBER, 1, 1, "aa", 2), linked, booked(NOVEMBER, 2, 2, "bb", 2)];
    assert!(matches!(&journal(&lines).violations[..], [Violation::OverLimit { .. }]));
}

#[test]
fn two_persons_under_one_name_are_found() {
    let lines = [booked(NOVEMBER, 1, 1, "aa", 2), booked(NOVEMBER, 2, 2, "aa", 3)];
    let journal = journal(&lines);
    let violations = journal.check(&history(&[(7, 1), (8, 2)]));
    assert!(violations.contains(&Violation::OneName { persons: [7, 8] }), "{violations:?}");
}

#[test]
fn a_cancellation_is_in_the_journal_when_it_was_confirmed_and_only_then() {
    let cancelled = format!(r#"{{"at":"{NOVEMBER}","kind":"cancelled","booking":"{}"}}"#, id(1));
    let line = booked(NOVEMBER, 1, 1, "aa", 2);
    let (kept, given_back) = (journal(std::slice::from_ref(&line)), journal(&[line, cancelled]));
    let (told_kept, mut told_cancelled) = (history(&[(7, 1)]), history(&[(7, 1)]));
    let attempt = told_cancelled.attempts().next().unwrap().0;
    told_cancelled.cancel_answered(attempt, Cancel::Confirmed).unwrap();
    assert_eq!(given_back.check(&told_cancelled), []);
    let missing = Violation::CancelMissing { person: 7, id: id(1) };
    assert_eq!(kept.check(&told_cancelled), [missing]);
    let by_nobody = Violation::GivenBackByNobody { person: 7, id: id(1) };
    assert_eq!(given_back.check(&told_kept), [by_nobody]);
}

/// A line of a move: like that of a booking, in the stead of one that counts no more.
fn moved(from: u8, number: u8, place: u8, subject: &str) -> String {
    let moved = format!(r#""kind":"moved","from":"{}","counts":false"#, id(from.into()));
    booked(NOVEMBER, number, place, subject, 2).replace(r#""kind":"booked""#, &moved)
}

/// What a person was told who exchanged the first booking for the second.
fn exchanged() -> History {
    let mut told = history(&[(7, 1), (7, 2)]);
    let moving = told.attempts().nth(1).unwrap().0;
    told.is_instead_of(moving, &id(1));
    told
}

#[test]
fn a_move_is_in_the_journal_when_it_was_confirmed_and_only_then() {
    let first = booked(NOVEMBER, 1, 1, "aa", 2);
    let with_move = journal(&[first.clone(), moved(1, 2, 2, "aa")]);
    assert_eq!((with_move.bookings(), with_move.moves()), (2, 1));
    assert_eq!(with_move.check(&exchanged()), []);

    let mut missing = Vec::new();
    let without = journal(&[first, booked(NOVEMBER, 2, 2, "aa", 3)]);
    for violation in without.check(&exchanged()) {
        missing.push(match violation {
            Violation::MoveMissing { id: it, .. } => it == id(1),
            Violation::InsteadOfAnother { id: it, found: None, .. } => it == id(2),
            // The other booking is of another service, so that no limit is in the way.
            Violation::Differs { .. } => true,
            other => panic!("{other}"),
        });
    }
    assert!(missing.len() >= 2 && missing.iter().all(|it| *it), "{missing:?}");

    let by_nobody = with_move.check(&history(&[(7, 1), (7, 2)]));
    let given_back = Violation::GivenBackByNobody { person: 7, id: id(1) };
    assert!(by_nobody.contains(&given_back), "{by_nobody:?}");
}

#[test]
fn a_move_is_one_booking_under_a_limit_and_not_two() {
    let over = |lines: &[String]| journal(lines).violations.len();
    let (first, second) = (booked(NOVEMBER, 1, 1, "aa", 2), moved(1, 2, 2, "aa"));
    assert_eq!(over(&[first.clone(), second.clone()]), 0);
    assert_eq!(over(&[first.clone(), second.clone(), moved(2, 3, 3, "aa")]), 0);
    assert_eq!(over(&[first, second, booked(NOVEMBER, 3, 3, "aa", 2)]), 1);
}

#[test]
fn the_place_that_was_moved_from_is_nobody_elses_until_it_has_returned() {
    let returned = format!(
        r#"{{"at":"{NOVEMBER}","kind":"returned","booking":"{}","seat":{}}}"#,
        id(1),
        seat(1)
    );
    let (first, change) = (booked(NOVEMBER, 1, 1, "aa", 2), moved(1, 2, 2, "aa"));
    let another = booked(NOVEMBER, 3, 1, "bb", 2);
    let early = journal(&[first.clone(), change.clone(), another.clone()]);
    assert!(matches!(&early.violations[..], [Violation::TwoOwners { .. }]), "{early:?}");
    assert_eq!(journal(&[first, change, returned, another]).violations, []);
}

#[test]
fn a_person_and_the_entity_that_they_act_for_are_two_holders() {
    let lines = [booked(NOVEMBER, 1, 1, "aa", 2), booked(NOVEMBER, 2, 2, "ee", 2)];
    let mut told = history(&[(7, 1)]);
    let own = told.attempts().next().unwrap().1.request.clone();
    let wish = Wish { date: "2026-12-01".to_owned(), time: "10:00".to_owned() };
    let want = Want::Wishes(vec![wish]);
    let request = BookRequest { subject: Subject::Entity, want, ..own };
    told.acts_for(7, 3);
    let attempt = told.begin(7, "for the entity", &request, 1);
    told.confirmed(attempt, booking(2)).unwrap();
    assert_eq!(journal(&lines).check(&told), []);
    let one_name = lines.map(|line| line.replace("\"ee\"", "\"aa\""));
    let violations = journal(&one_name).check(&told);
    assert!(violations.contains(&Violation::OneName { persons: [7, 7] }), "{violations:?}");
}

#[test]
fn a_line_that_nobody_understands_is_refused() {
    assert!(matches!(Journal::read(b"{}"), Err(BadLine::Json { number: 1, .. })));
    assert!(matches!(Journal::read(b"\xff"), Err(BadLine::Text(_))));
    let unknown = r#"{"at":"2026-11-25T00:00:00Z","kind":"new-kind","of":"things"}"#;
    assert_eq!(Journal::read(unknown.as_bytes()).unwrap().bookings(), 0);
}
