//! A client of any OpenID Connect provider: discovery, code with PKCE, a checked ID token.
//!
//! Owns the two questions of a login and what is remembered of the provider; the crate checks
//! signature, issuer, audience, time and nonce. Claims stay inside
//! [`OpenIdConnect::identify`]. Must not know sessions.

mod answers;
mod transport;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType,
    CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
    CoreProviderMetadata, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenClaims,
    IdTokenFields, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, Scope, StandardErrorResponse, StandardTokenResponse, TokenResponse,
    UserInfoClaims,
};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use talon_domain::identity::Identifiers;

use super::provider::{Person, ProviderError, Round};
use answers::{Doubt, checked, discovery_error, token_error, user_info_error};
use transport::Transport;

/// How long what the provider says of itself is believed.
pub const METADATA_TTL: Duration = Duration::from_secs(600);
/// How long after one look the provider is not asked for new keys. Only its own token endpoint can
/// make us ask, so this bounds what a broken provider costs.
pub const KEYS_PAUSE: Duration = Duration::from_secs(1);

/// How this gateway is known to a provider.
#[derive(Clone)]
pub struct Registration {
    /// The provider's name, as its tokens say it.
    pub issuer: String,
    /// Where this process reaches the issuer.
    pub origin: String,
    /// The gateway's name there.
    pub client_id: String,
    /// Known to both.
    pub client_secret: String,
    /// What is asked for besides `openid`, with spaces between.
    pub scopes: String,
    /// Which claim holds what.
    pub claims: ClaimNames,
    /// How long a login may take at the provider.
    pub deadline: Duration,
}

/// The names of the claims that hold identifiers; an empty name: no claim does.
#[derive(Clone, Debug)]
pub struct ClaimNames {
    /// The tax number.
    pub rnokpp: String,
    /// The register's number.
    pub unzr: String,
    /// A passport.
    pub passport: String,
    /// The code of the legal entity.
    pub edrpou: String,
}

/// All claims that are not standard ones.
#[derive(Default, Deserialize, Serialize)]
struct Claims {
    #[serde(flatten)]
    all: Map<String, Value>,
}

impl AdditionalClaims for Claims {}

impl fmt::Debug for Claims {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Claims(…)")
    }
}

type Jwe = CoreJweContentEncryptionAlgorithm;
type Jws = CoreJwsSigningAlgorithm;
type Tokens = StandardTokenResponse<
    IdTokenFields<Claims, EmptyExtraTokenFields, CoreGenderClaim, Jwe, Jws>,
    CoreTokenType,
>;
type RelyingParty = Client<
    Claims,
    CoreAuthDisplay,
    CoreGenderClaim,
    Jwe,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What the provider said of itself, and when.
#[derive(Clone)]
struct Known {
    party: Arc<RelyingParty>,
    asked_at: Instant,
}

/// A registration that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}: not an absolute http or https address")]
pub struct BadRegistration(&'static str);

/// The client.
pub struct OpenIdConnect {
    registration: Registration,
    issuer: IssuerUrl,
    transport: Transport,
    known: RwLock<Option<Known>>,
}

impl OpenIdConnect {
    /// A client; the provider is asked what it is with the first login.
    ///
    /// # Errors
    /// [`BadRegistration`].
    pub fn new(registration: Registration) -> Result<Self, BadRegistration> {
        let issuer =
            IssuerUrl::new(registration.issuer.clone()).map_err(|_| BadRegistration("issuer"))?;
        let transport =
            Transport::new(&registration.issuer, &registration.origin, registration.deadline)
                .ok_or(BadRegistration("issuer or origin"))?;
        Ok(Self { registration, issuer, transport, known: RwLock::new(None) })
    }

    /// Where to send the browser.
    ///
    /// # Errors
    /// [`ProviderError`], when the provider does not say where.
    pub async fn authorize_link(&self, round: Round<'_>) -> Result<String, ProviderError> {
        self.in_time(async {
            let party = self.party().await?.party;
            let (state, nonce) = (CsrfToken::new(round.state.to_owned()), nonce(round.secret));
            let request = party
                .authorize_url(
                    CoreAuthenticationFlow::AuthorizationCode,
                    move || state,
                    move || nonce,
                )
                .add_scopes(self.registration.scopes.split_whitespace().map(scope))
                .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier(
                    round.secret,
                )))
                .set_redirect_uri(Cow::Owned(redirect(round.redirect_uri)?));
            Ok(request.url().0.into())
        })
        .await
    }

    /// Exchanges a code for the person who logged in.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn identify(&self, code: &str, round: Round<'_>) -> Result<Person, ProviderError> {
        self.in_time(async {
            let mut known = self.party().await?;
            let http = |request| self.transport.clone().send(request);
            let tokens = known
                .party
                .exchange_code(AuthorizationCode::new(code.to_owned()))
                .map_err(|_| ProviderError::BadAnswer("discovery: no token endpoint"))?
                .set_pkce_verifier(verifier(round.secret))
                .set_redirect_uri(Cow::Owned(redirect(round.redirect_uri)?))
                .request_async(&http)
                .await
                .map_err(token_error)?;
            let token = tokens.id_token().ok_or(ProviderError::BadAnswer("the token request"))?;
            let nonce = nonce(round.secret);
            let mut claims = checked(&known.party, token, &nonce, &tokens);
            if matches!(claims, Err(Doubt::UnknownKey))
                && let Some(newer) = self.newer(&known).await?
            {
                // The provider has changed its keys.
                known = newer;
                claims = checked(&known.party, token, &nonce, &tokens);
            }
            let claims = claims.map_err(|doubt| ProviderError::NotBelieved(doubt.what()))?;
            self.person(&known.party, claims, &tokens).await
        })
        .await
    }

    /// The person of the claims: those in the ID token, or else those of the user info endpoint.
    async fn person(
        &self,
        party: &RelyingParty,
        claims: &IdTokenClaims<Claims, CoreGenderClaim>,
        tokens: &Tokens,
    ) -> Result<Person, ProviderError> {
        let found = self.person_of(&claims.additional_claims().all);
        if !matches!(found, Err(ProviderError::NoIdentifier)) {
            return found;
        }
        let subject = Some(claims.subject().clone());
        let Ok(request) = party.user_info(tokens.access_token().clone(), subject) else {
            return found;
        };
        let http = |request| self.transport.clone().send(request);
        let told: UserInfoClaims<Claims, CoreGenderClaim> =
            request.request_async(&http).await.map_err(user_info_error)?;
        self.person_of(&told.additional_claims().all)
    }

    fn person_of(&self, claims: &Map<String, Value>) -> Result<Person, ProviderError> {
        let text = |name: &String| {
            let value = Some(name).filter(|name| !name.is_empty()).and_then(|n| claims.get(n));
            value.and_then(Value::as_str).unwrap_or_default()
        };
        let names = &self.registration.claims;
        let identifiers =
            Identifiers::believed(text(&names.rnokpp), text(&names.unzr), text(&names.passport));
        Person::believed(identifiers, text(&names.edrpou))
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, ProviderError> {
        let deadline = self.registration.deadline;
        tokio::time::timeout(deadline, work).await.unwrap_or(Err(ProviderError::TooSlow(deadline)))
    }

    /// What the provider says of itself; asked again when that is old.
    async fn party(&self) -> Result<Known, ProviderError> {
        let known = self.known.read().clone();
        match known {
            Some(known) if known.asked_at.elapsed() < METADATA_TTL => Ok(known),
            Some(old) => Ok(self.ask().await.unwrap_or_else(|error| {
                tracing::warn!(%error, "the provider does not say what it is; the last word holds");
                old
            })),
            None => self.ask().await,
        }
    }

    /// What the provider says of itself now, unless it was asked a moment ago.
    async fn newer(&self, known: &Known) -> Result<Option<Known>, ProviderError> {
        if known.asked_at.elapsed() < KEYS_PAUSE {
            return Ok(None);
        }
        self.ask().await.map(Some)
    }

    async fn ask(&self) -> Result<Known, ProviderError> {
        let asked_at = Instant::now();
        let http = |request| self.transport.clone().send(request);
        let metadata = CoreProviderMetadata::discover_async(self.issuer.clone(), &http)
            .await
            .map_err(discovery_error)?;
        let party = RelyingParty::from_provider_metadata(
            metadata,
            ClientId::new(self.registration.client_id.clone()),
            Some(ClientSecret::new(self.registration.client_secret.clone())),
        );
        let known = Known { party: Arc::new(party), asked_at };
        *self.known.write() = Some(known.clone());
        Ok(known)
    }
}

fn scope(name: &str) -> Scope {
    Scope::new(name.to_owned())
}

fn redirect(uri: &str) -> Result<RedirectUrl, ProviderError> {
    RedirectUrl::new(uri.to_owned()).map_err(|_| ProviderError::BadAnswer("our own address"))
}

/// Bound to the browser that began: only its cookie has the secret.
fn nonce(secret: &[u8; 32]) -> Nonce {
    Nonce::new(derived(b"talon-oidc-nonce", secret))
}

/// Likewise; the nonce, which others see, does not tell it.
fn verifier(secret: &[u8; 32]) -> PkceCodeVerifier {
    PkceCodeVerifier::new(derived(b"talon-oidc-pkce", secret))
}

fn derived(purpose: &[u8], secret: &[u8; 32]) -> String {
    let hash = Sha256::new().chain_update(purpose).chain_update(secret).finalize();
    URL_SAFE_NO_PAD.encode(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(issuer: &str) -> Result<OpenIdConnect, BadRegistration> {
        let name = |text: &str| text.to_owned();
        OpenIdConnect::new(Registration {
            issuer: issuer.to_owned(),
            origin: "http://127.0.0.1:1".to_owned(),
            client_id: name("talon"),
            client_secret: name("secret"),
            scopes: name("person"),
            claims: ClaimNames {
                rnokpp: name("drfo"),
                unzr: String::new(),
                passport: name("document"),
                edrpou: name("org_code"),
            },
            deadline: Duration::from_secs(1),
        })
    }

    #[test]
    fn claims_are_taken_by_the_names_of_the_registration() {
        let provider = provider("https://idp.example").unwrap();
        let person = |claims: Value| {
            let Value::Object(claims) = claims else { panic!("an object") };
            provider.person_of(&claims)
        };
        let one = serde_json::json!({
            "drfo": "3184710691", "document": "АВ123456", "org_code": "43395033"
        });
        let one = person(one).unwrap();
        assert_eq!(one.identifiers, Identifiers::believed("3184710691", "", "АВ123456").unwrap());
        assert!(one.entity.is_some());
        // A name that is empty is no claim, and a number is no text: it may have lost its zeros.
        for none in [
            serde_json::json!({ "": "19910824-00026", "rnokpp": "3184710691" }),
            serde_json::json!({ "drfo": 3_184_710_691_u64 }),
        ] {
            assert!(matches!(person(none), Err(ProviderError::NoIdentifier)));
        }
    }

    #[test]
    fn what_is_no_address_is_no_issuer() {
        for issuer in ["", "idp.example", "ftp://idp.example"] {
            assert!(provider(issuer).is_err(), "{issuer}");
        }
    }

    #[test]
    fn nonce_and_verifier_are_of_the_browser_and_not_of_each_other() {
        let (one, other) = ([1; 32], [2; 32]);
        assert_ne!(nonce(&one).secret(), nonce(&other).secret());
        assert_ne!(verifier(&one).secret(), verifier(&other).secret());
        assert_ne!(nonce(&one).secret(), verifier(&one).secret());
        // RFC 7636: 43 to 128 characters.
        assert_eq!(verifier(&one).secret().len(), 43);
    }

    #[test]
    fn claims_are_not_printed() {
        let claims = Claims { all: Map::from_iter([("drfo".to_owned(), "1".into())]) };
        assert_eq!(format!("{claims:?}"), "Claims(…)");
    }
}
