//! The certificate of the public listener: read at start, read again when its files change.
//!
//! A new pair of files that does not fit together, or cannot be read, changes nothing; connections
//! that are open keep what they have. Must not know handshakes.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use talon_credentials::secret;

/// How often the files are looked at.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Largest file of a certificate or a key, in bytes.
pub const MAX_PEM_BYTES: u64 = 256 * 1024;

/// Why a certificate is refused.
#[derive(Debug, thiserror::Error)]
pub enum BadCertificate {
    /// A file that cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A key that others can read.
    #[error("{}: mode {mode:03o} lets others read it; chmod 600 it", path.display())]
    Readable {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A file that is larger than any certificate.
    #[error("{}: more than {MAX_PEM_BYTES} bytes", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
    },
    /// A file that holds nothing of the kind.
    #[error("{}: {problem}", path.display())]
    Pem {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A key that is another certificate's, or of a kind that is not known.
    #[error("{} and {}: {source}", certificate.display(), key.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// Tells two states of a file apart.
type Stamp = (u64, u64, i64, i64);

/// A certificate that follows its files.
#[derive(Debug)]
pub struct Certificate {
    certificate: PathBuf,
    key: PathBuf,
    current: ArcSwap<CertifiedKey>,
    /// The files' states when they were last read, whatever came of it.
    seen: Mutex<Option<[Stamp; 2]>>,
    provider: Arc<CryptoProvider>,
}

impl Certificate {
    /// Reads a certificate with its chain, and its key.
    ///
    /// # Errors
    /// [`BadCertificate`].
    pub fn open(certificate: &Path, key: &Path) -> Result<Self, BadCertificate> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        // Noted before reading: a change in between is seen as one.
        let seen = stamps(certificate, key);
        let current = read_pair(certificate, key, &provider)?;
        Ok(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            current: ArcSwap::from_pointee(current),
            seen: Mutex::new(seen),
            provider,
        })
    }

    /// When the certificate in use ends, in Unix seconds; nothing when it cannot be read as one.
    pub fn ends_at_s(&self) -> Option<i64> {
        let current = self.current.load();
        let (_, certificate) = x509_parser::parse_x509_certificate(current.cert.first()?).ok()?;
        Some(certificate.validity().not_after.timestamp())
    }

    /// Reads the files now. New handshakes use what they hold; when they are refused, what was
    /// good before stays.
    ///
    /// # Errors
    /// [`BadCertificate`].
    pub fn reload(&self) -> Result<(), BadCertificate> {
        *self.seen.lock() = stamps(&self.certificate, &self.key);
        let new = read_pair(&self.certificate, &self.key, &self.provider)?;
        self.current.store(Arc::new(new));
        Ok(())
    }

    /// Reads the files if they are not those that were read last; whether they were not.
    ///
    /// # Errors
    /// [`BadCertificate`], once for each change.
    pub fn reload_if_changed(&self) -> Result<bool, BadCertificate> {
        let now = stamps(&self.certificate, &self.key);
        if now == *self.seen.lock() {
            return Ok(false);
        }
        self.reload().map(|()| true)
    }

    /// Looks at the files again and again.
    pub async fn follow(self: Arc<Self>) {
        let mut every = tokio::time::interval(LOOK_EVERY);
        loop {
            every.tick().await;
            match self.reload_if_changed() {
                Ok(false) => {}
                Ok(true) => tracing::info!("the certificate was read again"),
                Err(problem) => {
                    tracing::error!(%problem, "tls: the new certificate is refused, the old stays");
                }
            }
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn stamps(certificate: &Path, key: &Path) -> Option<[Stamp; 2]> {
    let stamp = |path: &Path| {
        let of = |file: Metadata| (file.ino(), file.size(), file.mtime(), file.mtime_nsec());
        fs::metadata(path).map(of).ok()
    };
    Some([stamp(certificate)?, stamp(key)?])
}

fn read_pair(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, BadCertificate> {
    let pem = |path: &Path, problem: String| BadCertificate::Pem { path: path.into(), problem };
    let chain = CertificateDer::pem_slice_iter(&read(certificate, |_| None)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| pem(certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(pem(certificate, "no certificate in PEM".to_owned()));
    }
    let private = PrivateKeyDer::from_pem_slice(&read(key, secret::excess)?)
        .map_err(|error| pem(key, error.to_string()))?;
    CertifiedKey::from_der(chain, private, provider).map_err(|source| BadCertificate::Pair {
        certificate: certificate.into(),
        key: key.into(),
        source,
    })
}

/// Reads a file that has no permissions in excess.
fn read(
    path: &Path,
    excess: impl FnOnce(&Metadata) -> Option<u32>,
) -> Result<Vec<u8>, BadCertificate> {
    let io = |source| BadCertificate::Io { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(io)?;
    if let Some(mode) = excess(&metadata) {
        return Err(BadCertificate::Readable { path: path.to_owned(), mode });
    }
    if metadata.len() > MAX_PEM_BYTES {
        return Err(BadCertificate::TooLarge { path: path.to_owned() });
    }
    fs::read(path).map_err(io)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use rcgen::generate_simple_self_signed;
    use tempfile::TempDir;

    use super::*;

    struct Files(TempDir);

    impl Files {
        fn new() -> Self {
            let files = Self(tempfile::tempdir().unwrap());
            files.write(true, true);
            files
        }

        fn paths(&self) -> [PathBuf; 2] {
            ["certificate.pem", "key.pem"].map(|name| self.0.path().join(name))
        }

        /// Writes a new pair, or only one half of it.
        fn write(&self, certificate: bool, key: bool) {
            let made = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
            let [certificate_path, key_path] = self.paths();
            if certificate {
                fs::write(certificate_path, made.cert.pem()).unwrap();
            }
            if key {
                fs::write(&key_path, made.signing_key.serialize_pem()).unwrap();
                fs::set_permissions(key_path, fs::Permissions::from_mode(0o600)).unwrap();
            }
        }

        fn open(&self) -> Result<Certificate, BadCertificate> {
            let [certificate, key] = self.paths();
            Certificate::open(&certificate, &key)
        }
    }

    fn leaf(certificate: &Certificate) -> Vec<u8> {
        certificate.current.load().cert[0].to_vec()
    }

    #[test]
    fn a_new_pair_is_taken_and_an_unchanged_one_is_not_read() {
        let files = Files::new();
        let certificate = files.open().unwrap();
        let first = leaf(&certificate);
        assert!(!certificate.reload_if_changed().unwrap());
        files.write(true, true);
        assert!(certificate.reload_if_changed().unwrap());
        assert_ne!(leaf(&certificate), first);
    }

    #[test]
    fn a_pair_that_does_not_fit_keeps_the_old_one_and_is_told_once() {
        let files = Files::new();
        let certificate = files.open().unwrap();
        let first = leaf(&certificate);
        files.write(true, false);
        assert!(matches!(certificate.reload_if_changed(), Err(BadCertificate::Pair { .. })));
        assert_eq!(leaf(&certificate), first);
        assert!(!certificate.reload_if_changed().unwrap());
        files.write(true, true);
        assert!(certificate.reload_if_changed().unwrap());
    }

    #[test]
    fn files_that_are_gone_keep_the_old_certificate() {
        let files = Files::new();
        let certificate = files.open().unwrap();
        let first = leaf(&certificate);
        fs::remove_file(&files.paths()[1]).unwrap();
        assert!(matches!(certificate.reload_if_changed(), Err(BadCertificate::Io { .. })));
        assert_eq!(leaf(&certificate), first);
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let files = Files::new();
        fs::set_permissions(&files.paths()[1], fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(files.open(), Err(BadCertificate::Readable { mode: 0o644, .. })));
    }

    #[test]
    fn what_holds_no_certificate_or_too_much_is_refused() {
        let files = Files::new();
        let [certificate, key] = files.paths();
        fs::write(&certificate, "nothing").unwrap();
        assert!(matches!(files.open(), Err(BadCertificate::Pem { .. })));
        fs::write(&certificate, vec![b'x'; usize::try_from(MAX_PEM_BYTES).unwrap() + 1]).unwrap();
        assert!(matches!(files.open(), Err(BadCertificate::TooLarge { .. })));
        files.write(true, false);
        fs::write(&key, "nothing").unwrap();
        assert!(matches!(files.open(), Err(BadCertificate::Pem { .. })));
    }
}
