//! The peppers under which people have their names, as the gateways told.
//!
//! A pepper may go only when nobody counts under a name that it made: persons whose entry came under
//! its name while that pepper was in use, or so soon after that an old session may have carried the
//! name. Must not know the secrets, only what they are called.

use parking_lot::{Mutex, MutexGuard, RwLock};
use serde::{Deserialize, Serialize};
use talon_domain::civil::UtcMicros;
use talon_domain::ids::PepperId;
use talon_journal::Sequence;

use crate::state::LINK_KEPT_MICROS;

/// A pepper that gateways have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pepper {
    /// What it is called.
    pub id: PepperId,
    /// Since when another one makes the names to go by.
    pub retired_at: Option<UtcMicros>,
}

impl Pepper {
    /// Entries that came under their name before this moment may be named by this pepper.
    pub fn names_until(&self, now: UtcMicros) -> UtcMicros {
        UtcMicros(self.retired_at.unwrap_or(now).0.saturating_add(LINK_KEPT_MICROS))
    }
}

/// All peppers that gateways have.
#[derive(Debug, Default)]
pub struct Peppers {
    known: RwLock<Vec<Pepper>>,
    /// The record that said so, if it was written since the start; held while another is decided, so
    /// that they take effect in the order of the journal.
    said_by: Mutex<Option<Sequence>>,
}

impl Peppers {
    /// The peppers, the one in use first.
    pub fn all(&self) -> Vec<Pepper> {
        self.known.read().clone()
    }

    /// The names alone.
    pub fn ids(&self) -> Vec<PepperId> {
        self.known.read().iter().map(|pepper| pepper.id).collect()
    }

    /// Keeps everybody else from changing them; what is kept is the record of the last change.
    pub fn decide(&self) -> MutexGuard<'_, Option<Sequence>> {
        self.said_by.lock()
    }

    /// Puts back what a snapshot kept.
    pub(crate) fn restore(&self, peppers: Vec<Pepper>) {
        *self.known.write() = peppers;
    }

    /// Takes note of what the gateways have from now on.
    pub fn set(&self, at: UtcMicros, ids: &[PepperId]) {
        let mut peppers = self.known.write();
        let retired_at = |id: &PepperId| {
            let known = peppers.iter().find(|pepper| pepper.id == *id);
            known.and_then(|pepper| pepper.retired_at).unwrap_or(at)
        };
        let set = ids
            .iter()
            .enumerate()
            .map(|(place, id)| Pepper { id: *id, retired_at: (place > 0).then(|| retired_at(id)) });
        let set = set.collect();
        *peppers = set;
    }
}
