//! TLS on the public listener: rustls with aws-lc-rs, TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
//!
//! Resumption is by tickets, whose keys change every six hours and exist in this process only;
//! there is no early data, which could be replayed. Must not know HTTP.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::server::NoServerSessionStorage;
use rustls::{HandshakeKind, ServerConfig};
use talon_telemetry::table;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::certificate::{BadCertificate, Certificate};
use super::handshakes::{HANDSHAKE_DEADLINE, Handshakes};

/// TLS with a certificate that follows its files.
pub struct Tls {
    acceptor: TlsAcceptor,
    /// The certificate.
    pub certificate: Arc<Certificate>,
}

/// Why a connection has no TLS.
#[derive(Debug, thiserror::Error)]
pub enum NoTls {
    /// The budget of handshakes refuses it.
    #[error("too many handshakes")]
    Refused,
    /// It took too long.
    #[error("the handshake took more than {HANDSHAKE_DEADLINE:?}")]
    TooSlow,
    /// It failed.
    #[error("the handshake failed: {0}")]
    Failed(#[from] std::io::Error),
}

impl NoTls {
    fn outcome(&self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::TooSlow => "slow",
            Self::Failed(_) => "failed",
        }
    }
}

impl Tls {
    /// TLS with the certificate and the key in these files.
    ///
    /// # Errors
    /// [`BadCertificate`].
    pub fn open(certificate: &Path, key: &Path) -> Result<Self, BadCertificate> {
        let resolver = Arc::new(Certificate::open(certificate, key)?);
        let unusable = |source| BadCertificate::Pair {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            source,
        };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&resolver) as _);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(unusable)?;
        // Tickets carry the sessions; nothing is kept here for clients that may never return.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificate: resolver })
    }

    /// Shakes hands with a client, within the budget and the deadline.
    ///
    /// # Errors
    /// [`NoTls`].
    pub async fn accept(
        &self,
        stream: TcpStream,
        client: IpAddr,
        budget: &Arc<Handshakes>,
    ) -> Result<TlsStream<TcpStream>, NoTls> {
        let shaken = self.shake_hands(stream, client, budget).await;
        let outcome = match &shaken {
            Ok(stream) if is_resumed(stream) => "resumed",
            Ok(_) => "full",
            Err(error) => error.outcome(),
        };
        metrics::counter!(table::HANDSHAKES.name, "outcome" => outcome).increment(1);
        shaken
    }

    async fn shake_hands(
        &self,
        stream: TcpStream,
        client: IpAddr,
        budget: &Arc<Handshakes>,
    ) -> Result<TlsStream<TcpStream>, NoTls> {
        let place = budget.admit(client, Instant::now()).ok_or(NoTls::Refused)?;
        let shaking = self.acceptor.accept(stream);
        let Ok(shaken) = tokio::time::timeout(HANDSHAKE_DEADLINE, shaking).await else {
            return Err(NoTls::TooSlow);
        };
        let stream = shaken?;
        if is_resumed(&stream) {
            place.was_resumed();
        }
        Ok(stream)
    }
}

fn is_resumed(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed)
}
