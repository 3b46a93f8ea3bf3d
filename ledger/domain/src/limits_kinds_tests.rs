//! Whom and what limits concern, absences and retakes; and what every limit promises.

use proptest::prelude::*;

use super::tests::{
    EXAM, EXCHANGE, attempt, fact, four_in_december, judge, live, monthly, of, usage, utc,
};
use super::*;
use crate::policy::Subjects;
use crate::policy::tests::policy;

const NOW: &str = "2026-12-15T10:00:00Z";
const VISIT: &str = "2027-01-05";

fn no_shows(max: u32) -> Limit {
    Limit { kind: LimitKind::NoShows { period: Period::Month }, max, ..live() }
}

fn retake(days: u16) -> Limit {
    Limit { kind: LimitKind::RetakeWait { days }, ..live() }
}

fn concluded(ends_at: &str, state: BookingState) -> BookingFact {
    BookingFact { state, ..fact(EXAM, "2026-11-20T04:00:00Z", ends_at) }
}

fn refuses(limit: &Limit, attempt: &Attempt, bookings: &[BookingFact]) -> bool {
    judge(&policy(vec![limit.clone()]), attempt, bookings, bookings).refusal.is_some()
}

#[test]
fn a_limit_concerns_the_subjects_and_services_that_it_names() {
    let facts = vec![fact(EXAM, "2026-12-01T04:00:00Z", "2026-12-22T07:00:00Z"); 4];
    let person = attempt(NOW, VISIT);
    let entity = Attempt { subject: Subject::Entity, ..person };
    for (subjects, expected) in [
        (Subjects::All, [true, true]),
        (Subjects::Persons, [true, false]),
        (Subjects::Entities, [false, true]),
    ] {
        let limit = Limit { subjects, ..monthly(Moment::Registration, true) };
        assert_eq!([person, entity].map(|attempt| refuses(&limit, &attempt, &facts)), expected);
    }
    let of_exams = Limit { services: vec![EXAM], ..monthly(Moment::Registration, true) };
    assert!(refuses(&of_exams, &person, &facts));
    assert!(!refuses(&of_exams, &Attempt { service: EXCHANGE, ..person }, &facts));
    // Bookings for other services do not count against it.
    assert!(!refuses(&of_exams, &person, &four_in_december()));
}

#[test]
fn usage_is_that_of_the_first_limit_that_concerns_the_attempt() {
    let entities = Limit { subjects: Subjects::Entities, ..monthly(Moment::Registration, true) };
    let of_exams = Limit { services: vec![EXAM], max: 3, ..monthly(Moment::Registration, true) };
    let policy = policy(vec![entities, of_exams, monthly(Moment::Registration, true)]);
    let told = |attempt: &Attempt| {
        usage(&policy, attempt, &four_in_december(), &[]).map(|usage| (usage.rule, usage.count))
    };
    let person = attempt(NOW, VISIT);
    assert_eq!(told(&person), Some((1, 0)));
    assert_eq!(told(&Attempt { service: EXCHANGE, ..person }), Some((2, 4)));
    assert_eq!(told(&Attempt { subject: Subject::Entity, ..person }), Some((0, 4)));
    assert_eq!(told(&Attempt { channel: Channel::Kiosk, ..person }), None);
}

#[test]
fn whoever_is_blocked_is_refused_online_until_somebody_lifts_it_and_not_in_the_office() {
    let policy = policy(vec![no_shows(4)]);
    let block = Some(Block { since: utc("2026-12-10T10:00:00Z"), count: 5 });
    let blocked = Standing { bookings: &[], block };
    let web = attempt(NOW, VISIT);
    let refusal = super::judge(&policy, &web, blocked, of(&[])).refusal.unwrap();
    assert_eq!((refusal.count, refusal.limit, refusal.resets_at), (5, 4, None));
    for channel in [Channel::Kiosk, Channel::WalkIn] {
        let in_person = Attempt { channel, ..web };
        assert_eq!(super::judge(&policy, &in_person, blocked, blocked), Verdict::default());
    }
    assert_eq!(super::judge(&policy, &web, of(&[]), of(&[])), Verdict::default());
}

#[test]
fn a_block_refuses_nobody_where_the_rule_is_on_trial() {
    let limit = Limit { mode: Mode::Shadow, ..no_shows(4) };
    let block = Some(Block { since: utc(NOW), count: 4 });
    let blocked = Standing { bookings: &[], block };
    let verdict = super::judge(&policy(vec![limit]), &attempt(NOW, VISIT), blocked, blocked);
    assert_eq!((verdict.refusal, verdict.shadow.len()), (None, 1));
}

#[test]
fn as_many_absences_in_one_month_as_the_limit_says_are_a_block() {
    let limits = policy(vec![live(), no_shows(3)]);
    let absent = |day: &str| concluded(&format!("{day}T07:00:00Z"), BookingState::Absent);
    let mut facts = vec![
        absent("2026-11-30"),
        absent("2026-12-01"),
        absent("2026-12-02"),
        absent("2026-12-31"),
    ];
    let december = "2026-12-31".parse().unwrap();
    assert_eq!(no_show_block(&limits, &facts, december, None), Some(3));
    assert_eq!(no_show_block(&limits, &facts[..3], december, None), None, "November is over");
    facts[1].state = BookingState::Served;
    assert_eq!(no_show_block(&limits, &facts, december, None), None, "somebody came");
    facts[1].state = BookingState::Cancelled;
    assert_eq!(no_show_block(&limits, &facts, december, None), None, "it was given back");
    let none = policy(vec![live()]);
    assert_eq!(no_show_block(&none, &[absent("2026-12-01"); 9], december, None), None);
}

#[test]
fn absences_that_were_forgiven_count_no_more() {
    let limits = policy(vec![no_shows(2)]);
    let facts = ["2026-12-01", "2026-12-02", "2026-12-10"]
        .map(|day| concluded(&format!("{day}T07:00:00Z"), BookingState::Absent));
    let after = |moment| no_show_block(&limits, &facts, facts[0].visit_date, Some(utc(moment)));
    assert_eq!(after("2026-12-01T06:59:59Z"), Some(3));
    assert_eq!(after("2026-12-01T07:00:00Z"), Some(2));
    assert_eq!(after("2026-12-03T00:00:00Z"), None);
}

#[test]
fn absences_from_other_services_than_the_limits_do_not_count() {
    let limits = policy(vec![Limit { services: vec![EXCHANGE], ..no_shows(1) }]);
    let absent = concluded("2026-12-01T07:00:00Z", BookingState::Absent);
    assert_eq!(no_show_block(&limits, &[absent], absent.visit_date, None), None);
    let absent = BookingFact { service: EXCHANGE, ..absent };
    assert_eq!(no_show_block(&limits, &[absent], absent.visit_date, None), Some(1));
}

#[test]
fn a_failed_exam_may_be_retaken_from_the_day_that_the_wait_ends() {
    let policy = policy(vec![retake(10)]);
    let facts = [
        concluded("2026-12-01T07:00:00Z", BookingState::Failed),
        concluded("2026-12-11T07:00:00Z", BookingState::Failed),
    ];
    let on = |date| judge(&policy, &attempt(NOW, date), &facts, &[]).refusal;
    let refusal = on("2026-12-20").unwrap();
    assert_eq!((refusal.count, refusal.limit), (1, 1));
    // Midnight of 21 December in Kyiv.
    assert_eq!(refusal.resets_at, Some(utc("2026-12-20T22:00:00Z")));
    assert_eq!(on("2026-12-21"), None);
    let other = Attempt { service: EXCHANGE, ..attempt(NOW, "2026-12-20") };
    assert_eq!(judge(&policy, &other, &facts, &[]).refusal, None);
}

#[test]
fn an_exam_that_was_passed_missed_or_given_back_may_be_taken_at_once() {
    for state in [
        BookingState::Booked,
        BookingState::Cancelled,
        BookingState::Moved,
        BookingState::Served,
        BookingState::Absent,
    ] {
        let facts = [concluded("2026-12-11T07:00:00Z", state)];
        assert!(!refuses(&retake(10), &attempt(NOW, "2026-12-16"), &facts), "{state:?}");
    }
}

fn any_subjects() -> impl Strategy<Value = Subjects> {
    prop::sample::select(vec![Subjects::All, Subjects::Persons, Subjects::Entities])
}

fn any_channel() -> impl Strategy<Value = Channel> {
    prop::sample::select(vec![Channel::Web, Channel::Kiosk])
}

fn any_service() -> impl Strategy<Value = ServiceId> {
    prop::sample::select(vec![EXAM, EXCHANGE])
}

fn any_kind() -> impl Strategy<Value = LimitKind> {
    let period = || prop::sample::select(vec![Period::Day, Period::Month]);
    let of = prop::sample::select(vec![Moment::Registration, Moment::Visit]);
    prop_oneof![
        (period(), of, any::<bool>(), any_channel()).prop_map(
            |(period, of, count_cancelled, channel)| LimitKind::PerPeriod {
                period,
                of,
                count_cancelled,
                channel
            }
        ),
        Just(LimitKind::LivePerService),
        period().prop_map(|period| LimitKind::NoShows { period }),
        (1u16..40).prop_map(|days| LimitKind::RetakeWait { days }),
    ]
}

fn any_limit() -> impl Strategy<Value = Limit> {
    let services = prop::sample::subsequence(vec![EXAM, EXCHANGE], 0..=2);
    let holder = prop::sample::select(vec![Holder::Subject, Holder::Actor]);
    (any_kind(), holder, 1u32..4, any_subjects(), services).prop_map(
        |(kind, holder, max, subjects, services)| Limit {
            name: "any".to_owned(),
            kind,
            holder,
            max,
            mode: Mode::Enforced,
            subjects,
            services,
        },
    )
}

/// Something booked before [`NOW`] for about then.
fn any_fact() -> impl Strategy<Value = BookingFact> {
    let states = vec![
        BookingState::Booked,
        BookingState::Cancelled,
        BookingState::Moved,
        BookingState::Served,
        BookingState::Failed,
        BookingState::Absent,
    ];
    let minutes = (0i64..40 * 1440, -20i64 * 1440..20 * 1440);
    (any_service(), any_channel(), minutes, prop::sample::select(states)).prop_map(
        |(service, channel, (before, ends_after), state)| {
            let ends_at = utc(NOW).plus_minutes(ends_after);
            let registered_at = utc(NOW).plus_minutes(-before);
            let visit_date = CivilDate::at(ends_at, &jiff::tz::TimeZone::UTC);
            BookingFact { service, channel, registered_at, visit_date, ends_at, state }
        },
    )
}

fn any_attempt() -> impl Strategy<Value = Attempt> {
    let subject = prop::sample::select(vec![Subject::Person, Subject::Entity]);
    (any_service(), any_channel(), 0i32..40, subject).prop_map(
        |(service, channel, days, subject)| {
            let now = attempt(NOW, "2026-12-15");
            Attempt { service, channel, visit_date: now.visit_date.plus_days(days), subject, ..now }
        },
    )
}

fn any_standing() -> impl Strategy<Value = (Vec<BookingFact>, Option<Block>)> {
    let block = prop::option::of((1u32..6).prop_map(|count| Block { since: utc(NOW), count }));
    (prop::collection::vec(any_fact(), 0..12), block)
}

proptest! {
    /// Whoever books whenever they may holds no more than the limit allows, in whatever order
    /// and for whichever dates they ask.
    #[test]
    fn no_more_than_the_maximum_is_accepted_in_any_order(
        limit in any_limit(),
        asked in prop::collection::vec((any_attempt(), 0i64..3000), 1..60),
    ) {
        let LimitKind::PerPeriod { period, of, .. } = limit.kind else { return Ok(()) };
        let policy = policy(vec![limit.clone()]);
        let mut facts: Vec<BookingFact> = Vec::new();
        let mut now = utc(NOW);
        let mut accepted = Vec::new();
        for (attempt, minutes) in asked {
            now = now.plus_minutes(minutes);
            let attempt = Attempt { now, registered_at: now, ..attempt };
            if judge(&policy, &attempt, &facts, &facts).refusal.is_none() {
                facts.push(BookingFact {
                    service: attempt.service,
                    channel: attempt.channel,
                    registered_at: now,
                    visit_date: attempt.visit_date,
                    ends_at: now,
                    state: BookingState::Booked,
                });
                if limit.concerns(attempt.subject, attempt.service) {
                    accepted.push(attempt);
                }
            }
        }
        for one in &accepted {
            let start = |other: &Attempt| {
                CompiledPolicy::period_start(period, attempt_date(&policy, of, other))
            };
            let alike = |other: &&Attempt| {
                other.channel == one.channel && start(other) == start(one)
            };
            let LimitKind::PerPeriod { channel, .. } = limit.kind else { return Ok(()) };
            if one.channel == channel {
                prop_assert!(accepted.iter().filter(alike).count() <= limit.max as usize);
            }
        }
    }

    #[test]
    fn a_limit_on_trial_refuses_nobody_and_tells_what_it_would_refuse(
        limits in prop::collection::vec(any_limit(), 1..6),
        attempt in any_attempt(),
        (facts, block) in any_standing(),
    ) {
        let standing = Standing { bookings: &facts, block };
        let first = super::judge(&policy(limits.clone()), &attempt, standing, standing).refusal;
        let on_trial =
            limits.into_iter().map(|limit| Limit { mode: Mode::Shadow, ..limit }).collect();
        let verdict = super::judge(&policy(on_trial), &attempt, standing, standing);
        prop_assert_eq!(verdict.refusal, None);
        prop_assert_eq!(verdict.shadow.into_iter().next(), first);
    }

    #[test]
    fn a_limit_of_other_subjects_or_services_neither_refuses_nor_is_told(
        limit in any_limit(),
        attempt in any_attempt(),
        (facts, block) in any_standing(),
    ) {
        let subjects = match attempt.subject {
            Subject::Person => Subjects::Entities,
            Subject::Entity => Subjects::Persons,
        };
        let services = if attempt.service == EXAM { vec![EXCHANGE] } else { vec![EXAM] };
        let of_others = [Limit { subjects, ..limit.clone() }, Limit { services, ..limit }];
        let standing = Standing { bookings: &facts, block };
        for limit in of_others {
            let policy = policy(vec![limit]);
            let verdict = super::judge(&policy, &attempt, standing, standing);
            prop_assert_eq!(verdict, Verdict::default());
            prop_assert_eq!(super::usage(&policy, &attempt, standing, standing), None);
        }
    }

    /// What is told of the end of a limit is true to the microsecond. A month of visits does not
    /// end by waiting, and a block not at all.
    #[test]
    fn a_limit_lets_pass_from_the_moment_that_it_tells_and_no_sooner(
        limit in any_limit(),
        attempt in any_attempt(),
        (facts, block) in any_standing(),
    ) {
        let policy = policy(vec![limit]);
        let standing = Standing { bookings: &facts, block };
        let refusal = super::judge(&policy, &attempt, standing, standing).refusal;
        let Some(LimitRefusal { kind, resets_at, .. }) = refusal else { return Ok(()) };
        if matches!(kind, LimitKind::PerPeriod { of: Moment::Visit, .. }) {
            return Ok(());
        }
        let is_block = matches!(kind, LimitKind::NoShows { .. });
        prop_assert_eq!(resets_at.is_none(), is_block);
        let Some(at) = resets_at else { return Ok(()) };
        let is_refused_at = |now: UtcMicros| {
            // Nobody asks for a visit in the past.
            let visit_date = attempt.visit_date.max(CivilDate::at(now, policy.zone()));
            let attempt = Attempt { now, registered_at: now, visit_date, ..attempt };
            super::judge(&policy, &attempt, standing, standing).refusal.is_some()
        };
        prop_assert!(!is_refused_at(at));
        prop_assert!(is_refused_at(UtcMicros(at.0 - 1)));
    }
}
