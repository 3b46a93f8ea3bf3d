//! Login of native apps: RFC 8252 with PKCE (RFC 7636) on top of RFC 6749, for public clients.
//!
//! An app's request travels in the login's own cookie; the session comes back to the app in a
//! one-time code that only the app's verifier opens into a token. The code is encrypted, because
//! it passes through addresses that others log. Must not know HTTP beyond strings.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::Aead;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;
use utoipa::ToSchema;

use super::token::{Session, SessionKeys};
use crate::admission::{Lasts, Spend};
use crate::config::App;

/// How long a code may be exchanged for a token, in seconds.
pub const CODE_TTL_S: u64 = 60;
/// The longest `state` of an app that is carried along, in bytes.
pub const MAX_STATE_BYTES: usize = 512;
/// The only scope: everything that the person may do on the pages.
pub const SCOPE: &str = "booking";

const LONGEST_PORT: &str = ":65535";
const CODE_KEY: &str = "talon-app-code-key";
const NONCE_BYTES: usize = 24;
/// The lengths that RFC 7636 gives a verifier, in characters.
const VERIFIER_CHARACTERS: std::ops::RangeInclusive<usize> = 43..=128;

/// What an app asks for, checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppRequest {
    /// Which app.
    pub client_id: String,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// Goes back with the answer.
    pub state: Option<String>,
    /// SHA-256 of the verifier that the app keeps.
    challenge: [u8; 32],
}

/// Why an app's request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadAppRequest {
    /// Nobody knows the app: told to the person only.
    UnknownApp,
    /// The return address is not the app's: told to the person only.
    UnknownRedirect,
    /// Told to the app, at this address.
    Refused {
        /// The whole address.
        link: String,
    },
}

/// The parameters of a query or a form. A parameter that stands twice counts as malformed.
#[derive(Debug)]
pub struct Parameters(Vec<(String, String)>);

/// A parameter that stands more than once, which RFC 6749 forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeated;

impl Parameters {
    /// Reads a query or a form.
    pub fn parse(text: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(text).into_owned().collect())
    }

    /// A parameter; an empty one counts as left out (RFC 6749, section 3.1).
    ///
    /// # Errors
    /// [`Repeated`].
    pub fn once(&self, name: &str) -> Result<Option<&str>, Repeated> {
        let mut found = self.0.iter().filter(|(known, _)| known == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Ok(Some(value.as_str()).filter(|value| !value.is_empty())),
            (None, _) => Ok(None),
            (Some(_), Some(_)) => Err(Repeated),
        }
    }
}

/// Checks an authorization request.
///
/// # Errors
/// [`BadAppRequest`].
pub fn check(
    apps: &[App],
    issuer: &str,
    parameters: &Parameters,
) -> Result<AppRequest, BadAppRequest> {
    let client_id = parameters.once("client_id").ok().flatten();
    let app = client_id.and_then(|id| apps.iter().find(|app| app.client_id == id));
    let app = app.ok_or(BadAppRequest::UnknownApp)?;
    let redirect_uri = parameters.once("redirect_uri").ok().flatten();
    let redirect_uri = redirect_uri
        .filter(|uri| app.redirect_uris.iter().any(|known| is_same_redirect(known, uri)))
        .ok_or(BadAppRequest::UnknownRedirect)?;
    let state = parameters.once("state").map(|state| state.map(str::to_owned));
    let state = state.ok().filter(|state| {
        state.as_ref().is_none_or(|state| {
            state.len() <= MAX_STATE_BYTES
                && state.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        })
    });
    let mut request = AppRequest {
        client_id: app.client_id.clone(),
        redirect_uri: redirect_uri.to_owned(),
        state: state.clone().flatten(),
        challenge: [0; 32],
    };
    let refused = |error: &str, why: &str| BadAppRequest::Refused {
        link: request.link(issuer, &[("error", error), ("error_description", why)]),
    };
    if state.is_none() {
        return Err(refused("invalid_request", "state is too long, repeated or not ASCII"));
    }
    match parameters.once("response_type") {
        Ok(Some("code")) => {}
        Ok(Some(_)) => return Err(refused("unsupported_response_type", "response_type is code")),
        Ok(None) | Err(Repeated) => {
            return Err(refused("invalid_request", "response_type is code"));
        }
    }
    if !matches!(parameters.once("scope"), Ok(None | Some(SCOPE))) {
        return Err(refused("invalid_scope", "the only scope is booking"));
    }
    if !matches!(parameters.once("code_challenge_method"), Ok(Some("S256"))) {
        return Err(refused("invalid_request", "code_challenge_method is S256"));
    }
    let challenge = parameters.once("code_challenge").ok().flatten();
    let challenge = challenge.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let challenge = challenge.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let challenge = challenge.ok_or_else(|| {
        refused("invalid_request", "code_challenge is the base64url SHA-256 of the verifier")
    })?;
    request.challenge = challenge;
    Ok(request)
}

/// Whether an address is the registered one; on loopback the port is the app's choice (RFC 8252,
/// section 7.3).
fn is_same_redirect(registered: &str, asked: &str) -> bool {
    if registered == asked {
        return true;
    }
    // A port may be written with any number of zeros, and what is asked travels in a cookie.
    if asked.len() > registered.len() + LONGEST_PORT.len() {
        return false;
    }
    let (Ok(registered), Ok(asked)) = (Url::parse(registered), Url::parse(asked)) else {
        return false;
    };
    let rest = |url: &Url| (url.path().to_owned(), url.query().map(str::to_owned));
    is_loopback(&registered)
        && is_loopback(&asked)
        && registered.host() == asked.host()
        && rest(&registered) == rest(&asked)
        && asked.fragment().is_none()
}

/// Whether this is a plain http address of the loopback, and of nobody in particular there.
pub fn is_loopback(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(_)) | None => false,
    };
    url.scheme() == "http" && is_loopback && url.username().is_empty() && url.password().is_none()
}

impl AppRequest {
    /// The return address with an answer.
    pub fn link(&self, issuer: &str, answer: &[(&str, &str)]) -> String {
        let Ok(mut url) = Url::parse(&self.redirect_uri) else { return self.redirect_uri.clone() };
        {
            let mut query = url.query_pairs_mut();
            query.extend_pairs(answer);
            if let Some(state) = &self.state {
                query.append_pair("state", state);
            }
            // So that an app with several issuers knows who answers (RFC 9207).
            query.append_pair("iss", issuer);
        }
        url.into()
    }

    /// What binds a code to this request.
    fn binding(&self) -> [u8; 32] {
        binding(&self.client_id, &self.redirect_uri, &self.challenge)
    }
}

fn binding(client_id: &str, redirect_uri: &str, challenge: &[u8; 32]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [b"talon-app-code".as_slice(), client_id.as_bytes(), redirect_uri.as_bytes()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.update(challenge);
    hash.finalize().into()
}

/// What a code holds.
#[derive(Serialize, Deserialize)]
struct Code {
    id: [u8; 16],
    expires_at_s: u64,
    binding: [u8; 32],
    session: Session,
}

/// The code for a session, for the app that asked.
///
/// # Errors
/// When there is no randomness.
pub fn issue(
    keys: &SessionKeys,
    request: &AppRequest,
    session: Session,
    now_s: u64,
) -> Result<String, getrandom::Error> {
    let (mut id, mut nonce) = ([0; 16], [0; NONCE_BYTES]);
    getrandom::fill(&mut id)?;
    getrandom::fill(&mut nonce)?;
    let code = Code { id, expires_at_s: now_s + CODE_TTL_S, binding: request.binding(), session };
    let plain = postcard::to_stdvec(&code).expect("a code is plain data");
    let key = keys.derived(CODE_KEY).next().expect("there is a key that signs");
    let sealed = XChaCha20Poly1305::new(&key.into())
        .encrypt(&nonce.into(), plain.as_slice())
        .expect("a code is far shorter than the cipher's bound");
    Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
}

/// A request for a token, as apps send it.
#[derive(ToSchema)]
pub struct TokenRequest {
    /// `authorization_code`.
    #[schema(example = "authorization_code")]
    pub grant_type: String,
    /// The code that came back with the browser.
    #[schema(example = "bm90IGEgY29kZQ")]
    pub code: String,
    /// The same as in the authorization request.
    #[schema(example = "ua.example.pocket:/back")]
    pub redirect_uri: String,
    /// The app.
    #[schema(example = "pocket")]
    pub client_id: String,
    /// What the challenge is the SHA-256 of.
    #[schema(example = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")]
    pub code_verifier: String,
}

/// A token for an app.
#[derive(Serialize, ToSchema)]
pub struct TokenAnswer {
    /// For `Authorization: Bearer`.
    pub access_token: String,
    /// `Bearer`.
    #[schema(value_type = String, example = "Bearer")]
    pub token_type: &'static str,
    /// How long it is good, in seconds; there is no refresh token.
    #[schema(example = 3600)]
    pub expires_in: u64,
    /// `booking`.
    #[schema(value_type = String, example = "booking")]
    pub scope: &'static str,
}

/// Why there is no token (RFC 6749, section 5.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TokenError {
    /// `invalid_request`, `invalid_client`, `invalid_grant` or `unsupported_grant_type`.
    #[schema(value_type = String, example = "invalid_grant")]
    pub error: &'static str,
    /// For developers.
    #[schema(value_type = String, example = "the code has expired")]
    pub error_description: &'static str,
}

/// A code that was presented by the app that asked for it, to be spent.
#[derive(Debug)]
pub struct Grant {
    /// To be spent before the session is given.
    pub spend: Spend,
    /// Who was identified.
    pub session: Session,
}

/// What a code that was used before is answered with.
pub const SPENT: TokenError = invalid_grant("the code was used before");

const fn invalid_grant(error_description: &'static str) -> TokenError {
    TokenError { error: "invalid_grant", error_description }
}

/// Opens the code of a token request.
///
/// # Errors
/// [`TokenError`].
pub fn redeem(
    keys: &SessionKeys,
    apps: &[App],
    form: &Parameters,
    now_s: u64,
) -> Result<Grant, TokenError> {
    let invalid = |error_description| TokenError { error: "invalid_request", error_description };
    let needed = |name: &str, why: &'static str| match form.once(name) {
        Ok(Some(value)) => Ok(value),
        Ok(None) | Err(Repeated) => Err(invalid(why)),
    };
    if needed("grant_type", "grant_type stands once")? != "authorization_code" {
        let error_description = "grant_type is authorization_code";
        return Err(TokenError { error: "unsupported_grant_type", error_description });
    }
    let client_id = needed("client_id", "client_id stands once")?;
    if !apps.iter().any(|app| app.client_id == client_id) {
        let error_description = "the app is not registered";
        return Err(TokenError { error: "invalid_client", error_description });
    }
    let code = needed("code", "code stands once")?;
    let redirect_uri = needed("redirect_uri", "redirect_uri stands once")?;
    let verifier = needed("code_verifier", "code_verifier stands once")?;
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !VERIFIER_CHARACTERS.contains(&verifier.len()) || !verifier.bytes().all(is_unreserved) {
        return Err(invalid("code_verifier is 43 to 128 unreserved characters"));
    }
    let code = open(keys, code).ok_or(invalid_grant("the code is not one of ours"))?;
    let challenge: [u8; 32] = Sha256::digest(verifier).into();
    let shown = binding(client_id, redirect_uri, &challenge);
    if !bool::from(shown.ct_eq(&code.binding)) {
        return Err(invalid_grant("the code is another app's, address's or verifier's"));
    }
    if code.expires_at_s <= now_s {
        return Err(invalid_grant("the code has expired"));
    }
    let spend = Spend { nonce: code.id, expires_at_s: code.expires_at_s, lasts: Lasts::Short };
    Ok(Grant { spend, session: code.session })
}

fn open(keys: &SessionKeys, code: &str) -> Option<Code> {
    let bytes = URL_SAFE_NO_PAD.decode(code).ok()?;
    let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
    let plain = keys.derived(CODE_KEY).find_map(|key| {
        XChaCha20Poly1305::new(&key.into()).decrypt(&(*nonce).into(), sealed).ok()
    })?;
    postcard::from_bytes(&plain).ok()
}

/// What apps have to know of this server (RFC 8414).
#[derive(Serialize, ToSchema)]
pub struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    #[schema(value_type = Vec<String>)]
    response_types_supported: [&'static str; 1],
    #[schema(value_type = Vec<String>)]
    grant_types_supported: [&'static str; 1],
    #[schema(value_type = Vec<String>)]
    code_challenge_methods_supported: [&'static str; 1],
    #[schema(value_type = Vec<String>)]
    token_endpoint_auth_methods_supported: [&'static str; 1],
    #[schema(value_type = Vec<String>)]
    scopes_supported: [&'static str; 1],
    authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    /// Those of a server that browsers see at `origin`.
    pub fn new(origin: &str) -> Self {
        Self {
            issuer: origin.to_owned(),
            authorization_endpoint: format!("{origin}/oauth/authorize"),
            token_endpoint: format!("{origin}/oauth/token"),
            response_types_supported: ["code"],
            grant_types_supported: ["authorization_code"],
            code_challenge_methods_supported: ["S256"],
            token_endpoint_auth_methods_supported: ["none"],
            scopes_supported: [SCOPE],
            authorization_response_iss_parameter_supported: true,
        }
    }
}

#[cfg(test)]
#[path = "app_login_tests.rs"]
mod tests;
