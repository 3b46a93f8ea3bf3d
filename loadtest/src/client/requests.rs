//! A method for each call of the API: what is free, mine, book, move, cancel.
//!
//! Must not decide what to do with a refusal, except to solve a proof when one is asked for. Called
//! by the kill test and by the rehearsal's personas.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, COOKIE, ORIGIN};
use http::{Method, Request};
use http_body_util::Full;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use talon_pow::Challenge;

use super::problem::Slug;
use super::words::{BookRequest, Booking, Day, Office, Promise, Service, Start, Want};
use super::{Answer, Client, Failure, NoAnswer, Reply, Session};

/// How many keys a client tries before it gives up on a proof; far above any challenge's mean.
const MAX_PROOF_ROUNDS: u32 = 1 << 22;

/// A booking that was confirmed.
#[derive(Clone, Debug)]
pub struct Confirmed {
    /// It.
    pub booking: Booking,
    /// Whether this was said before, to an earlier request with the same key.
    pub replayed: bool,
}

/// The body of `POST /api/v1/bookings/{id}/move`.
#[derive(Serialize)]
struct MoveRequest<'a> {
    office: u32,
    #[serde(flatten)]
    want: &'a Want,
    #[serde(skip_serializing_if = "Option::is_none")]
    altcha: Option<&'a str>,
}

impl Client {
    /// The first page, as a browser asks for it.
    ///
    /// # Errors
    /// As every call: [`Failure`].
    pub async fn page(&self) -> Answer<()> {
        let request = Request::get(format!("{}/", self.base())).header(ACCEPT, "text/html");
        let reply = self.send(built("/", request.body(Full::default()))?).await?;
        if reply.status.is_success() { Ok(()) } else { Err(reply.refusal()) }
    }

    /// The services of an authority.
    ///
    /// # Errors
    /// As every call: [`Failure`].
    pub async fn services(&self, authority: &str) -> Answer<Vec<Service>> {
        #[derive(Deserialize)]
        struct Body {
            services: Vec<Service>,
        }
        let body: Body = self.read(&format!("/api/v1/authorities/{authority}/services")).await?;
        Ok(body.services)
    }

    /// The offices of an authority.
    ///
    /// # Errors
    /// As every call: [`Failure`].
    pub async fn offices(&self, authority: &str) -> Answer<Vec<Office>> {
        #[derive(Deserialize)]
        struct Body {
            offices: Vec<Office>,
        }
        let body: Body = self.read(&format!("/api/v1/authorities/{authority}/offices")).await?;
        Ok(body.offices)
    }

    /// The days of a service at an office.
    ///
    /// # Errors
    /// As every call: [`Failure`].
    pub async fn days(&self, authority: &str, office: u32, service: &str) -> Answer<Vec<Day>> {
        #[derive(Deserialize)]
        struct Body {
            days: Vec<Day>,
        }
        let body: Body = self.read(&days_path(authority, office, service)).await?;
        Ok(body.days)
    }

    /// The starts of one day, with the number of desks free at each.
    ///
    /// # Errors
    /// As every call: [`Failure`].
    pub async fn starts(
        &self,
        authority: &str,
        office: u32,
        service: &str,
        date: &str,
    ) -> Answer<Vec<Start>> {
        #[derive(Deserialize)]
        struct Body {
            starts: Vec<Start>,
        }
        let path = format!("{}/{date}/starts", days_path(authority, office, service));
        let body: Body = self.read(&path).await?;
        Ok(body.starts)
    }

    /// All bookings of the person.
    ///
    /// # Errors
    /// As every call: [`Failure`].
    pub async fn bookings(&self, session: &Session) -> Answer<Vec<Booking>> {
        #[derive(Deserialize)]
        struct Body {
            bookings: Vec<Booking>,
        }
        let reply = self.call(session, Method::GET, "/api/v1/bookings", &[], Bytes::new()).await?;
        Ok(reply.json::<Body>()?.bookings)
    }

    /// Books under the idempotency key `key`; solves a proof, once, when one is required. With
    /// `instead_of`, the id of a booking of the person, moves that one.
    ///
    /// # Errors
    /// As every call: [`Failure`]. After [`Failure::NoAnswer`] the same call finds the truth.
    pub async fn book(
        &self,
        session: &Session,
        key: &str,
        request: &BookRequest,
        instead_of: Option<&str>,
    ) -> Answer<Confirmed> {
        match self.book_once(session, key, request, instead_of).await {
            Err(Failure::Refused(problem)) if problem.slug == Slug::PowRequired => {
                let altcha = Some(self.prove(session, request).await?);
                let proved = BookRequest { altcha, ..request.clone() };
                self.book_once(session, key, &proved, instead_of).await
            }
            other => other,
        }
    }

    /// Books or moves under the idempotency key `key` with what proof the request carries, if any.
    ///
    /// # Errors
    /// As [`Client::book`].
    pub async fn book_once(
        &self,
        session: &Session,
        key: &str,
        request: &BookRequest,
        instead_of: Option<&str>,
    ) -> Answer<Confirmed> {
        let (path, body) = match instead_of {
            None => ("/api/v1/bookings".to_owned(), serde_json::to_vec(request)),
            Some(id) => {
                let BookRequest { office, want, altcha, .. } = request;
                let body = MoveRequest { office: *office, want, altcha: altcha.as_deref() };
                (format!("/api/v1/bookings/{id}/move"), serde_json::to_vec(&body))
            }
        };
        let body = body.expect("a request has nothing that JSON lacks");
        let headers = [("idempotency-key", key)];
        let reply = self.call(session, Method::POST, &path, &headers, body.into()).await?;
        let replayed = reply.headers.get("idempotent-replay").is_some_and(|v| v == "true");
        Ok(Confirmed { booking: reply.json()?, replayed })
    }

    /// Gives a booking back.
    ///
    /// # Errors
    /// As every call: [`Failure`].
    pub async fn cancel(&self, session: &Session, id: &str) -> Answer<Booking> {
        let path = format!("/api/v1/bookings/{id}/cancel");
        self.call(session, Method::POST, &path, &[], Bytes::new()).await?.json()
    }

    /// The challenge for a booking of this request's service.
    ///
    /// # Errors
    /// As every call: [`Failure`].
    pub async fn challenge(&self, session: &Session, request: &BookRequest) -> Answer<Challenge> {
        let path = challenge_path(request);
        self.call(session, Method::GET, &path, &[], Bytes::new()).await?.json()
    }

    /// A promise to book this request's service without a proof, after a wait.
    ///
    /// # Errors
    /// As every call: [`Failure`]. [`Slug::NotFound`] where the authority does not allow it.
    pub async fn slow_lane(&self, session: &Session, request: &BookRequest) -> Answer<Promise> {
        let path = format!("{}&lane=slow", challenge_path(request));
        self.call(session, Method::GET, &path, &[], Bytes::new()).await?.json()
    }

    async fn prove(&self, session: &Session, request: &BookRequest) -> Answer<String> {
        Ok(solve(self.challenge(session, request).await?).await?)
    }

    async fn read<T: DeserializeOwned>(&self, path: &str) -> Answer<T> {
        let request = Request::get(format!("{}{path}", self.base()));
        self.send(built(path, request.body(Full::default()))?).await?.json()
    }

    async fn call(
        &self,
        session: &Session,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Reply, NoAnswer> {
        let is_write = method == Method::POST;
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base()));
        if let Some(cookies) = session.cookies.header() {
            request = request.header(COOKIE, cookies);
        }
        if is_write {
            // What a browser sends with a form of the gateway's own page.
            request = request.header(ORIGIN, self.base()).header("sec-fetch-site", "same-origin");
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(built(path, request.body(Full::new(body)))?).await
    }
}

/// Solves a challenge, as the payload to send. Seconds of computing: on a thread of its own, or all
/// other clients would stand still.
///
/// # Errors
/// When there is no solution among so many tries that one would be expected.
pub async fn solve(challenge: Challenge) -> Result<String, NoAnswer> {
    let solved = tokio::task::spawn_blocking(move || {
        let solution = talon_pow::solve(&challenge, MAX_PROOF_ROUNDS)?;
        Some(talon_pow::encode_payload(&challenge, &solution))
    });
    match solved.await {
        Ok(Some(altcha)) => Ok(altcha),
        _ => Err(NoAnswer::Unsolved),
    }
}

fn challenge_path(request: &BookRequest) -> String {
    format!(
        "/api/v1/challenge?authority={}&office={}&service={}",
        request.authority, request.office, request.service
    )
}

fn days_path(authority: &str, office: u32, service: &str) -> String {
    format!("/api/v1/authorities/{authority}/offices/{office}/services/{service}/days")
}

pub(super) fn built(
    path: &str,
    request: http::Result<Request<Full<Bytes>>>,
) -> Result<Request<Full<Bytes>>, NoAnswer> {
    request.map_err(|error| NoAnswer::Connection { what: path.to_owned(), source: error.into() })
}
