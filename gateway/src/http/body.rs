//! Bodies: reading a bounded one in bounded time, and answering with bytes.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Either, Full, LengthLimitError, Limited};

use super::problem::Problem;

/// Longest body of a request, in bytes.
pub const MAX_BODY_BYTES: usize = 8 * 1024;
/// How long a body may take to arrive.
pub const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// What answers carry: bytes from the hot lane, anything from axum.
pub type Body = Either<Full<Bytes>, axum::body::Body>;
/// An answer.
pub type Answer = Response<Body>;

/// Reads a request's body.
///
/// # Errors
/// [`Problem::BodyTooLarge`], [`Problem::BadRequest`] when it breaks off or takes too long.
pub async fn read<B>(headers: &HeaderMap, body: B) -> Result<Bytes, Problem>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let claimed = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let claimed = claimed.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    if claimed > MAX_BODY_BYTES as u64 {
        return Err(Problem::BodyTooLarge);
    }
    let all = tokio::time::timeout(BODY_DEADLINE, Limited::new(body, MAX_BODY_BYTES).collect());
    match all.await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::BodyTooLarge),
        Ok(Err(_)) => Err(Problem::bad_request("the body broke off")),
        Err(_) => Err(Problem::bad_request("the body took too long")),
    }
}

/// An answer with a status, a content type and bytes.
pub fn answer(status: StatusCode, content_type: &'static str, bytes: Bytes) -> Answer {
    let mut answer = Response::new(Either::Left(Full::new(bytes)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// An answer for one person's eyes, as JSON.
pub fn private_json(status: StatusCode, value: &impl serde::Serialize) -> Answer {
    let bytes = serde_json::to_vec(value).expect("our answers are plain data");
    let mut answer = answer(status, "application/json", bytes.into());
    answer.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    answer
}

/// For everything that is personal.
pub const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// The name of the header with the request's id.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
