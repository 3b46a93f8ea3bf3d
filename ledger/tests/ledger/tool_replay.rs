//! `replay` and `state-hash`: the state at any point, by the journal alone.

use crate::fixture::START;
use crate::tool_journal::{Story, contradictory, run};

/// The value of a line of a report.
#[track_caller]
fn value<'a>(report: &'a str, name: &str) -> &'a str {
    let line = report.lines().find(|line| line.starts_with(name));
    line.map(|line| line[name.len()..].trim()).unwrap_or_else(|| panic!("no {name}: {report}"))
}

#[test]
fn the_state_hash_is_that_of_the_ledger_that_wrote_the_journal() {
    let story = Story::new();
    let said = story.run("state-hash", &[]);
    assert_eq!(value(&said, "head"), story.end().head);
    assert_eq!(value(&said, "state hash"), story.end().state_hash);
}

#[test]
fn a_replay_until_a_record_gives_the_state_that_the_ledger_had_then() {
    let story = Story::new();
    for step in &story.steps {
        let said = story.run("replay", &["--until", &step.sequence.to_string()]);
        assert_eq!(value(&said, "head"), step.head);
        assert_eq!(value(&said, "state hash"), step.state_hash);
    }
}

#[test]
fn a_replay_counts_what_there_was() {
    let story = Story::new();
    let counts = |step: usize| {
        let said = story.run("replay", &["--until", &story.steps[step].sequence.to_string()]);
        ["persons", "bookings", "live bookings", "withheld", "sessions"]
            .map(|name| value(&said, name).to_owned())
    };
    assert_eq!(counts(0), ["0", "0 (0 cancelled)", "0", "0", "0 revoked"]);
    assert_eq!(counts(2), ["2", "2 (0 cancelled)", "2", "0", "0 revoked"]);
    assert_eq!(counts(3), ["2", "2 (1 cancelled)", "1", "1", "0 revoked"]);
    assert_eq!(counts(5), ["2", "2 (1 cancelled)", "1", "0", "1 revoked"]);
    let said = story.run("replay", &["--until", "1"]);
    assert_eq!((value(&said, "policies"), value(&said, "days")), ("1", "0"));
    assert_eq!(value(&said, "last record"), format!("1 ({START})"));
}

#[test]
fn a_replay_until_a_moment_ends_before_the_first_record_that_is_later() {
    let story = Story::new();
    let until = |moment: &str| {
        let said = story.run("replay", &["--until", moment]);
        (value(&said, "state hash").to_owned(), value(&said, "live bookings").to_owned())
    };
    let hash = |step: usize| story.steps[step].state_hash.clone();
    assert_eq!(until("2026-12-01T08:00:00Z"), (hash(1), "1".to_owned()));
    assert_eq!(until("2026-12-01T10:00:00.000001+02:00"), (hash(4), "1".to_owned()));
    assert_eq!(until("2026-12-01T09:00:00Z"), (hash(4), "1".to_owned()));
    assert_eq!(until("2026-12-02T00:00:00Z"), (hash(5), "1".to_owned()));
    // The visit is over: the booking is there, and lives no more.
    assert_eq!(until("2026-12-03T07:20:00Z"), (hash(5), "0".to_owned()));
    let before = story.run("replay", &["--until", "2026-11-30T00:00:00Z"]);
    assert_eq!((value(&before, "days"), value(&before, "policies")), ("0", "0"));
    assert!(value(&before, "head").starts_with("0:0000"));
}

#[test]
fn a_record_inside_a_commit_has_a_state_and_no_head() {
    let story = Story::new();
    let said = story.run("replay", &["--until", "2"]);
    assert!(value(&said, "head").starts_with("none"), "{said}");
    assert_eq!(value(&said, "days"), "1");
}

#[test]
fn a_record_that_is_not_there_is_not_replayed() {
    let story = Story::new();
    let last = story.end().sequence;
    let ran = run("replay", story.path(), &["--until", &(last + 1).to_string()]);
    assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""));
    assert!(ran.errors.contains(&format!("ends with record {last}")), "{}", ran.errors);
}

#[test]
fn facts_that_contradict_each_other_are_not_replayed_past_the_first() {
    let directory = contradictory();
    for (tool, more) in [("state-hash", &[][..]), ("export", &[]), ("replay", &["--until", "3"])] {
        let ran = run(tool, directory.path(), more);
        assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{tool}");
        assert!(ran.errors.contains("record 2: no live booking 0909"), "{}", ran.errors);
    }
    assert_eq!(run("replay", directory.path(), &["--until", "1"]).code, Some(0));
}
