//! Certificate expired: the one that is served ended long ago; then somebody puts a new one in its place.

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::CertificateDer;

use super::Sign;
use crate::harness::{Launch, Prometheus};
use crate::tls::{Files, connect, replace, trusting};

pub(super) const EXPIRED: Sign = Sign {
    alert: "TalonCertificateExpiring",
    dashboard: "Gateway",
    panel: "Certificate ends in",
    tells: |seconds| seconds < 0.0,
};

/// Writes a certificate for localhost that ended.
fn write_expired(files: &Files) -> CertificateDer<'static> {
    let key = KeyPair::generate().unwrap();
    let mut leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    leaf.not_before = date_time_ymd(2020, 1, 1);
    leaf.not_after = date_time_ymd(2020, 4, 1);
    let leaf = leaf.self_signed(&key).unwrap();
    replace(&files.certificate, leaf.pem().as_bytes());
    replace(&files.key, key.serialize_pem().as_bytes());
    leaf.into()
}

#[tokio::test]
async fn an_expired_certificate_is_seen_and_a_new_one_ends_it_without_a_restart() {
    let launch = Launch::new();
    let directory = launch.directory().to_owned();
    let files = Files { certificate: directory.join("c.pem"), key: directory.join("k.pem") };
    let good = files.write();
    let gateway = launch
        .set(&format!("tls.certificate={}", files.certificate.display()))
        .set(&format!("tls.key={}", files.key.display()))
        .start();
    let prometheus = Prometheus::start(gateway.admin()).await;
    connect(&trusting(&good, "http/1.1"), gateway.public()).await.unwrap();
    EXPIRED.is_quiet(&prometheus).await;

    let expired = write_expired(&files);
    EXPIRED.is_seen(&prometheus).await;
    let refused = connect(&trusting(&expired, "http/1.1"), gateway.public()).await;
    let refused = refused.expect_err("no client takes it").to_string();
    assert!(refused.contains("expired"), "{refused}");

    let new = files.write();
    EXPIRED.is_over(&prometheus).await;
    connect(&trusting(&new, "http/1.1"), gateway.public()).await.unwrap();
}
