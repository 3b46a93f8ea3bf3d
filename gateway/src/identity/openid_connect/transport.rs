//! How requests reach a provider: by plain HTTP, to a local proxy that speaks TLS to it, or to a
//! provider on this computer.
//!
//! Owns one rule: what is asked of the issuer's origin goes to where this process reaches it, and
//! nothing is asked of anybody else. Must not know what is asked.

use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use openidconnect::{HttpRequest, HttpResponse};

use crate::http::trace_context;
use crate::identity::hub::MAX_HUB_ANSWER_BYTES;

/// Why there is no answer. Never carries what was asked: it holds secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TransportError {
    /// Nobody answers, or the answer ends too soon or never.
    #[error("{0}")]
    NoAnswer(String),
    /// Something lies at another origin than the issuer.
    #[error("an endpoint outside of the issuer's origin")]
    Foreign,
}

/// The way to one issuer.
#[derive(Clone)]
pub(super) struct Transport {
    client: Client<HttpConnector, Full<Bytes>>,
    /// What the issuer is called.
    issuer: (Scheme, Authority),
    /// Where it is reached.
    origin: Authority,
}

impl Transport {
    /// The way to the issuer at `origin`; nothing when one of them is no address.
    pub(super) fn new(issuer: &str, origin: &str, deadline: Duration) -> Option<Self> {
        let issuer: Uri = issuer.parse().ok()?;
        let scheme = issuer.scheme().filter(|s| **s == Scheme::HTTP || **s == Scheme::HTTPS)?;
        let issuer = (scheme.clone(), issuer.authority()?.clone());
        let origin: Uri = origin.trim_end_matches('/').parse().ok()?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(deadline));
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Some(Self { client, issuer, origin: origin.authority()?.clone() })
    }

    /// Where a request really goes.
    fn target(&self, uri: &Uri) -> Result<Uri, TransportError> {
        let (scheme, authority) = &self.issuer;
        if uri.scheme() != Some(scheme) || uri.authority() != Some(authority) {
            return Err(TransportError::Foreign);
        }
        let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let target = Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.origin.clone())
            .path_and_query(path)
            .build();
        target.map_err(|_| TransportError::Foreign)
    }

    /// The answer to one request. Redirects are not followed.
    pub(super) async fn send(self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let no_answer = || TransportError::NoAnswer(self.origin.to_string());
        let (mut parts, body) = request.into_parts();
        parts.uri = self.target(&parts.uri)?;
        // The proxy, and the provider behind it, know it by its name.
        let host = HeaderValue::from_str(self.issuer.1.as_str()).map_err(|_| no_answer())?;
        parts.headers.insert(header::HOST, host);
        trace_context::pass_on(&mut parts.headers);
        let request = http::Request::from_parts(parts, Full::new(Bytes::from(body)));
        // The client's own error would name the address, which holds what was asked.
        let answer = self.client.request(request).await.map_err(|_| no_answer())?;
        let (parts, body) = answer.into_parts();
        let bytes = Limited::new(body, MAX_HUB_ANSWER_BYTES).collect().await;
        let bytes = bytes.map_err(|_| no_answer())?.to_bytes();
        Ok(HttpResponse::from_parts(parts, bytes.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(uri: &str) -> Result<String, TransportError> {
        let second = Duration::from_secs(1);
        let way = Transport::new("https://idp.example/realm", "http://127.0.0.1:8444/", second);
        way.unwrap().target(&uri.parse().unwrap()).map(|uri| uri.to_string())
    }

    #[test]
    fn what_is_the_issuers_goes_to_where_it_is_reached() {
        assert_eq!(
            target("https://idp.example/token?x=1"),
            Ok("http://127.0.0.1:8444/token?x=1".to_owned())
        );
    }

    #[test]
    fn nothing_is_asked_of_anybody_else() {
        for uri in [
            "http://idp.example/token",
            "https://idp.example:444/token",
            "https://evil.example/token",
            "https://idp.example.evil.example/",
            "/token",
        ] {
            assert_eq!(target(uri), Err(TransportError::Foreign), "{uri}");
        }
    }
}
