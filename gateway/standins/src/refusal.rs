//! What the hub says no with: the only place where errors get an HTTP status.
//!
//! Called by `handlers` and `user_info`. Errors of the protocol are JSON `{"error",
//! "error_description"}`; what a person in a browser sees is a page, and never a redirect to an
//! address that was not checked.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::store::Full;

/// Why the hub does not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{0}")]
    BadRequest(String),
    #[error("the client is not known, or its secret is wrong")]
    BadClient,
    #[error("the code is not known, has been used, or has expired")]
    BadCode,
    #[error("only grant_type=authorization_code is supported")]
    BadGrantType,
    #[error("the access token is not known, has expired, or belongs to another user_id")]
    BadToken,
    #[error("encryption to a certificate is not supported by the stand-in; leave cert empty")]
    EncryptionNotSupported,
    #[error("a fault that was asked for")]
    Fault,
    #[error("there are too many logins at once")]
    Overloaded { retry_after: Duration },
    #[error("there is no randomness to be had")]
    NoRandomness,
    #[error("the hub has no such endpoint")]
    NotFound,
}

impl Refusal {
    pub(crate) fn bad_request(description: impl Into<String>) -> Self {
        Self::BadRequest(description.into())
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) | Self::BadCode | Self::BadGrantType => StatusCode::BAD_REQUEST,
            Self::EncryptionNotSupported => StatusCode::BAD_REQUEST,
            Self::BadClient | Self::BadToken => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Fault => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Overloaded { .. } | Self::NoRandomness => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The value of `error`.
    fn code(&self) -> &'static str {
        match self {
            Self::BadRequest(_) | Self::NotFound => "invalid_request",
            Self::BadClient => "invalid_client",
            Self::BadCode => "invalid_grant",
            Self::BadGrantType => "unsupported_grant_type",
            Self::BadToken => "invalid_token",
            Self::EncryptionNotSupported => "unsupported_cert",
            Self::Fault => "server_error",
            Self::Overloaded { .. } | Self::NoRandomness => "temporarily_unavailable",
        }
    }

    /// Adds `Retry-After`, which every 503 has, in whole seconds rounded up.
    pub(crate) fn with_retry_after(&self, mut response: Response) -> Response {
        let seconds = match self {
            Self::Overloaded { retry_after } => retry_after.as_secs() + 1,
            Self::NoRandomness => 1,
            _ => return response,
        };
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        response
    }
}

impl From<Full> for Refusal {
    fn from(full: Full) -> Self {
        Self::Overloaded { retry_after: full.retry_after }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.code(), "error_description": self.to_string() });
        self.with_retry_after((self.status(), Json(body)).into_response())
    }
}
