//! Where Redis is and how to be let in: address, user, password, certificate authority, cluster or not.
//!
//! Owns what is secret about it, so it has no `Debug`. Must not know scripts or what is asked. Called at the
//! start of the process and by the link of each core.

use redis::cluster::ClusterClient;
use redis::io::tcp::TcpSettings;
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, TlsCertificates};

use super::RedisStoreConfig;

/// Most nodes of a cluster that are named as the first ones to ask; the others are learnt from these.
pub const MAX_CLUSTER_NODES: usize = 64;

/// Why an address is none. Holds neither user nor password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEndpoint {
    /// Not of the form of an address.
    #[error("is no address of a Redis such as redis://127.0.0.1:6379")]
    Address,
    /// Several addresses, or none, where one is needed.
    #[error("names several addresses; that is for a cluster only")]
    Several,
    /// Too many addresses.
    #[error("names more than {MAX_CLUSTER_NODES} addresses")]
    TooMany,
    /// A certificate authority, but no TLS.
    #[error("a certificate authority needs an address of the form rediss://host:port")]
    NoTls,
    /// The file of the certificate authority holds no certificate.
    #[error("the certificate authority's file holds no certificate in PEM")]
    NoCertificate,
}

/// One Redis, or the first nodes of a cluster.
#[derive(Clone)]
pub struct RedisEndpoint {
    nodes: Vec<ConnectionInfo>,
    certificates: Option<TlsCertificates>,
    cluster: bool,
}

impl RedisEndpoint {
    /// One Redis: `redis://host:port`, `rediss://host:port` for TLS, `unix:///path`; with `user@` where
    /// there are users.
    ///
    /// # Errors
    /// [`BadEndpoint`].
    pub fn single(url: &str) -> Result<Self, BadEndpoint> {
        if url.contains(',') {
            return Err(BadEndpoint::Several);
        }
        Ok(Self { nodes: vec![node(url)?], certificates: None, cluster: false })
    }

    /// A cluster, by the addresses of some of its nodes, separated by commas.
    ///
    /// # Errors
    /// [`BadEndpoint`].
    pub fn cluster(urls: &str) -> Result<Self, BadEndpoint> {
        let nodes: Vec<_> =
            urls.split(',').map(|url| node(url.trim())).collect::<Result<_, _>>()?;
        if nodes.len() > MAX_CLUSTER_NODES {
            return Err(BadEndpoint::TooMany);
        }
        if nodes.iter().any(|node| matches!(node.addr(), ConnectionAddr::Unix(_))) {
            return Err(BadEndpoint::Address);
        }
        Ok(Self { nodes, certificates: None, cluster: true })
    }

    /// With this password, which is nowhere shown.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        for node in &mut self.nodes {
            let settings = node.redis_settings().clone().set_password(password);
            *node = node.clone().set_redis_settings(settings);
        }
        self
    }

    /// Trusting these certificates in PEM, and no others.
    ///
    /// # Errors
    /// [`BadEndpoint::NoTls`], [`BadEndpoint::NoCertificate`].
    pub fn with_authority(mut self, pem: &[u8]) -> Result<Self, BadEndpoint> {
        use rustls::pki_types::CertificateDer;
        use rustls::pki_types::pem::PemObject;
        if !self.is_encrypted() {
            return Err(BadEndpoint::NoTls);
        }
        let is_certificate =
            CertificateDer::pem_slice_iter(pem).next().is_some_and(|one| one.is_ok());
        if !is_certificate {
            return Err(BadEndpoint::NoCertificate);
        }
        self.certificates =
            Some(TlsCertificates { client_tls: None, root_cert: Some(pem.to_vec()) });
        Ok(self)
    }

    /// Whether this is a cluster.
    #[must_use]
    pub fn is_cluster(&self) -> bool {
        self.cluster
    }

    fn is_encrypted(&self) -> bool {
        self.nodes.iter().all(|node| matches!(node.addr(), ConnectionAddr::TcpTls { .. }))
    }

    /// A client of the one Redis.
    ///
    /// # Errors
    /// What is wrong with the settings; nothing is connected yet.
    pub(super) fn client(&self, config: &RedisStoreConfig) -> redis::RedisResult<Client> {
        self.install_provider();
        let [node] = self.nodes.as_slice() else {
            return Err((redis::ErrorKind::InvalidClientConfig, "one address is needed").into());
        };
        let node = node.clone().set_tcp_settings(tcp_settings(config));
        match &self.certificates {
            Some(certificates) => Client::build_with_tls(node, certificates.clone()),
            None => Client::open(node),
        }
    }

    /// A client of the cluster. It repeats nothing by itself: whether a batch may be sent again is not for
    /// it to know.
    ///
    /// # Errors
    /// What is wrong with the settings; nothing is connected yet.
    pub(super) fn cluster_client(
        &self,
        config: &RedisStoreConfig,
    ) -> redis::RedisResult<ClusterClient> {
        self.install_provider();
        let mut builder = ClusterClient::builder(self.nodes.iter().cloned())
            .retries(0)
            .connection_timeout(config.connect_timeout)
            .response_timeout(config.deadline)
            .tcp_settings(tcp_settings(config));
        if let Some(certificates) = &self.certificates {
            builder = builder.certs(certificates.clone());
        }
        builder.build()
    }

    /// A way to ask one question outside the stores, at the start.
    ///
    /// # Errors
    /// When it cannot be connected.
    pub async fn ask(&self, question: &redis::Pipeline) -> redis::RedisResult<Vec<redis::Value>> {
        let config = RedisStoreConfig::default();
        if self.cluster {
            let config = RedisStoreConfig { deadline: config.connect_timeout, ..config };
            let mut connection = self.cluster_client(&config)?.get_async_connection().await?;
            question.query_async(&mut connection).await
        } else {
            let client = self.client(&config)?;
            let mut connection = client.get_multiplexed_async_connection().await?;
            question.query_async(&mut connection).await
        }
    }

    /// TLS needs one provider of cryptography for the whole process; the first one installed stays.
    fn install_provider(&self) {
        if self.is_encrypted() && rustls::crypto::CryptoProvider::get_default().is_none() {
            let _already_there = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
    }
}

fn node(url: &str) -> Result<ConnectionInfo, BadEndpoint> {
    url.into_connection_info().map_err(|_| BadEndpoint::Address)
}

fn tcp_settings(config: &RedisStoreConfig) -> TcpSettings {
    let tcp = TcpSettings::default().set_nodelay(true);
    #[cfg(target_os = "linux")]
    let tcp = tcp.set_user_timeout(config.peer_timeout);
    #[cfg(not(target_os = "linux"))]
    let _ = config;
    tcp
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_addresses_are_for_a_cluster_only() {
        let both = "redis://127.0.0.1:1,redis://127.0.0.1:2";
        assert_eq!(RedisEndpoint::single(both).err(), Some(BadEndpoint::Several));
        assert!(RedisEndpoint::cluster(both).is_ok());
        assert_eq!(RedisEndpoint::cluster("").err(), Some(BadEndpoint::Address));
        let socket = "unix:///run/redis.sock";
        assert!(RedisEndpoint::single(socket).is_ok());
        assert_eq!(RedisEndpoint::cluster(socket).err(), Some(BadEndpoint::Address));
        let many = vec!["redis://127.0.0.1:1"; MAX_CLUSTER_NODES];
        assert!(RedisEndpoint::cluster(&many.join(",")).is_ok());
        let too_many = format!("{},redis://127.0.0.1:1", many.join(","));
        assert_eq!(RedisEndpoint::cluster(&too_many).err(), Some(BadEndpoint::TooMany));
    }

    #[test]
    fn a_certificate_authority_needs_tls_and_a_certificate() {
        let authority = |url, pem: &str| {
            RedisEndpoint::single(url).unwrap().with_authority(pem.as_bytes()).err()
        };
        assert_eq!(authority("redis://127.0.0.1:1", ""), Some(BadEndpoint::NoTls));
        assert_eq!(authority("rediss://127.0.0.1:1", "nothing"), Some(BadEndpoint::NoCertificate));
    }
}
