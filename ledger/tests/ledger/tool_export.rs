//! `export`: the whole state as one document, the same for the same journal.

use serde_json::{Value, json};

use crate::fixture::person;
use crate::tool_journal::{Story, command};

#[test]
fn the_document_holds_policies_days_persons_and_what_is_on_its_way() {
    let story = Story::new();
    let document: Value = serde_json::from_str(&story.run("export", &[])).expect("JSON");
    assert_eq!(document["head"], story.end().head);
    assert_eq!(document["state_hash"], story.end().state_hash);
    assert_eq!(document["at"], "2026-12-01T09:00:00.000001Z");
    assert_eq!(document["journal_kind"], "demo");
    assert_eq!(document["policies"][0]["authority"], 1);
    assert_eq!(document["policies"][0]["release"]["time"], "06:00");
    let persons = document["persons"].as_array().expect("a list");
    assert_eq!(persons.len(), 2);
    assert_eq!(persons[0]["person"], person(1).person.to_string());
    let booking = &persons[0]["bookings"][0];
    assert_eq!(booking["booking"], story.exam.to_string());
    assert_eq!((&booking["state"], &booking["service"]), (&json!("cancelled"), &json!(1)));
    assert_eq!((&booking["seat"]["desk"], &booking["seat"]["start"]), (&json!(1), &json!("08:30")));
    assert_eq!(persons[1]["bookings"][0]["state"], "booked");
    assert_eq!(document["withheld"], json!([]));
    assert_eq!(document["revoked_sessions"][0]["session"], person(2).session.to_string());
}

#[test]
fn a_day_shows_what_is_free_by_service() {
    let story = Story::new();
    let document: Value = serde_json::from_str(&story.run("export", &[])).expect("JSON");
    let day = |office: u32, date: &str| {
        let days = document["days"].as_array().expect("a list").iter();
        let mut of_day = days.filter(|day| day["office"] == office && day["date"] == date);
        of_day.next().expect("it was generated")["services"].clone()
    };
    let offer = |service, free| json!({ "service": service, "channel": "web", "released": true, "free": free });
    // The cancelled exam has returned; the village gave out one of its six permits.
    assert_eq!(day(1, "2026-12-02"), json!([offer(1, 8), offer(2, 24), offer(3, 48)]));
    assert_eq!(day(2, "2026-12-03"), json!([offer(2, 2), offer(3, 5)]));
    assert_eq!(day(2, "2026-12-04"), json!([]));
    // At the end of the journal it is eleven o'clock: what has started is not free.
    assert_eq!(day(1, "2026-12-01")[0], offer(1, 2));
    let beyond = day(1, "2026-12-09");
    assert_eq!(beyond[0], json!({ "service": 1, "channel": "web", "released": false, "free": 8 }));
}

#[test]
fn the_same_journal_gives_the_same_document_in_order() {
    let story = Story::new();
    let document = story.run("export", &["--format", "json"]);
    assert_eq!(document, story.run("export", &[]));
    let parsed: Value = serde_json::from_str(&document).expect("JSON");
    let days: Vec<_> = parsed["days"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|day| (day["office"].as_u64(), day["date"].as_str()))
        .collect();
    assert!(days.is_sorted());
    assert!(days.len() > 16);
    let output = command("export", story.path(), &["--format", "xml"]).output();
    assert_eq!(output.expect("the program runs").status.code(), Some(2));
}
