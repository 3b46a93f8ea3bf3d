//! An HTTP/1 client that keeps its connection and its cookies, as a browser does.
//!
//! Follows no redirect by itself. Must not know what it is used for.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, SET_COOKIE};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};

use super::PATIENCE;

/// A request in the making.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: Method,
    target: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Ask {
    pub(crate) fn new(method: Method, target: impl Into<String>) -> Self {
        Self { method, target: target.into(), headers: Vec::new(), body: Bytes::new() }
    }

    pub(crate) fn get(target: impl Into<String>) -> Self {
        Self::new(Method::GET, target)
    }

    pub(crate) fn post(target: impl Into<String>) -> Self {
        Self::new(Method::POST, target)
    }

    /// With a header; one that the browser would set itself is replaced.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.bytes("application/json", body.to_string())
    }

    pub(crate) fn bytes(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header(CONTENT_TYPE.as_str(), content_type)
    }

    fn sets(&self, name: &http::HeaderName) -> bool {
        self.headers.iter().any(|(known, _)| known == name.as_str())
    }
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {}: {}", self.status, self.text()))
    }

    /// A header's value, empty when there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The last part of the problem's type; empty when this is no problem.
    pub(crate) fn slug(&self) -> String {
        let document: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let kind = document["type"].as_str().unwrap_or_default();
        kind.rsplit('/').next().unwrap_or_default().to_owned()
    }

    /// The answer, which must have this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// The problem, which must have this status and type.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, slug: &str) -> Value {
        let said = (self.status, self.slug());
        assert_eq!(said, (status, slug.to_owned()), "{}", self.text());
        self.json()
    }
}

/// A browser at one address; or a program, when it bears a token.
pub(crate) struct Browser {
    address: SocketAddr,
    /// The address it comes from; none: the system's choice.
    from: Option<IpAddr>,
    connection: Option<SendRequest<Full<Bytes>>>,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) bearer: Option<String>,
}

impl Browser {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, from: None, connection: None, cookies: BTreeMap::new(), bearer: None }
    }

    /// The same browser, coming from this address.
    pub(crate) fn from(self, address: IpAddr) -> Self {
        Self { from: Some(address), ..self }
    }

    /// A program with a token.
    pub(crate) fn bearing(address: SocketAddr, token: impl Into<String>) -> Self {
        Self { bearer: Some(token.into()), ..Self::new(address) }
    }

    /// Another browser with the same cookies or token, on a connection of its own.
    pub(crate) fn twin(&self) -> Self {
        self.twin_at(self.address)
    }

    /// A twin at another address, such as that of a gateway that was started again.
    pub(crate) fn twin_at(&self, address: SocketAddr) -> Self {
        let (cookies, bearer) = (self.cookies.clone(), self.bearer.clone());
        Self { cookies, bearer, ..Self::new(address) }
    }

    /// The answer.
    pub(crate) async fn send(&mut self, ask: Ask) -> Reply {
        self.try_send(ask).await.unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    pub(crate) async fn get(&mut self, target: &str) -> Reply {
        self.send(Ask::get(target)).await
    }

    pub(crate) async fn post(&mut self, target: &str) -> Reply {
        self.send(Ask::post(target)).await
    }

    /// The answer, or why there is none.
    pub(crate) async fn try_send(&mut self, ask: Ask) -> Result<Reply, String> {
        let request = self.request(ask);
        match tokio::time::timeout(PATIENCE, self.exchange(request)).await {
            Ok(reply) => reply,
            Err(_) => panic!("an answer took longer than {PATIENCE:?}"),
        }
    }

    fn request(&self, ask: Ask) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(&ask.method).uri(&ask.target);
        if !ask.sets(&HOST) {
            request = request.header(HOST, self.address.to_string());
        }
        if !ask.sets(&ACCEPT_LANGUAGE) {
            request = request.header(ACCEPT_LANGUAGE, "en");
        }
        if let Some(token) = &self.bearer {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if !self.cookies.is_empty() && !ask.sets(&COOKIE) {
            let pairs: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(COOKIE, pairs.join("; "));
        }
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        request.body(Full::new(ask.body)).unwrap()
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Reply, String> {
        if let Some(kept) = &mut self.connection
            && kept.ready().await.is_err()
        {
            self.connection = None;
        }
        let mut connection = match self.connection.take() {
            Some(kept) => kept,
            None => connect(self.address, self.from).await?,
        };
        let answer = connection.send_request(request).await.map_err(|e| format!("{e:?}"))?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(|e| format!("{e:?}"))?.to_bytes();
        self.connection = Some(connection);
        self.keep_cookies(&parts.headers);
        let status = parts.status.as_u16();
        Ok(Reply { status, headers: parts.headers, body })
    }

    fn keep_cookies(&mut self, headers: &HeaderMap) {
        for value in headers.get_all(SET_COOKIE) {
            let text = value.to_str().unwrap();
            let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

async fn connect(
    address: SocketAddr,
    from: Option<IpAddr>,
) -> Result<SendRequest<Full<Bytes>>, String> {
    let connected = match from {
        None => TcpStream::connect(address).await,
        Some(from) => from_address(from, address).await,
    };
    let stream = connected.map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let (connection, driver) =
        handshake(TokioIo::new(stream)).await.map_err(|error| format!("{error:?}"))?;
    tokio::spawn(async move {
        // Whoever waits for the answer sees the error as well.
        let _ = driver.await;
    });
    Ok(connection)
}

async fn from_address(from: IpAddr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = if from.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.bind((from, 0).into())?;
    socket.connect(to).await
}
