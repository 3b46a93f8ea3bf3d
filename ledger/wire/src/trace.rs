//! The name of a trace that goes through several systems: the header `traceparent` of W3C Trace Context,
//! <https://www.w3.org/TR/trace-context/>, as text and in a frame.
//!
//! Owns its bytes. What cannot be read is as good as absent. Must not know who made a trace or whether anybody
//! records it.

use std::fmt;

use crate::TraceState;

/// Bytes in a frame: trace, parent, flags.
pub const TRACE_BYTES: usize = TRACE_ID_BYTES + SPAN_ID_BYTES + 1;

const TRACE_ID_BYTES: usize = 16;
const SPAN_ID_BYTES: usize = 8;
/// Digits of version, trace, parent and flags, and the dashes between them.
const TEXT_BYTES: usize = 2 + 1 + 2 * TRACE_ID_BYTES + 1 + 2 * SPAN_ID_BYTES + 1 + 2;
/// Whoever sent it may have recorded it. The other flags have no meaning in version 00 and are not passed
/// on.
const SAMPLED: u8 = 1;

/// A whole trace, never all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId([u8; TRACE_ID_BYTES]);

/// One step of it, never all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpanId([u8; SPAN_ID_BYTES]);

/// Which trace something belongs to, and to which step of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace: TraceId,
    /// The step that caused this.
    pub parent: SpanId,
    /// Whether that step says that it is recorded.
    pub is_sampled: bool,
    /// What vendors say of it, if anything; never without the rest.
    pub state: Option<TraceState>,
}

impl TraceId {
    /// Nothing when all are zero.
    #[must_use]
    pub fn new(bytes: [u8; TRACE_ID_BYTES]) -> Option<Self> {
        (bytes != [0; TRACE_ID_BYTES]).then_some(Self(bytes))
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(self) -> [u8; TRACE_ID_BYTES] {
        self.0
    }
}

impl SpanId {
    /// Nothing when all are zero.
    #[must_use]
    pub fn new(bytes: [u8; SPAN_ID_BYTES]) -> Option<Self> {
        (bytes != [0; SPAN_ID_BYTES]).then_some(Self(bytes))
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(self) -> [u8; SPAN_ID_BYTES] {
        self.0
    }
}

impl TraceContext {
    /// Reads the value of `traceparent`; nothing when it is none. A version after 00 is read by what it has in
    /// common with 00, as the specification asks.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (known, rest) = value.split_first_chunk::<TEXT_BYTES>()?;
        let [version] = digits(&known[..2])?;
        let is_known_length = rest.is_empty() || (version > 0 && rest[0] == b'-');
        let has_dashes = known[2] == b'-' && known[35] == b'-' && known[52] == b'-';
        if version == 0xff || !is_known_length || !has_dashes {
            return None;
        }
        let [flags] = digits(&known[53..])?;
        Some(Self {
            trace: TraceId::new(digits(&known[3..35])?)?,
            parent: SpanId::new(digits(&known[36..52])?)?,
            is_sampled: flags & SAMPLED != 0,
            state: None,
        })
    }

    /// As it is in a frame, but for its state.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; TRACE_BYTES] {
        let mut bytes = [0; TRACE_BYTES];
        let (ids, flags) = bytes.split_at_mut(TRACE_ID_BYTES + SPAN_ID_BYTES);
        ids[..TRACE_ID_BYTES].copy_from_slice(&self.trace.0);
        ids[TRACE_ID_BYTES..].copy_from_slice(&self.parent.0);
        flags[0] = u8::from(self.is_sampled);
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote; nothing else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; TRACE_BYTES]) -> Option<Self> {
        let (trace, rest) = bytes.split_first_chunk()?;
        let (parent, flags) = rest.split_first_chunk()?;
        let is_sampled = match flags {
            [0] => false,
            [1] => true,
            _ => return None,
        };
        let (trace, parent) = (TraceId::new(*trace)?, SpanId::new(*parent)?);
        Some(Self { trace, parent, is_sampled, state: None })
    }
}

/// Reads lowercase hexadecimal digits, and nothing else.
fn digits<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn put(formatter: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
}

impl fmt::Display for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        put(formatter, &self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        put(formatter, &self.0)
    }
}

/// The value of `traceparent`, of version 00.
impl fmt::Display for TraceContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "00-{}-{}-{:02x}", self.trace, self.parent, u8::from(self.is_sampled))
    }
}

#[cfg(test)]
#[path = "trace_tests.rs"]
mod tests;
