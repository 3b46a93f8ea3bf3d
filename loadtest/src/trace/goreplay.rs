//! Files of GoReplay: pieces with a line of their own and raw HTTP, three monkeys between them.
//!
//! Must not keep anything; that is the import's. Called by it.

use http::Method;
use jiff::Timestamp;

use super::import::{Import, Recorded};

/// What stands between two pieces.
const BETWEEN: &str = "🐵🙈🙉";
/// The kind of piece that is a request; the others are answers.
const REQUEST: &str = "1";

pub(super) fn read(log: &[u8], import: &mut Import) {
    let text = String::from_utf8_lossy(log);
    for piece in text.split(BETWEEN).map(str::trim_start).filter(|piece| !piece.is_empty()) {
        match request(piece) {
            Some(Some(recorded)) => import.request(&recorded),
            // An answer.
            Some(None) => {}
            None => import.unreadable(),
        }
    }
}

/// `kind id nanoseconds …`, then the request as it was on the wire; nothing in an answer.
fn request(piece: &str) -> Option<Option<Recorded<'_>>> {
    let (first, raw) = piece.split_once('\n')?;
    let mut words = first.split_ascii_whitespace();
    let kind = words.next()?;
    let _id = words.next()?;
    let nanoseconds: i128 = words.next()?.parse().ok()?;
    if kind != REQUEST {
        return Some(None);
    }
    let at = Timestamp::from_nanosecond(nanoseconds).ok()?;
    let (head, body) =
        raw.split_once("\r\n\r\n").or_else(|| raw.split_once("\n\n")).unwrap_or((raw, ""));
    let mut lines = head.lines();
    let mut asked = lines.next()?.split(' ');
    let method: Method = asked.next()?.parse().ok()?;
    let target = asked.next().filter(|target| target.starts_with('/'))?;
    // Whoever has a session is told from others by it.
    let marks = ["cookie", "authorization", "x-forwarded-for", "x-real-ip"];
    let mark = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| marks.iter().any(|mark| name.trim().eq_ignore_ascii_case(mark)))
        .map_or("", |(_, value)| value.trim());
    Some(Some(Recorded { at, mark, method, target, body: body.trim().as_bytes() }))
}
