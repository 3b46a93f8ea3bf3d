//! Bodies: reading a bounded one in bounded time, and answering with bytes.

use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Either, Full};

use super::problem::Problem;

/// Longest body of a request, in bytes.
pub const MAX_BODY_BYTES: usize = 8 * 1024;
/// How long a body may take to arrive.
pub const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// What answers carry: bytes from the hot lane, anything from axum.
pub type Body = Either<Full<Bytes>, axum::body::Body>;
/// An answer.
pub type Answer = Response<Body>;

/// Of a body that is too long, up to this many bytes are read and dropped: whoever still sends
/// does not look at the answer.
pub const MAX_DROPPED_BYTES: usize = 2 << 20;
/// How long that may take.
const DROP_DEADLINE: Duration = Duration::from_secs(2);

/// Room for most answers to one person.
const PRIVATE_BYTES: usize = 512;
/// Room for the headers of an answer, so that its map grows for hardly any: for more than this many it has room for
/// twice as many.
const ANSWER_HEADERS: usize = 12;

/// Reads a request's body.
///
/// # Errors
/// [`Problem::BodyTooLarge`], [`Problem::BadRequest`] when it breaks off or takes too long.
pub async fn read<B>(headers: &HeaderMap, body: B) -> Result<Bytes, Problem>
where
    B: hyper::body::Body<Data = Bytes>,
{
    let claimed = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let claimed = claimed.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    if claimed > MAX_BODY_BYTES as u64 {
        // Who asks before sending has sent nothing; and what is too long to drop is not begun.
        if claimed <= MAX_DROPPED_BYTES as u64 && !headers.contains_key(header::EXPECT) {
            drop_body(std::pin::pin!(body)).await;
        }
        return Err(Problem::BodyTooLarge);
    }
    let mut body = std::pin::pin!(body);
    match tokio::time::timeout(BODY_DEADLINE, collect(body.as_mut())).await {
        Ok(Err(Problem::BodyTooLarge)) => {
            drop_body(body).await;
            Err(Problem::BodyTooLarge)
        }
        Ok(result) => result,
        Err(_) => Err(Problem::BodyTooSlow),
    }
}

async fn collect<B>(mut body: Pin<&mut B>) -> Result<Bytes, Problem>
where
    B: hyper::body::Body<Data = Bytes>,
{
    // Most bodies are one frame, which is kept as it came.
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::bad_request("the body broke off"))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len().max(all.len()) + data.len() > MAX_BODY_BYTES {
            return Err(Problem::BodyTooLarge);
        }
        if first.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.extend_from_slice(&first);
        }
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// Reads the rest of a body for nothing, within the bounds.
async fn drop_body<B>(mut body: Pin<&mut B>)
where
    B: hyper::body::Body<Data = Bytes>,
{
    let mut dropped = 0;
    let drop_all = async {
        while let Some(Ok(frame)) = body.frame().await {
            dropped += frame.data_ref().map_or(0, Bytes::len);
            if dropped > MAX_DROPPED_BYTES {
                return;
            }
        }
    };
    // At the deadline the answer is sent all the same.
    let _ = tokio::time::timeout(DROP_DEADLINE, drop_all).await;
}

/// An answer with a status, a content type and bytes.
pub fn answer(status: StatusCode, content_type: &'static str, bytes: Bytes) -> Answer {
    let mut answer = Response::new(Either::Left(Full::new(bytes)));
    *answer.status_mut() = status;
    *answer.headers_mut() = HeaderMap::with_capacity(ANSWER_HEADERS);
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// An answer for one person's eyes, as JSON.
pub fn private_json(status: StatusCode, value: &impl serde::Serialize) -> Answer {
    let mut bytes = Vec::with_capacity(PRIVATE_BYTES);
    serde_json::to_writer(&mut bytes, value).expect("our answers are plain data");
    let mut answer = answer(status, "application/json", bytes.into());
    answer.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    answer
}

/// For everything that is personal.
pub const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// The name of the header with the request's id.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
