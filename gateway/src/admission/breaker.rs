//! When the shared store is left alone, and when it is trusted again.
//!
//! Owns one choice per bucket, shared by all cores of the process, so that a dead Redis costs a few
//! deadlines and not a few per core. Must not know Redis or what is decided. Called by the fallback.
//!
//! Opening and closing differ on purpose (hysteresis): a few failures in a row open it, and only several
//! probes in a row that succeed close it. A store that answers now and then is not flapped to.

use std::time::Duration;

use parking_lot::Mutex;

use super::measures::Deciders;

/// When to stop asking the shared store and when to trust it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerConfig {
    /// Failed batches in a row after which the store is left alone. Default 3; 0 counts as 1.
    pub failures: u32,
    /// How long it is left alone before one batch probes it. Default 1 s.
    pub pause: Duration,
    /// Probes in a row that must succeed before all batches go there again. Default 3; 0 counts as 1.
    pub successes: u32,
    /// How long after a probe that succeeded the next one may follow. Default 100 ms.
    pub probe_gap: Duration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            failures: 3,
            pause: Duration::from_secs(1),
            successes: 3,
            probe_gap: Duration::from_millis(100),
        }
    }
}

/// Where the next batch goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// To the shared store.
    Shared,
    /// To the store in this process.
    Local,
}

/// What a result changed about who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    Opened,
    Closed,
}

/// The state, pure: time is an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The shared store is asked.
    Closed { failed_in_a_row: u32 },
    /// It is left alone until a moment, in Unix microseconds, and then probed.
    Open { probe_at_us: u64, succeeded_in_a_row: u32 },
}

struct Machine {
    failures: u32,
    successes: u32,
    pause_us: u64,
    probe_gap_us: u64,
    state: State,
}

impl Machine {
    fn new(config: BreakerConfig) -> Self {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Self {
            failures: config.failures.max(1),
            successes: config.successes.max(1),
            pause_us: micros(config.pause),
            probe_gap_us: micros(config.probe_gap.min(config.pause)),
            state: State::Closed { failed_in_a_row: 0 },
        }
    }

    fn route(&mut self, now_us: u64) -> Route {
        let State::Open { probe_at_us, succeeded_in_a_row } = self.state else {
            return Route::Shared;
        };
        // A pause that ends later than a whole pause from now belongs to a clock that went back.
        let furthest_us = now_us.saturating_add(self.pause_us);
        if now_us < probe_at_us && probe_at_us <= furthest_us {
            return Route::Local;
        }
        // This batch is the probe; the ones beside it wait for its result. Should it never come, the next
        // pause brings another.
        self.state = State::Open { probe_at_us: furthest_us, succeeded_in_a_row };
        Route::Shared
    }

    fn succeeded(&mut self, now_us: u64) -> Change {
        match self.state {
            State::Closed { .. } => {
                self.state = State::Closed { failed_in_a_row: 0 };
                Change::None
            }
            State::Open { succeeded_in_a_row, .. } => {
                let succeeded_in_a_row = succeeded_in_a_row + 1;
                if succeeded_in_a_row >= self.successes {
                    self.state = State::Closed { failed_in_a_row: 0 };
                    return Change::Closed;
                }
                let probe_at_us = now_us.saturating_add(self.probe_gap_us);
                self.state = State::Open { probe_at_us, succeeded_in_a_row };
                Change::None
            }
        }
    }

    fn failed(&mut self, now_us: u64) -> Change {
        let open = State::Open {
            probe_at_us: now_us.saturating_add(self.pause_us),
            succeeded_in_a_row: 0,
        };
        match self.state {
            State::Closed { failed_in_a_row } if failed_in_a_row + 1 < self.failures => {
                self.state = State::Closed { failed_in_a_row: failed_in_a_row + 1 };
                Change::None
            }
            State::Closed { .. } => {
                self.state = open;
                Change::Opened
            }
            State::Open { .. } => {
                self.state = open;
                Change::None
            }
        }
    }
}

/// One bucket's choice. Tells every change by a metric and a log line.
pub struct Breaker {
    bucket: u16,
    machine: Mutex<Machine>,
    measures: Deciders,
}

impl Breaker {
    /// A breaker that lets everything through, for the bucket of this number.
    #[must_use]
    pub fn new(bucket: u16, config: BreakerConfig) -> Self {
        let measures = Deciders::new();
        // Makes the metric visible before anything goes wrong.
        measures.degraded.increment(0.0);
        Self { bucket, machine: Mutex::new(Machine::new(config)), measures }
    }

    pub(super) fn route(&self, now_us: u64) -> Route {
        self.machine.lock().route(now_us)
    }

    pub(super) fn succeeded(&self, now_us: u64) {
        let change = self.machine.lock().succeeded(now_us);
        self.tell(change, None);
    }

    /// `error` is for the log and holds no personal data.
    pub(super) fn failed(&self, now_us: u64, error: &dyn std::error::Error) {
        let change = self.machine.lock().failed(now_us);
        self.tell(change, Some(error));
    }

    /// How long until the shared store is asked again, in microseconds.
    pub(super) fn pause_us(&self) -> u64 {
        self.machine.lock().pause_us
    }

    fn tell(&self, change: Change, error: Option<&dyn std::error::Error>) {
        let bucket = self.bucket;
        match change {
            Change::None => {}
            Change::Opened => {
                self.measures.degraded.increment(1.0);
                self.measures.to_local.increment(1);
                let error = error.map(tracing::field::display);
                tracing::warn!(
                    bucket,
                    error,
                    "admission is decided locally: the shared store does not answer"
                );
            }
            Change::Closed => {
                self.measures.degraded.decrement(1.0);
                self.measures.to_shared.increment(1);
                tracing::info!(bucket, "admission is decided by the shared store again");
            }
        }
    }
}

impl Drop for Breaker {
    fn drop(&mut self) {
        if matches!(self.machine.get_mut().state, State::Open { .. }) {
            self.measures.degraded.decrement(1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_US: u64 = 1_800_000_000_000_000;
    const PAUSE_US: u64 = 1_000_000;
    const GAP_US: u64 = 100_000;

    fn opened() -> Machine {
        let mut machine = Machine::new(BreakerConfig::default());
        assert_eq!(machine.failed(START_US), Change::None);
        assert_eq!(machine.failed(START_US), Change::None);
        assert_eq!(machine.failed(START_US), Change::Opened);
        machine
    }

    #[test]
    fn a_success_between_failures_keeps_the_store_in_use() {
        let mut machine = Machine::new(BreakerConfig::default());
        for _ in 0..5 {
            assert_eq!(machine.failed(START_US), Change::None);
            assert_eq!(machine.failed(START_US), Change::None);
            assert_eq!(machine.succeeded(START_US), Change::None);
        }
        assert_eq!(machine.route(START_US), Route::Shared);
    }

    #[test]
    fn it_closes_only_after_several_probes_in_a_row_and_never_sends_two_at_once() {
        let mut machine = opened();
        assert_eq!(machine.route(START_US + PAUSE_US - 1), Route::Local);
        let mut now_us = START_US + PAUSE_US;
        for expected in [Change::None, Change::None, Change::Closed] {
            assert_eq!(machine.route(now_us), Route::Shared);
            assert_eq!(machine.route(now_us), Route::Local, "one probe at a time");
            assert_eq!(machine.succeeded(now_us), expected);
            if expected == Change::None {
                assert_eq!(machine.route(now_us + GAP_US - 1), Route::Local);
            }
            now_us += GAP_US;
        }
        assert_eq!(machine.route(now_us), Route::Shared);
        assert_eq!(machine.route(now_us), Route::Shared);
    }

    #[test]
    fn a_probe_that_fails_among_good_ones_starts_the_count_again() {
        let mut machine = opened();
        let mut now_us = START_US;
        for _ in 0..2 {
            now_us += PAUSE_US;
            assert_eq!(machine.route(now_us), Route::Shared);
            assert_eq!(machine.succeeded(now_us), Change::None);
        }
        now_us += PAUSE_US;
        assert_eq!(machine.route(now_us), Route::Shared);
        assert_eq!(machine.failed(now_us), Change::None);
        assert_eq!(machine.route(now_us + PAUSE_US - 1), Route::Local, "a whole pause");
        for expected in [Change::None, Change::None, Change::Closed] {
            now_us += PAUSE_US;
            assert_eq!(machine.route(now_us), Route::Shared);
            assert_eq!(machine.succeeded(now_us), expected);
        }
    }

    #[test]
    fn a_clock_that_went_back_does_not_prolong_the_pause() {
        let mut machine = opened();
        assert_eq!(machine.route(START_US), Route::Local);
        assert_eq!(machine.route(START_US - 1), Route::Shared);
    }

    #[test]
    fn a_probe_whose_result_never_comes_is_followed_by_another() {
        let mut machine = opened();
        assert_eq!(machine.route(START_US + PAUSE_US), Route::Shared);
        assert_eq!(machine.route(START_US + PAUSE_US), Route::Local);
        assert_eq!(machine.route(START_US + 2 * PAUSE_US), Route::Shared);
    }
}
