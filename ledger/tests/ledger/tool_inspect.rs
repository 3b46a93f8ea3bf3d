//! `inspect`: every record readable, and the filters.

use serde_json::{Value, json};

use crate::fixture::person;
use crate::tool_journal::{Story, contradictory, lines, run};

/// The sequence numbers of lines.
fn numbers(lines: &[Value]) -> Vec<u64> {
    lines.iter().map(|line| line["sequence"].as_u64().expect("a number")).collect()
}

fn kinds(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["kind"].as_str().expect("a word")).collect()
}

#[test]
fn every_record_is_one_line_in_the_order_of_the_journal() {
    let story = Story::new();
    let all = story.inspect(&[]);
    assert_eq!(numbers(&all), (1..=story.end().sequence).collect::<Vec<_>>());
    let opened = usize::try_from(story.steps[0].sequence).expect("a small number");
    assert_eq!(all[0]["kind"], "policy-set");
    assert_eq!(
        kinds(&all[opened..]),
        ["booked", "booked", "cancelled", "session-revoked", "returned"]
    );
    for line in &all {
        assert_eq!(line["segment"], 1);
        assert_eq!(line["offset"].as_u64().expect("a number") % 4096, 0);
    }
}

#[test]
fn a_booking_is_shown_with_ids_in_hexadecimal_and_its_desk_and_start() {
    let story = Story::new();
    let booked = story.inspect(&["--kind", "booked"]);
    assert_eq!(booked.len(), 2);
    let line = &booked[1];
    assert_eq!(line["at"], "2026-12-01T08:00:00.000001Z");
    assert_eq!(line["committed_at"], "2026-12-01T08:00:00.000001Z");
    assert_eq!(line["booking"], story.permit.to_string());
    assert_eq!(line["subject"], person(2).person.to_string());
    assert_eq!(
        (&line["actor"], &line["channel"], &line["service"]),
        (&Value::Null, &json!("web"), &json!(3))
    );
    assert_eq!(
        line["seat"],
        json!({
            "authority": 1, "office": 2, "date": "2026-12-03", "desk": 1, "start": "09:10",
            "minutes": 10, "shift": 0, "step": 1, "steps": 1,
        })
    );
    assert_eq!(line["key"].as_str().map(str::len), Some(32));
    assert_eq!(line["fingerprint"].as_str().map(str::len), Some(32));
}

#[test]
fn a_policy_a_day_and_a_release_are_shown_in_words() {
    let story = Story::new();
    let policy = &story.inspect(&["--kind", "policy-set"])[0]["policy"];
    assert_eq!(policy["zone"], "Europe/Kyiv");
    assert_eq!(
        (&policy["release"]["time"], &policy["release"]["days_ahead"]),
        (&json!("06:00"), &json!(7))
    );
    assert_eq!(policy["limits"][0]["kind"], "live-per-service");
    let month = &policy["limits"][1];
    assert_eq!(
        (&month["kind"], &month["period"], &month["max"]),
        (&json!("per-period"), &json!("month"), &json!(4))
    );
    let days = story.inspect(&["--kind", "day-generated", "--office", "1", "--day", "2026-12-02"]);
    assert_eq!(days.len(), 1);
    assert_eq!((&days[0]["date"], &days[0]["zone"]), (&json!("2026-12-02"), &json!("Europe/Kyiv")));
    let shift = &days[0]["shifts"][1];
    assert_eq!(
        (&shift["desk"], &shift["start"], &shift["end"]),
        (&json!(1), &json!("10:30"), &json!("12:30"))
    );
    let exam = &shift["services"][0];
    assert_eq!(exam["starts"], json!(["10:30", "11:00", "11:30", "12:00"]));
    assert_eq!(exam["usable"], json!([{ "channel": "web", "times": ["10:30-12:30"] }]));
    let released = story.inspect(&["--kind", "released", "--day", "2026-12-03", "--limit", "1"]);
    assert_eq!((&released[0]["date"], &released[0]["late"]), (&json!("2026-12-03"), &json!(false)));
}

#[test]
fn a_person_is_found_by_the_first_digits_with_cancellations_and_returns() {
    let story = Story::new();
    let first = person(1).person.to_string();
    for prefix in [&first[..3], &first[..4], first.as_str(), &first.to_uppercase()] {
        let found = story.inspect(&["--person", prefix]);
        assert_eq!(kinds(&found), ["booked", "cancelled", "returned"], "{prefix}");
        for line in &found {
            assert_eq!(line["booking"], story.exam.to_string());
            assert_eq!(
                (&line["subject"], &line["seat"]["start"]),
                (&json!(first), &json!("08:30"))
            );
        }
    }
    assert_eq!(kinds(&story.inspect(&["--person", "0"])).len(), 4, "both begin with a 0");
    assert_eq!(story.inspect(&["--person", "ff"]), [] as [Value; 0]);
}

#[test]
fn an_office_and_a_day_are_found_with_the_cancellations_and_returns_there() {
    let story = Story::new();
    let of_bookings = ["--kind", "booked", "--kind", "cancelled", "--kind", "returned"];
    let found = |filter: &[&str]| {
        let lines = story.inspect(&[filter, &of_bookings[..]].concat());
        kinds(&lines).join(" ")
    };
    assert_eq!(found(&["--office", "1"]), "booked cancelled returned");
    assert_eq!(found(&["--day", "2026-12-02"]), "booked cancelled returned");
    assert_eq!(found(&["--office", "2"]), "booked");
    assert_eq!(found(&["--office", "2", "--day", "2026-12-02"]), "");
    assert_eq!(found(&["--authority", "1"]), "booked booked cancelled returned");
    assert_eq!(found(&["--authority", "2"]), "");
    assert_eq!(kinds(&story.inspect(&["--authority", "1", "--kind", "session-revoked"])).len(), 0);
}

#[test]
fn from_to_and_limit_cut_out_a_part() {
    let story = Story::new();
    let last = story.end().sequence;
    let numbers = |more: &[&str]| numbers(&story.inspect(more));
    assert_eq!(numbers(&["--from", "3", "--to", "5"]), [3, 4, 5]);
    assert_eq!(numbers(&["--from", "4", "--limit", "2"]), [4, 5]);
    assert_eq!(numbers(&["--to", "1"]), [1]);
    assert_eq!(numbers(&["--from", &last.to_string()]), [last]);
    assert_eq!(numbers(&["--from", &(last + 1).to_string()]), [0; 0]);
    let cancelled = story.steps[3].sequence;
    assert_eq!(numbers(&["--kind", "cancelled", "--from", "2", "--limit", "9"]), [cancelled]);
    // The booking is known though its record is not shown.
    assert_eq!(numbers(&["--office", "1", "--from", &cancelled.to_string()]), [cancelled, last]);
}

#[test]
fn what_stands_before_damage_is_shown_and_the_damage_is_told() {
    let story = Story::new();
    let offset = story.inspect(&["--from", &story.steps[2].sequence.to_string()])[0]["offset"]
        .as_u64()
        .expect("a number");
    let segment = story.path().join("segment-0000000001.talon");
    let mut bytes = std::fs::read(&segment).expect("the segment");
    bytes[usize::try_from(offset).expect("a small number") + 100] ^= 1;
    std::fs::write(&segment, bytes).expect("the segment");
    let ran = run("inspect", story.path(), &[]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.errors.contains(&format!("segment-0000000001.talon, byte {offset}")),
        "{}",
        ran.errors
    );
    let before: Vec<u64> = (1..=story.steps[1].sequence).collect();
    assert_eq!(numbers(&lines(&ran.output)), before);
    // What was asked for ends before it.
    assert_eq!(run("inspect", story.path(), &["--limit", "3"]).code, Some(0));
}

#[test]
fn what_contradicts_itself_is_shown_as_it_stands() {
    let directory = contradictory();
    let ran = run("inspect", directory.path(), &[]);
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""));
    let all = lines(&ran.output);
    assert_eq!(kinds(&all), ["policy-set", "cancelled", "booked", "returned", "forgotten"]);
    assert_eq!((&all[1]["seat"], &all[1]["service"]), (&Value::Null, &Value::Null));
    let seat = &all[2]["seat"];
    assert_eq!(
        (&seat["desk"], &seat["start"], &seat["step"]),
        (&Value::Null, &Value::Null, &json!(3))
    );
    assert_eq!(all[3]["subject"], person(1).person.to_string());
    assert_eq!(all[4]["before"], "2026-12-03");
    // Who booked for somebody else is found too.
    let actor = person(2).person.to_string();
    let found = lines(&run("inspect", directory.path(), &["--person", &actor]).output);
    assert_eq!(numbers(&found), [3, 4]);
    assert_eq!((&found[0]["actor"], &found[0]["channel"]), (&json!(actor), &json!("kiosk")));
}
