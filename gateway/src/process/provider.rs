//! The service that identifies people, as the configuration names it.

use std::time::Duration;

use super::Failure;
use crate::app::App;
use crate::config::HubKind;
use crate::identity::hub::HubClient;
use crate::identity::provider::Provider;

/// A client of the configured kind.
///
/// # Errors
/// [`Failure::Setting`].
pub(super) fn of(app: &App) -> Result<Provider, Failure> {
    let hub = &app.config.hub;
    let deadline = Duration::from_millis(hub.deadline_ms);
    match hub.kind {
        HubKind::IdGovUa => Ok(Provider::IdGovUa(Box::new(HubClient::new(
            &hub.origin,
            hub.browser_origin(),
            &hub.client_id,
            &app.keys.hub_client_secret,
            &hub.auth_type,
            deadline,
        )))),
        HubKind::OpenIdConnect => open_id_connect(app, deadline),
    }
}

#[cfg(feature = "oidc")]
fn open_id_connect(app: &App, deadline: Duration) -> Result<Provider, Failure> {
    use crate::identity::openid_connect::{ClaimNames, OpenIdConnect, Registration};
    let hub = &app.config.hub;
    let claims = hub.claims.clone();
    let client = OpenIdConnect::new(Registration {
        issuer: hub.issuer.clone(),
        origin: hub.origin.clone(),
        client_id: hub.client_id.clone(),
        client_secret: app.keys.hub_client_secret.clone(),
        scopes: hub.scopes.clone(),
        claims: ClaimNames {
            rnokpp: claims.rnokpp,
            unzr: claims.unzr,
            passport: claims.passport,
            edrpou: claims.edrpou,
        },
        deadline,
    });
    let client = client.map_err(|error| Failure::setting("hub", error.to_string()))?;
    Ok(Provider::OpenIdConnect(Box::new(client)))
}

/// The configuration's check does not let it come so far.
#[cfg(not(feature = "oidc"))]
fn open_id_connect(_app: &App, _deadline: Duration) -> Result<Provider, Failure> {
    Err(Failure::setting("hub.kind", crate::config::WITHOUT_OPENID_CONNECT.to_owned()))
}
