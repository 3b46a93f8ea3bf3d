//! How a client reaches a gateway: at which address, whether over TLS, and as whom.
//!
//! Must not know what is asked. Called by the client.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};

/// TLS sessions that one client remembers; it talks to one gateway.
const MAX_TICKETS: usize = 8;

/// Where a gateway is, and which certificate it may show there.
#[derive(Clone, Debug)]
pub struct Address {
    base: Arc<str>,
    trust: Option<Arc<ClientConfig>>,
}

impl Address {
    /// A gateway at `base` (`https://127.0.0.1:8443`) whose certificate `trust` accepts.
    #[must_use]
    pub fn secured(base: &str, trust: Arc<ClientConfig>) -> Self {
        Self { trust: Some(trust), ..Self::from(base) }
    }

    /// `http://host:port` or `https://host:port`, no slash at the end.
    #[must_use]
    pub fn base(&self) -> &Arc<str> {
        &self.base
    }

    /// The connector of one client, from one address of this computer.
    pub(super) fn connector(&self, from: Option<Ipv4Addr>) -> HttpsConnector<HttpConnector> {
        let mut connector = HttpConnector::new();
        connector.set_local_address(from.map(IpAddr::V4));
        // Bookings are small and answered one by one: waiting to fill a packet would be all delay.
        connector.set_nodelay(true);
        connector.enforce_http(false);
        let mut trust = self.trust.as_deref().cloned().unwrap_or_else(trust_in_nobody);
        // A copy would share its tickets, and devices have each their own.
        trust.resumption = Resumption::in_memory_sessions(MAX_TICKETS);
        HttpsConnectorBuilder::new()
            .with_tls_config(trust)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector)
    }
}

/// A gateway over plain HTTP.
impl From<&str> for Address {
    fn from(base: &str) -> Self {
        Self { base: base.trim_end_matches('/').into(), trust: None }
    }
}

fn trust_in_nobody() -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has the protocols that it is built with")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}
