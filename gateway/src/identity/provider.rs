//! The kinds of identification, behind one boundary.
//!
//! Owns what a login gives of a person and why it may give nothing. Must not know sessions; how a
//! kind talks to its service is in a file of its own.

use std::time::Duration;

use http::StatusCode;
use talon_domain::identity::{BadIdentifier, Edrpou, Identifiers};

use super::hub::HubClient;

/// What a login gives: who it was, and for whom they act.
#[derive(Debug)]
pub struct Person {
    /// All identifiers of the human.
    pub identifiers: Identifiers,
    /// The code of the legal entity whose signature was used.
    pub entity: Option<Edrpou>,
}

impl Person {
    /// What the identification hub says.
    ///
    /// # Errors
    /// [`ProviderError::NoIdentifier`].
    pub fn from_hub(drfocode: &str, unzr: &str, edrpou: &str) -> Result<Self, ProviderError> {
        Self::believed(Identifiers::from_hub(drfocode, unzr), edrpou)
    }

    /// Who says these is believed about check digits; a wrong one is worth a warning.
    pub(super) fn believed(
        identifiers: Result<Identifiers, BadIdentifier>,
        edrpou: &str,
    ) -> Result<Self, ProviderError> {
        let identifiers = identifiers.map_err(|_| ProviderError::NoIdentifier)?;
        if !identifiers.check_digits_hold() {
            tracing::warn!("an identifier has a wrong check digit; it is believed");
        }
        let entity = match Edrpou::unchecked(edrpou) {
            Ok(code) => {
                if !code.check_digit_holds() {
                    tracing::warn!("a legal entity's code has a wrong check digit; it is believed");
                }
                Some(code)
            }
            Err(_) => {
                if !edrpou.trim().is_empty() {
                    // Entrepreneurs have their own tax number there: they act for themselves.
                    tracing::warn!("a legal entity's code is none; the login is the person's own");
                }
                None
            }
        };
        Ok(Self { identifiers, entity })
    }
}

/// Why nobody was identified. Never carries what was said of a person.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The service could not be reached.
    #[error("{0} cannot be reached")]
    Unreachable(String),
    /// It took too long.
    #[error("it took longer than {0:?}")]
    TooSlow(Duration),
    /// It refused.
    #[error("it refused with status {status}: {error}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The protocol's error code.
        error: String,
    },
    /// It answered what the protocol does not know.
    #[error("the answer to {0} is not what the protocol says")]
    BadAnswer(&'static str),
    /// It encrypted the person's data, which this gateway cannot open.
    #[error("an encrypted envelope came; this gateway takes plain answers only")]
    Encrypted,
    /// It said what is not to be believed: a signature, an audience, a time, a nonce.
    #[error("the token is not to be believed: {0}")]
    NotBelieved(&'static str),
    /// It named nobody with a tax number, a register's number or a passport.
    #[error("there is no identifier that this gateway knows")]
    NoIdentifier,
    /// No randomness.
    #[error("no randomness")]
    Random,
}

/// One try to log in: what the answer has to fit.
#[derive(Clone, Copy)]
pub struct Round<'a> {
    /// What the browser carries there and back.
    pub state: &'a str,
    /// 256 random bits that stay with the browser that began.
    pub secret: &'a [u8; 32],
    /// Where the browser comes back to.
    pub redirect_uri: &'a str,
}

/// A service that identifies people.
pub enum Provider {
    /// The state's hub, by the protocol of ID.GOV.UA.
    IdGovUa(Box<HubClient>),
    /// Any provider of OpenID Connect.
    #[cfg(feature = "oidc")]
    OpenIdConnect(Box<super::openid_connect::OpenIdConnect>),
}

impl Provider {
    /// Where to send the browser.
    ///
    /// # Errors
    /// [`ProviderError`], where the service has to be asked for that.
    pub async fn authorize_link(&self, round: Round<'_>) -> Result<String, ProviderError> {
        match self {
            Self::IdGovUa(hub) => Ok(hub.authorize_link(round.state, round.redirect_uri)),
            #[cfg(feature = "oidc")]
            Self::OpenIdConnect(provider) => provider.authorize_link(round).await,
        }
    }

    /// Exchanges a code for the person who logged in.
    ///
    /// # Errors
    /// [`ProviderError`].
    #[cfg_attr(not(feature = "oidc"), expect(unused_variables, reason = "nobody else needs it"))]
    pub async fn identify(&self, code: &str, round: Round<'_>) -> Result<Person, ProviderError> {
        match self {
            // Its protocol has nothing that could be bound to the round, besides the state.
            Self::IdGovUa(hub) => hub.identify(code).await,
            #[cfg(feature = "oidc")]
            Self::OpenIdConnect(provider) => provider.identify(code, round).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_is_believed_and_what_is_no_code_is_no_entity() {
        let entity = |code| Person::from_hub("3184710691", "", code).unwrap().entity;
        assert!(entity("43395033").is_some());
        assert!(entity("43395034").is_some(), "a wrong check digit is a warning");
        assert!(entity("").is_none());
        assert!(entity("3184710691").is_none(), "an entrepreneur's own number");
    }

    #[test]
    fn an_entity_without_a_human_is_nobody() {
        assert!(matches!(Person::from_hub("", "", "43395033"), Err(ProviderError::NoIdentifier)));
    }
}
