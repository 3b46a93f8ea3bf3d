//! The certificates that a gateway and its ledger show each other, and secrets, read from files.
//!
//! Owns the three files of a side, what is wrong with them, which version of TLS both speak, and who may read a
//! secret's file. Must not know which side it is on. Called by the ledger's `serve` and by its client, and by
//! whatever names a secret's file.

pub mod secret;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::{RootCertStore, SupportedProtocolVersion};

use crate::secret::{BadSecret, MAX_KEY_BYTES};

/// What both sides speak, and nothing older.
pub const VERSIONS: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// What one side shows, and whom it believes.
pub struct Credentials {
    /// Its certificate, and those that lead to its authority.
    pub chain: Vec<CertificateDer<'static>>,
    /// The certificate's key.
    pub key: PrivateKeyDer<'static>,
    /// The authorities that sign for the other side.
    pub authorities: Arc<RootCertStore>,
}

/// Why there are none.
#[derive(Debug, thiserror::Error)]
pub enum BadCredentials {
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
}

impl Credentials {
    /// Reads a certificate with its key, and the certificates of the other side's authorities.
    ///
    /// # Errors
    /// [`BadCredentials`], with the file.
    pub fn read(
        certificate: &Path,
        key: &Path,
        authorities: &Path,
    ) -> Result<Self, BadCredentials> {
        let mut roots = RootCertStore::empty();
        for authority in certificates(authorities)? {
            roots.add(authority).map_err(BadCredentials::of(authorities))?;
        }
        let private = PrivateKeyDer::from_pem_slice(&secret::read(key, MAX_KEY_BYTES)?)
            .map_err(|source| BadCredentials::File { path: key.to_owned(), source })?;
        let chain = certificates(certificate)?;
        Ok(Self { chain, key: private, authorities: Arc::new(roots) })
    }
}

impl BadCredentials {
    /// What TLS says of the certificate in a file.
    pub fn of(path: &Path) -> impl Fn(rustls::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Certificate { path: path.clone(), source }
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BadCredentials> {
    let bad = |source| BadCredentials::File { path: path.to_owned(), source };
    let found: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(bad)?.collect::<Result<_, _>>().map_err(bad)?;
    if found.is_empty() {
        return Err(BadCredentials::Empty { path: path.to_owned() });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const NAMES: [&str; 3] = ["own.pem", "own.key", "authority.pem"];

    /// What is said when one of the three files of good credentials has this text instead, or is not there.
    fn said(spoilt: &str, text: Option<&str>) -> String {
        said_with(spoilt, text, 0o600)
    }

    /// The same, with files of this mode.
    fn said_with(spoilt: &str, text: Option<&str>, mode: u32) -> String {
        let directory = tempfile::tempdir().unwrap();
        let own = rcgen::generate_simple_self_signed(["ledger".to_owned()]).unwrap();
        let good = [own.cert.pem(), own.signing_key.serialize_pem(), own.cert.pem()];
        for (name, good) in NAMES.into_iter().zip(good) {
            let text = if name == spoilt { text } else { Some(good.as_str()) };
            if let Some(text) = text {
                let file = directory.path().join(name);
                fs::write(&file, text).unwrap();
                fs::set_permissions(file, Permissions::from_mode(mode)).unwrap();
            }
        }
        let [own, key, authority] = NAMES.map(|name| directory.path().join(name));
        match Credentials::read(&own, &key, &authority) {
            Ok(credentials) => format!("{} read", credentials.chain.len()),
            Err(bad) => bad.to_string(),
        }
    }

    #[test]
    fn credentials_are_read_from_three_files_and_a_bad_one_is_named() {
        assert_eq!(said("none", None), "1 read");
        for name in NAMES {
            for text in [None, Some(""), Some("-----BEGIN CERTIFICATE-----\nAAAA")] {
                let said = said(name, text);
                assert!(said.contains(&format!("/{name}: ")), "{name} {text:?}: {said}");
            }
        }
        assert!(said("own.pem", Some("")).ends_with("holds no certificate"));
        let readable = said_with("none", None, 0o604);
        assert!(readable.contains("/own.key: mode 604 lets others read it"), "{readable}");
        let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(said("authority.pem", Some(no_certificate)).contains("/authority.pem: "));
    }
}
