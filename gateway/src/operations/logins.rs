//! Logins and sessions, as the ledger knows them.
//!
//! Who a login is, is the ledger's word: it joins all names of a human into one. Must not know how
//! somebody was identified.

use futures_util::future::try_join_all;
use talon_domain::ids::{AuthorityId, SessionId};
use talon_wire::{Answer, Caller, Command, Refusal};

use super::admitting::decide;
use super::call;
use crate::admission::{AdmissionRequest, Decision, PersonKey, Spend, WhenDown};
use crate::app::Lane;
use crate::caller::Identified;
use crate::http::problem::Problem;
use crate::identity::login;
use crate::identity::provider::Person;
use crate::identity::token::{Names, Session};

/// Makes the session of a person who has just been identified.
///
/// # Errors
/// [`Problem::Overloaded`] and [`Problem::JournalFull`], when the ledger cannot say who it is: a
/// session under a guessed name could hold bookings twice.
pub async fn log_in(
    lane: &Lane,
    person: &Person,
    now_s: u64,
    expires_at_s: u64,
) -> Result<Session, Problem> {
    let authorities = lane.app.authority_ids();
    let names = authorities.into_iter().map(|authority| known_as(lane, person, authority));
    let people = try_join_all(names).await?;
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|_| Problem::Unavailable)?;
    Ok(Session::new(SessionId(id), now_s, expires_at_s, people))
}

/// The names that the ledger of an authority goes by.
async fn known_as(lane: &Lane, person: &Person, authority: AuthorityId) -> Result<Names, Problem> {
    let names = login::names(&lane.app.keys, person, authority);
    match call(lane, Command::Identify(names)).await? {
        Answer::Identified { person, entity } => Ok(Names { authority, person, entity }),
        Answer::Refused(Refusal::JournalFull) => Err(Problem::JournalFull),
        // Nothing was promised yet, so there is no outcome to look for: another login will do.
        _ => Err(Problem::Overloaded),
    }
}

/// Checks that a session was not ended by a logout.
///
/// # Errors
/// [`Problem::SessionRevoked`].
pub async fn check_session(lane: &Lane, caller: Caller) -> Result<(), Problem> {
    match call(lane, Command::Session(caller)).await? {
        Answer::SessionLive => Ok(()),
        Answer::Refused(refusal) => Err(refusal.into()),
        _ => Err(Problem::Unavailable),
    }
}

/// Ends a session, durably.
///
/// # Errors
/// [`Problem::Overloaded`] when too many sessions are remembered as ended.
pub async fn log_out(lane: &Lane, who: &Identified) -> Result<(), Problem> {
    for authority in lane.app.authority_ids() {
        let Ok(caller) = who.at(authority) else { continue };
        // One partition keeps the sessions of all its authorities.
        match call(lane, Command::RevokeSession(caller)).await? {
            Answer::SessionRevoked => return Ok(()),
            Answer::Refused(refusal) => return Err(refusal.into()),
            _ => return Err(Problem::Unavailable),
        }
    }
    Ok(())
}

/// Spends the state of a login.
///
/// # Errors
/// [`Problem::LoginInvalid`] when it was spent before; [`Problem::Overloaded`] when the store cannot
/// say, and nothing is spent then.
pub async fn spend_login(lane: &Lane, spend: Spend) -> Result<(), Problem> {
    let mut key = [0; 32];
    key[..16].copy_from_slice(&spend.nonce);
    let request = AdmissionRequest {
        person: PersonKey(key),
        rate: lane.app.write_rate,
        quota: None,
        spend: Some(spend),
        when_down: WhenDown::Open,
    };
    match decide(lane, &request).await? {
        Decision::Admitted { .. } => Ok(()),
        Decision::Shed { .. } => Err(Problem::Overloaded),
        _ => Err(Problem::LoginInvalid),
    }
}
