//! A login: from the link to the hub until a session token, bound to the browser that began it.
//!
//! The state travels in the link and in a signed cookie; both must be there, and be the same, and
//! the state is spent once. Must not know HTTP beyond strings.

use serde::{Deserialize, Serialize};
use talon_domain::identity::MAX_IDENTIFIERS;
use talon_domain::ids::AuthorityId;
use talon_domain::pepper::MAX_PEPPERS;
use talon_wire::{Identify, MAX_NAMES};

use super::app_login::AppRequest;
use super::keys::Keys;
use super::provider::{Person, Provider, ProviderError, Round};
use crate::admission::{Lasts, Spend};

const PURPOSE: &str = "login";

const _: () = assert!(MAX_PEPPERS * MAX_IDENTIFIERS <= MAX_NAMES, "all names fit on the wire");

/// The longest return path that is remembered.
pub const MAX_RETURN_PATH_BYTES: usize = 512;

#[derive(Serialize, Deserialize)]
struct Begun {
    state: [u8; 16],
    secret: [u8; 32],
    expires_at_s: u64,
    return_path: String,
    /// The app that the login is for.
    app: Option<AppRequest>,
}

/// A login that begins: where to go, and the cookie to take along.
#[derive(Debug)]
pub struct Start {
    /// The hub's link.
    pub link: String,
    /// The value of the login cookie.
    pub cookie: String,
}

/// A browser that came back with the state it left with.
#[derive(Debug)]
pub struct Returned {
    /// The state, to be spent before anything else is done.
    pub spend: Spend,
    /// What only this browser has, see [`Round::secret`].
    pub secret: [u8; 32],
    /// Where the person wanted to go.
    pub return_path: String,
    /// The app that the login is for; nothing when it is for the browser itself.
    pub app: Option<AppRequest>,
}

/// Why a browser that comes back is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReturn {
    /// No login cookie, or one that is not ours: another browser began this login.
    #[error("this browser has begun no login")]
    NoLogin,
    /// The state is not that of the cookie.
    #[error("the state is not the one that this browser left with")]
    OtherState,
    /// The login took too long.
    #[error("the login has expired")]
    Expired,
}

/// Begins a login.
///
/// # Errors
/// [`ProviderError`], when there is no randomness, or the service has to be asked for its link.
pub async fn start(
    keys: &Keys,
    provider: &Provider,
    redirect_uri: &str,
    return_path: &str,
    expires_at_s: u64,
) -> Result<Start, ProviderError> {
    let return_path = local_path(return_path).to_owned();
    leave(keys, provider, redirect_uri, Begun { return_path, ..begun(None, expires_at_s)? }).await
}

/// Begins a login for an app.
///
/// # Errors
/// As [`start`].
pub async fn start_for_app(
    keys: &Keys,
    provider: &Provider,
    redirect_uri: &str,
    app: AppRequest,
    expires_at_s: u64,
) -> Result<Start, ProviderError> {
    leave(keys, provider, redirect_uri, begun(Some(app), expires_at_s)?).await
}

fn begun(app: Option<AppRequest>, expires_at_s: u64) -> Result<Begun, ProviderError> {
    let (mut state, mut secret) = ([0; 16], [0; 32]);
    getrandom::fill(&mut state)
        .and_then(|()| getrandom::fill(&mut secret))
        .map_err(|_| ProviderError::Random)?;
    Ok(Begun { state, secret, expires_at_s, return_path: "/".to_owned(), app })
}

async fn leave(
    keys: &Keys,
    provider: &Provider,
    redirect_uri: &str,
    begun: Begun,
) -> Result<Start, ProviderError> {
    let text = hex::encode(begun.state);
    let round = Round { state: &text, secret: &begun.secret, redirect_uri };
    let link = provider.authorize_link(round).await?;
    let payload = postcard::to_stdvec(&begun).expect("a login is plain data");
    Ok(Start { link, cookie: keys.session.seal(PURPOSE, &payload) })
}

/// Checks a browser that comes back.
///
/// # Errors
/// [`BadReturn`].
pub fn returned(
    keys: &Keys,
    cookie: Option<&str>,
    state: &str,
    now_s: u64,
) -> Result<Returned, BadReturn> {
    let payload =
        cookie.and_then(|text| keys.session.open(PURPOSE, text)).ok_or(BadReturn::NoLogin)?;
    let begun: Begun = postcard::from_bytes(&payload).map_err(|_| BadReturn::NoLogin)?;
    let is_same: bool =
        subtle::ConstantTimeEq::ct_eq(hex::encode(begun.state).as_bytes(), state.as_bytes()).into();
    if !is_same {
        return Err(BadReturn::OtherState);
    }
    if begun.expires_at_s <= now_s {
        return Err(BadReturn::Expired);
    }
    Ok(Returned {
        spend: Spend { nonce: begun.state, expires_at_s: begun.expires_at_s, lasts: Lasts::Long },
        secret: begun.secret,
        return_path: begun.return_path,
        app: begun.app,
    })
}

/// All names of a person at an authority, as its ledger wants to know them.
pub fn names(keys: &Keys, person: &Person, authority: AuthorityId) -> Identify {
    let entity = person.entity.as_ref();
    Identify {
        authority,
        person: keys.peppers.persons(authority, &person.identifiers),
        entity: entity.map_or_else(Vec::new, |code| keys.peppers.entities(authority, code)),
    }
}

/// The path if it stays on this site, otherwise the front page.
pub fn local_path(path: &str) -> &str {
    let is_local = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && path.len() <= MAX_RETURN_PATH_BYTES
        && path.bytes().all(|byte| byte.is_ascii_graphic());
    if is_local { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;
    use talon_domain::identity::Identifiers;
    use talon_domain::pepper::{Pepper, Peppers};

    use super::*;
    use crate::identity::hub::HubClient;

    fn keys() -> Keys {
        let directory = tempfile::tempdir().unwrap();
        Keys::load(directory.path(), true).unwrap()
    }

    fn hub() -> Provider {
        Provider::IdGovUa(Box::new(HubClient::new(
            "http://127.0.0.1:1",
            "http://127.0.0.1:1",
            "talon",
            "s",
            "dig_sign",
            Duration::from_secs(1),
        )))
    }

    fn begin(keys: &Keys, path: &str) -> (String, String) {
        let hub = hub();
        let starting = start(keys, &hub, "http://127.0.0.1:8080/login/callback", path, 100);
        let start = starting.now_or_never().expect("the hub's link is known").unwrap();
        let (_, rest) = start.link.split_once("state=").unwrap();
        (rest.split('&').next().unwrap().to_owned(), start.cookie)
    }

    #[test]
    fn a_login_returns_to_the_browser_that_began_it() {
        let keys = keys();
        let (state, cookie) = begin(&keys, "/tickets?x=1");
        let returned = returned(&keys, Some(&cookie), &state, 99).unwrap();
        assert_eq!(returned.return_path, "/tickets?x=1");
        assert_eq!(hex::encode(returned.spend.nonce), state);
    }

    #[test]
    fn another_browser_or_another_state_is_not_believed() {
        let keys = keys();
        let (state, cookie) = begin(&keys, "/");
        let (other, _) = begin(&keys, "/");
        let refusal = |cookie, state: &str, now| returned(&keys, cookie, state, now).unwrap_err();
        assert_eq!(refusal(None, &state, 99), BadReturn::NoLogin);
        assert_eq!(refusal(Some("x.y.z.w"), &state, 99), BadReturn::NoLogin);
        assert_eq!(refusal(Some(cookie.as_str()), &other, 99), BadReturn::OtherState);
        assert_eq!(refusal(Some(cookie.as_str()), &state, 100), BadReturn::Expired);
    }

    #[test]
    fn a_person_has_a_name_for_each_pepper_and_identifier_and_an_entity_for_each_pepper() {
        let directory = tempfile::tempdir().unwrap();
        Keys::load(directory.path(), true).unwrap();
        let (new, old) =
            (directory.path().join("pepper.key"), directory.path().join("pepper.previous.key"));
        std::fs::rename(&new, &old).unwrap();
        let keys = Keys::load(directory.path(), true).unwrap();
        let person = Person::from_hub("3184710691", "19910824-00026", "43395033").unwrap();
        let known = names(&keys, &person, AuthorityId(3));
        assert_eq!((known.person.len(), known.entity.len()), (4, 2));
        assert_eq!(known.authority, AuthorityId(3));
        let person = Person::from_hub("3184710691", "", "").unwrap();
        let fewer = names(&keys, &person, AuthorityId(3));
        assert_eq!(fewer.person, [known.person[0], known.person[2]]);
        assert!(fewer.entity.is_empty());
    }

    #[test]
    fn the_most_names_of_one_person_fit_on_the_wire() {
        let directory = tempfile::tempdir().unwrap();
        let mut keys = Keys::load(directory.path(), true).unwrap();
        let pepper = |byte| Pepper::new(vec![byte; 32]).unwrap();
        let most = (1..=MAX_PEPPERS as u8).map(pepper).collect();
        keys.peppers = Peppers::new(most).unwrap();
        let identifiers = Identifiers::believed("3184710691", "19910824-00026", "АВ123456");
        let person = Person { identifiers: identifiers.unwrap(), entity: None };
        assert_eq!(names(&keys, &person, AuthorityId(1)).person.len(), MAX_NAMES);
    }

    #[test]
    fn return_paths_stay_on_this_site() {
        for path in ["//evil.example", "https://evil.example", "/\\evil", "", "/a b", "/\r\nX: y"] {
            assert_eq!(local_path(path), "/", "{path}");
        }
        assert_eq!(local_path("/offices/8041?day=2026-12-01"), "/offices/8041?day=2026-12-01");
        assert_eq!(local_path(&format!("/{}", "a".repeat(MAX_RETURN_PATH_BYTES))), "/");
    }
}
