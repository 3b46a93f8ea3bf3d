//! What a policy file must be, by a good one and its spoilt copies.

use super::*;
use crate::catalogue::tests::small_catalogue;
use crate::ids::Channel;
use crate::limit_file::MAX_RETAKE_DAYS;
use crate::policy::{Holder, Limit, LimitKind, MAX_LIMITS, Mode, Period, Subjects};

const GOOD: &str = r#"
authority = "mvs"
zone = "Europe/Kyiv"

[release]
days_ahead = 21
time = "06:00"
late_delay_minutes = 10

[release.services.theory-exam]
days_ahead = 14
proof = { algorithm = "SHA-256", cost = 10, key_prefix = "00" }

[cancel]
deadline_minutes = 120
returns_after_minutes = [5, 60]

[[limit]]
kind = "per-period"
name = "online-month"
period = "month"
of = "registration"
count_cancelled = true
channel = "web"
holder = "subject"
max = 4
mode = "enforced"

[[limit]]
kind = "live-per-service"
name = "live-per-service"
holder = "subject"
max = 1
mode = "shadow"
"#;

fn check(text: &str) -> Result<CompiledPolicy, BadPolicy> {
    toml::from_str::<PolicyFile>(text).unwrap().check(&small_catalogue())
}

fn refusal(from: &str, to: &str) -> String {
    let spoilt = GOOD.replace(from, to);
    assert_ne!(spoilt, GOOD);
    check(&spoilt).expect_err(to).to_string()
}

#[test]
fn a_service_takes_from_the_authority_what_it_does_not_say() {
    let policy = check(GOOD).unwrap();
    let own = policy.release(ServiceId(1), Channel::Web);
    assert_eq!((own.days_ahead, own.time.to_string().as_str()), (14, "06:00"));
    assert!(own.proof.is_some());
    assert_eq!(policy.release(ServiceId(2), Channel::Web).days_ahead, 21);
    assert_eq!(policy.policy().limits.len(), 2);
}

#[test]
fn refusals_name_the_key_and_what_would_be_right() {
    assert!(refusal("\"mvs\"", "\"dms\"").contains("the catalogue's is `mvs`"));
    assert!(refusal("theory-exam", "theory-exams").contains("mean `theory-exam`?"));
    assert!(refusal("[5, 60]", "[60, 5]").contains("least ≤ most"));
    assert!(refusal("\"06:00\"", "\"6\"").starts_with("release.time: `6`"));
    assert!(refusal("deadline_minutes = 120", "deadline_minutes = 50000").contains("than 43200"));
    assert!(refusal("days_ahead = 21", "days_ahead = 400").contains("more than 366"));
    assert!(refusal("Europe/Kyiv", "Kyiv/Europe").contains("no IANA zone `Kyiv/Europe`"));
}

#[test]
fn unknown_keys_are_refused() {
    assert!(toml::from_str::<PolicyFile>(&GOOD.replace("max = 4", "maxx = 4")).is_err());
}

/// The good policy with more at its end.
fn with(more: &str) -> Result<CompiledPolicy, BadPolicy> {
    check(&format!("{GOOD}{more}"))
}

fn refused_with(more: &str) -> String {
    with(more).expect_err(more).to_string()
}

const NO_SHOWS: &str = r#"
[[limit]]
kind = "no-shows"
name = "no-shows-month"
period = "month"
max = 4
mode = "enforced"
"#;

const RETAKE: &str = r#"
[[limit]]
kind = "retake-wait"
name = "retake-exam"
services = ["theory-exam"]
days = 10
mode = "enforced"
"#;

#[test]
fn every_kind_of_limit_has_its_words() {
    let policy = with(&format!("{NO_SHOWS}{RETAKE}")).unwrap();
    let limits = &policy.policy().limits;
    let no_shows = Limit {
        name: "no-shows-month".to_owned(),
        kind: LimitKind::NoShows { period: Period::Month },
        holder: Holder::Subject,
        max: 4,
        mode: Mode::Enforced,
        subjects: Subjects::All,
        services: Vec::new(),
    };
    let retake = Limit {
        name: "retake-exam".to_owned(),
        kind: LimitKind::RetakeWait { days: 10 },
        max: 1,
        services: vec![ServiceId(1)],
        ..no_shows
    };
    assert_eq!(limits[2..], [no_shows, retake]);
    assert_eq!(policy.kept_days(), 10);
    assert_eq!(check(GOOD).unwrap().kept_days(), 0);
}

#[test]
fn a_limit_is_for_all_subjects_and_services_unless_it_says_which() {
    let all = |policy: CompiledPolicy| {
        let limit = &policy.policy().limits[0];
        (limit.subjects, limit.services.clone())
    };
    assert_eq!(all(check(GOOD).unwrap()), (Subjects::All, vec![]));
    let narrower = "max = 4\nsubjects = \"entities\"\n\
                    services = [\"licence-exchange\", \"theory-exam\"]";
    let policy = check(&GOOD.replace("max = 4", narrower)).unwrap();
    assert_eq!(all(policy), (Subjects::Entities, vec![ServiceId(1), ServiceId(2)]));
}

#[test]
fn refusals_of_limits_name_the_limit_and_what_would_be_right() {
    let of_limit = "limit online-month: ";
    let most = "max is at least 1 and at most 10000, not ";
    assert_eq!(refusal("max = 4", "max = 0"), format!("{of_limit}{most}0"));
    assert_eq!(refusal("max = 4", "max = 10001"), format!("{of_limit}{most}10001"));
    assert!(check(&GOOD.replace("max = 4", "max = 10000")).is_ok());
    let services = |list: &str| refusal("max = 4", &format!("max = 4\nservices = [{list}]"));
    assert_eq!(
        services("\"theory-exams\""),
        format!("{of_limit}services.theory-exams: no such service; did you mean `theory-exam`?")
    );
    assert!(services("\"theory-exam\", \"theory-exam\"").ends_with("a service stands twice"));
    let twice = refusal("\"live-per-service\"\nholder", "\"online-month\"\nholder");
    assert_eq!(twice, format!("{of_limit}stands twice; names of limits are unique"));
    assert_eq!(refusal("\"online-month\"", "\"\""), "limit: a limit has a name");
}

#[test]
fn a_wait_for_a_retake_is_a_day_to_a_year() {
    let days = |days| with(&RETAKE.replace("days = 10", &format!("days = {days}")));
    assert!(days(1).is_ok() && days(MAX_RETAKE_DAYS).is_ok());
    for bad in [0, MAX_RETAKE_DAYS + 1] {
        let message = days(bad).expect_err("out of range").to_string();
        let expected = format!("limit retake-exam: days is at least 1 and at most 366, not {bad}");
        assert_eq!(message, expected);
    }
}

#[test]
fn a_policy_has_one_limit_on_no_shows() {
    let second = NO_SHOWS.replace("no-shows-month", "no-shows-day");
    assert_eq!(
        refused_with(&format!("{NO_SHOWS}{second}")),
        "limit no-shows-day: `no-shows-month` is of the kind no-shows already, a policy has at \
         most one"
    );
}

#[test]
fn a_policy_has_a_bounded_number_of_limits() {
    let limits = |count: usize| -> String {
        (0..count).map(|n| RETAKE.replace("retake-exam", &format!("retake-{n}"))).collect()
    };
    assert!(with(&limits(MAX_LIMITS - 2)).is_ok());
    assert_eq!(refused_with(&limits(MAX_LIMITS - 1)), "limit: at most 32 limits");
}

#[test]
fn a_booking_may_be_moved_as_the_policy_says_and_twice_when_it_says_nothing() {
    let moving = |more: &str| with(more).map(|policy| policy.policy().moving);
    let silent = Moving { deadline_minutes: 120, max: 2, counts: false };
    assert_eq!(moving(""), Ok(silent));
    assert_eq!(moving("[move]\n"), Ok(silent));
    let said = "[move]\ndeadline_minutes = 60\nmax = 0\ncounts = true\n";
    assert_eq!(moving(said), Ok(Moving { deadline_minutes: 60, max: 0, counts: true }));
    assert_eq!(refused_with("[move]\nmax = 21\n"), "move.max: 21 is more than 20");
    let late = refused_with("[move]\ndeadline_minutes = 43201\n");
    assert_eq!(late, "move.deadline_minutes: 43201 is more than 43200");
}

#[test]
fn the_kiosk_takes_from_the_authority_what_it_does_not_say() {
    let kiosk = |more: &str| {
        let text = GOOD.replace("[cancel]", &format!("[release.kiosk]\n{more}\n[cancel]"));
        check(&text).map(|policy| policy.release(ServiceId(1), Channel::Kiosk).clone())
    };
    let silent = kiosk("").unwrap();
    assert_eq!((silent.days_ahead, silent.time.to_string().as_str()), (21, "06:00"));
    assert_eq!(silent.proof, None, "who stands at a kiosk proves no work");
    let own = kiosk("days_ahead = 28\ntime = \"09:00\"\nzone = \"Europe/Warsaw\"").unwrap();
    assert_eq!((own.days_ahead, own.time.to_string().as_str()), (28, "09:00"));
    assert_eq!(own.zone, "Europe/Warsaw");
    let far = kiosk("days_ahead = 367").expect_err("too far").to_string();
    assert_eq!(far, "release.kiosk.days_ahead: 367 is more than 366");
    let web = check(GOOD).unwrap();
    assert_eq!(web.release(ServiceId(1), Channel::Kiosk), web.release(ServiceId(1), Channel::Web));
}
