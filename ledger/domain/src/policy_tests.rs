//! The moments that follow from a policy.

use super::*;

fn utc(text: &str) -> UtcMicros {
    text.parse::<jiff::Timestamp>().unwrap().into()
}

pub(crate) fn release() -> Release {
    Release {
        days_ahead: 21,
        time: "06:00".parse().unwrap(),
        zone: "Europe/Kyiv".to_owned(),
        proof: None,
    }
}

pub(crate) fn policy(limits: Vec<Limit>) -> CompiledPolicy {
    CompiledPolicy::new(Policy {
        authority: AuthorityId(1),
        zone: "Europe/Kyiv".to_owned(),
        release: release(),
        releases: vec![(
            ServiceId(9),
            Release { days_ahead: 14, time: "00:00".parse().unwrap(), ..release() },
        )],
        kiosk_release: None,
        late_release_delay_minutes: 10,
        cancel_deadline_minutes: 120,
        moving: Moving { deadline_minutes: 120, max: 2, counts: false },
        return_after_minutes: (5, 60),
        limits,
    })
    .unwrap()
}

#[test]
fn a_date_opens_21_days_ahead_at_six_in_kyiv() {
    let date = "2026-12-22".parse().unwrap();
    assert_eq!(
        policy(vec![]).opens_at(ServiceId(1), Channel::Web, date),
        utc("2026-12-01T04:00:00Z")
    );
}

#[test]
fn a_service_may_have_a_release_of_its_own() {
    let date = "2026-12-15".parse().unwrap();
    assert_eq!(
        policy(vec![]).opens_at(ServiceId(9), Channel::Web, date),
        utc("2026-11-30T22:00:00Z")
    );
}

#[test]
fn the_kiosk_opens_by_its_own_release_and_without_one_with_the_web() {
    let date = "2026-12-29".parse().unwrap();
    let web = policy(vec![]);
    for service in [ServiceId(1), ServiceId(9)] {
        let at = |channel| web.opens_at(service, channel, date);
        assert_eq!(at(Channel::Kiosk), at(Channel::Web));
    }
    let mut own = web.policy().clone();
    let time = "10:00".parse().unwrap();
    let zone = "Europe/Warsaw".to_owned();
    own.kiosk_release = Some(Release { days_ahead: 28, time, zone, proof: None });
    let own = CompiledPolicy::new(own).unwrap();
    for service in [ServiceId(1), ServiceId(9)] {
        let at = own.opens_at(service, Channel::Kiosk, date);
        assert_eq!(at, utc("2026-12-01T09:00:00Z"));
        assert_eq!(own.last_open_date(service, Channel::Kiosk, at), date);
        let web_at = own.opens_at(service, Channel::Web, date);
        assert_eq!(web_at, web.opens_at(service, Channel::Web, date));
    }
}

#[test]
fn who_walks_in_comes_on_the_day_itself() {
    let date = "2026-12-29".parse().unwrap();
    let opens_at = policy(vec![]).opens_at(ServiceId(9), Channel::WalkIn, date);
    assert_eq!(opens_at, utc("2026-12-28T22:00:00Z"));
}

#[test]
fn the_last_open_date_changes_at_the_moment_and_not_before() {
    let policy = policy(vec![]);
    let last = |now: &str| policy.last_open_date(ServiceId(1), Channel::Web, utc(now)).to_string();
    assert_eq!(last("2026-12-01T03:59:59Z"), "2026-12-21");
    assert_eq!(last("2026-12-01T04:00:00Z"), "2026-12-22");
    // Before 06:00 in Kyiv it is already the next day there.
    assert_eq!(last("2026-12-01T22:30:00Z"), "2026-12-22");
}

#[test]
fn opening_and_last_open_date_agree_all_year_round() {
    let policy = policy(vec![]);
    for service in [ServiceId(1), ServiceId(9)] {
        let mut now = utc("2026-01-01T00:00:00Z");
        while now < utc("2027-01-01T00:00:00Z") {
            let last = policy.last_open_date(service, Channel::Web, now);
            assert!(policy.opens_at(service, Channel::Web, last) <= now, "{now}");
            assert!(policy.opens_at(service, Channel::Web, last.plus_days(1)) > now, "{now}");
            now = now.plus_minutes(47);
        }
    }
}

#[test]
fn a_place_returns_inside_its_window() {
    let policy = policy(vec![]);
    let now = utc("2026-12-01T04:00:00Z");
    assert_eq!(policy.returns_at(now, 0), now.plus_minutes(5));
    assert_eq!(policy.returns_at(now, u64::MAX), now.plus_minutes(60));
    let middle = policy.returns_at(now, u64::MAX / 2);
    assert!(middle > now.plus_minutes(32) && middle < now.plus_minutes(33));
}

#[test]
fn unknown_zones_are_refused_by_name() {
    let mut bad = policy(vec![]).policy().clone();
    bad.release.zone = "Europe/Kyjiv".to_owned();
    assert_eq!(CompiledPolicy::new(bad).err(), Some(UnknownZone("Europe/Kyjiv".to_owned())));
}

/// The moment at which the month of `date` ends in a zone.
fn month_ends(zone: &str, date: &str) -> UtcMicros {
    let of = Policy { zone: zone.to_owned(), ..policy(vec![]).policy().clone() };
    let policy = CompiledPolicy::new(of).unwrap();
    policy.period_end(Period::Month, date.parse().unwrap())
}

#[test]
fn a_month_ends_once_where_clocks_show_its_last_hour_or_its_midnight_twice() {
    // Havana goes from 01:00 back to 00:00 on 2026-11-01, Cairo from 24:00 to 23:00 on 2030-10-31.
    for (zone, last, end) in [
        ("America/Havana", "2026-10-31", "2026-11-01T04:00:00Z"),
        ("Africa/Cairo", "2030-10-31", "2030-10-31T22:00:00Z"),
    ] {
        let (ends, rules) = (month_ends(zone, last), TimeZone::get(zone).unwrap());
        assert_eq!(ends, utc(end), "{zone}");
        // Whatever is registered before that moment falls into the month, and nothing after it.
        let last: CivilDate = last.parse().unwrap();
        for minutes in (-180..0).step_by(5) {
            assert_eq!(CivilDate::at(ends.plus_minutes(minutes), &rules), last, "{zone} {minutes}");
        }
        for minutes in (0..180).step_by(5) {
            let after = CivilDate::at(ends.plus_minutes(minutes), &rules);
            assert_eq!(after, last.plus_days(1), "{zone} {minutes}");
        }
    }
}
