//! A login: from the link to the hub until a session token, bound to the browser that began it.
//!
//! The state travels in the link and in a signed cookie; both must be there, and be the same, and
//! the state is spent once. Must not know HTTP beyond strings.

use serde::{Deserialize, Serialize};
use talon_domain::ids::{AuthorityId, SessionId};

use super::app_login::AppRequest;
use super::hub::{HubClient, HubError};
use super::keys::Keys;
use super::token::Session;
use crate::admission::Spend;

const PURPOSE: &str = "login";
/// The longest return path that is remembered.
pub const MAX_RETURN_PATH_BYTES: usize = 512;

#[derive(Serialize, Deserialize)]
struct Begun {
    state: [u8; 16],
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
/// When there is no randomness.
pub fn start(
    keys: &Keys,
    hub: &HubClient,
    redirect_uri: &str,
    return_path: &str,
    expires_at_s: u64,
) -> Result<Start, getrandom::Error> {
    let return_path = local_path(return_path).to_owned();
    let begun = Begun { state: new_state()?, expires_at_s, return_path, app: None };
    Ok(leave(keys, hub, redirect_uri, &begun))
}

/// Begins a login for an app.
///
/// # Errors
/// When there is no randomness.
pub fn start_for_app(
    keys: &Keys,
    hub: &HubClient,
    redirect_uri: &str,
    app: AppRequest,
    expires_at_s: u64,
) -> Result<Start, getrandom::Error> {
    let return_path = "/".to_owned();
    let begun = Begun { state: new_state()?, expires_at_s, return_path, app: Some(app) };
    Ok(leave(keys, hub, redirect_uri, &begun))
}

fn new_state() -> Result<[u8; 16], getrandom::Error> {
    let mut state = [0; 16];
    getrandom::fill(&mut state)?;
    Ok(state)
}

fn leave(keys: &Keys, hub: &HubClient, redirect_uri: &str, begun: &Begun) -> Start {
    let payload = postcard::to_stdvec(begun).expect("a login is plain data");
    Start {
        link: hub.authorize_link(&hex::encode(begun.state), redirect_uri),
        cookie: keys.session.seal(PURPOSE, &payload),
    }
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
        spend: Spend { nonce: begun.state, expires_at_s: begun.expires_at_s },
        return_path: begun.return_path,
        app: begun.app,
    })
}

/// Identifies the person behind a code and makes their session.
///
/// # Errors
/// [`HubError`].
pub async fn identify(
    keys: &Keys,
    hub: &HubClient,
    code: &str,
    authorities: &[AuthorityId],
    now_s: u64,
    expires_at_s: u64,
) -> Result<Session, HubError> {
    let identifier = hub.identify(code).await?;
    let people = authorities
        .iter()
        .map(|authority| (*authority, keys.pepper.pseudonym(*authority, &identifier)))
        .collect();
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|_| HubError::BadAnswer("the random generator"))?;
    Ok(Session::new(SessionId(id), now_s, expires_at_s, people))
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

    use super::*;

    fn keys() -> Keys {
        let directory = tempfile::tempdir().unwrap();
        Keys::load(directory.path(), true).unwrap()
    }

    fn hub() -> HubClient {
        HubClient::new(
            "http://127.0.0.1:1",
            "http://127.0.0.1:1",
            "talon",
            "s",
            "dig_sign",
            Duration::from_secs(1),
        )
    }

    fn begin(keys: &Keys, path: &str) -> (String, String) {
        let start = start(keys, &hub(), "http://127.0.0.1:8080/login/callback", path, 100).unwrap();
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
    fn return_paths_stay_on_this_site() {
        for path in ["//evil.example", "https://evil.example", "/\\evil", "", "/a b", "/\r\nX: y"] {
            assert_eq!(local_path(path), "/", "{path}");
        }
        assert_eq!(local_path("/offices/8041?day=2026-12-01"), "/offices/8041?day=2026-12-01");
        assert_eq!(local_path(&format!("/{}", "a".repeat(MAX_RETURN_PATH_BYTES))), "/");
    }
}
