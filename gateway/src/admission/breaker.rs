//! When the shared store is left alone, and when it is trusted again.
//!
//! Owns one choice per bucket, shared by all cores of the process, so that a dead Redis costs a few
//! deadlines and not a few per core. Must not know Redis or what is decided. Called by the fallback.
//!
//! Opening and closing differ on purpose (hysteresis): a few failures in a row open it, and only several
//! probes in a row that succeed close it. A store that answers now and then is not flapped to. Probes are
//! not requests: nobody waits for one, and recovery does not depend on who happens to ask. Each core probes
//! over its own connection.

use std::time::Duration;

use parking_lot::Mutex;

use super::measures::Deciders;

/// When to stop asking the shared store and when to trust it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerConfig {
    /// Failed batches in a row after which the store is left alone. Default 3; 0 counts as 1.
    pub failures: u32,
    /// How long it is left alone before it is probed, and after each probe that failed. Default 1 s.
    pub pause: Duration,
    /// Probes in a row that must succeed before batches go there again. Default 3; 0 counts as 1.
    pub successes: u32,
    /// How long after a probe that succeeded the next one follows. Default 100 ms.
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

/// Who decides, and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The shared store is asked.
    Closed { failed_in_a_row: u32 },
    /// It is only probed.
    Open { succeeded_in_a_row: u32 },
}

/// The rules, pure. Batches count while it is closed and probes while it is open: a batch that was under way
/// when it opened says nothing about the store since.
struct Machine {
    config: BreakerConfig,
    state: State,
}

impl Machine {
    fn new(config: BreakerConfig) -> Self {
        Self { config, state: State::Closed { failed_in_a_row: 0 } }
    }

    fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    fn succeeded(&mut self) {
        if let State::Closed { failed_in_a_row } = &mut self.state {
            *failed_in_a_row = 0;
        }
    }

    /// Whether this opened it.
    fn failed(&mut self) -> bool {
        let State::Closed { failed_in_a_row } = &mut self.state else {
            return false;
        };
        *failed_in_a_row += 1;
        let opens = *failed_in_a_row >= self.config.failures;
        if opens {
            self.state = State::Open { succeeded_in_a_row: 0 };
        }
        opens
    }

    fn probed(&mut self, succeeded: bool) -> Next {
        let State::Open { succeeded_in_a_row } = &mut self.state else {
            return if succeeded { Next::Trusted } else { Next::Probe(self.config.pause) };
        };
        if !succeeded {
            *succeeded_in_a_row = 0;
            return Next::Probe(self.config.pause);
        }
        *succeeded_in_a_row += 1;
        if *succeeded_in_a_row >= self.config.successes {
            self.state = State::Closed { failed_in_a_row: 0 };
            return Next::Closed;
        }
        Next::Probe(self.config.probe_gap)
    }
}

/// What follows a probe of one core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another, after this long.
    Probe(Duration),
    /// This one closed the breaker.
    Closed,
    /// It was closed before, by another core's, and this core's connection is well too.
    Trusted,
}

/// One bucket's choice. Tells every change by a metric and a log line.
pub struct Breaker {
    bucket: u16,
    pause: Duration,
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
        let machine = Mutex::new(Machine::new(config));
        Self { bucket, pause: config.pause, machine, measures }
    }

    /// Whether the shared store is left alone.
    pub(super) fn is_open(&self) -> bool {
        self.machine.lock().is_open()
    }

    /// A batch was decided by the shared store.
    pub(super) fn succeeded(&self) {
        self.machine.lock().succeeded();
    }

    /// A batch was not decided; `error` is for the log and holds no personal data.
    pub(super) fn failed(&self, error: &dyn std::error::Error) {
        let opened = self.machine.lock().failed();
        if opened {
            self.measures.degraded.increment(1.0);
            self.measures.to_local.increment(1);
            tracing::warn!(
                bucket = self.bucket,
                error = tracing::field::display(error),
                "admission is decided locally: the shared store does not answer"
            );
        }
    }

    /// How a core's probe went, and what it is to do next.
    pub(super) fn probed(&self, succeeded: bool) -> Next {
        let next = self.machine.lock().probed(succeeded);
        if next == Next::Closed {
            self.measures.degraded.decrement(1.0);
            self.measures.to_shared.increment(1);
            tracing::info!(bucket = self.bucket, "admission is decided by the shared store again");
        }
        next
    }

    /// How long the shared store is left alone after a failure.
    pub(super) fn pause(&self) -> Duration {
        self.pause
    }
}

impl Drop for Breaker {
    fn drop(&mut self) {
        if self.machine.get_mut().is_open() {
            self.measures.degraded.decrement(1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine::new(BreakerConfig::default())
    }

    fn opened() -> Machine {
        let mut machine = machine();
        assert_eq!([machine.failed(), machine.failed(), machine.failed()], [false, false, true]);
        machine
    }

    const GAP: Next = Next::Probe(Duration::from_millis(100));
    const PAUSE: Next = Next::Probe(Duration::from_secs(1));

    #[test]
    fn a_success_between_failures_keeps_the_store_in_use() {
        let mut machine = machine();
        for _ in 0..5 {
            assert!(!machine.failed() && !machine.failed());
            machine.succeeded();
        }
        assert!(!machine.is_open());
    }

    #[test]
    fn it_closes_only_after_several_probes_in_a_row() {
        let mut machine = opened();
        assert_eq!([machine.probed(true), machine.probed(true)], [GAP, GAP]);
        assert!(machine.is_open());
        assert_eq!(machine.probed(true), Next::Closed);
        assert!(!machine.is_open());
        assert_eq!([machine.failed(), machine.failed(), machine.failed()], [false, false, true]);
    }

    #[test]
    fn a_probe_that_fails_among_good_ones_starts_the_count_again() {
        let mut machine = opened();
        let good_and_bad = [true, true, false].map(|good| machine.probed(good));
        assert_eq!(good_and_bad, [GAP, GAP, PAUSE]);
        assert_eq!([true; 3].map(|good| machine.probed(good)), [GAP, GAP, Next::Closed]);
    }

    #[test]
    fn batches_that_were_under_way_neither_close_it_nor_start_the_count_again() {
        let mut machine = opened();
        assert_eq!([machine.probed(true), machine.probed(true)], [GAP, GAP]);
        for _ in 0..5 {
            machine.succeeded();
        }
        assert!(machine.is_open() && !machine.failed());
        assert_eq!(machine.probed(true), Next::Closed);
    }

    #[test]
    fn no_failures_and_no_successes_count_as_one() {
        let mut machine =
            Machine::new(BreakerConfig { failures: 0, successes: 0, ..BreakerConfig::default() });
        assert!(machine.failed());
        assert_eq!(machine.probed(true), Next::Closed);
    }

    #[test]
    fn a_core_whose_connection_is_not_well_yet_goes_on_probing_when_another_has_closed_it() {
        let mut machine = machine();
        assert_eq!([machine.probed(false), machine.probed(true)], [PAUSE, Next::Trusted]);
        assert!(!machine.is_open());
    }
}
