//! TLS of the server: both sides show a certificate.
//!
//! Owns who may connect. Must not know connections.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use talon_credentials::{BadCredentials, Credentials, VERSIONS};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum BadTls {
    /// A file, or a certificate in it.
    #[error(transparent)]
    Credentials(#[from] BadCredentials),
    /// Certificate authorities that nobody can be checked against.
    #[error("{}: {source}", path.display())]
    Authority {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: VerifierBuilderError,
    },
}

/// TLS 1.3 with this certificate and key, for gateways whose certificate `client_ca` signed. Give
/// the gateways an authority of their own: whoever it signed may book for anybody.
///
/// # Errors
/// [`BadTls`], with the file.
pub fn server_config(
    certificate: &Path,
    key: &Path,
    client_ca: &Path,
) -> Result<Arc<rustls::ServerConfig>, BadTls> {
    let Credentials { chain, key, authorities } = Credentials::read(certificate, key, client_ca)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(authorities, Arc::clone(&provider))
        .build()
        .map_err(|source| BadTls::Authority { path: client_ca.to_owned(), source })?;
    let bad = BadCredentials::of(certificate);
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(VERSIONS)
        .map_err(&bad)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(&bad)?;
    Ok(Arc::new(config))
}
