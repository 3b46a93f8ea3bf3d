//! The client of the identification hub, by the protocol of ID.GOV.UA.
//!
//! Owns the links and the three calls of a login: token, user info, logout. Personal data stays
//! inside [`HubClient::identify`]; what comes out is an identifier, which knows how not to be
//! printed. Must not know sessions.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use talon_domain::identity::Identifier;

/// Longest answer of the hub that is read, in bytes.
pub const MAX_HUB_ANSWER_BYTES: usize = 64 * 1024;

/// Why nobody was identified. Never carries what the hub said of a person.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The hub could not be reached.
    #[error("the hub cannot be reached: {0}")]
    Unreachable(String),
    /// It took too long.
    #[error("the hub took longer than {0:?}")]
    TooSlow(Duration),
    /// It refused.
    #[error("the hub refused with status {status}: {error}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The protocol's error code.
        error: String,
    },
    /// It answered what the protocol does not know.
    #[error("the hub's answer to {0} is not what its protocol says")]
    BadAnswer(&'static str),
    /// It encrypted the person's data, which this gateway cannot open.
    #[error("the hub sent an encrypted envelope; this gateway takes plain answers only")]
    Encrypted,
    /// It named nobody with a tax number or a passport.
    #[error("the hub gave no identifier that this gateway knows")]
    NoIdentifier,
}

/// The client.
#[derive(Clone)]
pub struct HubClient {
    client: Client<HttpConnector, Empty<Bytes>>,
    origin: String,
    browser_origin: String,
    client_id: String,
    client_secret: String,
    auth_type: String,
    deadline: Duration,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    user_id: String,
}

#[derive(Deserialize)]
struct UserInfo {
    #[serde(default)]
    drfocode: String,
    #[serde(default)]
    unzr: String,
    #[serde(rename = "encryptedUserInfo")]
    encrypted: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl HubClient {
    /// A client of the hub at `origin`, which browsers reach at `browser_origin`.
    pub fn new(
        origin: &str,
        browser_origin: &str,
        client_id: &str,
        client_secret: &str,
        auth_type: &str,
        deadline: Duration,
    ) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(deadline));
        Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            origin: origin.trim_end_matches('/').to_owned(),
            browser_origin: browser_origin.trim_end_matches('/').to_owned(),
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
            auth_type: auth_type.to_owned(),
            deadline,
        }
    }

    /// Where to send the browser.
    pub fn authorize_link(&self, state: &str, redirect_uri: &str) -> String {
        let query = query(&[
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("auth_type", &self.auth_type),
            ("state", state),
            ("redirect_uri", redirect_uri),
        ]);
        format!("{}/?{query}", self.browser_origin)
    }

    /// Exchanges a code for the identifier of the person who logged in, and logs out of the hub.
    ///
    /// # Errors
    /// [`HubError`].
    pub async fn identify(&self, code: &str) -> Result<Identifier, HubError> {
        let all = async {
            let token: Token = self
                .get(
                    "get-access-token",
                    &[
                        ("grant_type", "authorization_code"),
                        ("client_id", &self.client_id),
                        ("client_secret", &self.client_secret),
                        ("code", code),
                    ],
                )
                .await?;
            let access =
                [("access_token", token.access_token.as_str()), ("user_id", &token.user_id)];
            let wanted = [access[0], access[1], ("fields", "drfocode,unzr"), ("cert", "")];
            let info: Result<UserInfo, HubError> = self.get("get-user-info", &wanted).await;
            // Whatever came of it, the hub's session has done its work.
            let logout: Result<serde::de::IgnoredAny, HubError> =
                self.get("get-user-logout", &access).await;
            if let Err(error) = logout {
                tracing::warn!(%error, "the hub did not take the logout");
            }
            let info = info?;
            if info.encrypted.is_some() {
                return Err(HubError::Encrypted);
            }
            Identifier::from_hub(&info.drfocode, &info.unzr).map_err(|_| HubError::NoIdentifier)
        };
        tokio::time::timeout(self.deadline, all)
            .await
            .map_err(|_| HubError::TooSlow(self.deadline))?
    }

    async fn get<T: for<'de> Deserialize<'de>>(
        &self,
        call: &'static str,
        parameters: &[(&str, &str)],
    ) -> Result<T, HubError> {
        let uri: Uri = format!("{}/{call}?{}", self.origin, query(parameters))
            .parse()
            .map_err(|_| HubError::BadAnswer(call))?;
        let request = Request::get(uri)
            .header(http::header::ACCEPT, "application/json")
            .body(Empty::new())
            .map_err(|_| HubError::BadAnswer(call))?;
        // The error of the client would name the link, and the link holds secrets.
        let answer = self
            .client
            .request(request)
            .await
            .map_err(|_| HubError::Unreachable(self.origin.clone()))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_HUB_ANSWER_BYTES)
            .collect()
            .await
            .map_err(|_| HubError::BadAnswer(call))?
            .to_bytes();
        if !status.is_success() {
            let refusal = serde_json::from_slice::<Refusal>(&body).ok();
            let error = refusal.map_or_else(String::new, |refusal| {
                refusal.error.chars().filter(char::is_ascii_graphic).take(40).collect()
            });
            return Err(HubError::Refused { status, error });
        }
        serde_json::from_slice(&body).map_err(|_| HubError::BadAnswer(call))
    }
}

fn query(parameters: &[(&str, &str)]) -> String {
    serde_urlencoded::to_string(parameters).expect("pairs of strings always encode")
}
