//! The moment of SIGKILL: at a random time, or at once when a client reads a confirmation.
//!
//! The second is the harder test. An answer that leaves before its record is written is ahead of it
//! by some hundred microseconds, which a random moment hardly ever hits. Must not know how the
//! process is started. Called by the rounds and, when a confirmation has come, by their clients.

use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use anyhow::{Context as _, Result};

/// Kills one process, once.
pub(super) struct Trigger {
    child: Arc<Mutex<Child>>,
    armed: AtomicBool,
    shot: OnceLock<Shot>,
}

/// What was under way when the process was killed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shot {
    pub(super) at: Instant,
    /// Attempts to book without an answer.
    pub(super) in_flight: usize,
}

impl Trigger {
    pub(super) fn new(child: Arc<Mutex<Child>>) -> Self {
        Self { child, armed: AtomicBool::new(false), shot: OnceLock::new() }
    }

    /// The next confirmation kills.
    pub(super) fn arm(&self) {
        // Relaxed, here and below: the flag publishes nothing but itself.
        self.armed.store(true, Ordering::Relaxed);
    }

    /// A confirmation has been written down; `in_flight` counts what else is asked.
    pub(super) fn confirmed(&self, in_flight: impl FnOnce() -> usize) -> Result<()> {
        if self.armed.swap(false, Ordering::Relaxed) { self.pull(in_flight) } else { Ok(()) }
    }

    /// Kills now, unless that has happened.
    pub(super) fn pull(&self, in_flight: impl FnOnce() -> usize) -> Result<()> {
        if self.is_over() {
            return Ok(());
        }
        // The signal first: counting takes longer than writing a record.
        let mut child = self.child.lock().expect("nobody panics while holding the process");
        child.kill().context("killing the gateway")?;
        self.shot.get_or_init(|| Shot { at: Instant::now(), in_flight: in_flight() });
        Ok(())
    }

    /// Whether the gateway has been killed: from then on nothing new is asked.
    pub(super) fn is_over(&self) -> bool {
        self.shot.get().is_some()
    }

    pub(super) fn shot(&self) -> Option<Shot> {
        self.shot.get().copied()
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// A process that would wait for ever.
    fn trigger() -> (Trigger, Arc<Mutex<Child>>) {
        let child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        let child = Arc::new(Mutex::new(child.unwrap()));
        (Trigger::new(Arc::clone(&child)), child)
    }

    #[test]
    fn a_confirmation_kills_only_when_the_trigger_is_armed() {
        let (trigger, child) = trigger();
        trigger.confirmed(|| 1).unwrap();
        assert!(!trigger.is_over() && child.lock().unwrap().try_wait().unwrap().is_none());
        trigger.arm();
        trigger.confirmed(|| 2).unwrap();
        assert_eq!(trigger.shot().unwrap().in_flight, 2);
        assert!(!child.lock().unwrap().wait().unwrap().success());
    }

    #[test]
    fn the_first_shot_counts() {
        let (trigger, child) = trigger();
        trigger.pull(|| 3).unwrap();
        trigger.pull(|| 0).unwrap();
        trigger.arm();
        trigger.confirmed(|| 0).unwrap();
        assert_eq!(trigger.shot().unwrap().in_flight, 3);
        child.lock().unwrap().wait().unwrap();
    }
}
