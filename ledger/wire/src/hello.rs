//! The first bytes of a connection, from both sides: who speaks which version about which journal.
//!
//! Owns their bytes and their bounds. The prefix (magic, version, length) never changes, so two
//! versions can always tell each other which they are. Must not read or write a socket.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use talon_domain::ids::AuthorityId;

/// What a connection opens with; whatever else is there speaks something else.
pub const MAGIC: [u8; 8] = *b"talonlgr";
/// The version of everything in this crate that has bytes; another one is refused.
pub const PROTOCOL_VERSION: u16 = 3;
/// Magic, version (u16, little-endian), length of what follows (u16, little-endian).
pub const PREFIX_BYTES: usize = 12;
/// Most bytes after the prefix.
pub const MAX_HELLO_BYTES: usize = 16 * 1024;
/// Most authorities that a hello names.
pub const MAX_AUTHORITIES: usize = 64;

const _: () = assert!(MAX_HELLO_BYTES <= u16::MAX as usize);

/// Whether a journal holds play or promises; a gateway and a ledger of different modes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Made with stand-ins; binds nobody.
    Demo,
    /// Bookings of real people.
    Production,
}

impl std::fmt::Display for Mode {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Demo => "demo",
            Self::Production => "production",
        })
    }
}

/// One runtime of one gateway process, as it names itself: random, new at every start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClientId(pub [u8; 16]);

/// The files of one authority, as a side has read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesDigest {
    /// Whose catalogue and policy.
    pub authority: AuthorityId,
    /// SHA-256 over both texts.
    pub digest: [u8; 32],
}

/// What a gateway says first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientHello {
    /// What it serves.
    pub mode: Mode,
    /// Who it is.
    pub client: ClientId,
    /// Which of its connections this is, counted upwards. A later one ends the earlier ones before
    /// it is welcomed, so that nothing sent earlier is decided after it.
    pub incarnation: u64,
    /// Its version, for people.
    pub build: String,
    /// The files it has, at most [`MAX_AUTHORITIES`].
    pub files: Vec<FilesDigest>,
}

/// What a ledger says first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerHello {
    /// Go on.
    Welcome(Welcome),
    /// The connection ends here.
    Refused(HelloRefusal),
}

/// Which ledger this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// What its journal holds.
    pub mode: Mode,
    /// Its journal's id.
    pub journal: String,
    /// Its version, for people.
    pub build: String,
    /// The files it has, at most [`MAX_AUTHORITIES`].
    pub files: Vec<FilesDigest>,
}

/// Why a ledger does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum HelloRefusal {
    /// It speaks another version; the prefix says which.
    #[error("it speaks another version of the protocol")]
    Version,
    /// Its journal is of another mode.
    #[error("its journal is of mode {0}")]
    Mode(Mode),
    /// It has as many connections as it takes.
    #[error("it has as many connections as it takes")]
    Busy,
    /// The same client has a later connection.
    #[error("a later connection of this client is open")]
    Superseded,
    /// It is about to stop.
    #[error("it is stopping")]
    Stopping,
    /// What was said cannot be read.
    #[error("it cannot read the hello")]
    Malformed,
}

/// The fixed part of a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// Which version the other side speaks.
    pub version: u16,
    /// How many bytes follow.
    pub length: usize,
}

/// Why a hello cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHello {
    /// Something else speaks there.
    #[error("the other side does not speak this protocol")]
    Magic,
    /// Longer than [`MAX_HELLO_BYTES`].
    #[error("a hello of {0} bytes; at most {MAX_HELLO_BYTES}")]
    TooLong(usize),
    /// Another version.
    #[error("the other side speaks version {theirs} of the protocol, this one {PROTOCOL_VERSION}")]
    Version {
        /// Theirs.
        theirs: u16,
    },
    /// The body is no hello.
    #[error("the hello cannot be read")]
    Malformed,
}

/// The bytes of a hello: prefix and body.
///
/// # Panics
/// When the body has more than [`MAX_HELLO_BYTES`]: the caller bounds names and lists.
pub fn encode(hello: &impl Serialize) -> Vec<u8> {
    let body = postcard::to_stdvec(hello).expect("a hello is plain data");
    assert!(body.len() <= MAX_HELLO_BYTES, "names and lists are bounded");
    let length = u16::try_from(body.len()).expect("it was just compared");
    let mut bytes = Vec::with_capacity(PREFIX_BYTES + body.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&PROTOCOL_VERSION.to_le_bytes());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

impl Prefix {
    /// Reads the fixed part. The body may be of another version; it is then not to be read.
    ///
    /// # Errors
    /// [`BadHello::Magic`], [`BadHello::TooLong`].
    pub fn decode(bytes: &[u8; PREFIX_BYTES]) -> Result<Self, BadHello> {
        let [magic @ .., v0, v1, l0, l1] = *bytes;
        if magic != MAGIC {
            return Err(BadHello::Magic);
        }
        let (version, length) = (u16::from_le_bytes([v0, v1]), u16::from_le_bytes([l0, l1]));
        let length = usize::from(length);
        if length > MAX_HELLO_BYTES {
            return Err(BadHello::TooLong(length));
        }
        Ok(Self { version, length })
    }

    /// Reads the body after this prefix.
    ///
    /// # Errors
    /// [`BadHello::Version`], [`BadHello::Malformed`].
    pub fn body<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, BadHello> {
        if self.version != PROTOCOL_VERSION {
            return Err(BadHello::Version { theirs: self.version });
        }
        match postcard::take_from_bytes(bytes) {
            Ok((hello, [])) => Ok(hello),
            Ok(_) | Err(_) => Err(BadHello::Malformed),
        }
    }
}
