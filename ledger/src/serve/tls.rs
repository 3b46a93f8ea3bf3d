//! TLS of the server: both sides show a certificate.
//!
//! Owns reading the three files and which versions are spoken. Must not know connections.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use talon_telemetry::secret::{self, BadSecret, MAX_KEY_BYTES};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum BadTls {
    /// A file that cannot be read or is no PEM.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// The key's file, which nobody else may read.
    #[error(transparent)]
    Key(#[from] BadSecret),
    /// A file without a certificate in it.
    #[error("{}: holds no certificate", path.display())]
    Empty {
        /// Which file.
        path: PathBuf,
    },
    /// Certificate authorities that nobody can be checked against.
    #[error("{}: {source}", path.display())]
    Authority {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: VerifierBuilderError,
    },
    /// A certificate that does not go with its key, or is none.
    #[error("{}: {source}", path.display())]
    Certificate {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
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
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    for authority in certificates(client_ca)? {
        let path = client_ca.to_owned();
        roots.add(authority).map_err(|source| BadTls::Certificate { path, source })?;
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|source| BadTls::Authority { path: client_ca.to_owned(), source })?;
    let private = PrivateKeyDer::from_pem_slice(&secret::read(key, MAX_KEY_BYTES)?)
        .map_err(|source| BadTls::File { path: key.to_owned(), source })?;
    let bad = |source| BadTls::Certificate { path: certificate.to_owned(), source };
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(bad)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates(certificate)?, private)
        .map_err(bad)?;
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BadTls> {
    let bad = |source| BadTls::File { path: path.to_owned(), source };
    let found: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(bad)?.collect::<Result<_, _>>().map_err(bad)?;
    if found.is_empty() { Err(BadTls::Empty { path: path.to_owned() }) } else { Ok(found) }
}
