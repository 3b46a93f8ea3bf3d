//! How the hub misbehaves when it is told to.
//!
//! Owns the settings; `handlers`, `misbehaviour` and `user_info` act on them. Set by tests through a
//! [`FaultsHandle`], and from outside through `POST /stand-in/faults`.

use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// The longest delay that can be asked for, in milliseconds.
pub const MAX_DELAY_MS: u64 = 60_000;

/// What an answer of the protocol looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerForm {
    /// As the protocol says.
    #[default]
    Right,
    /// JSON that ends in the middle.
    MalformedJson,
    /// A page of HTML with status 200, as something between may put in its place.
    Html,
    /// The connection ends before the answer does.
    Cut,
    /// Longer than anybody should read.
    TooLong,
}

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
    /// `/get-user-logout` answers 500 `server_error`; the token stays good.
    pub logout_error: bool,
    /// `/get-user-info` answers with an envelope that only a certificate's owner could open.
    pub encrypted: bool,
    /// What answers of `/get-access-token` look like.
    pub token_answer: AnswerForm,
    /// What answers of `/get-user-info` look like.
    pub user_info_answer: AnswerForm,
    /// What answers of `/get-user-logout` look like.
    pub logout_answer: AnswerForm,
    /// The browser comes back with another `state` than it was sent with.
    pub wrong_state: bool,
    /// The person has refused a tax number: `drfocode` is a passport, `unzr` is empty.
    pub without_rnokpp: bool,
    /// `drfocode`, and `edrpoucode` where there is one, have a wrong check digit.
    pub bad_check_digit: bool,
    /// Every answer of the protocol waits so long, in milliseconds; at most [`MAX_DELAY_MS`].
    pub delay_ms: u64,
    /// Answers of `/get-access-token` wait so much longer, in milliseconds, with the same bound.
    pub token_delay_ms: u64,
    /// Answers of `/get-user-info` wait so much longer, in milliseconds, with the same bound.
    pub user_info_delay_ms: u64,
    /// Answers of `/get-user-logout` wait so much longer, in milliseconds, with the same bound.
    pub logout_delay_ms: u64,
}

impl HubFaults {
    fn longest_delay_ms(&self) -> u64 {
        let delays =
            [self.delay_ms, self.token_delay_ms, self.user_info_delay_ms, self.logout_delay_ms];
        delays.into_iter().max().unwrap_or_default()
    }
}

/// A delay past [`MAX_DELAY_MS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a delay is {asked_ms} ms; the most is {MAX_DELAY_MS}")]
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
        let asked_ms = faults.longest_delay_ms();
        if asked_ms > MAX_DELAY_MS {
            return Err(DelayTooLong { asked_ms });
        }
        *self.0.lock() = faults;
        Ok(())
    }
}
