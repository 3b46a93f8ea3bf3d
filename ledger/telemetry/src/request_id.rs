//! Request ids: one for every answer, so that a citizen's screenshot finds the log lines.
//!
//! Must not know what was asked. The gateway makes one for each request; [`crate::scope`] carries it to
//! every line.

use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;
use smallvec::SmallVec;

/// The longest id as text.
const MAX_BYTES: usize = 8 + 1 + 16;

/// The id of one request: random to the process, counted within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId {
    process: u32,
    number: u64,
}

impl RequestId {
    /// The next id.
    pub fn next() -> Self {
        static PROCESS: OnceLock<u32> = OnceLock::new();
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let process = *PROCESS.get_or_init(|| getrandom::u32().unwrap_or_default());
        // Relaxed: numbers only have to differ.
        Self { process, number: NUMBER.fetch_add(1, Ordering::Relaxed) }
    }

    /// A number that differs from request to request, below `bound`: spreads retries.
    pub fn jitter(self, bound: u64) -> u64 {
        let mixed = (self.number ^ u64::from(self.process)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32) % bound.max(1)
    }

    /// The value of `X-Request-Id`.
    pub fn header(self) -> HeaderValue {
        let mut text = SmallVec::<[u8; MAX_BYTES]>::new();
        write!(text, "{self}").expect("memory takes all");
        HeaderValue::from_bytes(&text).expect("hexadecimal digits are visible ASCII")
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:08x}-{:06x}", self.process, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_jitter_stays_in_bounds() {
        let (first, second) = (RequestId::next(), RequestId::next());
        assert_ne!(first.to_string(), second.to_string());
        let spread: std::collections::BTreeSet<u64> =
            (0..100).map(|_| RequestId::next().jitter(5)).collect();
        assert_eq!(spread, (0..5).collect());
    }
}
