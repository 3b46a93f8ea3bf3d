//! The client of the identification hub, by the protocol of ID.GOV.UA.
//!
//! Owns the links and the three calls of a login: token, user info, logout. Personal data stays
//! inside [`HubClient::identify`]; what comes out are identifiers, which know how not to be printed.
//! Must not know sessions.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;

use crate::http::trace_context;

use super::provider::{Person, ProviderError};

/// Longest answer of the hub that is read, in bytes.
pub const MAX_HUB_ANSWER_BYTES: usize = 64 * 1024;
/// How long a logout at the hub may take at most: somebody waits for their page.
const LOGOUT_DEADLINE: Duration = Duration::from_secs(1);
/// What is asked about a person.
const FIELDS: &str = "drfocode,unzr,edrpoucode";

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
    #[serde(default)]
    edrpoucode: String,
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

    /// Exchanges a code for the identifiers of the person who logged in, and logs out of the hub.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn identify(&self, code: &str) -> Result<Person, ProviderError> {
        let found = async {
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
            let wanted = [
                ("access_token", token.access_token.as_str()),
                ("user_id", &token.user_id),
                ("fields", FIELDS),
                ("cert", ""),
            ];
            let info: Result<UserInfo, ProviderError> = self.get("get-user-info", &wanted).await;
            Ok((token, info))
        };
        let (token, info) = tokio::time::timeout(self.deadline, found)
            .await
            .map_err(|_| ProviderError::TooSlow(self.deadline))??;
        // Whatever came of it, the hub's session has done its work.
        self.log_out(&token).await;
        let info = info?;
        if info.encrypted.is_some() {
            return Err(ProviderError::Encrypted);
        }
        Person::from_hub(&info.drfocode, &info.unzr, &info.edrpoucode)
    }

    /// Ends the hub's session; a hub that does not take it changes nothing for the person.
    async fn log_out(&self, token: &Token) {
        let access = [("access_token", token.access_token.as_str()), ("user_id", &token.user_id)];
        let deadline = self.deadline.min(LOGOUT_DEADLINE);
        let logout = self.get::<serde::de::IgnoredAny>("get-user-logout", &access);
        let outcome = tokio::time::timeout(deadline, logout).await;
        if let Err(error) = outcome.unwrap_or(Err(ProviderError::TooSlow(deadline))).map(|_told| ())
        {
            tracing::warn!(%error, "the hub did not take the logout");
        }
    }

    async fn get<T: for<'de> Deserialize<'de>>(
        &self,
        call: &'static str,
        parameters: &[(&str, &str)],
    ) -> Result<T, ProviderError> {
        let uri: Uri = format!("{}/{call}?{}", self.origin, query(parameters))
            .parse()
            .map_err(|_| ProviderError::BadAnswer(call))?;
        let mut request = Request::get(uri)
            .header(http::header::ACCEPT, "application/json")
            .body(Empty::new())
            .map_err(|_| ProviderError::BadAnswer(call))?;
        trace_context::pass_on(request.headers_mut());
        // The error of the client would name the link, and the link holds secrets.
        let answer = self
            .client
            .request(request)
            .await
            .map_err(|_| ProviderError::Unreachable(self.origin.clone()))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_HUB_ANSWER_BYTES)
            .collect()
            .await
            .map_err(|_| ProviderError::BadAnswer(call))?
            .to_bytes();
        if !status.is_success() {
            let refusal = serde_json::from_slice::<Refusal>(&body).ok();
            let error = refusal.map_or_else(String::new, |refusal| {
                refusal.error.chars().filter(char::is_ascii_graphic).take(40).collect()
            });
            return Err(ProviderError::Refused { status, error });
        }
        serde_json::from_slice(&body).map_err(|_| ProviderError::BadAnswer(call))
    }
}

fn query(parameters: &[(&str, &str)]) -> String {
    serde_urlencoded::to_string(parameters).expect("pairs of strings always encode")
}
