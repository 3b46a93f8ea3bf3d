//! The fence on a clock in the test's hand.

use governor::clock::FakeRelativeClock;

use super::*;

fn rate(interval_ms: u64, burst: u32) -> FenceRate {
    FenceRate::new(Duration::from_millis(interval_ms), burst).unwrap()
}

fn config(max_keys: usize) -> FenceConfig {
    FenceConfig { person: rate(1_000, 2), address: rate(100, 3), overflow: rate(500, 1), max_keys }
}

fn fence(max_keys: usize) -> (LocalFence<FakeRelativeClock>, FakeRelativeClock) {
    let clock = FakeRelativeClock::default();
    (LocalFence::with_clock(&config(max_keys), &clock), clock)
}

fn person(number: u8) -> PersonKey {
    PersonKey([number; 32])
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn too_early(wait_ms: u64) -> Result<(), FenceRefusal> {
    Err(FenceRefusal::Person { retry_after: Duration::from_millis(wait_ms) })
}

#[test]
fn a_refusal_says_when_the_next_one_conforms() {
    let (fence, clock) = fence(9);
    assert_eq!(fence.check_person(person(1)), Ok(()));
    assert_eq!(fence.check_person(person(1)), Ok(()));
    assert_eq!(fence.check_person(person(1)), too_early(1_000));
    clock.advance(Duration::from_millis(400));
    assert_eq!(fence.check_person(person(1)), too_early(600));
    clock.advance(Duration::from_millis(600));
    assert_eq!(fence.check_person(person(1)), Ok(()));
}

#[test]
fn persons_and_addresses_are_counted_apart() {
    let (fence, _) = fence(9);
    for _ in 0..3 {
        assert_eq!(fence.check_address(address("192.0.2.1")), Ok(()));
    }
    let retry_after = Duration::from_millis(100);
    assert_eq!(
        fence.check_address(address("192.0.2.1")),
        Err(FenceRefusal::Address { retry_after })
    );
    assert_eq!(fence.check_address(address("192.0.2.2")), Ok(()));
    assert_eq!(fence.check_person(person(1)), Ok(()));
}

#[test]
fn ipv6_counts_by_its_56_and_ipv4_whole() {
    let key = |text| AddressKey::of(address(text));
    assert!(key("2001:db8:1:ab00::1") == key("2001:db8:1:abff:1:2:3:4"));
    assert!(key("2001:db8:1:ab00::1") != key("2001:db8:1:ac00::1"));
    assert!(key("192.0.2.1") != key("192.0.2.2"));
    assert!(key("192.0.2.1") == key("::ffff:192.0.2.1"));
    assert!(key("::ffff:192.0.2.1") != key("::ffff:192.0.2.2"));
}

#[test]
fn at_the_bound_new_keys_share_one_bucket_and_known_keys_keep_theirs() {
    let (fence, clock) = fence(2);
    assert_eq!(fence.check_person(person(1)), Ok(()));
    assert_eq!(fence.check_person(person(2)), Ok(()));
    assert_eq!(fence.check_person(person(3)), Ok(()), "the first in the shared bucket");
    assert_eq!(fence.check_person(person(4)), too_early(500));
    assert_eq!(fence.check_person(person(1)), Ok(()));
    assert_eq!(fence.check_person(person(2)), Ok(()));
    assert_eq!(fence.check_person(person(2)), too_early(1_000));
    clock.advance(Duration::from_millis(500));
    assert_eq!(fence.check_person(person(4)), Ok(()));
    assert_eq!(fence.persons.limiter.len(), 2);
    assert_eq!(fence.check_address(address("192.0.2.1")), Ok(()), "addresses have their own bound");
}

#[test]
fn tidying_makes_room_and_forgets_nobody_who_is_limited() {
    let (fence, clock) = fence(2);
    assert_eq!(fence.check_person(person(1)), Ok(()));
    clock.advance(Duration::from_millis(2_500));
    assert_eq!(fence.check_person(person(2)), Ok(()));
    assert_eq!(fence.check_person(person(2)), Ok(()));
    fence.tidy();
    assert_eq!(fence.persons.limiter.len(), 1);
    assert_eq!(fence.check_person(person(2)), too_early(1_000));
    assert_eq!(fence.check_person(person(3)), Ok(()));
    assert_eq!(
        fence.check_person(person(3)),
        Ok(()),
        "counted by itself, not in the shared bucket"
    );
}

#[test]
fn the_gauge_says_how_many_keys_stood_before_tidying_and_logins_are_counted_apart() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let shown = recorder.handle();
    let (fence, clock, logins) = metrics::with_local_recorder(&recorder, || {
        let (fence, clock) = fence(9);
        (fence, clock, LoginFence::new(&config(9)))
    });
    for number in 1..=3 {
        assert_eq!(fence.check_person(person(number)), Ok(()));
    }
    for text in ["192.0.2.1", "192.0.2.2"] {
        assert_eq!(fence.check_address(address(text)), Ok(()));
    }
    assert_eq!(logins.check_address(address("192.0.2.1")), Ok(()));
    clock.advance(Duration::from_secs(60));
    fence.tidy();
    logins.tidy();
    for (counted, keys) in [("person", 3), ("address", 2), ("login", 1)] {
        let line = format!("gateway_fence_keys{{counted=\"{counted}\"}} {keys}\n");
        assert!(shown.render().contains(&line), "{line}{}", shown.render());
    }
    assert!(fence.persons.limiter.is_empty(), "all have rested");
}

#[test]
fn a_key_that_many_threads_bring_at_once_takes_one_place() {
    let (fence, _) = fence(1);
    let fence = &fence;
    let admitted = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| fence.check_person(person(1)).is_ok())).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .filter(|admitted| *admitted)
            .count()
    });
    assert!(
        (2..=3).contains(&admitted),
        "the person's burst, and perhaps one from the shared bucket"
    );
    assert_eq!(fence.persons.limiter.len(), 1);
}

#[test]
fn a_rate_of_nothing_is_refused() {
    assert_eq!(FenceRate::new(Duration::ZERO, 1), Err(FenceRateError));
    assert_eq!(FenceRate::new(Duration::from_secs(1), 0), Err(FenceRateError));
}
