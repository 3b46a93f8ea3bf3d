//! The settings of the service that identifies people.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ProcessMode;

/// What a program says that cannot speak OpenID Connect.
pub const WITHOUT_OPENID_CONNECT: &str = "this program is built without OpenID Connect; use \"id-gov-ua\", or build with `--features oidc`";

/// The protocol of the service that identifies people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HubKind {
    /// That of ID.GOV.UA.
    IdGovUa,
    /// OpenID Connect; only in a program that is built with it.
    #[serde(rename = "openid-connect")]
    OpenIdConnect,
}

/// The identification hub.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Hub {
    /// How it speaks.
    pub kind: HubKind,
    /// Where this process reaches it. In a demonstration the stand-in listens there.
    pub origin: String,
    /// Where browsers reach it; empty: at `origin`.
    pub browser_origin: String,
    /// The name under which the hub knows this gateway.
    pub client_id: String,
    /// The ways of identification offered, as the hub names them. Of ID.GOV.UA only.
    pub auth_type: String,
    /// The provider's name, as its tokens say it, such as `https://id.example`. Of OpenID Connect
    /// only, and needed there; everything of the provider's has to be at this origin.
    pub issuer: String,
    /// What is asked for besides `openid`, with spaces between. Of OpenID Connect only.
    pub scopes: String,
    /// Which claim holds what. Of OpenID Connect only.
    pub claims: HubClaims,
    /// How long the hub may take for one answer, in milliseconds, 100 to 60,000.
    pub deadline_ms: u64,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            kind: HubKind::IdGovUa,
            origin: "http://127.0.0.1:8081".to_owned(),
            browser_origin: String::new(),
            client_id: "talon".to_owned(),
            auth_type: "dig_sign,bank_id,mobile_id".to_owned(),
            issuer: String::new(),
            scopes: String::new(),
            claims: HubClaims::default(),
            deadline_ms: 10_000,
        }
    }
}

/// The names of the claims that hold identifiers; an empty name: none does.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HubClaims {
    /// The tax number (РНОКПП).
    pub rnokpp: String,
    /// The number of the demographic register (УНЗР).
    pub unzr: String,
    /// A passport, series and number.
    pub passport: String,
    /// The code of the legal entity that somebody acts for (ЄДРПОУ).
    pub edrpou: String,
}

impl Default for HubClaims {
    fn default() -> Self {
        let name = |text: &str| text.to_owned();
        Self {
            rnokpp: name("rnokpp"),
            unzr: name("unzr"),
            passport: name("passport"),
            edrpou: name("edrpou"),
        }
    }
}

impl Hub {
    /// The address and port of an origin that names them.
    pub fn address(&self) -> Option<SocketAddr> {
        self.origin.strip_prefix("http://")?.trim_end_matches('/').parse().ok()
    }

    /// Where browsers reach the hub.
    pub fn browser_origin(&self) -> &str {
        if self.browser_origin.is_empty() { &self.origin } else { &self.browser_origin }
    }

    /// Checks what types alone cannot.
    ///
    /// # Errors
    /// The key and what would be right.
    pub(super) fn check(&self, mode: ProcessMode) -> Result<(), (&'static str, String)> {
        if !self.origin.starts_with("http://") {
            let remedy = "must start with http://; reach a hub over TLS through a local proxy";
            return Err(("hub.origin", remedy.to_owned()));
        }
        if self.kind == HubKind::IdGovUa {
            return Ok(());
        }
        if !cfg!(feature = "oidc") {
            return Err(("hub.kind", WITHOUT_OPENID_CONNECT.to_owned()));
        }
        let schemes: &[&str] = match mode {
            ProcessMode::Demo => &["http", "https"],
            ProcessMode::Production => &["https"],
        };
        let issuer = url::Url::parse(&self.issuer).ok();
        if !issuer.is_some_and(|url| url.has_host() && schemes.contains(&url.scheme())) {
            let remedy = "must be the provider's https:// address; \"openid-connect\" needs it";
            return Err(("hub.issuer", remedy.to_owned()));
        }
        let HubClaims { rnokpp, unzr, passport, .. } = &self.claims;
        if [rnokpp, unzr, passport].into_iter().all(String::is_empty) {
            let remedy = "must name the claim of at least one identifier of a person";
            return Err(("hub.claims", remedy.to_owned()));
        }
        Ok(())
    }
}
