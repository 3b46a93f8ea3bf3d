//! Who comes to a release, and what they do there.
//!
//! Owns one file for each persona and what all of them share: [`Actor`], somebody with a session,
//! addresses and a network, whose every request is due at a moment and measured from it. Must not
//! judge anything: answers go into the history, numbers into the recorder. Called by the rehearsal.

mod actor;
mod change;
mod farm;
mod hammer;
mod hand_over;
mod honest;
mod poller;
mod proofs;
mod replayer;
mod sybil;

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub use self::actor::{Actor, MAX_IN_FLIGHT_PER_ACTOR};
pub(crate) use self::farm::live as farm;
pub(crate) use self::hammer::live as hammer;
pub(crate) use self::hand_over::live as hand_over;
pub(crate) use self::honest::{Timing, live as honest};
pub(crate) use self::poller::live as poller;
pub(crate) use self::replayer::live as replayer;
pub(crate) use self::sybil::live as sybil;
use crate::client::words::{BookRequest, Span, Subject, Want};
use crate::history::History;
use crate::measure::Recorder;
use crate::network::Costs;

/// A way to go about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Persona {
    /// A citizen.
    Honest,
    /// A bot that looks every few seconds.
    Poller,
    /// A bot that books all the time.
    Hammer,
    /// Few persons' sessions from many addresses.
    Farm,
    /// Sends proofs and keys again.
    Replayer,
    /// One of a pair that hands a place over.
    HandOver,
    /// Nobody.
    Sybil,
}

impl Persona {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Honest,
        Self::Poller,
        Self::Hammer,
        Self::Farm,
        Self::Replayer,
        Self::HandOver,
        Self::Sybil,
    ];

    /// Its name in files and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Honest => "honest",
            Self::Poller => "poller",
            Self::Hammer => "hammer",
            Self::Farm => "farm",
            Self::Replayer => "replayer",
            Self::HandOver => "hand-over",
            Self::Sybil => "sybil",
        }
    }
}

impl fmt::Display for Persona {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// In what way an honest person goes about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// Exchanges the place for another when there is one.
    pub moves: bool,
    /// Books for a legal entity.
    pub for_entity: bool,
    /// Has a device that cannot compute a proof, and waits instead.
    pub slow_lane: bool,
}

/// What everybody wants: a date that opens at a moment.
#[derive(Clone, Debug)]
pub struct Goal {
    /// The authority's code.
    pub authority: String,
    /// The service's code.
    pub service: String,
    /// The date that opens.
    pub date: String,
    /// The offices, each with the starts that a day there has; never empty.
    pub offices: Vec<(u32, Vec<String>)>,
    /// Whether a booking may need a proof of work.
    pub proof: bool,
    /// When it opens.
    pub opens_at: Instant,
    /// When the run ends: nothing is due later.
    pub ends_at: Instant,
}

impl Goal {
    /// A request for any place of the date at an office.
    #[must_use]
    pub fn any(&self, office: u32) -> BookRequest {
        self.request(office, self.any_from("00:00"))
    }

    /// Nearly the same as [`Goal::any`], but other words: another request.
    #[must_use]
    pub fn any_but_midnight(&self) -> Want {
        self.any_from("00:01")
    }

    fn any_from(&self, after: &str) -> Want {
        let date = &self.date;
        let (after, before) = (after.to_owned(), "23:59".to_owned());
        Want::Any(Span { from: date.clone(), to: date.clone(), after, before })
    }

    /// A request for this at an office.
    #[must_use]
    pub fn request(&self, office: u32, want: Want) -> BookRequest {
        let (authority, service) = (self.authority.clone(), self.service.clone());
        let subject = Subject::Person;
        BookRequest { authority, office, service, subject, want, altcha: None }
    }
}

/// A hand-over that was tried: the booking that was given back and those that its partner got.
#[derive(Clone, Debug)]
pub struct HandOverTried {
    /// The booking that was cancelled.
    pub given_back: String,
    /// What the partner got afterwards.
    pub caught: Vec<String>,
}

/// What everybody in a run shares.
pub struct Stage {
    /// What they want.
    pub goal: Goal,
    /// What was promised to them.
    pub history: Arc<Mutex<History>>,
    /// The numbers.
    pub recorder: Arc<Mutex<Recorder>>,
    /// What the networks cost.
    pub network_costs: Arc<Costs>,
    /// The hand-overs.
    pub hand_overs: Mutex<Vec<HandOverTried>>,
    /// Everybody's devices compute on one core of this computer; waiting for it is the generator's lag.
    pub solvers: Semaphore,
}

/// A moment on the clock of this process: client and gateway are on one computer.
pub(crate) fn instant_of(moment: jiff::Timestamp) -> Instant {
    let ahead = moment.duration_since(jiff::Timestamp::now());
    let now = Instant::now();
    match Duration::try_from(ahead) {
        Ok(ahead) => now + ahead,
        Err(_) => now.checked_sub(ahead.unsigned_abs()).unwrap_or(now),
    }
}

impl Stage {
    pub(crate) fn record<T>(&self, f: impl FnOnce(&mut Recorder) -> T) -> T {
        f(&mut self.recorder.lock().expect("nobody panics while counting"))
    }

    pub(crate) fn history<T>(&self, f: impl FnOnce(&mut History) -> T) -> T {
        f(&mut crate::history::lock(&self.history))
    }

    pub(crate) fn hand_over(&self, tried: HandOverTried) {
        self.hand_overs.lock().expect("nobody panics while counting").push(tried);
    }
}
