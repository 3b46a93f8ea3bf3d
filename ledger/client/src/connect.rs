//! Opening a connection: TCP, TLS, and the hellos of both sides.
//!
//! Must not know calls.

use std::sync::Arc;
use std::time::Duration;

use talon_domain::ids::AuthorityId;
use talon_wire::hello::{
    self, BadHello, ClientHello, ClientId, FilesDigest, HelloRefusal, PREFIX_BYTES, Prefix,
    ServerHello, Welcome,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::Settings;

/// How long an attempt may take until the ledger has said who it is.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// Why there is no connection.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConnectError {
    /// The system, or TLS.
    #[error("{0}")]
    System(Arc<std::io::Error>),
    /// Nothing was said in time.
    #[error("no answer within {} s", CONNECT_DEADLINE.as_secs())]
    Late,
    /// What was said is no hello, or one of another version.
    #[error(transparent)]
    Hello(#[from] BadHello),
    /// The ledger refuses.
    #[error("the ledger refuses: {0}")]
    Refused(HelloRefusal),
    /// Another journal than the one that this process found first.
    #[error("the ledger there has journal {found}, this process began with {expected}; restart it")]
    OtherJournal {
        /// The one that is there now.
        found: String,
        /// The first one.
        expected: String,
    },
}

impl From<std::io::Error> for ConnectError {
    fn from(error: std::io::Error) -> Self {
        Self::System(Arc::new(error))
    }
}

impl ConnectError {
    /// Whether no retry will help before somebody changes a configuration or a version.
    pub fn is_misconfiguration(&self) -> bool {
        match self {
            Self::Hello(_) | Self::OtherJournal { .. } => true,
            Self::Refused(refusal) => match refusal {
                HelloRefusal::Version | HelloRefusal::Mode(_) | HelloRefusal::Malformed => true,
                HelloRefusal::Busy | HelloRefusal::Superseded | HelloRefusal::Stopping => false,
            },
            Self::System(_) | Self::Late => false,
        }
    }
}

/// A stream of either kind.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Opens a connection that may be used.
pub(crate) async fn connect(
    settings: &Settings,
    client: ClientId,
    incarnation: u64,
) -> Result<(Box<dyn Stream>, Welcome), ConnectError> {
    let attempt = attempt(settings, client, incarnation);
    tokio::time::timeout(CONNECT_DEADLINE, attempt).await.map_err(|_| ConnectError::Late)?
}

async fn attempt(
    settings: &Settings,
    client: ClientId,
    incarnation: u64,
) -> Result<(Box<dyn Stream>, Welcome), ConnectError> {
    let stream = TcpStream::connect(&settings.address).await?;
    // Requests are small and waited for; where the system will not, they come late.
    let _ = stream.set_nodelay(true);
    let mut stream: Box<dyn Stream> = match &settings.tls {
        None => Box::new(stream),
        Some(tls) => {
            let connector = TlsConnector::from(Arc::clone(&tls.config));
            Box::new(connector.connect(tls.name.clone(), stream).await?)
        }
    };
    let said = ClientHello {
        mode: settings.mode,
        client,
        incarnation,
        build: settings.build.clone(),
        files: settings.files.clone(),
    };
    stream.write_all(&hello::encode(&said)).await?;
    stream.flush().await?;
    let mut prefix = [0; PREFIX_BYTES];
    stream.read_exact(&mut prefix).await?;
    let prefix = Prefix::decode(&prefix)?;
    let mut body = vec![0; prefix.length];
    stream.read_exact(&mut body).await?;
    let welcome = match prefix.body(&body)? {
        ServerHello::Welcome(welcome) => welcome,
        ServerHello::Refused(refusal) => return Err(ConnectError::Refused(refusal)),
    };
    let expected = settings.journal.get_or_init(|| welcome.journal.clone());
    if *expected != welcome.journal {
        let (found, expected) = (welcome.journal, expected.clone());
        return Err(ConnectError::OtherJournal { found, expected });
    }
    Ok((stream, welcome))
}

/// The authorities whose files differ, or that only one side has.
pub(crate) fn differing(ours: &[FilesDigest], theirs: &[FilesDigest]) -> Vec<AuthorityId> {
    let lacks = |all: &[FilesDigest], one: &FilesDigest| !all.contains(one);
    let ours_only = ours.iter().filter(|one| lacks(theirs, one));
    let theirs_only = theirs.iter().filter(|one| lacks(ours, one));
    let mut differing: Vec<_> = ours_only.chain(theirs_only).map(|one| one.authority).collect();
    differing.sort_unstable();
    differing.dedup();
    differing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_differ_by_digest_or_by_being_on_one_side_only() {
        let files =
            |authority, byte| FilesDigest { authority: AuthorityId(authority), digest: [byte; 32] };
        let ours = [files(1, 1), files(2, 1), files(3, 1)];
        let theirs = [files(1, 1), files(2, 2), files(4, 1)];
        assert_eq!(differing(&ours, &theirs), [2, 3, 4].map(AuthorityId));
        assert_eq!(differing(&ours, &ours), []);
    }
}
