//! Logging in as a synthetic person: the redirections between the gateway and the stand-in hub,
//! followed by hand as a browser would.
//!
//! Owns the session of one person, also when it comes without a login in a rehearsal. Must not know
//! what the person does with it. Called by whoever needs somebody logged in.

use std::time::Duration;

use bytes::Bytes;
use http::header::COOKIE;
use http::{Request, StatusCode};
use http_body_util::Full;

use super::cookies::Cookies;
use super::problem::retry_after;
use super::{Address, Answer, Client, Failure, Reply};

/// The session cookie's name.
const SESSION_COOKIE: &str = "talon_session";
/// The same over https, where a browser lets nobody else set it.
const HOST_SESSION_COOKIE: &str = "__Host-talon_session";
/// How often a login that was put off (429, 503) is tried.
const MAX_TRIES: u32 = 6;
/// The longest that a client lets itself be put off.
const MAX_PAUSE: Duration = Duration::from_secs(2);
/// How many synthetic people the stand-in hub has.
pub const MAX_PEOPLE: u32 = 100_000;
/// How many synthetic legal entities it has.
pub const MAX_ENTITIES: u32 = 10_000;
/// How many sessions a demonstration makes in one answer.
const MAX_SESSIONS_AT_ONCE: u32 = 500;

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub struct Session {
    /// The synthetic person's number at the stand-in hub.
    pub person: u32,
    /// The number of the legal entity that they act for, if any.
    pub entity: Option<u32>,
    pub(super) cookies: Cookies,
}

impl Session {
    /// Nobody's: no cookie at all.
    #[must_use]
    pub fn of_nobody(number: u32) -> Self {
        Self { person: number, entity: None, cookies: Cookies::default() }
    }

    /// Nobody's, with a token that this gateway did not make.
    #[must_use]
    pub fn forged(number: u32, gateway: &Address, token: &str) -> Self {
        let cookies = Cookies::one(session_cookie(gateway.base()), token);
        Self { person: number, entity: None, cookies }
    }
}

fn session_cookie(base: &str) -> &'static str {
    if base.starts_with("https:") { HOST_SESSION_COOKIE } else { SESSION_COOKIE }
}

impl Client {
    /// Logs in as synthetic person `person`, and with the signature of `entity` when they act for one;
    /// waits and tries again, a few times, when put off.
    ///
    /// # Errors
    /// [`Failure::Refused`] when the gateway refuses the login, [`Failure::NoAnswer`] when a
    /// redirection is missing or no session comes of it.
    pub async fn log_in(&self, person: u32, entity: Option<u32>) -> Answer<Session> {
        let mut tries = 1;
        loop {
            match self.log_in_once(person, entity).await {
                Err(Failure::Refused(problem)) if problem.is_put_off() && tries < MAX_TRIES => {
                    tries += 1;
                    tokio::time::sleep(problem.retry_after.unwrap_or(MAX_PAUSE).min(MAX_PAUSE))
                        .await;
                }
                other => return other,
            }
        }
    }

    /// Sessions of the synthetic people `people` without a login each: only a demonstration gives them,
    /// at a route that production builds do not have. They are as after a login.
    ///
    /// # Errors
    /// As every call: [`Failure`].
    pub async fn rehearsal_sessions(&self, people: std::ops::Range<u32>) -> Answer<Vec<Session>> {
        let mut all = Vec::new();
        let mut first = people.start;
        while first < people.end {
            let count = (people.end - first).min(MAX_SESSIONS_AT_ONCE);
            all.extend(self.made_sessions(first..first + count, None).await?);
            first += count;
        }
        Ok(all)
    }

    /// The same for one person who acts for a legal entity; nothing when none was given.
    ///
    /// # Errors
    /// As every call: [`Failure`].
    pub async fn rehearsal_session_for(&self, person: u32, entity: u32) -> Answer<Option<Session>> {
        Ok(self.made_sessions(person..person + 1, Some(entity)).await?.pop())
    }

    async fn made_sessions(
        &self,
        people: std::ops::Range<u32>,
        entity: Option<u32>,
    ) -> Answer<Vec<Session>> {
        #[derive(serde::Deserialize)]
        struct Made {
            sessions: Vec<String>,
        }
        let (first, count) = (people.start, people.len());
        let entity_part = entity.map(|entity| format!("&entity={entity}")).unwrap_or_default();
        let base = self.base();
        let url = format!("{base}/stand-in/sessions?first={first}&count={count}{entity_part}");
        let request = Request::post(&url).body(Full::<Bytes>::default());
        let reply = self.send(super::requests::built(&url, request)?).await?;
        let made: Made = reply.json()?;
        let session = |(person, token): (u32, String)| Session {
            person,
            entity,
            cookies: Cookies::one(session_cookie(self.base()), &token),
        };
        Ok(people.zip(made.sessions).map(session).collect())
    }

    async fn log_in_once(&self, person: u32, entity: Option<u32>) -> Answer<Session> {
        let mut cookies = Cookies::default();

        let reply = self.visit(&format!("{}/login?return=/", self.base()), Some(&cookies)).await?;
        cookies.absorb(&reply.headers);
        let hub = next(&reply)?;

        // The hub is another origin: the gateway's cookies are not for it.
        let joint = if hub.contains('?') { '&' } else { '?' };
        let entity_part = entity.map(|entity| format!("&entity={entity}")).unwrap_or_default();
        let url = format!("{hub}{joint}person={person}{entity_part}");
        let reply = self.visit(&url, None).await?;
        let callback = next(&reply)?;

        let reply = self.visit(&callback, Some(&cookies)).await?;
        cookies.absorb(&reply.headers);
        next(&reply)?;
        if !cookies.has(SESSION_COOKIE) {
            return Err(reply.unexpected("no session cookie in ").into());
        }
        Ok(Session { person, entity, cookies })
    }

    async fn visit(&self, url: &str, cookies: Option<&Cookies>) -> Answer<Reply> {
        let mut request = Request::get(url);
        if let Some(header) = cookies.and_then(Cookies::header) {
            request = request.header(COOKIE, header);
        }
        let request = request.body(Full::<Bytes>::default());
        let request = request.map_err(|error| super::NoAnswer::Connection {
            what: format!("GET {url}"),
            source: error.into(),
        })?;
        Ok(self.send(request).await?)
    }
}

/// Where the browser is sent next; a refusal or a page instead is an error.
fn next(reply: &Reply) -> Answer<String> {
    match reply.location() {
        Some(location) => Ok(location.to_owned()),
        None if reply.status == StatusCode::OK => {
            Err(reply.unexpected("a page instead of a redirection: ").into())
        }
        None => Err(put_off(reply).unwrap_or_else(|| reply.refusal())),
    }
}

/// Pages may say "later" in HTML; the status and `Retry-After` are what counts.
fn put_off(reply: &Reply) -> Option<Failure> {
    let later = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
    if !later.contains(&reply.status) {
        return None;
    }
    let pause = retry_after(&reply.headers)?;
    Some(Failure::Refused(super::problem::Problem::put_off(reply.status, pause)))
}
