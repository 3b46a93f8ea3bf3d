//! When a proof is asked for, how hard it is, and what changes it.

use talon_domain::civil::Minute;
use talon_domain::ids::AuthorityId;
use talon_domain::policy::{Moving, Policy, Release};

use super::*;

const EXAM: ServiceId = ServiceId(1);
const SECOND: i64 = MICROS_PER_SECOND;
const PERSON: Pseudonym = Pseudonym([1; 32]);

fn rule(when: ProofWhen) -> ProofRule {
    ProofRule {
        algorithm: "SHA-256".to_owned(),
        cost: 10,
        key_prefix: "0".to_owned(),
        when,
        slow_lane_minutes: None,
    }
}

fn policy() -> CompiledPolicy {
    let release = Release {
        days_ahead: 21,
        time: Minute::new(6 * 60).unwrap(),
        zone: "Europe/Kyiv".to_owned(),
        proof: Some(rule(ProofWhen::Pressure)),
    };
    CompiledPolicy::new(Policy {
        authority: AuthorityId(1),
        zone: "Europe/Kyiv".to_owned(),
        release,
        releases: Vec::new(),
        kiosk_release: None,
        late_release_delay_minutes: 10,
        cancel_deadline_minutes: 120,
        moving: Moving { deadline_minutes: 120, max: 2, counts: false },
        return_after_minutes: (5, 60),
        limits: Vec::new(),
    })
    .unwrap()
}

fn utc(text: &str) -> UtcMicros {
    text.parse::<jiff::Timestamp>().unwrap().into()
}

/// 06:00 in Kyiv.
fn moment() -> UtcMicros {
    utc("2026-12-01T04:00:00Z")
}

fn after(seconds: i64) -> UtcMicros {
    UtcMicros(moment().0 + seconds * SECOND)
}

fn asked(demands: &Demands, when: ProofWhen, now: UtcMicros) -> Pressure {
    demands.of(&policy(), EXAM, Channel::Web, &rule(when), &PERSON, now)
}

/// So many seconds of bookings that wait long.
fn presses(demands: &Demands, from: UtcMicros, seconds: i64) {
    for quarter in 0..seconds * 4 {
        for _ in 0..64 {
            demands.waited(Duration::from_millis(200));
        }
        demands.look(UtcMicros(from.0 + quarter * SECOND / 4), Duration::ZERO);
    }
}

#[test]
fn away_from_releases_nothing_is_asked_for_when_calm_unless_the_policy_says_always() {
    let demands = Demands::new(None);
    assert_eq!(asked(&demands, ProofWhen::Pressure, after(3_600)), Pressure::Calm);
    assert_eq!(asked(&demands, ProofWhen::Always, after(3_600)), Pressure::Step(0));
}

#[test]
fn around_a_release_the_floor_is_asked_for_and_the_level_does_not_move() {
    let demands = Demands::new(None);
    for (seconds, expected) in [
        (-601, Pressure::Calm),
        (-600, Pressure::Step(0)),
        (0, Pressure::Step(0)),
        (120, Pressure::Step(0)),
        (121, Pressure::Calm),
    ] {
        let asked = asked(&demands, ProofWhen::Pressure, after(seconds));
        assert_eq!(asked, expected, "{seconds} s after the moment");
    }
    presses(&demands, after(-300), 60);
    assert_eq!(asked(&demands, ProofWhen::Pressure, after(-200)), Pressure::Step(0));
}

#[test]
fn under_pressure_proofs_are_asked_for_and_calm_ends_it() {
    let demands = Demands::new(None);
    presses(&demands, after(3_600), 5);
    let pressed = asked(&demands, ProofWhen::Pressure, after(3_605));
    assert!(pressed > Pressure::Calm, "{pressed:?}");
    for quarter in 0..4 * 600 {
        demands.look(UtcMicros(after(3_606).0 + quarter * SECOND / 4), Duration::ZERO);
    }
    assert_eq!(asked(&demands, ProofWhen::Pressure, after(5_000)), Pressure::Calm);
}

#[test]
fn a_runtime_that_has_no_time_is_pressure_too() {
    let demands = Demands::new(None);
    for quarter in 0..20 {
        let now = UtcMicros(after(3_600).0 + quarter * SECOND / 4);
        demands.look(now, Duration::from_millis(80));
    }
    assert!(asked(&demands, ProofWhen::Pressure, after(3_605)) > Pressure::Calm);
}

#[test]
fn a_release_begins_with_the_pressure_of_the_one_before() {
    let demands = Demands::new(None);
    assert_eq!(asked(&demands, ProofWhen::Pressure, after(0)), Pressure::Step(0));
    presses(&demands, after(1), 7);
    let day = 24 * 3_600;
    let next = demands.near(&policy(), EXAM, Channel::Web, after(day - 600)).unwrap();
    assert_eq!(next.opens_at, after(day));
    assert!(next.pressure > Pressure::Step(0), "{next:?}");
    // Nothing happened in that one, so the next begins with the floor again.
    let later = demands.near(&policy(), EXAM, Channel::Web, after(2 * day)).unwrap();
    assert_eq!(later.pressure, Pressure::Step(0));
}

#[test]
fn who_fails_again_and_again_is_asked_for_more_and_nobody_else() {
    let demands = Demands::new(None);
    for _ in 0..FAILURES_PER_LEVEL - 1 {
        demands.refused(&PERSON, after(3_600));
    }
    assert_eq!(asked(&demands, ProofWhen::Pressure, after(3_600)), Pressure::Calm);
    demands.refused(&PERSON, after(3_600));
    assert_eq!(asked(&demands, ProofWhen::Pressure, after(3_600)), Pressure::Step(0));
    for _ in 0..1_000 {
        demands.refused(&PERSON, after(3_600));
    }
    let most = Pressure::Calm.raised(MAX_PERSONAL_LEVELS);
    assert_eq!(asked(&demands, ProofWhen::Pressure, after(3_600)), most);
    let (rule, other) = (rule(ProofWhen::Pressure), Pseudonym([2; 32]));
    assert_eq!(
        demands.of(&policy(), EXAM, Channel::Web, &rule, &other, after(3_600)),
        Pressure::Calm
    );
}

#[test]
fn near_a_release_everybody_is_asked_for_what_was_published() {
    let demands = Demands::new(None);
    for _ in 0..10 * FAILURES_PER_LEVEL {
        demands.refused(&PERSON, after(119));
    }
    assert_eq!(asked(&demands, ProofWhen::Pressure, after(120)), Pressure::Step(0));
    let most = Pressure::Calm.raised(MAX_PERSONAL_LEVELS);
    assert_eq!(asked(&demands, ProofWhen::Pressure, after(121)), most);
}

#[test]
fn gateways_that_saw_different_pressure_publish_one_level() {
    let [quiet, pressed] = [0, 7].map(|seconds| {
        let demands = Demands::new(None);
        assert_eq!(asked(&demands, ProofWhen::Pressure, after(0)), Pressure::Step(0));
        presses(&demands, after(1), seconds);
        demands
    });
    let noon = after(6 * 3_600);
    quiet.peaks().learn(noon, pressed.peaks().known(noon));
    let ahead = after(24 * 3_600 - 600);
    let [quiet, pressed] =
        [quiet, pressed].map(|demands| demands.near(&policy(), EXAM, Channel::Web, ahead).unwrap());
    assert!(quiet.pressure > Pressure::Step(0));
    assert_eq!(quiet, pressed);
}

#[test]
fn refusals_are_forgotten_a_while_after_the_last_however_often_somebody_asks() {
    let demands = Demands::new(None);
    for seconds in 0..8 {
        demands.refused(&PERSON, after(3_600 + seconds));
    }
    let asked = |seconds| asked(&demands, ProofWhen::Pressure, after(3_607 + seconds));
    let memory = i64::try_from(FAILURE_MEMORY.as_secs()).unwrap();
    for seconds in 0..memory {
        assert_eq!(asked(seconds), Pressure::Step(0), "{seconds} s after the last");
    }
    assert_eq!(asked(memory), Pressure::Calm);
    // A late refusal begins a count of its own.
    demands.refused(&PERSON, after(3_607 + memory));
    assert_eq!(asked(memory), Pressure::Calm);
}

#[test]
fn a_demonstration_s_release_is_a_release() {
    let demands = Demands::new(Some(after(3_600)));
    assert_eq!(asked(&demands, ProofWhen::Pressure, after(3_500)), Pressure::Step(0));
}

#[test]
fn refusals_of_no_more_persons_than_the_bound_are_counted() {
    let demands = Demands::new(None);
    for number in 0..MAX_COUNTED_PERSONS + 1_000 {
        let mut person = [0; 32];
        person[..8].copy_from_slice(&number.to_le_bytes());
        demands.refused(&Pseudonym(person), after(0));
    }
    demands.failures.run_pending_tasks();
    assert!(demands.failures.entry_count() <= MAX_COUNTED_PERSONS);
}
