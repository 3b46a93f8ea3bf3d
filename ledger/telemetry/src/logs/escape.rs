//! Text that others may have chosen, made harmless: it never begins a new line, ends its quotes or speaks to
//! a terminal. The escapes are those of JSON, in every format.

use std::fmt::Write as _;

/// Longest value of a line in bytes; of a longer one the beginning is written.
pub(super) const MAX_VALUE_BYTES: usize = 2048;
/// What stands at the end of a value that was cut.
const CUT: char = '…';

/// Appends text without quotes around it.
pub(super) fn plain(out: &mut String, text: &str) {
    let end = text.floor_char_boundary(MAX_VALUE_BYTES);
    for letter in text[..end].chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // All of them are below U+10000, so one escape is enough.
            letter if is_command(letter) => {
                write!(out, "\\u{:04x}", u32::from(letter)).expect("a string takes all");
            }
            letter => out.push(letter),
        }
    }
    if end < text.len() {
        out.push(CUT);
    }
}

/// Appends text with quotes around it.
pub(super) fn quoted(out: &mut String, text: &str) {
    out.push('"');
    plain(out, text);
    out.push('"');
}

/// Whether text has to be quoted as a value of logfmt.
pub(super) fn needs_quotes(text: &str) -> bool {
    let is_special = |c: char| c.is_whitespace() || matches!(c, '"' | '=' | '\\') || is_command(c);
    text.is_empty() || text.contains(is_special)
}

/// Control characters, line and paragraph separators, and what turns the direction of writing.
fn is_command(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{061c}')
        || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_a_line_or_speaks_to_a_terminal_is_spelled_out() {
        let mut line = String::new();
        plain(&mut line, "a\nb\r\t\"c\\\u{1b}[2J\u{9b}31m\u{2028}\u{202e}щ");
        assert_eq!(line, "a\\nb\\r\\t\\\"c\\\\\\u001b[2J\\u009b31m\\u2028\\u202eщ");
    }

    #[test]
    fn a_long_value_is_cut_between_two_letters() {
        let mut line = String::new();
        plain(&mut line, &"щ".repeat(MAX_VALUE_BYTES));
        assert_eq!(line.len(), MAX_VALUE_BYTES + CUT.len_utf8());
        assert!(line.ends_with("щ…"));
    }
}
