//! The Combined Log Format: one line a request, without bodies.
//!
//! Must not keep anything; that is the import's. Called by it.

use http::Method;
use jiff::Timestamp;
use jiff::fmt::strtime;

use super::import::{Import, Recorded};

/// How the time is written, `10/Oct/2000:13:55:36 -0700`.
const TIME: &str = "%d/%b/%Y:%H:%M:%S %z";

pub(super) fn read(log: &[u8], import: &mut Import) {
    for line in log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let text = String::from_utf8_lossy(line);
        match request(&text) {
            Some(recorded) => import.request(&recorded),
            None => import.unreadable(),
        }
    }
}

/// `address ident user [time] "METHOD target HTTP/1.1" status bytes "referer" "agent"`.
fn request(line: &str) -> Option<Recorded<'_>> {
    let (address, rest) = line.split_once(' ')?;
    let (_, rest) = rest.split_once('[')?;
    let (time, rest) = rest.split_once(']')?;
    let (_, rest) = rest.split_once('"')?;
    let (asked, _) = rest.split_once('"')?;
    let mut words = asked.split(' ');
    let method: Method = words.next()?.parse().ok()?;
    let target = words.next().filter(|target| target.starts_with('/'))?;
    let at: Timestamp = strtime::parse(TIME, time).ok()?.to_timestamp().ok()?;
    Some(Recorded { at, mark: address, method, target, body: &[] })
}
