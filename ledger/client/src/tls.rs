//! TLS of a client: the ledger's certificate is checked, and this side shows one.
//!
//! Owns reading the three files and which versions are spoken. Must not know connections.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, PrivateKeyDer, ServerName, pem};
use talon_telemetry::secret::{self, BadSecret, MAX_KEY_BYTES};

/// How to speak TLS to a ledger.
#[derive(Clone)]
pub struct Tls {
    pub(crate) config: Arc<rustls::ClientConfig>,
    pub(crate) name: ServerName<'static>,
}

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
    /// A certificate that does not go with its key, or is none.
    #[error("{}: {source}", path.display())]
    Certificate {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
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
        let mut roots = RootCertStore::empty();
        for root in certificates(authority)? {
            let path = authority.to_owned();
            roots.add(root).map_err(|source| BadTls::Certificate { path, source })?;
        }
        let private = PrivateKeyDer::from_pem_slice(&secret::read(key, MAX_KEY_BYTES)?)
            .map_err(|source| BadTls::File { path: key.to_owned(), source })?;
        let bad = |source| BadTls::Certificate { path: certificate.to_owned(), source };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(bad)?
            .with_root_certificates(roots)
            .with_client_auth_cert(certificates(certificate)?, private)
            .map_err(bad)?;
        let name = ServerName::try_from(name.to_owned())
            .map_err(|source| BadTls::Name { name: name.to_owned(), source })?;
        Ok(Self { config: Arc::new(config), name })
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BadTls> {
    let bad = |source| BadTls::File { path: path.to_owned(), source };
    let found: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(bad)?.collect::<Result<_, _>>().map_err(bad)?;
    if found.is_empty() { Err(BadTls::Empty { path: path.to_owned() }) } else { Ok(found) }
}
