//! HTTP/2 frames by hand, as only attackers write them.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{TARGET, attacker};
use crate::harness::PATIENCE;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Kinds of frames (RFC 9113).
pub(super) mod kind {
    pub(in super::super) const HEADERS: u8 = 1;
    pub(in super::super) const RST_STREAM: u8 = 3;
    pub(in super::super) const SETTINGS: u8 = 4;
    pub(in super::super) const PING: u8 = 6;
    pub(in super::super) const GOAWAY: u8 = 7;
    pub(in super::super) const CONTINUATION: u8 = 9;
}

/// Flags of frames.
pub(super) mod flag {
    pub(in super::super) const END_STREAM: u8 = 1;
    pub(in super::super) const END_HEADERS: u8 = 4;
}

/// A frame's bytes.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header block without compression: a GET of a page.
pub(super) fn block() -> Vec<u8> {
    let text = |index: u8, value: &str| {
        [&[index, u8::try_from(value.len()).unwrap()], value.as_bytes()].concat()
    };
    // :method GET, :scheme http, :authority, :path.
    [vec![0x82, 0x86], text(0x01, "localhost"), text(0x04, TARGET)].concat()
}

/// A header line without compression.
pub(super) fn line(name: &str, value: &str) -> Vec<u8> {
    let (name, value) = (name.as_bytes(), value.as_bytes());
    assert!(name.len() < 127 && value.len() < 127, "longer lengths take more bytes");
    let lengths = [name.len(), value.len()].map(|length| u8::try_from(length).unwrap());
    [&[0, lengths[0]], name, &[lengths[1]], value].concat()
}

/// A whole request as one frame.
pub(super) fn request(stream: u32) -> Vec<u8> {
    frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &block())
}

/// A connection of an attacker that has begun to speak HTTP/2, with these settings.
pub(super) async fn begin(to: std::net::SocketAddr, settings: &[(u16, u32)]) -> TcpStream {
    let mut stream = attacker(to).await;
    let pairs = settings.iter();
    let payload: Vec<u8> = pairs
        .flat_map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()[..]].concat())
        .collect();
    let start = [PREFACE, &frame(kind::SETTINGS, 0, 0, &payload)].concat();
    stream.write_all(&start).await.unwrap();
    stream
}

/// The next frame: its kind, its stream and its payload; nothing at the end of the connection.
pub(super) async fn next(stream: &mut TcpStream) -> Option<(u8, u32, Vec<u8>)> {
    let read = async {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut payload).await.ok()?;
        let number = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some((head[3], number, payload))
    };
    tokio::time::timeout(PATIENCE, read).await.expect("nothing comes")
}
