//! What vendors say of a trace: the header `tracestate` of W3C Trace Context, carried as it came.
//!
//! Owns what is one. What cannot be read is as good as absent. Must not understand what is in it.

use std::sync::Arc;

/// Longest one that is carried, in bytes: as much as the specification asks for at least.
pub const MAX_TRACE_STATE_BYTES: usize = 512;
/// Most entries of one, by the specification.
pub const MAX_TRACE_STATE_ENTRIES: usize = 32;

const MAX_KEY_BYTES: usize = 256;
const MAX_VALUE_BYTES: usize = 256;

/// A list of keys and values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceState(Arc<str>);

impl TraceState {
    /// Reads a header's value, several headers being joined by commas; nothing when it is none or too long.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        if value.len() > MAX_TRACE_STATE_BYTES {
            return None;
        }
        let text = std::str::from_utf8(value).ok()?;
        let mut keys: Vec<&str> = Vec::new();
        // An empty entry is allowed and says nothing.
        for entry in text.split(',').map(|entry| entry.trim_matches([' ', '\t'])) {
            if entry.is_empty() {
                continue;
            }
            let (key, value) = entry.split_once('=')?;
            if !is_key(key) || !is_value(value) || keys.contains(&key) {
                return None;
            }
            keys.push(key);
        }
        let is_some = !keys.is_empty() && keys.len() <= MAX_TRACE_STATE_ENTRIES;
        is_some.then(|| Self(text.into()))
    }

    /// As it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_key(key: &str) -> bool {
    let is_first = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_next = |byte: u8| is_first(&byte) || b"_-*/@".contains(&byte);
    key.as_bytes().first().is_some_and(is_first)
        && key.len() <= MAX_KEY_BYTES
        && key.bytes().all(is_next)
        && key.bytes().filter(|byte| *byte == b'@').count() <= 1
}

fn is_value(value: &str) -> bool {
    (1..=MAX_VALUE_BYTES).contains(&value.len())
        && value.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        TraceState::parse(text.as_bytes()).map(|state| state.as_str().to_owned())
    }

    #[test]
    fn what_is_one_is_carried_as_it_came() {
        for good in ["a=1", "vendor=00f067aa0ba902b7,t61@sys=a b;c:d", " a=1\t, ,b/*_-=2", "0=~"] {
            assert_eq!(read(good).as_deref(), Some(good));
        }
    }

    #[test]
    fn what_is_none_is_dropped() {
        for bad in ["", " , ", "a", "a=", "=1", "A=1", "a=1=2", "a=1,a=2", "a@b@c=1", "_a=1", "a=є"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn one_beyond_the_bounds_is_dropped() {
        let entries = |count: usize| {
            let each: Vec<String> = (0..count).map(|number| format!("k{number}=v")).collect();
            each.join(",")
        };
        assert!(read(&entries(MAX_TRACE_STATE_ENTRIES)).is_some());
        assert_eq!(read(&entries(MAX_TRACE_STATE_ENTRIES + 1)), None);
        let long = |bytes: usize| format!("a={},b={}", "v".repeat(256), "v".repeat(bytes - 261));
        assert!(read(&long(MAX_TRACE_STATE_BYTES)).is_some());
        assert_eq!(read(&long(MAX_TRACE_STATE_BYTES + 1)), None);
        assert_eq!(read(&format!("a={}", "v".repeat(257))), None);
        assert_eq!(read(&format!("{}=v", "k".repeat(257))), None);
    }
}
