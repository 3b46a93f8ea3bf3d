//! Refusals: RFC 9457 problems, with the stable end of their type as a word to match on.
//!
//! Must not know what a test makes of a refusal. Called by the client's calls.

use std::fmt;
use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

macro_rules! slugs {
    ($($name:ident = $text:literal: $doc:literal),+ $(,)?) => {
        /// The end of a problem's type. The API promises that these stay.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Slug {
            $(#[doc = $doc] $name,)+
            /// One that the API's description does not have.
            Undocumented(String),
        }

        impl Slug {
            fn parse(text: &str) -> Self {
                match text {
                    $($text => Self::$name,)+
                    other => Self::Undocumented(other.to_owned()),
                }
            }
        }

        impl fmt::Display for Slug {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$name => $text,)+
                    Self::Undocumented(text) => text,
                })
            }
        }
    };
}

slugs! {
    BadRequest = "bad-request": "400.",
    IdempotencyKeyMissing = "idempotency-key-missing": "400.",
    BodyTooLarge = "body-too-large": "413.",
    NotFound = "not-found": "404; also for another person's booking.",
    MethodNotAllowed = "method-not-allowed": "405.",
    Unauthenticated = "unauthenticated": "401.",
    SessionExpired = "session-expired": "401.",
    SessionRevoked = "session-revoked": "401.",
    ForbiddenOrigin = "forbidden-origin": "403.",
    UnknownOffice = "unknown-office": "404.",
    UnknownService = "unknown-service": "404.",
    PastDate = "past-date": "422.",
    UnknownStart = "unknown-start": "422.",
    NotReleased = "not-released": "409, with `opens_at`.",
    SlotTaken = "slot-taken": "409, with what is left that day.",
    IdempotencyKeyReused = "idempotency-key-reused": "422: the same key with another body.",
    QuotaExceeded = "quota-exceeded": "429, with rule, count, limit and `resets_at`.",
    AlreadyBooked = "already-booked": "409: one live booking for a service.",
    TooLateToCancel = "too-late-to-cancel": "409.",
    RateLimited = "rate-limited": "429.",
    PowRequired = "pow-required": "403.",
    PowInvalid = "pow-invalid": "403.",
    PowForged = "pow-forged": "403.",
    PowWrongPerson = "pow-wrong-person": "403.",
    PowWrongAction = "pow-wrong-action": "403.",
    PowWrongRelease = "pow-wrong-release": "403.",
    PowTooWeak = "pow-too-weak": "403.",
    PowExpired = "pow-expired": "403.",
    PowReplayed = "pow-replayed": "403.",
    SlowLaneEarly = "slow-lane-early": "403: a promise before its moment.",
    NoEntity = "no-entity": "403: the login names no legal entity.",
    NotLive = "not-live": "409: cancelled or moved already.",
    TooLateToMove = "too-late-to-move": "409.",
    MovedTooOften = "moved-too-often": "409.",
    ProofNotNeeded = "proof-not-needed": "404, asking for a challenge that nobody needs.",
    Overloaded = "overloaded": "503.",
    JournalFull = "journal-full": "503, before anything was claimed.",
    LoginFailed = "login-failed": "400 or 502.",
}

/// One refusal.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Which one.
    pub slug: Slug,
    /// Its HTTP status.
    pub status: StatusCode,
    /// For people.
    pub title: String,
    /// For people, about this case.
    pub detail: Option<String>,
    /// From the header `Retry-After`, when it is in seconds.
    pub retry_after: Option<Duration>,
    /// All other members.
    pub facts: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    detail: Option<String>,
    #[serde(flatten)]
    facts: serde_json::Map<String, serde_json::Value>,
}

/// Whether the body claims to be a problem.
pub(super) fn is_problem(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.split(';').next() == Some("application/problem+json"))
}

/// The header `Retry-After` in seconds; dates are not spoken.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

impl Problem {
    /// Reads a problem; `None` when it is not one.
    pub(super) fn parse(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        let wire: Wire = serde_json::from_slice(body).ok()?;
        let slug = wire.kind.rsplit('/').next().unwrap_or_default();
        Some(Self {
            slug: Slug::parse(slug),
            status,
            title: wire.title,
            detail: wire.detail,
            retry_after: retry_after(headers),
            facts: wire.facts,
        })
    }

    /// "Later" from a page that says it in HTML.
    pub(super) fn put_off(status: StatusCode, pause: Duration) -> Self {
        let slug = if status == StatusCode::SERVICE_UNAVAILABLE {
            Slug::Overloaded
        } else {
            Slug::RateLimited
        };
        Self {
            slug,
            status,
            title: status.to_string(),
            detail: None,
            retry_after: Some(pause),
            facts: serde_json::Map::new(),
        }
    }

    /// Whether nothing has happened for sure: a client's mistake, or one of the refusals of a busy
    /// gateway that come before anything is claimed. Any other 5xx promises nothing.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.status.is_client_error()
            || matches!(self.slug, Slug::Overloaded | Slug::JournalFull | Slug::LoginFailed)
    }

    /// Whether the same request may succeed a little later.
    #[must_use]
    pub fn is_put_off(&self) -> bool {
        matches!(self.slug, Slug::RateLimited | Slug::Overloaded | Slug::JournalFull)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status.as_u16(), self.slug)?;
        match &self.detail {
            Some(detail) => write!(f, " ({detail})"),
            None => write!(f, " ({})", self.title),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(status: u16, body: &str) -> Option<Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, "3".parse().unwrap());
        Problem::parse(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes())
    }

    #[test]
    fn a_problem_keeps_its_facts() {
        let body = r#"{"type":"https://talon.example/problems/quota-exceeded","title":"Four",
            "status":429,"detail":"four of four","rule":"per-month","count":4,"limit":4}"#;
        let problem = parse(429, body).unwrap();
        assert_eq!(problem.slug, Slug::QuotaExceeded);
        assert_eq!(problem.facts["count"], 4);
        assert_eq!(problem.retry_after, Some(Duration::from_secs(3)));
        assert_eq!(problem.to_string(), "429 quota-exceeded (four of four)");
        // A quota does not reset because one waits three seconds.
        assert!(problem.is_final() && !problem.is_put_off());
    }

    #[test]
    fn a_full_journal_is_final_and_an_unknown_server_error_is_not() {
        let full = r#"{"type":"https://talon.example/problems/journal-full","title":"Full"}"#;
        let full = parse(503, full).unwrap();
        assert!(full.is_final() && full.is_put_off());
        let broken = r#"{"type":"https://talon.example/problems/internal","title":"Oops"}"#;
        let broken = parse(500, broken).unwrap();
        assert_eq!(broken.slug, Slug::Undocumented("internal".to_owned()));
        assert!(!broken.is_final());
    }

    #[test]
    fn anything_else_is_no_problem() {
        for body in ["", "{}", "[1]", r#"{"title":"no type"}"#] {
            assert!(parse(400, body).is_none(), "{body}");
        }
    }
}
