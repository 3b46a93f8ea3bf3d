//! Who a request comes from: address, session, language, and whether it may write.
//!
//! The order is that of the cheapest refusal first. Must not know what is asked.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, Uri, header};
use talon_domain::civil::{MICROS_PER_SECOND, UtcMicros};
use talon_domain::ids::AuthorityId;
use talon_telemetry::request_id::RequestId;
use talon_wire::Caller;

use crate::admission::{FenceRefusal, PersonKey};
use crate::app::{App, now_s};
use crate::config::Shadowed;
use crate::http::language::Language;
use crate::http::origin;
use crate::http::problem::Problem;
use crate::identity::cookies;
use crate::identity::token::{BadToken, Session};

/// What is known of a request before its route.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Its id.
    pub id: RequestId,
    /// The language of its answer.
    pub language: Language,
    /// Who sent it, as far as can be believed: the other end of its connection, or whom a trusted
    /// proxy names.
    pub peer: SocketAddr,
}

/// An identified caller.
#[derive(Clone, Debug)]
pub struct Identified {
    /// The session.
    pub session: Session,
    /// Whether the session came by cookie, which browsers send by themselves.
    pub by_cookie: bool,
}

impl Identified {
    /// The caller as an authority's ledger knows them.
    ///
    /// # Errors
    /// [`Problem::UnknownAuthority`] when the session was made before there was such an authority.
    pub fn at(&self, authority: AuthorityId) -> Result<Caller, Problem> {
        let names = self.session.names(authority).ok_or(Problem::UnknownAuthority)?;
        let expires_at_s = i64::try_from(self.session.expires_at_s).unwrap_or(i64::MAX);
        Ok(Caller {
            authority,
            person: names.person,
            entity: names.entity,
            session: self.session.id,
            session_expires_at: UtcMicros(expires_at_s.saturating_mul(MICROS_PER_SECOND)),
        })
    }
}

/// The host that a request names.
pub fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    uri.authority()
        .map(http::uri::Authority::as_str)
        .or_else(|| headers.get(header::HOST).and_then(|value| value.to_str().ok()))
}

/// Refuses an address that asks too fast.
///
/// # Errors
/// [`Problem::RateLimited`].
pub fn check_address(app: &App, address: IpAddr) -> Result<(), Problem> {
    if is_proxy(app, address) {
        return Ok(());
    }
    let judged = app.fence.check_address(address).map_err(too_fast);
    app.shadows.judge(Shadowed::AddressFence, judged)
}

/// Finds out who is asking, and holds them to the local fence.
///
/// # Errors
/// [`Problem::Unauthenticated`], [`Problem::SessionExpired`], [`Problem::RateLimited`].
pub fn identify(app: &App, headers: &HeaderMap) -> Result<Identified, Problem> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token);
    let (token, by_cookie) = match bearer {
        Some(token) => (token.trim(), false),
        None => {
            let token = app.cookies.read(headers, cookies::SESSION);
            (token.filter(|token| !token.is_empty()).ok_or(Problem::Unauthenticated)?, true)
        }
    };
    let session = session(app, token)?;
    if let Some(person) = session.any_person() {
        let judged = app.fence.check_person(PersonKey(person.0)).map_err(too_fast);
        app.shadows.judge(Shadowed::PersonFence, judged)?;
    }
    Ok(Identified { session, by_cookie })
}

/// Finds out who wants to change something, from our own pages or by a program.
///
/// # Errors
/// Those of [`identify`], and [`Problem::ForbiddenOrigin`].
pub fn identify_writer(app: &App, headers: &HeaderMap, uri: &Uri) -> Result<Identified, Problem> {
    let identified = identify(app, headers)?;
    if identified.by_cookie {
        check_origin(app, headers, uri)?;
    }
    Ok(identified)
}

/// Refuses a write that another site's page makes.
///
/// # Errors
/// [`Problem::ForbiddenOrigin`].
pub fn check_origin(app: &App, headers: &HeaderMap, uri: &Uri) -> Result<(), Problem> {
    let host = if app.is_demo() { host(headers, uri) } else { None };
    if origin::is_own(headers, &app.origin, host) { Ok(()) } else { Err(Problem::ForbiddenOrigin) }
}

/// The session of a token, which is verified each time.
fn session(app: &App, token: &str) -> Result<Session, Problem> {
    app.keys.session.verify(token, now_s()).map_err(|error| match error {
        BadToken::Forged => Problem::Unauthenticated,
        BadToken::Expired => Problem::SessionExpired,
    })
}

/// Refuses an address that begins logins too fast.
///
/// # Errors
/// [`Problem::RateLimited`].
pub fn check_login_pace(app: &App, address: IpAddr) -> Result<(), Problem> {
    if is_proxy(app, address) {
        return Ok(());
    }
    let judged = app.login_fence.check_address(address).map_err(too_fast);
    app.shadows.judge(Shadowed::LoginFence, judged)
}

/// Whether everybody comes from this address: that of a trusted proxy, which does not say who is
/// behind it.
pub fn is_proxy(app: &App, address: IpAddr) -> bool {
    app.edge.trust.is_proxy(address)
}

fn too_fast(refusal: FenceRefusal) -> Problem {
    let (FenceRefusal::Person { retry_after } | FenceRefusal::Address { retry_after }) = refusal;
    Problem::RateLimited { retry_after }
}
