//! The peppers under which people have their names, as the gateways told.
//!
//! A pepper may go only when nobody counts under a name that it made: persons whose entry came under
//! its name while that pepper was in use, or so soon after that an old session may have carried the
//! name. Must not know the secrets, only what they are called.

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use talon_domain::civil::UtcMicros;
use talon_domain::ids::PepperId;

use crate::state::LINK_KEPT_MICROS;

/// Most peppers that gateways have at once.
pub const MAX_PEPPERS: usize = 4;

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
pub struct Peppers(RwLock<Vec<Pepper>>);

impl Peppers {
    /// The peppers, the one in use first.
    pub fn all(&self) -> Vec<Pepper> {
        self.0.read().clone()
    }

    /// The names alone.
    pub fn ids(&self) -> Vec<PepperId> {
        self.0.read().iter().map(|pepper| pepper.id).collect()
    }

    /// Puts back what a snapshot kept.
    pub(crate) fn restore(&self, peppers: Vec<Pepper>) {
        *self.0.write() = peppers;
    }

    /// Takes note of what the gateways have from now on.
    pub fn set(&self, at: UtcMicros, ids: &[PepperId]) {
        let mut peppers = self.0.write();
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
