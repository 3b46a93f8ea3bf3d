//! Tests of the report: the shares, the groups, and how it is judged.

use std::time::Duration;

use super::*;
use crate::client::words::{State, Subject};
use crate::measure::{Action, Outcome, Sample};
use crate::network::Network;
use crate::personas::{Manner, Persona};
use crate::scenario::Generator;

fn booking(number: u32) -> Booking {
    Booking {
        id: format!("{number:032x}"),
        authority: "mvs".to_owned(),
        office: 1,
        service: "practical-exam".to_owned(),
        date: "2026-12-01".to_owned(),
        time: "09:00".to_owned(),
        minutes: 40,
        starts_at: "2026-12-01T07:00:00Z".to_owned(),
        state: State::Booked,
        subject: Subject::Person,
    }
}

/// Eight honest people, of whom six got a place, and two hammers, of whom one did.
pub(crate) fn report() -> Report {
    let mut recorder = Recorder::default();
    let mut places = BTreeMap::new();
    for number in 0..10 {
        let persona = if number < 8 { Persona::Honest } else { Persona::Hammer };
        let network = if number < 4 { Network::Near } else { Network::Mobile };
        let manner = Manner { slow_lane: number == 7, ..Manner::default() };
        recorder.person(number, persona, network, manner);
        recorder.tries(number, Duration::from_secs(u64::from(number)));
        let done = number < 6 || number == 8;
        let outcome = if done { Outcome::Done } else { Outcome::Refused("slot-taken".to_owned()) };
        let latency = Duration::from_millis(10 + u64::from(number));
        let (action, second) = (Action::Book, i64::from(number));
        recorder.sample(Sample { persona, action, outcome: &outcome, latency, second });
        recorder.lag(Duration::from_millis(1));
        if done {
            places.insert(number, vec![booking(number)]);
        }
    }
    Report {
        format: FORMAT,
        scenario: "small".to_owned(),
        seed: 1,
        started_at: "2026-11-25T04:00:00Z".to_owned(),
        cores: 2,
        verdict: Verdict::default(),
        thresholds: Thresholds::default(),
        totals: totals(&recorder, &places),
        generator: lag(&recorder),
        personas: fairness::by_persona(&recorder, &places),
        by_arrival: fairness::by_arrival(&recorder, &places),
        by_network: fairness::by_network(&recorder, &places),
        by_manner: fairness::by_manner(&recorder, &places),
        refusals: refusals(&recorder),
        latencies: latencies(&recorder),
        seconds: recorder.seconds().clone(),
        check: CheckRow { confirmed: 7, in_journal: 7, ..CheckRow::default() },
    }
}

fn conclusion(change: impl FnOnce(&mut Report)) -> (Conclusion, String) {
    let mut report = report();
    change(&mut report);
    let verdict = Verdict::of(&report, &Generator::default());
    (verdict.conclusion, verdict.reasons.join("; "))
}

#[test]
fn shares_of_places_stand_against_shares_of_persons() {
    let report = report();
    let [honest, hammer] = &report.personas[..] else { panic!("{:?}", report.personas) };
    assert_eq!((honest.persons, honest.places), (8, 6));
    assert!((honest.persons_percent - 80.0).abs() < 1e-9);
    assert!((honest.places_percent - 600.0 / 7.0).abs() < 1e-9);
    assert!((hammer.advantage.unwrap() - 100.0 / 7.0 / 20.0).abs() < 1e-9);
    assert_eq!(report.totals.places, 7);
    assert_eq!(report.refusals[0].count, 3);
}

#[test]
fn a_persona_stands_against_honest_people_who_came_as_early() {
    let report = report();
    let [honest, hammer] = &report.personas[..] else { panic!("{:?}", report.personas) };
    assert!((honest.advantage_as_quick.unwrap() - 1.0).abs() < 1e-9, "measured by itself");
    // Of three honest people who came from the fifth second on, one has a place.
    assert!((hammer.advantage_as_quick.unwrap() - 1.5).abs() < 1e-9);
    assert_eq!((hammer.with_place, hammer.most_places), (1, 1));
}

#[test]
fn a_report_says_how_scarce_places_were_and_what_being_quick_was_worth() {
    let said = meaning(&report()).join(" ");
    for part in [
        "10 persons wanted and 7 places were given: 1.4 persons for each",
        "Nobody has more than 1",
        "first tried within 0.2 s, 100.0 % have a place; of those 5 to 15 s, 33.3 %",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let mut two = report();
    two.personas[1].most_places = 2;
    let said = meaning(&two).join(" ");
    assert!(
        said.contains("Nobody has more than 2") && !said.contains("at most 1.4 times"),
        "{said}"
    );
    two.totals.places = 0;
    assert_eq!(meaning(&two), Vec::<String>::new());
}

#[test]
fn honest_people_are_grouped_by_arrival_and_by_network() {
    let report = report();
    let groups = |rows: &[GroupRow]| -> Vec<(String, u64, u64)> {
        rows.iter().map(|row| (row.group.clone(), row.persons, row.with_place)).collect()
    };
    let row = |name: &str, persons, with_place| (name.to_owned(), persons, with_place);
    let by_arrival = [row("within 0.2 s", 1, 1), row("1 to 5 s", 4, 4), row("5 to 15 s", 3, 1)];
    assert_eq!(groups(&report.by_arrival), by_arrival);
    assert_eq!(groups(&report.by_network), [row("near", 4, 4), row("mobile", 4, 2)]);
    let manners = [row("compute the proof", 7, 6), row("slow lane", 1, 0)];
    assert_eq!(groups(&report.by_manner), manners, "and nothing of what nobody does");
}

#[test]
fn a_violation_fails_a_run_whatever_else_holds() {
    assert_eq!(conclusion(|_| {}).0, Conclusion::Passed);
    let (failed, why) = conclusion(|report| {
        report.check.violations = 1;
        report.check.shown = vec!["a booking is gone".to_owned()];
        report.generator.p99_ms = 10_000.0;
    });
    assert_eq!(failed, Conclusion::Failed);
    assert!(why.contains("a booking is gone"), "{why}");
    assert_eq!(failed.exit_code(), 1);
}

#[test]
fn a_late_generator_voids_a_run() {
    let (void, why) = conclusion(|report| report.generator.p99_ms = 101.0);
    assert_eq!((void, void.exit_code()), (Conclusion::Void, 3));
    assert!(why.contains("the generator itself was late"), "{why}");
    let (void, why) = conclusion(|report| report.generator.skipped = 1);
    assert_eq!(void, Conclusion::Void);
    assert!(why.contains("left out"), "{why}");
    assert_eq!(conclusion(|report| report.generator.p99_ms = 100.0).0, Conclusion::Passed);
}

#[test]
fn each_threshold_that_is_missed_fails_a_run_and_says_so() {
    let missed = |set: fn(&mut Thresholds), said: &str| {
        let (failed, why) = conclusion(|report| set(&mut report.thresholds));
        assert_eq!(failed, Conclusion::Failed, "{said}");
        assert!(why.contains(said), "{why}");
    };
    missed(|it| it.min_places = Some(8), "7 places were given");
    missed(|it| it.min_honest_places_percent = Some(86.0), "85.7 % of the places");
    missed(|it| it.max_bot_advantage = Some(0.7), "the share of places of hammer is 0.71");
    missed(|it| it.max_bot_advantage_as_quick = Some(1.4), "hammer have 1.50 times the places");
    missed(|it| it.max_places_of_one_person = Some(0), "somebody has 1 places");
    missed(|it| it.max_confirmed_p99_ms = Some(17), "99 of 100 confirmations took 18 ms");
    let held = |report: &mut Report| {
        report.thresholds = Thresholds {
            min_honest_places_percent: Some(85.0),
            max_bot_advantage: Some(0.72),
            max_bot_advantage_as_quick: Some(1.51),
            max_places_of_one_person: Some(1),
            max_hand_overs: Some(0),
            max_confirmed_p99_ms: Some(19),
            max_errors_percent: Some(0.0),
            min_places: Some(7),
        };
    };
    assert_eq!(conclusion(held).0, Conclusion::Passed);
    let (failed, why) = conclusion(|report| {
        held(report);
        report.check.hand_overs_caught = 1;
        report.totals.errors = 1;
    });
    assert_eq!(failed, Conclusion::Failed);
    assert!(why.contains("1 places were handed over") && why.contains("10.00 %"), "{why}");
}

#[test]
fn a_report_is_read_back_as_it_was_written() {
    let report = report();
    assert_eq!(serde_json::from_str::<Report>(&report.to_json()).unwrap(), report);
}

#[test]
fn a_forged_confirmation_fails_a_run() {
    let mut history = crate::history::History::new(Box::new(std::io::sink()));
    let forged = booking(99);
    let request = crate::client::words::BookRequest {
        authority: forged.authority.clone(),
        office: forged.office,
        service: forged.service.clone(),
        subject: Subject::Person,
        want: crate::client::words::Want::Wishes(Vec::new()),
        altcha: None,
    };
    let attempt = history.begin(3, "forged", &request, 1);
    history.confirmed(attempt, forged).unwrap();
    let broken = crate::journal::Journal::read(b"").unwrap().check(&history);
    let violations = broken.iter().map(ToString::to_string).collect();
    let finding = Finding { violations, ..Finding::default() };
    let (failed, why) = conclusion(|report| report.check = check_row(1, finding));
    assert_eq!(failed, Conclusion::Failed);
    assert!(why.contains("the journal does not have it"), "{why}");
}

#[test]
fn no_more_violations_are_shown_than_the_bound() {
    let violations = vec!["broken".to_owned(); MAX_SHOWN_VIOLATIONS + 5];
    let row = check_row(0, Finding { violations, ..Finding::default() });
    assert_eq!(row.violations, MAX_SHOWN_VIOLATIONS as u64 + 5);
    assert_eq!(row.shown.len(), MAX_SHOWN_VIOLATIONS);
}

#[test]
fn a_second_in_which_nothing_came_is_a_second_too() {
    let one = Second { good: 1, ..Second::default() };
    let seconds = whole(&BTreeMap::from([(-1, one.clone()), (2, one)]));
    let good: Vec<(i64, u64)> = seconds.iter().map(|(at, second)| (*at, second.good)).collect();
    assert_eq!(good, [(-1, 1), (0, 0), (1, 0), (2, 1)]);
    assert!(whole(&BTreeMap::new()).is_empty());
}
