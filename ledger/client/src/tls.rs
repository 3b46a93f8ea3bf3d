//! TLS of a client: the ledger's certificate is checked, and this side shows one.
//!
//! Owns the name that the ledger goes by. Must not know connections.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::{InvalidDnsNameError, ServerName};
use talon_credentials::{BadCredentials, Credentials, VERSIONS};

/// How to speak TLS to a ledger.
#[derive(Clone)]
pub struct Tls {
    pub(crate) config: Arc<rustls::ClientConfig>,
    pub(crate) name: ServerName<'static>,
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum BadTls {
    /// A file, or a certificate in it.
    #[error(transparent)]
    Credentials(#[from] BadCredentials),
    /// A name that no certificate can have.
    #[error("{name}: {source}")]
    Name {
        /// The name.
        name: String,
        /// Why.
        source: InvalidDnsNameError,
    },
}

impl Tls {
    /// TLS 1.3 to a ledger whose certificate `authority` signed for `name`, showing this
    /// certificate.
    ///
    /// # Errors
    /// [`BadTls`], with the file.
    pub fn new(
        certificate: &Path,
        key: &Path,
        authority: &Path,
        name: &str,
    ) -> Result<Self, BadTls> {
        let Credentials { chain, key, authorities } =
            Credentials::read(certificate, key, authority)?;
        let bad = BadCredentials::of(certificate);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(VERSIONS)
            .map_err(&bad)?
            .with_root_certificates(authorities)
            .with_client_auth_cert(chain, key)
            .map_err(&bad)?;
        let name = ServerName::try_from(name.to_owned())
            .map_err(|source| BadTls::Name { name: name.to_owned(), source })?;
        Ok(Self { config: Arc::new(config), name })
    }
}
