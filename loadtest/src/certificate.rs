//! A certificate for a gateway on this computer, and the trust in it.
//!
//! Owns the files beside the gateway's data, and how long they are good. Must not know who connects. Called by the
//! rehearsal, when it is one over TLS.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};

/// Whom it names.
const ADDRESS: &str = "127.0.0.1";
/// How long it is good: longer than any rehearsal, and so short that a panel on its end shows something.
const DAYS: i64 = 60;

/// A certificate, its key, and whoever trusts them and nobody else.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate's file.
    pub certificate: PathBuf,
    /// The key's, for its owner only.
    pub key: PathBuf,
    /// What clients connect with.
    pub trust: Arc<ClientConfig>,
}

impl Certificate {
    /// Makes one in a folder.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn make(folder: &Path) -> Result<Self> {
        let mut parameters = CertificateParams::new([ADDRESS.to_owned()])?;
        let today = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC).date();
        let day = |date: jiff::civil::Date| {
            let [month, day] = [date.month(), date.day()].map(i8::unsigned_abs);
            date_time_ymd(date.year().into(), month, day)
        };
        parameters.not_before = day(today.yesterday()?);
        parameters.not_after = day(today.checked_add(jiff::Span::new().days(DAYS))?);
        let pair = KeyPair::generate()?;
        let signed = parameters.self_signed(&pair)?;
        let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
        write(&certificate, &signed.pem())?;
        write(&key, &pair.serialize_pem())?;
        let mut roots = RootCertStore::empty();
        roots.add(signed.der().clone())?;
        let trust = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { certificate, key, trust: Arc::new(trust) })
    }
}

fn write(file: &Path, text: &str) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = options.open(file).and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| format!("writing {}", file.display()))
}
