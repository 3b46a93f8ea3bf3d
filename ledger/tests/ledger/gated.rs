//! A disk whose syncs wait for a test: to look at what has been said meanwhile.

use std::io;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use crate::watched::Watch;

/// What a sync does when it comes to the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passage {
    Open,
    Closed,
    Failing,
}

#[derive(Debug)]
struct State {
    passage: Passage,
    waiting: u32,
}

/// The gate before every sync of a file.
#[derive(Debug)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

impl Gate {
    /// An open gate.
    pub(crate) fn new() -> Arc<Self> {
        let state = State { passage: Passage::Open, waiting: 0 };
        Arc::new(Self { state: Mutex::new(state), changed: Condvar::new() })
    }

    /// Syncs wait from now on, at the longest until the guard is dropped: a test that fails does
    /// not wait for ever.
    #[must_use]
    pub(crate) fn close(self: &Arc<Self>) -> Closed {
        self.set(Passage::Closed);
        Closed(Arc::clone(self))
    }

    /// Syncs, also those that wait, are carried out.
    pub(crate) fn open(&self) {
        self.set(Passage::Open);
    }

    /// Syncs, also those that wait, fail.
    pub(crate) fn fail(&self) {
        self.set(Passage::Failing);
    }

    /// Returns when a sync waits at the closed gate.
    pub(crate) fn wait_for_a_sync(&self) {
        let mut state = self.state.lock();
        while state.waiting == 0 {
            self.changed.wait(&mut state);
        }
    }

    fn set(&self, passage: Passage) {
        self.state.lock().passage = passage;
        self.changed.notify_all();
    }

    fn pass(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        state.waiting += 1;
        self.changed.notify_all();
        while state.passage == Passage::Closed {
            self.changed.wait(&mut state);
        }
        state.waiting -= 1;
        if state.passage == Passage::Failing { Err(io::Error::other("no sync")) } else { Ok(()) }
    }
}

/// Opens the gate when it is dropped.
pub(crate) struct Closed(Arc<Gate>);

impl Drop for Closed {
    fn drop(&mut self) {
        self.0.open();
    }
}

impl Watch for Gate {
    fn sync(&self) -> io::Result<()> {
        self.pass()
    }
}
