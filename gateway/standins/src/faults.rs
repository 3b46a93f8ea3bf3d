//! How the hub misbehaves when it is told to.
//!
//! Owns the settings; `handlers` and `user_info` act on them. Set by tests through a
//! [`FaultsHandle`], and from outside through `POST /stand-in/faults`.

use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// The longest delay that can be asked for, in milliseconds.
pub const MAX_DELAY_MS: u64 = 60_000;

/// What goes wrong, until it is set otherwise. The default is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct HubFaults {
    /// Every login ends as if the person had refused: `error=access_denied`.
    pub deny_login: bool,
    /// `/get-access-token` answers 500 `server_error`; the code stays good.
    pub token_error: bool,
    /// `/get-user-info` answers 500 `server_error`.
    pub user_info_error: bool,
    /// The browser comes back with another `state` than it was sent with.
    pub wrong_state: bool,
    /// The person has refused a tax number: `drfocode` is a passport, `unzr` is empty.
    pub without_rnokpp: bool,
    /// `drfocode` has a wrong check digit.
    pub bad_check_digit: bool,
    /// Every answer of the protocol waits so long, in milliseconds; at most [`MAX_DELAY_MS`].
    pub delay_ms: u64,
}

/// A delay past [`MAX_DELAY_MS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("delay_ms is {asked_ms}; the most is {MAX_DELAY_MS}")]
pub struct DelayTooLong {
    /// What was asked for, in milliseconds.
    pub asked_ms: u64,
}

/// The faults of one running hub, shared with it.
#[derive(Clone, Debug, Default)]
pub struct FaultsHandle(Arc<Mutex<HubFaults>>);

impl FaultsHandle {
    /// The faults in force.
    pub fn get(&self) -> HubFaults {
        *self.0.lock()
    }

    /// Replaces all faults; requests already being answered may still see the old ones.
    ///
    /// # Errors
    /// [`DelayTooLong`]; nothing is changed then.
    pub fn set(&self, faults: HubFaults) -> Result<(), DelayTooLong> {
        if faults.delay_ms > MAX_DELAY_MS {
            return Err(DelayTooLong { asked_ms: faults.delay_ms });
        }
        *self.0.lock() = faults;
        Ok(())
    }
}
