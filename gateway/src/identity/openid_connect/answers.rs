//! What a provider's answers are worth: whether a token is believed, and why there may be none.
//!
//! What was said of a person is in none of these. Must not know where the answers came from.

use http::StatusCode;
use openidconnect::core::{CoreErrorResponseType, CoreGenderClaim, CoreJwsSigningAlgorithm};
use openidconnect::{
    AccessTokenHash, ClaimsVerificationError, DiscoveryError, IdToken, IdTokenClaims, Nonce,
    OAuth2TokenResponse, RequestTokenError, SignatureVerificationError, StandardErrorResponse,
    UserInfoError,
};

use super::transport::TransportError;
use super::{Claims, Jwe, Jws, RelyingParty, Tokens};
use crate::identity::provider::ProviderError;

/// What this gateway takes: all that a provider signs with a key that it alone has.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Why a token is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    UnknownKey,
    Signature,
    Nonce,
    Audience,
    Issuer,
    Expired,
    AccessToken,
    Other,
}

impl Doubt {
    /// For operators.
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::UnknownKey => "its key is not the provider's",
            Self::Signature => "its signature is wrong",
            Self::Nonce => "it is for another login",
            Self::Audience => "it is for another client",
            Self::Issuer => "it is another provider's",
            Self::Expired => "its time is over",
            Self::AccessToken => "it belongs to another access token",
            Self::Other => "it is not what the protocol says",
        }
    }
}

impl From<ClaimsVerificationError> for Doubt {
    fn from(error: ClaimsVerificationError) -> Self {
        match error {
            ClaimsVerificationError::Expired(_) => Self::Expired,
            ClaimsVerificationError::InvalidAudience(_) => Self::Audience,
            ClaimsVerificationError::InvalidIssuer(_) => Self::Issuer,
            ClaimsVerificationError::InvalidNonce(_) => Self::Nonce,
            ClaimsVerificationError::SignatureVerification(error) => error.into(),
            _ => Self::Other,
        }
    }
}

impl From<SignatureVerificationError> for Doubt {
    fn from(error: SignatureVerificationError) -> Self {
        match error {
            SignatureVerificationError::NoMatchingKey => Self::UnknownKey,
            _ => Self::Signature,
        }
    }
}

/// The claims of a token, if all about it is right.
pub(super) fn checked<'t>(
    party: &RelyingParty,
    token: &'t IdToken<Claims, CoreGenderClaim, Jwe, Jws>,
    nonce: &Nonce,
    tokens: &Tokens,
) -> Result<&'t IdTokenClaims<Claims, CoreGenderClaim>, Doubt> {
    // The provider's own list may name algorithms that need no secret of its own.
    let verifier = party.id_token_verifier().set_allowed_algs(ALGORITHMS);
    let claims = token.claims(&verifier, nonce)?;
    if let Some(said) = claims.access_token_hash() {
        let (algorithm, key) = (token.signing_alg()?, token.signing_key(&verifier)?);
        let actual = AccessTokenHash::from_token(tokens.access_token(), algorithm, key)
            .map_err(|_| Doubt::AccessToken)?;
        if actual != *said {
            return Err(Doubt::AccessToken);
        }
    }
    Ok(claims)
}

fn unreachable(error: &TransportError) -> ProviderError {
    ProviderError::Unreachable(error.to_string())
}

/// Why the provider did not say what it is.
pub(super) fn discovery_error(error: DiscoveryError<TransportError>) -> ProviderError {
    match error {
        DiscoveryError::Request(error) => unreachable(&error),
        _ => ProviderError::BadAnswer("discovery"),
    }
}

/// Why a code became no token.
pub(super) fn token_error(
    error: RequestTokenError<TransportError, StandardErrorResponse<CoreErrorResponseType>>,
) -> ProviderError {
    match error {
        RequestTokenError::Request(error) => unreachable(&error),
        RequestTokenError::ServerResponse(refusal) => {
            let code = refusal.error().to_string();
            let error = code.chars().filter(char::is_ascii_graphic).take(40).collect();
            ProviderError::Refused { status: StatusCode::BAD_REQUEST, error }
        }
        _ => ProviderError::BadAnswer("the token request"),
    }
}

/// Why nothing was said of the user.
pub(super) fn user_info_error(error: UserInfoError<TransportError>) -> ProviderError {
    match error {
        UserInfoError::Request(error) => unreachable(&error),
        UserInfoError::ClaimsVerification(error) => {
            ProviderError::NotBelieved(Doubt::from(error).what())
        }
        _ => ProviderError::BadAnswer("user info"),
    }
}
