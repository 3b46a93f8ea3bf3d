//! Frames: what travels on a connection after the hellos, as bytes.
//!
//! A frame is its length (u32, little-endian, of what follows), a kind (u8), a request id (u64,
//! little-endian; 0 where there is none) and a body (postcard; for some kinds none). A request that
//! belongs to a trace is of a kind of its own, with the trace before its body, and of another one when vendors
//! say something of that trace, which then comes between the two: one that belongs to none has no byte more. There is no checksum: TLS has one that nobody can forge, and without TLS both sides are on one computer.
//! Must not read or write a socket.

use bytes::{Buf, BufMut, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Answer, Command, Health, TraceContext, TraceState};

/// The largest frame that a gateway takes, without its length.
pub const MAX_FRAME_BYTES: usize = 1 << 20;
/// The largest frame that a ledger takes, without its length; no command comes near.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024;
/// Length, kind and id.
pub const HEADER_BYTES: usize = 4 + HEAD_BYTES;

/// Kind and id.
const HEAD_BYTES: usize = 1 + 8;

const _: () = assert!(MAX_REQUEST_BYTES <= MAX_FRAME_BYTES && MAX_FRAME_BYTES < u32::MAX as usize);

const REQUEST: u8 = 1;
const ANSWER: u8 = 2;
const HEALTH: u8 = 3;
const PING: u8 = 4;
const PONG: u8 = 5;
const CLOSING: u8 = 6;
const REFUSED: u8 = 7;
const TRACED_REQUEST: u8 = 8;
const STATED_REQUEST: u8 = 9;

/// What a gateway sends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all are requests, and each is moved once")]
pub enum FromClient {
    /// A command to carry out.
    Request {
        /// By which its answer is known; not used by two requests at a time.
        id: u64,
        /// Which trace it belongs to, if any.
        trace: Option<TraceContext>,
        /// The command.
        command: Command,
    },
    /// A sign of life, to be answered by a pong of the same id.
    Ping {
        /// Any number.
        id: u64,
    },
}

/// What a ledger sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromServer {
    /// The answer to one request. Answers come in any order.
    Answer {
        /// The request's.
        id: u64,
        /// The answer.
        answer: Answer,
    },
    /// How the ledger is: after the hello, on every change, and at least once a second.
    Health(Health),
    /// The answer to a ping.
    Pong {
        /// The ping's.
        id: u64,
    },
    /// The ledger is about to stop: what was sent will be answered, and nothing more is to be sent.
    Closing,
    /// The connection ends because of what was sent on it.
    Refused(FrameRefusal),
}

/// Why a ledger ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum FrameRefusal {
    /// A frame cannot be read.
    #[error("a frame cannot be read")]
    Malformed,
    /// A frame is longer than [`MAX_REQUEST_BYTES`].
    #[error("a frame is longer than {MAX_REQUEST_BYTES} bytes")]
    TooLong,
    /// Nothing came for too long.
    #[error("nothing came for too long")]
    Idle,
}

/// Why bytes are no frame. The connection is of no use after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// Longer than the side takes that reads it.
    #[error("a frame of {length} bytes; at most {most}")]
    TooLong {
        /// How long it says it is.
        length: usize,
        /// The bound.
        most: usize,
    },
    /// Shorter than a kind and an id.
    #[error("a frame of {0} bytes holds no kind and id")]
    TooShort(usize),
    /// A kind that the other side does not send.
    #[error("a frame of kind {0} does not come from the other side")]
    Kind(u8),
    /// The body is not what the kind says.
    #[error("the body of a frame of kind {0} cannot be read")]
    Body(u8),
}

/// What does not fit a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {length} bytes; at most {most}")]
pub struct TooLong {
    /// How long it would be.
    pub length: usize,
    /// The bound.
    pub most: usize,
}

/// Appends a request.
///
/// # Errors
/// [`TooLong`]; nothing is appended then.
pub fn put_request(
    bytes: &mut BytesMut,
    id: u64,
    trace: Option<&TraceContext>,
    command: &Command,
) -> Result<(), TooLong> {
    // An array is in postcard what it is in memory.
    match trace.map(|trace| (trace.to_bytes(), &trace.state)) {
        None => put(bytes, REQUEST, id, Some(command), MAX_REQUEST_BYTES),
        Some((trace, None)) => {
            put(bytes, TRACED_REQUEST, id, Some(&(trace, command)), MAX_REQUEST_BYTES)
        }
        Some((trace, Some(state))) => {
            let body = (trace, state.as_str(), command);
            put(bytes, STATED_REQUEST, id, Some(&body), MAX_REQUEST_BYTES)
        }
    }
}

/// Appends an answer.
///
/// # Errors
/// [`TooLong`]; nothing is appended then.
pub fn put_answer(bytes: &mut BytesMut, id: u64, answer: &Answer) -> Result<(), TooLong> {
    put(bytes, ANSWER, id, Some(answer), MAX_FRAME_BYTES)
}

/// Appends the ledger's health.
///
/// # Errors
/// [`TooLong`]; nothing is appended then.
pub fn put_health(bytes: &mut BytesMut, health: &Health) -> Result<(), TooLong> {
    put(bytes, HEALTH, 0, Some(health), MAX_FRAME_BYTES)
}

/// Appends a sign of life.
pub fn put_ping(bytes: &mut BytesMut, id: u64) {
    put_bare(bytes, PING, id);
}

/// Appends the answer to a sign of life.
pub fn put_pong(bytes: &mut BytesMut, id: u64) {
    put_bare(bytes, PONG, id);
}

/// Appends the word that the ledger is about to stop.
pub fn put_closing(bytes: &mut BytesMut) {
    put_bare(bytes, CLOSING, 0);
}

/// Appends why the connection ends.
pub fn put_refused(bytes: &mut BytesMut, refusal: FrameRefusal) {
    put(bytes, REFUSED, 0, Some(&refusal), MAX_FRAME_BYTES).expect("it is one byte");
}

fn put_bare(bytes: &mut BytesMut, kind: u8, id: u64) {
    put(bytes, kind, id, None::<&()>, MAX_FRAME_BYTES).expect("there is no body");
}

fn put(
    bytes: &mut BytesMut,
    kind: u8,
    id: u64,
    body: Option<&impl Serialize>,
    most: usize,
) -> Result<(), TooLong> {
    let start = bytes.len();
    bytes.put_u32_le(0);
    bytes.put_u8(kind);
    bytes.put_u64_le(id);
    if let Some(body) = body {
        postcard::to_io(body, bytes.writer()).expect("it is plain data, and memory takes it");
    }
    let length = bytes.len() - start - 4;
    if length > most {
        bytes.truncate(start);
        return Err(TooLong { length, most });
    }
    let length = u32::try_from(length).expect("it is at most MAX_FRAME_BYTES");
    bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// One direction's frames.
pub trait Frame: Sized {
    /// The largest that the reading side takes, without its length.
    const MOST: usize;

    /// Makes a frame of its parts.
    ///
    /// # Errors
    /// [`BadFrame::Kind`], [`BadFrame::Body`].
    fn of(kind: u8, id: u64, body: &[u8]) -> Result<Self, BadFrame>;
}

impl Frame for FromClient {
    const MOST: usize = MAX_REQUEST_BYTES;

    fn of(kind: u8, id: u64, body: &[u8]) -> Result<Self, BadFrame> {
        match kind {
            REQUEST => Ok(Self::Request { id, trace: None, command: read(kind, body)? }),
            TRACED_REQUEST => {
                let (trace, body) = traced(kind, body)?;
                Ok(Self::Request { id, trace: Some(trace), command: read(kind, body)? })
            }
            STATED_REQUEST => {
                let (trace, body) = traced(kind, body)?;
                let (state, command): (String, Command) = read(kind, body)?;
                let state = TraceState::parse(state.as_bytes()).ok_or(BadFrame::Body(kind))?;
                let trace = TraceContext { state: Some(state), ..trace };
                Ok(Self::Request { id, trace: Some(trace), command })
            }
            PING => bare(kind, body).map(|()| Self::Ping { id }),
            _ => Err(BadFrame::Kind(kind)),
        }
    }
}

impl Frame for FromServer {
    const MOST: usize = MAX_FRAME_BYTES;

    fn of(kind: u8, id: u64, body: &[u8]) -> Result<Self, BadFrame> {
        match kind {
            ANSWER => Ok(Self::Answer { id, answer: read(kind, body)? }),
            HEALTH => read(kind, body).map(Self::Health),
            PONG => bare(kind, body).map(|()| Self::Pong { id }),
            CLOSING => bare(kind, body).map(|()| Self::Closing),
            REFUSED => read(kind, body).map(Self::Refused),
            _ => Err(BadFrame::Kind(kind)),
        }
    }
}

/// Takes the next whole frame off the front of what has been received; nothing while more has to
/// come.
///
/// # Errors
/// [`BadFrame`]; what is left of `bytes` then means nothing.
pub fn take<T: Frame>(bytes: &mut BytesMut) -> Result<Option<T>, BadFrame> {
    let Some(length) = bytes.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_le_bytes(*length) as usize;
    if length > T::MOST {
        return Err(BadFrame::TooLong { length, most: T::MOST });
    }
    if length < HEAD_BYTES {
        return Err(BadFrame::TooShort(length));
    }
    if bytes.len() < 4 + length {
        bytes.reserve(4 + length - bytes.len());
        return Ok(None);
    }
    bytes.advance(4);
    let mut frame = bytes.split_to(length);
    let kind = frame.get_u8();
    let id = frame.get_u64_le();
    T::of(kind, id, &frame).map(Some)
}

/// The trace that a body begins with, and the rest of it.
fn traced(kind: u8, body: &[u8]) -> Result<(TraceContext, &[u8]), BadFrame> {
    let (trace, rest) = body.split_first_chunk().ok_or(BadFrame::Body(kind))?;
    Ok((TraceContext::from_bytes(trace).ok_or(BadFrame::Body(kind))?, rest))
}

fn read<T: DeserializeOwned>(kind: u8, body: &[u8]) -> Result<T, BadFrame> {
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        Ok(_) | Err(_) => Err(BadFrame::Body(kind)),
    }
}

fn bare(kind: u8, body: &[u8]) -> Result<(), BadFrame> {
    if body.is_empty() { Ok(()) } else { Err(BadFrame::Body(kind)) }
}
