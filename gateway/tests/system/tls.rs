//! TLS of the gateway itself: protocols, resumption, certificates that change, handshakes that stall.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::generate_simple_self_signed;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::harness::{Browser, Gateway, Launch, PATIENCE, eventually};

/// The files of a certificate for localhost.
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Files {
    pub(crate) fn write(&self) -> CertificateDer<'static> {
        let made = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        replace(&self.certificate, made.cert.pem().as_bytes());
        replace(&self.key, made.signing_key.serialize_pem().as_bytes());
        made.cert.into()
    }
}

/// Puts a file in the place of another at one moment, as those who renew certificates do.
pub(crate) fn replace(path: &Path, bytes: &[u8]) {
    let new = path.with_extension("new");
    fs::write(&new, bytes).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(new, path).unwrap();
}

/// A gateway that speaks TLS, its files, and its certificate.
fn with_tls() -> (Gateway, Files, CertificateDer<'static>) {
    let launch = Launch::new();
    let directory = launch.directory().to_owned();
    let files = Files { certificate: directory.join("c.pem"), key: directory.join("k.pem") };
    let certificate = files.write();
    let launch = launch
        .set(&format!("tls.certificate={}", files.certificate.display()))
        .set(&format!("tls.key={}", files.key.display()));
    (launch.start(), files, certificate)
}

/// A client that trusts one certificate.
pub(crate) fn trusting(certificate: &CertificateDer<'static>, protocol: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    Arc::new(config)
}

pub(crate) async fn connect(
    config: &Arc<ClientConfig>,
    to: SocketAddr,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(to).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let connecting = TlsConnector::from(Arc::clone(config)).connect(name, stream);
    tokio::time::timeout(PATIENCE, connecting).await.expect("no handshake")
}

fn ask(to: SocketAddr, target: &str) -> Request<Empty<Bytes>> {
    let request = Request::builder().uri(target).header("host", to.to_string());
    request.body(Empty::new()).unwrap()
}

/// One request on a kept connection: its status and whether the answer came whole.
async fn get(kept: &mut http1::SendRequest<Empty<Bytes>>, to: SocketAddr) -> u16 {
    let exchange = async {
        kept.ready().await.unwrap();
        let answer = kept.send_request(ask(to, "/api/v1/authorities")).await.unwrap();
        let status = answer.status().as_u16();
        answer.into_body().collect().await.unwrap();
        status
    };
    tokio::time::timeout(PATIENCE, exchange).await.expect("no answer")
}

async fn keep(stream: TlsStream<TcpStream>) -> http1::SendRequest<Empty<Bytes>> {
    let (kept, driver) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(driver);
    kept
}

#[tokio::test]
async fn both_protocols_are_spoken_over_tls_and_cookies_are_for_tls_only() {
    let (gateway, _files, certificate) = with_tls();
    let to = gateway.public();
    let one = connect(&trusting(&certificate, "http/1.1"), to).await.unwrap();
    assert_eq!(one.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
    let mut kept = keep(one).await;
    assert_eq!(get(&mut kept, to).await, 200);
    let login = kept.send_request(ask(to, "/login?return=/")).await.unwrap();
    let cookie = login.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-") && cookie.contains("Secure"), "{cookie}");
    let hub = login.headers()["location"].to_str().unwrap();
    assert!(
        hub.contains("redirect_uri=https%3A%2F%2F"),
        "whoever came by TLS comes back by it: {hub}"
    );

    let two = connect(&trusting(&certificate, "h2"), to).await.unwrap();
    assert_eq!(two.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let (mut kept, driver) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(two)).await.unwrap();
    tokio::spawn(driver);
    let target = format!("https://{to}/api/v1/authorities");
    let request = Request::builder().uri(target).body(Empty::<Bytes>::new()).unwrap();
    assert_eq!(kept.send_request(request).await.unwrap().status(), 200);

    // Whoever speaks without TLS is not answered.
    let mut plain = Browser::new(to);
    assert!(plain.try_send(crate::harness::Ask::get("/")).await.is_err());
}

#[tokio::test]
async fn a_client_that_comes_back_resumes_its_session_by_ticket() {
    let (gateway, _files, certificate) = with_tls();
    let to = gateway.public();
    let config = trusting(&certificate, "http/1.1");
    let first = connect(&config, to).await.unwrap();
    assert_eq!(first.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
    // The tickets come with the first answer.
    assert_eq!(get(&mut keep(first).await, to).await, 200);
    let second = connect(&config, to).await.unwrap();
    assert_eq!(second.get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed));
    assert_eq!(get(&mut keep(second).await, to).await, 200);
    let metrics = Browser::new(gateway.admin()).get("/metrics").await.expect(200).text();
    for (outcome, count) in [("full", 1), ("resumed", 1)] {
        let line = format!("gateway_handshakes_total{{outcome=\"{outcome}\"}} {count}");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn a_new_certificate_is_taken_without_dropping_connections_and_a_bad_one_is_not() {
    let (gateway, files, certificate) = with_tls();
    let to = gateway.public();
    let old = trusting(&certificate, "http/1.1");
    let mut kept = keep(connect(&old, to).await.unwrap()).await;
    assert_eq!(get(&mut kept, to).await, 200);

    replace(&files.key, b"no key");
    eventually("the bad key is noticed", async || {
        gateway.log().contains("the new certificate is refused, the old stays").then_some(())
    })
    .await;
    assert_eq!(get(&mut keep(connect(&old, to).await.unwrap()).await, to).await, 200);

    let renewed = trusting(&files.write(), "http/1.1");
    let fresh =
        eventually("the new certificate is taken", async || connect(&renewed, to).await.ok()).await;
    assert_eq!(get(&mut keep(fresh).await, to).await, 200);
    assert_eq!(get(&mut kept, to).await, 200);
    // A ticket of the old certificate's time would be taken; a new client no longer trusts it.
    assert!(connect(&trusting(&certificate, "http/1.1"), to).await.is_err());
}

#[tokio::test]
async fn a_reload_takes_a_new_certificate_at_once_and_a_bad_one_refuses_the_reload() {
    let (gateway, files, certificate) = with_tls();
    let to = gateway.public();
    replace(&files.key, b"no key");
    gateway.hang_up();
    eventually("the reload is refused", async || {
        gateway.log().contains("a reload is refused; everything stays as it was").then_some(())
    })
    .await;
    let old = trusting(&certificate, "http/1.1");
    assert_eq!(get(&mut keep(connect(&old, to).await.unwrap()).await, to).await, 200);

    let renewed = trusting(&files.write(), "http/1.1");
    gateway.hang_up();
    let done = "gateway_reloads_total{outcome=\"done\"} 1";
    eventually("a reload", async || {
        let metrics = Browser::new(gateway.admin()).get("/metrics").await.expect(200).text();
        metrics.contains(done).then_some(())
    })
    .await;
    assert_eq!(get(&mut keep(connect(&renewed, to).await.unwrap()).await, to).await, 200);
}

#[tokio::test]
async fn handshakes_that_stall_keep_nobody_else_out() {
    const STALLED: usize = 3500;
    let (gateway, _files, certificate) = with_tls();
    let to = gateway.public();
    let config = trusting(&certificate, "http/1.1");
    let mut kept = keep(connect(&config, to).await.unwrap()).await;
    assert_eq!(get(&mut kept, to).await, 200);
    let before = gateway.peak_memory();
    let mut stalled = Vec::new();
    for _ in 0..STALLED {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        stalled.push(socket.connect(to).await.unwrap());
    }
    for _ in 0..20 {
        assert_eq!(get(&mut kept, to).await, 200);
        assert_eq!(get(&mut keep(connect(&config, to).await.unwrap()).await, to).await, 200);
    }
    let grown = gateway.peak_memory() - before;
    assert!(grown < STALLED * 48 * 1024, "{grown} bytes");
}

#[test]
fn a_key_for_all_to_read_and_a_pair_that_does_not_fit_are_refused_at_start() {
    let launch = Launch::new();
    let directory = launch.directory().to_owned();
    let files = Files { certificate: directory.join("c.pem"), key: directory.join("k.pem") };
    files.write();
    let launch = launch
        .set(&format!("tls.certificate={}", files.certificate.display()))
        .set(&format!("tls.key={}", files.key.display()));
    fs::set_permissions(&files.key, fs::Permissions::from_mode(0o644)).unwrap();
    let (code, said) = launch.run_to_the_end();
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("k.pem: mode 644 lets others read it; chmod 600 it"), "{said}");
    let other = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    replace(&files.key, other.signing_key.serialize_pem().as_bytes());
    let (code, said) = launch.run_to_the_end();
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("c.pem and ") && said.contains("k.pem: "), "{said}");
}
