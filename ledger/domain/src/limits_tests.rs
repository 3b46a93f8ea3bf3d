//! What each limit allows and refuses, and when it forgets.

use proptest::prelude::*;

use super::*;
use crate::policy::Period;
use crate::policy::tests::policy;

pub(super) const EXAM: ServiceId = ServiceId(1);
pub(super) const EXCHANGE: ServiceId = ServiceId(2);

pub(super) fn utc(text: &str) -> UtcMicros {
    text.parse::<jiff::Timestamp>().unwrap().into()
}

pub(super) fn of(bookings: &[BookingFact]) -> Standing<'_> {
    Standing { bookings, block: None }
}

pub(super) fn judge(
    policy: &CompiledPolicy,
    attempt: &Attempt,
    subject: &[BookingFact],
    actor: &[BookingFact],
) -> Verdict {
    super::judge(policy, attempt, of(subject), of(actor))
}

pub(super) fn usage(
    policy: &CompiledPolicy,
    attempt: &Attempt,
    subject: &[BookingFact],
    actor: &[BookingFact],
) -> Option<Usage> {
    super::usage(policy, attempt, of(subject), of(actor))
}

pub(super) fn monthly(of: Moment, count_cancelled: bool) -> Limit {
    Limit {
        name: "month".to_owned(),
        kind: LimitKind::PerPeriod {
            period: Period::Month,
            of,
            count_cancelled,
            channel: Channel::Web,
        },
        holder: Holder::Subject,
        max: 4,
        mode: Mode::Enforced,
        subjects: crate::policy::Subjects::All,
        services: Vec::new(),
    }
}

pub(super) fn live() -> Limit {
    Limit {
        name: "live".to_owned(),
        kind: LimitKind::LivePerService,
        holder: Holder::Subject,
        max: 1,
        mode: Mode::Enforced,
        subjects: crate::policy::Subjects::All,
        services: Vec::new(),
    }
}

pub(super) fn fact(service: ServiceId, registered_at: &str, ends_at: &str) -> BookingFact {
    BookingFact {
        service,
        channel: Channel::Web,
        registered_at: utc(registered_at),
        visit_date: ends_at[..10].parse().unwrap(),
        ends_at: utc(ends_at),
        state: BookingState::Booked,
    }
}

pub(super) fn attempt(now: &str, visit_date: &str) -> Attempt {
    Attempt {
        now: utc(now),
        registered_at: utc(now),
        service: EXAM,
        channel: Channel::Web,
        visit_date: visit_date.parse().unwrap(),
        subject: Subject::Person,
    }
}

pub(super) fn four_in_december() -> Vec<BookingFact> {
    vec![fact(EXCHANGE, "2026-12-01T04:00:00Z", "2026-12-22T07:00:00Z"); 4]
}

#[test]
fn the_fifth_booking_of_a_month_is_refused_until_the_next() {
    let policy = policy(vec![monthly(Moment::Registration, true)]);
    let facts = four_in_december();
    let now = attempt("2026-12-15T10:00:00Z", "2027-01-05");
    assert_eq!(judge(&policy, &now, &facts[..3], &[]).refusal, None);
    let refusal = judge(&policy, &now, &facts, &[]).refusal.unwrap();
    assert_eq!((refusal.count, refusal.limit), (4, 4));
    // Midnight in Kyiv, two hours before midnight in UTC.
    assert_eq!(refusal.resets_at, Some(utc("2026-12-31T22:00:00Z")));
    let later = attempt("2026-12-31T22:00:00Z", "2027-01-05");
    assert_eq!(judge(&policy, &later, &facts, &[]).refusal, None);
}

#[test]
fn a_month_of_the_visit_counts_visits() {
    let policy = policy(vec![monthly(Moment::Visit, true)]);
    let facts = four_in_december();
    let refused = |date| judge(&policy, &attempt("2026-12-15T10:00:00Z", date), &facts, &[]);
    assert!(refused("2026-12-30").refusal.is_some());
    assert!(refused("2027-01-05").refusal.is_none());
}

#[test]
fn cancelled_bookings_count_where_the_policy_says_so() {
    let mut facts = four_in_december();
    facts[0].state = BookingState::Cancelled;
    let now = attempt("2026-12-15T10:00:00Z", "2027-01-05");
    let refused = |count_cancelled| {
        let policy = policy(vec![monthly(Moment::Registration, count_cancelled)]);
        judge(&policy, &now, &facts, &[]).refusal.is_some()
    };
    assert!(refused(true));
    assert!(!refused(false));
}

#[test]
fn another_channel_has_limits_of_its_own() {
    let policy = policy(vec![monthly(Moment::Registration, true)]);
    let mut facts = four_in_december();
    let now = attempt("2026-12-15T10:00:00Z", "2027-01-05");
    facts[0].channel = Channel::Kiosk;
    assert_eq!(judge(&policy, &now, &facts, &[]).refusal, None);
    let kiosk = Attempt { channel: Channel::Kiosk, ..now };
    assert_eq!(judge(&policy, &kiosk, &four_in_december(), &[]).refusal, None);
}

#[test]
fn a_second_live_booking_for_a_service_is_refused_until_the_visit_is_over() {
    let policy = policy(vec![live()]);
    let facts = [fact(EXAM, "2026-12-01T04:00:00Z", "2026-12-22T07:00:00Z")];
    let refusal =
        judge(&policy, &attempt("2026-12-22T06:59:59Z", "2027-01-05"), &facts, &[]).refusal;
    assert_eq!(refusal.unwrap().resets_at, Some(utc("2026-12-22T07:00:00Z")));
    let over = attempt("2026-12-22T07:00:00Z", "2027-01-05");
    assert_eq!(judge(&policy, &over, &facts, &[]).refusal, None);
    let other = Attempt { service: EXCHANGE, ..attempt("2026-12-02T00:00:00Z", "2026-12-22") };
    assert_eq!(judge(&policy, &other, &facts, &[]).refusal, None);
}

#[test]
fn a_cancelled_booking_is_not_live() {
    let policy = policy(vec![live()]);
    let mut facts = [fact(EXAM, "2026-12-01T04:00:00Z", "2026-12-22T07:00:00Z")];
    facts[0].state = BookingState::Cancelled;
    let now = attempt("2026-12-02T00:00:00Z", "2026-12-23");
    assert_eq!(judge(&policy, &now, &facts, &[]).refusal, None);
}

#[test]
fn a_shadow_limit_reports_and_lets_pass() {
    let mut limit = monthly(Moment::Registration, true);
    limit.mode = Mode::Shadow;
    let policy = policy(vec![limit]);
    let now = attempt("2026-12-15T10:00:00Z", "2027-01-05");
    let verdict = judge(&policy, &now, &four_in_december(), &[]);
    assert_eq!(verdict.refusal, None);
    assert_eq!(verdict.shadow.len(), 1);
    assert_eq!(usage(&policy, &now, &four_in_december(), &[]), None);
}

#[test]
fn an_actor_is_counted_over_all_subjects() {
    let mut limit = monthly(Moment::Registration, true);
    limit.holder = Holder::Actor;
    let policy = policy(vec![limit]);
    let now = attempt("2026-12-15T10:00:00Z", "2027-01-05");
    assert_eq!(judge(&policy, &now, &four_in_december(), &[]).refusal, None);
    assert!(judge(&policy, &now, &[], &four_in_december()).refusal.is_some());
}

#[test]
fn usage_tells_period_count_and_reset() {
    let policy = policy(vec![live(), monthly(Moment::Registration, true)]);
    let now = attempt("2026-12-15T10:00:00Z", "2027-01-05");
    let usage = usage(&policy, &now, &four_in_december()[..2], &[]).unwrap();
    assert_eq!((usage.rule, usage.count, usage.limit), (1, 2, 4));
    assert_eq!(usage.period.to_string(), "2026-12-01");
    assert_eq!(usage.resets_at, utc("2026-12-31T22:00:00Z"));
    let tracked = tracked(&policy, &now).unwrap();
    assert_eq!(
        (tracked.rule, tracked.period, tracked.limit),
        (usage.rule, usage.period, usage.limit)
    );
    let kiosk = Attempt { channel: Channel::Kiosk, ..now };
    assert_eq!(super::tracked(&policy, &kiosk), None, "another channel's bookings are not counted");
}

proptest! {
    /// Whoever books only when allowed never exceeds the limit in any calendar month.
    #[test]
    fn nobody_who_asks_first_exceeds_a_month(minutes in prop::collection::vec(0i64..90 * 24 * 60, 0..60)) {
        let policy = policy(vec![monthly(Moment::Registration, true)]);
        let start = utc("2026-09-20T00:00:00Z");
        let mut times = minutes;
        times.sort_unstable();
        let mut facts: Vec<BookingFact> = Vec::new();
        for minute in times {
            let now = start.plus_minutes(minute);
            let attempt = Attempt { now, registered_at: now, ..attempt("2026-12-15T10:00:00Z", "2027-01-05") };
            if judge(&policy, &attempt, &facts, &[]).refusal.is_none() {
                facts.push(BookingFact {
                    registered_at: now,
                    ..fact(EXAM, "2026-12-01T04:00:00Z", "2027-01-05T07:00:00Z")
                });
            }
        }
        for first in &facts {
            let month = CivilDate::at(first.registered_at, policy.zone()).first_of_month();
            let in_month = facts
                .iter()
                .filter(|f| CivilDate::at(f.registered_at, policy.zone()).first_of_month() == month)
                .count();
            prop_assert!(in_month <= 4);
        }
    }
}
