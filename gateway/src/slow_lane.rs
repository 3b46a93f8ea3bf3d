//! Waiting instead of computing, for devices that cannot: a signed promise to book from a moment on.
//!
//! An authority allows it by its policy. The promise is a person's and a release's. All promises of a day
//! (of UTC) are good for a few claims together, so they are no way around the proof for whoever has many
//! browsers; and who comes to a place that is gone may still take another. Must not know HTTP.

use serde::{Deserialize, Serialize};
use talon_domain::ids::Pseudonym;

use crate::admission::{Lasts, Spend};
use crate::identity::token::SessionKeys;
use crate::request::half_hash;

/// What begins every promise, and no solution of a challenge.
pub const PREFIX: &str = "slow-lane.";
/// So long after its moment a promise is good, in seconds.
pub const GOOD_FOR_S: u64 = 30 * 60;
/// The seconds in which promises of a person to a release are counted together: a day of UTC.
const DAY_S: u64 = 24 * 60 * 60;
/// Claims that a person may make with promises in such a day, whatever becomes of them.
pub const TRIES_A_DAY: u8 = 3;

const PURPOSE: &str = "slow-lane";

#[derive(Serialize, Deserialize)]
struct Promise {
    holder: [u8; 16],
    ready_at_s: u64,
}

/// A promise as clients carry it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// What to send instead of a solution.
    pub text: String,
    /// From when on, in Unix seconds.
    pub ready_at_s: u64,
}

/// Why a promise is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTicket {
    /// It is not one of ours, or for another person or release.
    #[error("the promise is not one of ours for this")]
    Foreign,
    /// Its time has not come.
    #[error("the promise is good from {ready_at_s} on")]
    Early {
        /// From when on, in Unix seconds.
        ready_at_s: u64,
    },
    /// Its time is over.
    #[error("the promise has expired")]
    Expired,
}

/// A promise to a person who waits so many minutes from a moment on: that of asking, or of the release
/// if that is still ahead.
pub fn issue(
    keys: &SessionKeys,
    person: &Pseudonym,
    release: &str,
    from_s: u64,
    minutes: u16,
) -> Ticket {
    let ready_at_s = from_s + u64::from(minutes) * 60;
    let promise = Promise { holder: holder(person, release), ready_at_s };
    let payload = postcard::to_stdvec(&promise).expect("a promise is plain data");
    Ticket { text: keys.seal(PURPOSE, &payload), ready_at_s }
}

/// A promise that is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waited {
    holder: [u8; 16],
    day: u64,
}

impl Waited {
    /// What a claim spends after so many tries: the same with any promise of the day.
    pub fn spend(&self, tries_before: u8) -> Spend {
        let day = self.day.to_be_bytes();
        Spend {
            nonce: half_hash(&[b"talon-slow-lane-try", &self.holder, &day, &[tries_before]]),
            // The last promise of the day must find it remembered.
            expires_at_s: (self.day + 1) * DAY_S + GOOD_FOR_S,
            lasts: Lasts::Long,
        }
    }
}

/// Checks a promise.
///
/// # Errors
/// [`BadTicket`]; nothing is spent then.
pub fn check(
    keys: &SessionKeys,
    text: &str,
    person: &Pseudonym,
    release: &str,
    now_s: u64,
) -> Result<Waited, BadTicket> {
    let payload = keys.open(PURPOSE, text).ok_or(BadTicket::Foreign)?;
    let promise: Promise = postcard::from_bytes(&payload).map_err(|_| BadTicket::Foreign)?;
    let holder = holder(person, release);
    if promise.holder != holder {
        return Err(BadTicket::Foreign);
    }
    if now_s < promise.ready_at_s {
        return Err(BadTicket::Early { ready_at_s: promise.ready_at_s });
    }
    if now_s >= promise.ready_at_s + GOOD_FOR_S {
        return Err(BadTicket::Expired);
    }
    Ok(Waited { holder, day: promise.ready_at_s / DAY_S })
}

fn holder(person: &Pseudonym, release: &str) -> [u8; 16] {
    half_hash(&[b"talon-slow-lane", &person.0, release.as_bytes()])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const PERSON: Pseudonym = Pseudonym([1; 32]);

    fn keys() -> SessionKeys {
        SessionKeys::new(&[7; 32])
    }

    #[test]
    fn a_promise_is_good_from_its_moment_on_for_a_while() {
        let ticket = issue(&keys(), &PERSON, "1:2", 1_000, 10);
        assert!(ticket.text.starts_with(PREFIX));
        let check = |now_s| check(&keys(), &ticket.text, &PERSON, "1:2", now_s);
        assert_eq!(check(1_599).unwrap_err(), BadTicket::Early { ready_at_s: 1_600 });
        assert!(check(1_600).is_ok());
        assert!(check(1_600 + GOOD_FOR_S - 1).is_ok());
        assert_eq!(check(1_600 + GOOD_FOR_S).unwrap_err(), BadTicket::Expired);
    }

    #[test]
    fn all_promises_of_a_day_to_a_person_for_a_release_are_spent_together() {
        let spend = |from_s, person: &Pseudonym| {
            let ticket = issue(&keys(), person, "1:2", from_s, 10);
            [0, GOOD_FOR_S - 1].map(|later| {
                let now_s = ticket.ready_at_s + later;
                check(&keys(), &ticket.text, person, "1:2", now_s).unwrap().spend(0)
            })
        };
        // A store looks for a nonce where its expiry says, so both are the same whenever it is spent.
        let [first, last] = spend(1_000, &PERSON);
        assert_eq!(first, last);
        let [second, latest] = spend(DAY_S - 601, &PERSON);
        assert_eq!((first, first), (second, latest));
        assert!(first.expires_at_s >= DAY_S - 1 + GOOD_FOR_S);
        let [next_day, _] = spend(DAY_S - 600, &PERSON);
        assert_ne!(first.nonce, next_day.nonce);
        assert_ne!(first.nonce, spend(1_000, &Pseudonym([2; 32]))[0].nonce);
    }

    #[test]
    fn each_try_is_spent_by_itself() {
        let ticket = issue(&keys(), &PERSON, "1:2", 1_000, 10);
        let waited = check(&keys(), &ticket.text, &PERSON, "1:2", 1_600).unwrap();
        let spends = [0, 1, 2].map(|tries_before| waited.spend(tries_before));
        assert_eq!(spends.len(), usize::from(TRIES_A_DAY));
        assert!(spends.iter().all(|spend| spend.expires_at_s == spends[0].expires_at_s));
        assert_eq!(BTreeSet::from(spends.map(|spend| spend.nonce)).len(), 3);
    }

    #[test]
    fn another_person_release_or_key_is_foreign() {
        let text = issue(&keys(), &PERSON, "1:2", 1_000, 10).text;
        let foreign = |keys: &SessionKeys, person, release| {
            check(keys, &text, person, release, 2_000) == Err(BadTicket::Foreign)
        };
        assert!(foreign(&keys(), &Pseudonym([2; 32]), "1:2"));
        assert!(foreign(&keys(), &PERSON, "1:3"));
        assert!(foreign(&SessionKeys::new(&[8; 32]), &PERSON, "1:2"));
        assert!(check(&keys(), "slow-lane.x.y.z", &PERSON, "1:2", 2_000).is_err());
    }
}
