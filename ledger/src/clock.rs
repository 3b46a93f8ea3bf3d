//! Time as an argument: the clock's trait, the system's clock, and ledger time.
//!
//! Ledger time never goes back, whatever the wall clock does, and says when the wall clock is not
//! to be trusted with a release. Must not know what is timed.
//!
//! - **Set forward**: ledger time goes on by the monotonic clock, as if nothing had happened, until
//!   wall and monotonic time have agreed for [`CLOCK_AGREEMENT_MICROS`]; then it is the wall clock's
//!   again. Bookings go on; releases, and the forgetting of the past, wait. A clock that is put right
//!   before that has left no trace in any fact; otherwise ledger time, which never goes back, could
//!   not follow it back.
//! - **Set back**: ledger time stands still until the wall clock has caught up, and releases wait
//!   until then and for as long again. A deadline that has passed stays passed.
//! - **Suspended machine**: the monotonic time here is the one that goes on while the machine
//!   sleeps, so that waking up is no jump. How long it slept is told apart, for what was to happen
//!   meanwhile was missed ([`Look::absence`]). A virtual machine whose host stopped it does not
//!   know that it slept: to it the wall clock is set forward, and it is treated like that.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};
use talon_domain::civil::{MICROS_PER_SECOND, UtcMicros};

/// Wall and monotonic time that differ by more than this between two looks are a jump.
pub const MAX_CLOCK_JUMP_MICROS: i64 = 2 * MICROS_PER_SECOND;
/// After a jump, releases wait until the clocks have agreed for this long.
pub const CLOCK_AGREEMENT_MICROS: i64 = 60 * MICROS_PER_SECOND;

/// A machine that slept for longer than this between two looks was away.
pub const MAX_SLEEP_UNNOTICED_MICROS: i64 = 10 * MICROS_PER_SECOND;

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// The wall clock, in UTC.
    fn wall(&self) -> UtcMicros;

    /// Microseconds since some fixed start, never going back, and going on while the machine
    /// sleeps.
    fn monotonic(&self) -> i64;

    /// How many of the microseconds of [`Clock::monotonic`] the machine slept.
    fn slept(&self) -> i64;
}

/// The operating system's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock(());

impl Clock for SystemClock {
    fn wall(&self) -> UtcMicros {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UtcMicros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> i64 {
        // The standard library's `Instant` is CLOCK_MONOTONIC, which stops while the machine sleeps.
        micros(ClockId::Boottime)
    }

    fn slept(&self) -> i64 {
        // Awake time first: what passes between the two calls is never less than nothing.
        let awake = micros(ClockId::Monotonic);
        micros(ClockId::Boottime) - awake
    }
}

fn micros(clock: ClockId) -> i64 {
    let time = clock_gettime(clock);
    time.tv_sec * MICROS_PER_SECOND + time.tv_nsec / 1_000
}

/// Whether so much between wall and monotonic time is a jump.
fn is_jump(difference: i64) -> bool {
    difference.unsigned_abs() > MAX_CLOCK_JUMP_MICROS.unsigned_abs()
}

/// What a look at the clocks found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whether releases may go by ledger time.
    pub is_trusted: bool,
    /// The machine slept since the last look: the ledger times of that look and of this one.
    pub absence: Option<(UtcMicros, UtcMicros)>,
}

/// The time that facts carry.
pub struct LedgerClock {
    source: Box<dyn Clock>,
    latest: AtomicI64,
    /// Wall time less monotonic time, as they were when they last agreed. Relaxed everywhere: a number of its own,
    /// and whoever reads the one before it is as right as a moment earlier.
    agreed: AtomicI64,
    guard: Mutex<Guard>,
}

struct Guard {
    wall: i64,
    monotonic: i64,
    /// Monotonic time of the last jump; there may have been none.
    jumped_at: i64,
    slept: i64,
    looked_at: UtcMicros,
    /// Monotonic time before which releases wait.
    distrusted_until: Option<i64>,
}

impl LedgerClock {
    /// A clock that starts no earlier than `not_before`, the time of the last known fact.
    pub fn new(source: Box<dyn Clock>, not_before: UtcMicros) -> Self {
        let wall = source.wall();
        let guard = Guard {
            wall: wall.0,
            monotonic: source.monotonic(),
            jumped_at: source.monotonic(),
            slept: source.slept(),
            looked_at: wall.max(not_before),
            distrusted_until: None,
        };
        let agreed = AtomicI64::new(guard.wall - guard.monotonic);
        Self { source, latest: AtomicI64::new(not_before.0), agreed, guard: Mutex::new(guard) }
    }

    /// Now, or the latest time ever returned if that is later. A wall clock that was set forward is not
    /// followed at once.
    pub fn now(&self) -> UtcMicros {
        let wall = self.source.wall().0;
        let is_ahead = |of: i64| wall - of > MAX_CLOCK_JUMP_MICROS;
        // Somebody looks every second: a time that is near the latest one is none of a clock that was set forward.
        let expected = is_ahead(self.latest.load(Ordering::Relaxed))
            .then(|| self.source.monotonic() + self.agreed.load(Ordering::Relaxed));
        let now = expected.filter(|expected| is_ahead(*expected)).unwrap_or(wall);
        // Relaxed: the maximum is all that is shared.
        UtcMicros(self.latest.fetch_max(now, Ordering::Relaxed).max(now))
    }

    /// Compares the clocks with the last look.
    ///
    /// Releases may not go by ledger time either while ledger time is ahead of a wall clock that was set back: it would
    /// open dates before their moment.
    pub fn look(&self) -> Look {
        let now = self.now();
        let (wall, monotonic) = (self.source.wall().0, self.source.monotonic());
        let slept = self.source.slept();
        let mut guard = self.guard.lock();
        let slept_now = slept - guard.slept;
        let absence = (slept_now > MAX_SLEEP_UNNOTICED_MICROS).then_some((guard.looked_at, now));
        if absence.is_some() {
            tracing::warn!(slept_micros = slept_now, "the machine slept");
        }
        (guard.slept, guard.looked_at) = (slept, now);
        let jump = (wall - guard.wall) - (monotonic - guard.monotonic);
        (guard.wall, guard.monotonic) = (wall, monotonic);
        // Relaxed: as in `now`.
        let ahead = self.latest.load(Ordering::Relaxed) - wall;
        if is_jump(jump) {
            guard.jumped_at = monotonic;
        }
        let is_right = !is_jump(wall - monotonic - self.agreed.load(Ordering::Relaxed));
        if is_right || monotonic - guard.jumped_at >= CLOCK_AGREEMENT_MICROS {
            self.agreed.store(wall - monotonic, Ordering::Relaxed);
        }
        if is_jump(jump) || ahead > MAX_CLOCK_JUMP_MICROS {
            if guard.distrusted_until.is_none() {
                tracing::warn!(
                    jump_micros = jump,
                    ahead_micros = ahead,
                    "the wall clock jumped; releases are suspended"
                );
            }
            guard.distrusted_until = Some(monotonic + CLOCK_AGREEMENT_MICROS);
        } else if guard.distrusted_until.is_some_and(|until| until <= monotonic) {
            tracing::info!("the clocks agree again; releases go on");
            guard.distrusted_until = None;
        }
        Look { is_trusted: guard.distrusted_until.is_none(), absence }
    }

    /// Whether the last look trusted the wall clock.
    pub fn is_trusted(&self) -> bool {
        self.guard.lock().distrusted_until.is_none()
    }
}

#[cfg(any(test, feature = "simulation"))]
pub mod manual {
    //! A clock that tests set.

    use std::sync::Arc;

    use super::{AtomicI64, Clock, Ordering, UtcMicros};

    /// A clock that stands still until it is told to move.
    #[derive(Clone, Debug, Default)]
    pub struct ManualClock {
        wall: Arc<AtomicI64>,
        monotonic: Arc<AtomicI64>,
        slept: Arc<AtomicI64>,
    }

    impl ManualClock {
        /// A clock that shows `now`.
        pub fn new(now: UtcMicros) -> Self {
            let clock = Self::default();
            clock.wall.store(now.0, Ordering::Relaxed);
            clock
        }

        /// Time passes.
        pub fn advance_micros(&self, micros: i64) {
            self.wall.fetch_add(micros, Ordering::Relaxed);
            self.monotonic.fetch_add(micros, Ordering::Relaxed);
        }

        /// The machine sleeps: time passes, and nothing runs.
        pub fn sleep_micros(&self, micros: i64) {
            self.advance_micros(micros);
            self.slept.fetch_add(micros, Ordering::Relaxed);
        }

        /// The wall clock is set, forward or back, without time passing.
        pub fn jump_micros(&self, micros: i64) {
            self.wall.fetch_add(micros, Ordering::Relaxed);
        }
    }

    impl Clock for ManualClock {
        fn wall(&self) -> UtcMicros {
            UtcMicros(self.wall.load(Ordering::Relaxed))
        }

        fn monotonic(&self) -> i64 {
            self.monotonic.load(Ordering::Relaxed)
        }

        fn slept(&self) -> i64 {
            self.slept.load(Ordering::Relaxed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::manual::ManualClock;
    use super::*;

    #[test]
    fn ledger_time_never_goes_back() {
        let source = ManualClock::new(UtcMicros(1_000));
        let clock = LedgerClock::new(Box::new(source.clone()), UtcMicros(5_000));
        assert_eq!(clock.now(), UtcMicros(5_000));
        source.advance_micros(10_000);
        assert_eq!(clock.now(), UtcMicros(11_000));
        source.jump_micros(-8_000);
        assert_eq!(clock.now(), UtcMicros(11_000));
    }

    #[test]
    fn a_wall_clock_behind_ledger_time_is_not_trusted_until_it_has_caught_up() {
        let source = ManualClock::new(UtcMicros(0));
        let clock = LedgerClock::new(Box::new(source.clone()), UtcMicros(100 * MICROS_PER_SECOND));
        source.advance_micros(CLOCK_AGREEMENT_MICROS);
        assert!(!clock.look().is_trusted);
        source.advance_micros(CLOCK_AGREEMENT_MICROS - MICROS_PER_SECOND);
        assert!(!clock.look().is_trusted);
        source.advance_micros(MICROS_PER_SECOND);
        assert!(clock.look().is_trusted);
    }

    #[test]
    fn a_jump_suspends_trust_until_the_clocks_have_agreed_for_a_while() {
        let source = ManualClock::new(UtcMicros(0));
        let clock = LedgerClock::new(Box::new(source.clone()), UtcMicros(0));
        source.advance_micros(MICROS_PER_SECOND);
        source.jump_micros(MAX_CLOCK_JUMP_MICROS);
        assert!(clock.look().is_trusted);
        source.jump_micros(-MAX_CLOCK_JUMP_MICROS - 1);
        assert!(!clock.look().is_trusted);
        source.advance_micros(CLOCK_AGREEMENT_MICROS - 1);
        assert!(!clock.look().is_trusted);
        source.advance_micros(1);
        assert!(clock.look().is_trusted);
        assert!(clock.is_trusted());
    }

    #[test]
    fn a_jump_that_is_put_right_within_the_wait_leaves_no_trace_in_ledger_time() {
        let hour = 3600 * MICROS_PER_SECOND;
        for (jump, meanwhile) in [(hour, CLOCK_AGREEMENT_MICROS - 1), (-hour, 0)] {
            let source = ManualClock::new(UtcMicros(0));
            let clock = LedgerClock::new(Box::new(source.clone()), UtcMicros(0));
            source.jump_micros(jump);
            assert_eq!(clock.now(), UtcMicros(0), "before anybody has looked");
            clock.look();
            source.advance_micros(CLOCK_AGREEMENT_MICROS - 1);
            clock.look();
            assert_eq!(clock.now(), UtcMicros(meanwhile), "it goes on, or stands still");
            source.jump_micros(-jump);
            clock.look();
            source.advance_micros(1);
            assert_eq!(clock.now(), UtcMicros(CLOCK_AGREEMENT_MICROS));
            assert!(!clock.look().is_trusted, "a clock that jumps twice is none to open dates by");
        }
    }

    #[test]
    fn ledger_time_follows_a_jump_when_the_clocks_have_agreed_for_a_while() {
        let hour = 3600 * MICROS_PER_SECOND;
        let source = ManualClock::new(UtcMicros(0));
        let clock = LedgerClock::new(Box::new(source.clone()), UtcMicros(0));
        source.jump_micros(hour);
        clock.look();
        source.advance_micros(CLOCK_AGREEMENT_MICROS);
        assert!(clock.look().is_trusted);
        assert_eq!(clock.now(), UtcMicros(hour + CLOCK_AGREEMENT_MICROS));
    }

    #[test]
    fn a_clock_that_drifts_is_followed() {
        let source = ManualClock::new(UtcMicros(0));
        let clock = LedgerClock::new(Box::new(source.clone()), UtcMicros(0));
        for _ in 0..10 {
            source.advance_micros(MICROS_PER_SECOND);
            source.jump_micros(MAX_CLOCK_JUMP_MICROS);
            assert!(clock.look().is_trusted);
        }
        assert_eq!(clock.now(), UtcMicros(10 * (MICROS_PER_SECOND + MAX_CLOCK_JUMP_MICROS)));
    }

    #[test]
    fn a_machine_that_slept_was_away_and_its_clock_did_not_jump() {
        let source = ManualClock::new(UtcMicros(0));
        let clock = LedgerClock::new(Box::new(source.clone()), UtcMicros(0));
        source.advance_micros(MICROS_PER_SECOND);
        assert_eq!(clock.look(), Look { is_trusted: true, absence: None });
        source.sleep_micros(3600 * MICROS_PER_SECOND);
        let away = (UtcMicros(MICROS_PER_SECOND), UtcMicros(3601 * MICROS_PER_SECOND));
        assert_eq!(clock.look(), Look { is_trusted: true, absence: Some(away) });
        assert_eq!(clock.look(), Look { is_trusted: true, absence: None });
        source.sleep_micros(MAX_SLEEP_UNNOTICED_MICROS);
        assert_eq!(clock.look().absence, None, "a nap is no absence");
    }

    #[test]
    fn the_systems_monotonic_time_holds_its_sleep_and_goes_on() {
        let clock = SystemClock::default();
        let (before, slept) = (clock.monotonic(), clock.slept());
        assert!(slept >= 0 && slept <= before);
        assert!(clock.monotonic() >= before);
    }
}
