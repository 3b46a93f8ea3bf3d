//! One client of the public HTTP API, as an app or a page would be.
//!
//! Owns connections, the bound on requests in flight, and the translation of answers into types. Must
//! not know what is tested. Called by [`crate::kill`] and by the rehearsal.
//!
//! Map: this file sends and receives; `connector` connects over a network; `login` walks through the identification hub; `requests` has a
//! method for each call of the API; [`words`] are its JSON; [`problem`] are its refusals.

mod address;
mod connector;
mod cookies;
mod login;
pub mod problem;
mod requests;
pub mod words;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

pub use self::address::Address;
use self::connector::Connector;
pub use self::login::{MAX_ENTITIES, MAX_PEOPLE, Session};
use self::problem::{Problem, is_problem};
pub use self::requests::{Confirmed, solve};
use crate::network::Road;

/// Longest answer that is read; the list of all offices is well below.
pub const MAX_ANSWER_BYTES: usize = 4 << 20;
/// How long one request may take, from sending to the last byte of the answer.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// How much of an answer that nobody understands is quoted.
const MAX_QUOTED_CHARS: usize = 400;

/// What a call of the API gives.
pub type Answer<T> = Result<T, Failure>;

/// Why a call gave no value. The difference matters: after [`Failure::Refused`] nothing has happened,
/// after [`Failure::NoAnswer`] it may have.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The gateway said no, in a form that the API documents.
    #[error("refused: {0}")]
    Refused(Problem),
    /// Nothing came back that could be understood; what became of the request is unknown.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
}

/// How an answer failed to come.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// No connection, or it broke.
    #[error("{what}: {source}")]
    Connection {
        /// Method and path.
        what: String,
        /// What hyper says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nothing within [`REQUEST_TIMEOUT`].
    #[error("{what}: no answer within {} s", REQUEST_TIMEOUT.as_secs())]
    Timeout {
        /// Method and path.
        what: String,
    },
    /// A challenge without a solution.
    #[error("a challenge has no solution")]
    Unsolved,
    /// An answer that the API does not document.
    #[error("{what}: unexpected answer {status}: {quote}")]
    Unexpected {
        /// Method and path.
        what: String,
        /// Its status.
        status: StatusCode,
        /// The beginning of its body, or what was wrong with it.
        quote: String,
    },
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Reply {
    what: String,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A client of one gateway. Clones share connections and the bound on requests in flight.
#[derive(Clone, Debug)]
pub struct Client {
    http: legacy::Client<Connector, Full<Bytes>>,
    /// `http://host:port` or `https://host:port`, no slash at the end; also the `Origin` of writes.
    base: Arc<str>,
    in_flight: Arc<Semaphore>,
}

impl Client {
    /// A client of the gateway at an address (`http://127.0.0.1:8080`) that has at most `max_in_flight`
    /// requests open at once; more of them wait.
    #[must_use]
    pub fn new(gateway: impl Into<Address>, max_in_flight: usize) -> Self {
        Self::with(&gateway.into(), max_in_flight, None, None)
    }

    /// The same, coming from one address of this computer, with connections over a network.
    #[must_use]
    pub fn over(gateway: &Address, max_in_flight: usize, from: Ipv4Addr, road: Road) -> Self {
        Self::with(gateway, max_in_flight, Some(from), Some(road))
    }

    fn with(
        gateway: &Address,
        max_in_flight: usize,
        from: Option<Ipv4Addr>,
        road: Option<Road>,
    ) -> Self {
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(Connector::new(gateway.connector(from), road));
        Self {
            http,
            base: Arc::clone(gateway.base()),
            in_flight: Arc::new(Semaphore::new(max_in_flight)),
        }
    }

    /// The gateway's address, as given.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Whether `GET url` (of this or another server, such as the gateway's admin port) gives 200.
    pub async fn is_ok(&self, url: &str) -> bool {
        let Ok(request) = Request::get(url).body(Full::default()) else { return false };
        self.send(request).await.is_ok_and(|reply| reply.status == StatusCode::OK)
    }

    /// Sends one request and reads the whole answer.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Reply, NoAnswer> {
        let what = format!("{} {}", request.method(), request.uri().path());
        let _permit = self.in_flight.acquire().await.expect("the semaphore is never closed");
        match tokio::time::timeout(REQUEST_TIMEOUT, self.exchange(&what, request)).await {
            Ok(result) => result,
            Err(_elapsed) => Err(NoAnswer::Timeout { what }),
        }
    }

    async fn exchange(&self, what: &str, request: Request<Full<Bytes>>) -> Result<Reply, NoAnswer> {
        let broken = |source| NoAnswer::Connection { what: what.to_owned(), source };
        let response = self.http.request(request).await.map_err(|error| broken(error.into()))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(broken)?;
        Ok(Reply {
            what: what.to_owned(),
            status: head.status,
            headers: head.headers,
            body: body.to_bytes(),
        })
    }
}

impl Reply {
    /// The body of a success, or the refusal.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Answer<T> {
        if self.status.is_success() {
            return serde_json::from_slice(&self.body)
                .map_err(|error| Failure::NoAnswer(self.unexpected(&format!("{error} in "))));
        }
        Err(self.refusal())
    }

    /// What an answer that is no success means.
    pub(crate) fn refusal(&self) -> Failure {
        let problem = is_problem(&self.headers)
            .then(|| Problem::parse(self.status, &self.headers, &self.body))
            .flatten();
        match problem {
            Some(problem) if problem.is_final() => Failure::Refused(problem),
            _ => Failure::NoAnswer(self.unexpected("")),
        }
    }

    pub(crate) fn unexpected(&self, before: &str) -> NoAnswer {
        let text = String::from_utf8_lossy(&self.body);
        let quote = text.chars().take(MAX_QUOTED_CHARS).collect::<String>();
        NoAnswer::Unexpected {
            what: self.what.clone(),
            status: self.status,
            quote: format!("{before}{quote}"),
        }
    }

    /// Where a redirection leads.
    pub(crate) fn location(&self) -> Option<&str> {
        if !self.status.is_redirection() {
            return None;
        }
        self.headers.get(http::header::LOCATION)?.to_str().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::problem::Slug;

    fn reply(status: u16, content_type: &str, body: &'static str) -> Reply {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_TYPE, content_type.parse().unwrap());
        Reply {
            what: "GET /x".to_owned(),
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    const TAKEN: &str = r#"{"type":"https://talon.example/problems/slot-taken","title":"Taken"}"#;

    #[test]
    fn a_success_is_its_json() {
        let value: Vec<u32> = reply(200, "application/json", "[1,2]").json().unwrap();
        assert_eq!(value, [1, 2]);
    }

    #[test]
    fn a_documented_problem_is_a_refusal() {
        let failure = reply(409, "application/problem+json", TAKEN).json::<u32>().unwrap_err();
        assert!(matches!(failure, Failure::Refused(p) if p.slug == Slug::SlotTaken));
    }

    #[test]
    fn anything_else_is_no_answer() {
        for (status, kind, body) in [
            (200, "application/json", "<html>"),
            (409, "text/plain", TAKEN),
            (500, "application/problem+json", r#"{"type":"about:blank","title":"Oops"}"#),
            (502, "text/html", "<h1>Bad gateway</h1>"),
            (409, "application/problem+json", "not json"),
        ] {
            let failure = reply(status, kind, body).json::<u32>().unwrap_err();
            assert!(matches!(failure, Failure::NoAnswer(_)), "{status} {body}: {failure}");
        }
    }

    #[test]
    fn only_a_redirection_has_a_location() {
        let mut reply = reply(303, "text/plain", "");
        reply.headers.insert(http::header::LOCATION, "/here".parse().unwrap());
        assert_eq!(reply.location(), Some("/here"));
        reply.status = StatusCode::CREATED;
        assert_eq!(reply.location(), None);
    }
}
