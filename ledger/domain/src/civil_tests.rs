//! What civil time promises, around the days on which clocks change.

use super::*;

fn kyiv() -> TimeZone {
    TimeZone::get("Europe/Kyiv").unwrap()
}

fn date(text: &str) -> CivilDate {
    text.parse().unwrap()
}

fn minute(text: &str) -> Minute {
    text.parse().unwrap()
}

#[test]
fn dates_read_back_and_count_days() {
    assert_eq!(date("1970-01-01").days(), 0);
    assert_eq!(date("2026-12-01").to_string(), "2026-12-01");
    assert_eq!(date("2026-02-28").plus_days(1), date("2026-03-01"));
    assert_eq!(date("2026-12-31").first_of_next_month(), date("2027-01-01"));
    assert_eq!(date("2024-02-29").first_of_month(), date("2024-02-01"));
}

#[test]
fn what_is_no_date_is_refused() {
    for text in ["2026-02-30", "2026-1-1", "", "2026-12-01T10:00", "не дата!!"] {
        assert_eq!(text.parse::<CivilDate>(), Err(BadDate), "{text}");
    }
}

#[test]
fn what_is_no_minute_is_refused() {
    for text in ["24:01", "9:00", "09:60", "0900", "+9:00", "09:0 "] {
        assert_eq!(text.parse::<Minute>(), Err(BadMinute), "{text}");
    }
    assert_eq!(minute("24:00").get(), MINUTES_PER_DAY);
}

#[test]
fn an_ordinary_morning_resolves_by_the_zone() {
    assert_eq!(
        resolve(&kyiv(), date("2026-12-01"), minute("09:00")).to_string(),
        "2026-12-01T07:00:00Z"
    );
    assert_eq!(
        resolve(&kyiv(), date("2026-07-01"), minute("24:00")).to_string(),
        "2026-07-01T21:00:00Z"
    );
}

#[test]
fn a_time_shown_twice_is_its_first_showing() {
    // 2026-10-25, 04:00 summer time becomes 03:00 winter time.
    assert_eq!(
        resolve(&kyiv(), date("2026-10-25"), minute("03:30")).to_string(),
        "2026-10-25T00:30:00Z"
    );
    assert!(!is_skipped(&kyiv(), date("2026-10-25"), 3 * 60 + 30));
}

#[test]
fn a_time_never_shown_is_skipped_and_resolves_later() {
    // 2026-03-29, 03:00 winter time becomes 04:00 summer time.
    assert!(is_skipped(&kyiv(), date("2026-03-29"), 3 * 60));
    assert!(is_skipped(&kyiv(), date("2026-03-29"), 3 * 60 + 59));
    assert!(!is_skipped(&kyiv(), date("2026-03-29"), 4 * 60));
    assert_eq!(
        resolve(&kyiv(), date("2026-03-29"), minute("03:30")).to_string(),
        "2026-03-29T01:30:00Z"
    );
}

#[test]
fn clocks_change_on_two_days_a_year() {
    let changes = (0..365)
        .map(|day| date("2026-01-01").plus_days(day))
        .filter(|&day| clocks_change(&kyiv(), day))
        .collect::<Vec<_>>();
    assert_eq!(changes, [date("2026-03-29"), date("2026-10-25")]);
}

#[test]
fn moments_before_1970_round_down() {
    assert_eq!(UtcMicros(-1).seconds(), -1);
}

#[test]
fn dates_beyond_the_calendar_are_clamped() {
    assert_eq!(CivilDate::from_days(i32::MAX).to_string(), "9999-12-31");
    assert!(CivilDate::from_days(i32::MIN).date() < CivilDate::from_days(0).date());
    assert_eq!(CivilDate::from_days(i32::MAX).first_of_next_month().to_string(), "9999-12-31");
    let far = resolve(&kyiv(), CivilDate::from_days(i32::MAX), minute("09:00"));
    assert!(far > resolve(&kyiv(), date("2026-12-01"), minute("09:00")));
}
