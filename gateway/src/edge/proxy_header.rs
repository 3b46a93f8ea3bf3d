//! The PROXY header, version 1 and 2, with which a proxy begins a connection: who is behind it.
//!
//! Owns how many bytes belong to the header, their bound and deadline; the crate `ppp` knows the
//! format. Never takes a byte that belongs to what follows. Must not know who is trusted.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest header, in bytes. Version 2 allows 64 KiB; addresses and the usual extensions, such as
/// a host's name and a checksum, need much less.
pub const MAX_PROXY_HEADER_BYTES: usize = 1024;
/// How long the header may take.
pub const PROXY_HEADER_DEADLINE: Duration = Duration::from_secs(5);

/// No header is shorter: `PROXY UNKNOWN` and its line end.
const SHORTEST: usize = 15;
/// Longest header of version 1, by its specification.
const MAX_TEXT_BYTES: usize = 107;
/// Signature, version and command, family, length.
const BINARY_START: usize = 16;

/// Why a connection of a proxy is closed.
#[derive(Debug, thiserror::Error)]
pub enum BadProxyHeader {
    /// It begins with something else.
    #[error("no PROXY header")]
    Format,
    /// It is longer than the bound.
    #[error("a PROXY header of more than {MAX_PROXY_HEADER_BYTES} bytes")]
    TooLong,
    /// It did not come in time.
    #[error("the PROXY header took more than {PROXY_HEADER_DEADLINE:?}")]
    TooSlow,
    /// The connection broke off.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What the bytes so far are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A beginning; at least so many bytes more belong to the header.
    Needs(usize),
    /// The whole header. No address when the proxy speaks for itself or does not know.
    Whole(Option<SocketAddr>),
}

/// Looks at the beginning of a connection.
///
/// # Errors
/// [`BadProxyHeader::Format`], [`BadProxyHeader::TooLong`].
pub fn parse(bytes: &[u8]) -> Result<Parsed, BadProxyHeader> {
    if bytes.len() < SHORTEST {
        return Ok(Parsed::Needs(SHORTEST - bytes.len()));
    }
    if bytes.starts_with(b"PROXY") { text(bytes) } else { binary(bytes) }
}

fn text(bytes: &[u8]) -> Result<Parsed, BadProxyHeader> {
    if !bytes.ends_with(b"\r\n") {
        // A header that ends in a return lacks one byte, any other at least two.
        let missing = if bytes.ends_with(b"\r") { 1 } else { 2 };
        let is_too_long = bytes.len() + missing > MAX_TEXT_BYTES || bytes.contains(&b'\n');
        return if is_too_long { Err(BadProxyHeader::Format) } else { Ok(Parsed::Needs(missing)) };
    }
    let header = ppp::v1::Header::try_from(bytes).map_err(|_| BadProxyHeader::Format)?;
    Ok(Parsed::Whole(match header.addresses {
        ppp::v1::Addresses::Unknown => None,
        ppp::v1::Addresses::Tcp4(ends) => Some((ends.source_address, ends.source_port).into()),
        ppp::v1::Addresses::Tcp6(ends) => Some((ends.source_address, ends.source_port).into()),
    }))
}

fn binary(bytes: &[u8]) -> Result<Parsed, BadProxyHeader> {
    let signature = ppp::v2::PROTOCOL_PREFIX;
    if !bytes.starts_with(signature) {
        return Err(BadProxyHeader::Format);
    }
    let [.., high, low] = bytes.get(..BINARY_START).unwrap_or_default() else {
        return Ok(Parsed::Needs(BINARY_START - bytes.len()));
    };
    let length = BINARY_START + usize::from(u16::from_be_bytes([*high, *low]));
    if length > MAX_PROXY_HEADER_BYTES {
        return Err(BadProxyHeader::TooLong);
    }
    if bytes.len() < length {
        return Ok(Parsed::Needs(length - bytes.len()));
    }
    let header = ppp::v2::Header::try_from(bytes).map_err(|_| BadProxyHeader::Format)?;
    if header.command == ppp::v2::Command::Local {
        return Ok(Parsed::Whole(None));
    }
    Ok(Parsed::Whole(match header.addresses {
        ppp::v2::Addresses::IPv4(ends) => Some((ends.source_address, ends.source_port).into()),
        ppp::v2::Addresses::IPv6(ends) => Some((ends.source_address, ends.source_port).into()),
        ppp::v2::Addresses::Unspecified | ppp::v2::Addresses::Unix(_) => None,
    }))
}

/// Reads the header of a connection, and nothing after it.
///
/// # Errors
/// [`BadProxyHeader`].
pub async fn read(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Option<SocketAddr>, BadProxyHeader> {
    let reading = async {
        let mut bytes = Vec::new();
        loop {
            match parse(&bytes)? {
                Parsed::Whole(source) => return Ok(source),
                Parsed::Needs(more) => {
                    let known = bytes.len();
                    bytes.resize(known + more, 0);
                    stream.read_exact(&mut bytes[known..]).await?;
                }
            }
        }
    };
    match tokio::time::timeout(PROXY_HEADER_DEADLINE, reading).await {
        Ok(read) => read,
        Err(_) => Err(BadProxyHeader::TooSlow),
    }
}

#[cfg(test)]
#[path = "proxy_header_tests.rs"]
mod tests;
