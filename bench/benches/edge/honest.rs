//! Clients that mean well: one that asks in the clear, one that shakes hands for every request.
//!
//! Must not know what else goes on.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};
use socket2::{Domain, Socket, Type};

/// What is asked for: a small public list.
const TARGET: &str = "/api/v1/authorities";
/// Nothing honest may take longer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Asks on a connection that it keeps and on fresh ones, by turns.
pub(crate) struct Honest {
    to: SocketAddr,
    kept: TcpStream,
    turn: usize,
}

impl Honest {
    pub(crate) fn new(to: SocketAddr) -> Self {
        Self { to, kept: connect(to), turn: 0 }
    }

    /// One request, answered in whole.
    pub(crate) fn ask(&mut self) {
        self.turn += 1;
        if self.turn.is_multiple_of(2) {
            exchange(&mut self.kept, self.to);
        } else {
            exchange(&mut connect(self.to), self.to);
        }
    }
}

/// Shakes hands for every request.
pub(crate) struct Secure {
    to: SocketAddr,
    config: Arc<ClientConfig>,
}

impl Secure {
    /// A client that trusts one certificate and resumes sessions or never does.
    pub(crate) fn new(to: SocketAddr, trusted: &CertificateDer<'static>, resumes: bool) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).expect("it is a certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .with_root_certificates(roots)
            .with_no_client_auth();
        if !resumes {
            config.resumption = Resumption::disabled();
        }
        Self { to, config: Arc::new(config) }
    }

    /// One connection with one request; the handshake must be of this kind.
    pub(crate) fn ask(&self, must_resume: Option<bool>) {
        let name = ServerName::try_from("localhost").expect("a name");
        let session = ClientConnection::new(Arc::clone(&self.config), name).expect("a session");
        let mut stream = StreamOwned::new(session, connect(self.to));
        exchange(&mut stream, self.to);
        if let Some(must_resume) = must_resume {
            let is_resumed = stream.conn.handshake_kind() == Some(HandshakeKind::Resumed);
            assert_eq!(is_resumed, must_resume);
        }
    }
}

/// Connects from an address of its own: the ports of a closed connection rest for a minute, and one address has
/// no more than some ten thousands.
fn connect(to: SocketAddr) -> TcpStream {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Relaxed: addresses only have to differ.
    let [high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let from = SocketAddr::from(([127, 77, high, low.max(1)], 0));
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("the system gives a socket");
    socket.bind(&from.into()).expect("all of 127.0.0.0/8 is this computer");
    socket.connect_timeout(&to.into(), TIMEOUT).expect("honest clients come in");
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(TIMEOUT)).expect("a socket has timeouts");
    stream.set_nodelay(true).expect("a socket sends at once");
    stream
}

fn exchange(stream: &mut (impl Read + Write), to: SocketAddr) {
    let request = format!("GET {TARGET} HTTP/1.1\r\nHost: {to}\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("honest clients are heard");
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    while !is_whole(&answer) {
        let read = stream.read(&mut piece).expect("honest clients are answered");
        assert!(read > 0, "the connection ends before the answer does");
        answer.extend_from_slice(&piece[..read]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
}

fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let length = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|(_, length)| length.parse().ok()).expect("a length is told");
    body.len() >= length
}
