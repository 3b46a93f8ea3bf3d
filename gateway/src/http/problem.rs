//! Refusals as HTTP: the one file that gives statuses, types and headers to outcomes.
//!
//! Bodies are RFC 9457 problem+json; the type is stable, the words come from the locale files. How they are
//! written is [`super::problem_document`]'s.
//! Must not decide anything.

use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use talon_domain::civil::UtcMicros;
use talon_domain::limits::LimitRefusal;
use talon_domain::policy::LimitKind;
use talon_telemetry::request_id::RequestId;
use talon_telemetry::{handles, table};
use talon_wire::{BookingState, FreeStart, Refusal, Release};

use crate::slow_lane::BadTicket;

use super::body::{self, Answer};
use super::language::{Language, Texts};
use super::problem_document;

/// Retries after an overload spread over this many seconds.
pub const RETRY_JITTER_SECONDS: u64 = 5;

/// Why a proof of work is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadProof {
    /// It is not of the form of a proof, or the counter gives another key than it says.
    NoSolution,
    /// Its challenge was changed, or is not one of ours.
    Forged,
    /// Computed for another person.
    WrongPerson,
    /// Computed for something else than booking.
    WrongAction,
    /// Computed for another service.
    WrongRelease,
    /// The key does not start with the prefix: no work was done.
    TooWeak,
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is described by its texts in the locale files")]
pub enum Problem {
    BadRequest { at: String },
    IdempotencyKeyMissing,
    UnsupportedMediaType,
    BodyTooLarge,
    BodyTooSlow,
    NotFound,
    MethodNotAllowed,
    Unauthenticated,
    SessionExpired,
    SessionRevoked,
    ForbiddenOrigin,
    ForbiddenInDemo,
    UnknownAuthority,
    UnknownOffice,
    UnknownService,
    PastDate,
    UnknownStart,
    NotReleased(Release),
    SlotTaken { free: Vec<FreeStart> },
    IdempotencyKeyReused,
    LimitReached(LimitRefusal),
    TooLateToCancel { until: UtcMicros },
    TooLateToMove { until: UtcMicros },
    NoEntity,
    NotLive(BookingState),
    MovedTooOften { count: u8, limit: u8 },
    RateLimited { retry_after: Duration },
    PowRequired,
    PowInvalid(BadProof),
    PowExpired,
    PowReplayed,
    ProofNotNeeded,
    SlowLaneEarly { ready_at_s: u64 },
    Overloaded,
    JournalFull,
    Unavailable,
    LoginFailed,
    LoginDenied,
    LoginInvalid,
    AppUnknown,
    AppRedirect,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::SessionRevoked => Self::SessionRevoked,
            Refusal::UnknownOffice => Self::UnknownOffice,
            Refusal::UnknownService => Self::UnknownService,
            Refusal::Past => Self::PastDate,
            Refusal::UnknownStart => Self::UnknownStart,
            Refusal::NotReleased(release) => Self::NotReleased(release),
            Refusal::Taken { free } => Self::SlotTaken { free },
            Refusal::KeyReused => Self::IdempotencyKeyReused,
            Refusal::Limit { refusal, .. } => Self::LimitReached(refusal),
            Refusal::NotFound => Self::NotFound,
            Refusal::TooLate { until } => Self::TooLateToCancel { until },
            Refusal::NoEntity => Self::NoEntity,
            Refusal::NotLive(state) => Self::NotLive(state),
            Refusal::MovedTooOften { count, limit } => Self::MovedTooOften { count, limit },
            // Nothing that a gateway asks for its callers is refused so.
            Refusal::NotBegun { .. } | Refusal::PepperCounts { .. } => Self::Unavailable,
            Refusal::JournalFull => Self::JournalFull,
            Refusal::Busy => Self::Overloaded,
            Refusal::Unavailable => Self::Unavailable,
        }
    }
}

impl From<BadTicket> for Problem {
    fn from(bad: BadTicket) -> Self {
        match bad {
            BadTicket::Foreign => Self::PowInvalid(BadProof::NoSolution),
            BadTicket::Early { ready_at_s } => Self::SlowLaneEarly { ready_at_s },
            BadTicket::Expired => Self::PowExpired,
        }
    }
}

impl Problem {
    /// A request that is not understood; `at` says where and why, without quoting the request.
    pub fn bad_request(at: impl Into<String>) -> Self {
        Self::BadRequest { at: at.into() }
    }

    /// The stable last part of the type, and the key of the texts.
    pub fn slug(&self) -> &'static str {
        match self {
            Self::BadRequest { .. } => "bad-request",
            Self::IdempotencyKeyMissing => "idempotency-key-missing",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::BodyTooLarge => "body-too-large",
            Self::BodyTooSlow => "body-too-slow",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::Unauthenticated => "unauthenticated",
            Self::SessionExpired => "session-expired",
            Self::SessionRevoked => "session-revoked",
            Self::ForbiddenOrigin => "forbidden-origin",
            Self::ForbiddenInDemo => "forbidden-in-demo",
            Self::UnknownAuthority => "unknown-authority",
            Self::UnknownOffice => "unknown-office",
            Self::UnknownService => "unknown-service",
            Self::PastDate => "past-date",
            Self::UnknownStart => "unknown-start",
            Self::NotReleased(_) => "not-released",
            Self::SlotTaken { .. } => "slot-taken",
            Self::IdempotencyKeyReused => "idempotency-key-reused",
            Self::LimitReached(refusal) => match refusal.kind {
                LimitKind::PerPeriod { .. } => "quota-exceeded",
                LimitKind::LivePerService => "already-booked",
                LimitKind::NoShows { .. } => "blocked-for-absence",
                LimitKind::RetakeWait { .. } => "retake-too-soon",
            },
            Self::TooLateToCancel { .. } => "too-late-to-cancel",
            Self::TooLateToMove { .. } => "too-late-to-move",
            Self::NoEntity => "no-entity",
            Self::NotLive(_) => "not-live",
            Self::MovedTooOften { .. } => "moved-too-often",
            Self::RateLimited { .. } => "rate-limited",
            Self::PowRequired => "pow-required",
            Self::PowInvalid(bad) => match bad {
                BadProof::NoSolution => "pow-invalid",
                BadProof::Forged => "pow-forged",
                BadProof::WrongPerson => "pow-wrong-person",
                BadProof::WrongAction => "pow-wrong-action",
                BadProof::WrongRelease => "pow-wrong-release",
                BadProof::TooWeak => "pow-too-weak",
            },
            Self::PowExpired => "pow-expired",
            Self::PowReplayed => "pow-replayed",
            Self::ProofNotNeeded => "proof-not-needed",
            Self::SlowLaneEarly { .. } => "slow-lane-early",
            Self::Overloaded => "overloaded",
            Self::JournalFull => "journal-full",
            Self::Unavailable => "unavailable",
            Self::LoginFailed => "login-failed",
            Self::LoginDenied => "login-denied",
            Self::LoginInvalid => "login-invalid",
            Self::AppUnknown => "app-unknown",
            Self::AppRedirect => "app-redirect",
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest { .. }
            | Self::IdempotencyKeyMissing
            | Self::LoginInvalid
            | Self::AppUnknown
            | Self::AppRedirect => StatusCode::BAD_REQUEST,
            Self::Unauthenticated | Self::SessionExpired | Self::SessionRevoked => {
                StatusCode::UNAUTHORIZED
            }
            Self::ForbiddenOrigin
            | Self::ForbiddenInDemo
            | Self::NoEntity
            | Self::LoginDenied
            | Self::PowRequired
            | Self::PowInvalid(_)
            | Self::PowExpired
            | Self::PowReplayed
            | Self::SlowLaneEarly { .. } => StatusCode::FORBIDDEN,
            Self::NotFound
            | Self::UnknownAuthority
            | Self::UnknownOffice
            | Self::UnknownService
            | Self::ProofNotNeeded => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotReleased(_)
            | Self::SlotTaken { .. }
            | Self::TooLateToCancel { .. }
            | Self::TooLateToMove { .. }
            | Self::NotLive(_)
            | Self::MovedTooOften { .. } => StatusCode::CONFLICT,
            Self::LimitReached(refusal) => match refusal.kind {
                LimitKind::PerPeriod { .. } => StatusCode::TOO_MANY_REQUESTS,
                LimitKind::LivePerService | LimitKind::RetakeWait { .. } => StatusCode::CONFLICT,
                LimitKind::NoShows { .. } => StatusCode::FORBIDDEN,
            },
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::PastDate | Self::UnknownStart | Self::IdempotencyKeyReused => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::LoginFailed => StatusCode::BAD_GATEWAY,
            Self::Overloaded | Self::JournalFull | Self::Unavailable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// After how many seconds to try again, where that is known to help.
    pub fn retry_after_seconds(&self, id: RequestId, now: UtcMicros) -> Option<u64> {
        let jitter = id.jitter(RETRY_JITTER_SECONDS);
        match self {
            Self::RateLimited { retry_after } => {
                Some(retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0) + jitter)
            }
            Self::LimitReached(LimitRefusal {
                kind: LimitKind::PerPeriod { .. },
                resets_at: Some(at),
                ..
            }) => Some((at.seconds() - now.seconds()).max(1).unsigned_abs() + jitter),
            Self::LimitReached(LimitRefusal { kind: LimitKind::PerPeriod { .. }, .. }) => {
                Some(60 + jitter)
            }
            // Exactly then: the wait is what was promised.
            Self::SlowLaneEarly { ready_at_s } => {
                Some(ready_at_s.saturating_sub(now.seconds().unsigned_abs()).max(1))
            }
            Self::Overloaded | Self::Unavailable => Some(1 + jitter),
            Self::JournalFull => Some(30 + jitter),
            _ => None,
        }
    }

    /// The answer.
    pub fn answer(
        &self,
        texts: &Texts,
        language: Language,
        id: RequestId,
        now: UtcMicros,
    ) -> Answer {
        handles::count(table::REFUSALS, [("type", self.slug())]);
        let retry_after = self.retry_after_seconds(id, now);
        let bytes = problem_document::bytes(self, texts, language, retry_after.unwrap_or(0), id);
        let mut answer = body::answer(self.status(), "application/problem+json", bytes.into());
        let headers = answer.headers_mut();
        headers.insert(header::CACHE_CONTROL, body::NO_STORE);
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if matches!(self.status(), StatusCode::UNAUTHORIZED) {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        answer
    }
}
