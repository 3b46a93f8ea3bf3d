//! The demonstration: a built-in configuration, authority and stand-in hub.
//!
//! Only with the feature `demo`; packages for production are built without it.

use std::net::TcpListener;

use talon_ledger::core::Authority;
use talon_ledger::load::{self, BadAuthority};
use talon_standins::{Hub, HubOptions};

use crate::config::Config;

/// The configuration of a process that is given none.
pub const CONFIG: &str = include_str!("../../configs/demo.toml");
/// Its name in messages.
pub const CONFIG_NAME: &str = "the built-in configs/demo.toml";

const CATALOGUE: &str = include_str!("../../configs/catalogues/mvs.toml");
const POLICY: &str = include_str!("../../configs/policies/mvs.toml");

/// The built-in authority.
///
/// # Errors
/// Never, unless the files that are built in are wrong; a test reads them.
pub fn authority() -> Result<Authority, BadAuthority> {
    load::parse(
        ("the built-in configs/catalogues/mvs.toml", CATALOGUE),
        ("the built-in configs/policies/mvs.toml", POLICY),
    )
}

/// Why the stand-in hub does not start.
#[derive(Debug, thiserror::Error)]
pub enum BadHub {
    /// Its settings are refused.
    #[error("the stand-in hub: {0}")]
    Options(String),
    /// It cannot listen.
    #[error("the stand-in hub cannot listen: {0}")]
    Listen(std::io::Error),
}

/// Starts the stand-in hub on the current runtime.
///
/// # Errors
/// [`BadHub`].
pub fn start_hub(config: &Config, secret: &str, listener: TcpListener) -> Result<(), BadHub> {
    let port = config.server.listen.port();
    let here =
        ["localhost", "127.0.0.1"].map(|host| format!("{}://{host}:{port}", config.scheme()));
    let origins = here.into_iter().chain([config.origin()]);
    let mut redirects: Vec<String> =
        origins.map(|origin| format!("{origin}/login/callback")).collect();
    redirects.sort_unstable();
    redirects.dedup();
    let hub = Hub::new(HubOptions::new(&config.hub.client_id, secret, redirects))
        .map_err(|error| BadHub::Options(error.to_string()))?;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(BadHub::Listen)?;
    tokio::spawn(async move {
        if let Err(error) = talon_standins::serve(listener, hub, std::future::pending()).await {
            tracing::error!(%error, "the stand-in hub ended");
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layers;

    #[test]
    fn what_is_built_in_is_good() {
        let config = Layers::from_file("demo", CONFIG).unwrap().finish().unwrap();
        assert!(config.authorities.is_empty());
        let authority = authority().unwrap();
        assert_eq!(authority.catalogue.offices.len(), 142);
        assert_eq!(authority.catalogue.services.len(), 5);
    }
}
