//! The outer edge: TLS, and whose word on a client's address is taken.
//!
//! Owns certificates, handshakes and their budget, PROXY headers and forwarded addresses. Must not
//! know routes. [`crate::server`] asks for each connection, [`crate::hot`] for each request.

pub mod certificate;
pub mod forwarded;
pub mod handshakes;
pub mod proxy_header;
pub mod tls;
mod trust;
pub mod turns;

use std::sync::Arc;

use talon_telemetry::table;

use crate::config::Config;

pub use trust::Trust;

/// The edge of a gateway.
pub struct Edge {
    /// Whose word is taken.
    pub trust: Trust,
    /// TLS, unless a terminator speaks it.
    pub tls: Option<tls::Tls>,
}

impl Edge {
    /// The edge that a configuration asks for, with its certificate read.
    ///
    /// # Errors
    /// [`certificate::BadCertificate`].
    pub fn open(config: &Config) -> Result<Self, certificate::BadCertificate> {
        let trust = Trust::new(config.trusted_proxies(), config.server.client_address);
        let tls = config.tls.files().map(|(certificate, key)| tls::Tls::open(certificate, key));
        Ok(Self { trust, tls: tls.transpose()? })
    }

    /// Follows the certificate's files, on the current runtime.
    pub fn follow(&self) {
        if let Some(tls) = &self.tls {
            tokio::spawn(Arc::clone(&tls.certificate).follow());
        }
    }

    /// Brings the gauge of the certificate's end up to date.
    pub fn look(&self) {
        let ends = self.tls.as_ref().and_then(|tls| tls.certificate.ends_at_s());
        if let Some(ends) = ends {
            metrics::gauge!(table::CERTIFICATE_EXPIRES.name).set(ends as f64);
        }
    }

    /// Reads the certificate now, where there is one; a bad one changes nothing.
    ///
    /// # Errors
    /// [`certificate::BadCertificate`].
    pub fn reload(&self) -> Result<(), certificate::BadCertificate> {
        self.tls.as_ref().map_or(Ok(()), |tls| tls.certificate.reload())
    }
}
