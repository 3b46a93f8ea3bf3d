//! Just enough of Rust's lexical rules to tell code from text: comments, strings and characters are
//! blanked, so that the rules do not stumble over prose and over their own samples.
//!
//! Must not know any rule. Called by `rules`.

/// The source with every comment, string and character literal replaced by blanks; line breaks and
/// the number of characters stay, so that lines count the same.
pub(super) fn code_only(source: &str) -> String {
    let characters: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < characters.len() {
        let end = text_end(&characters, at);
        if end == at {
            out.push(characters[at]);
            at += 1;
        } else {
            out.extend(characters[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Where the comment or literal that starts at `at` ends; `at` itself when none starts there.
fn text_end(characters: &[char], at: usize) -> usize {
    let rest = &characters[at..];
    let inside_word = at > 0 && is_word(characters[at - 1]);
    match rest {
        ['/', '/', ..] => at + line_length(rest),
        ['/', '*', ..] => at + block_comment_length(rest),
        ['"', ..] => at + quoted_length(rest, '"'),
        ['\'', ..] => at + character_length(rest),
        ['r', ..] | ['b', 'r', ..] | ['c', 'r', ..] if !inside_word => {
            at + raw_string_length(rest).unwrap_or(0)
        }
        _ => at,
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn line_length(rest: &[char]) -> usize {
    rest.iter().position(|c| *c == '\n').unwrap_or(rest.len())
}

/// Block comments nest.
fn block_comment_length(rest: &[char]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match &rest[at..] {
            ['/', '*', ..] => {
                depth += 1;
                at += 2;
            }
            ['*', '/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

/// From the opening quote to the closing one, a backslash hides the next character.
fn quoted_length(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// `'a'` and `'\n'` are characters; `'a` alone is a lifetime and not text.
fn character_length(rest: &[char]) -> usize {
    match rest {
        ['\'', '\\', ..] => quoted_length(rest, '\''),
        ['\'', _, '\'', ..] => 3,
        _ => 0,
    }
}

/// `r"…"`, `r#"…"#`, with `b` or `c` before; `None` for words and raw identifiers (`r#type`).
fn raw_string_length(rest: &[char]) -> Option<usize> {
    let prefix = if rest[0] == 'r' { 1 } else { 2 };
    let hashes = rest[prefix..].iter().take_while(|c| **c == '#').count();
    let open = prefix + hashes;
    if rest.get(open) != Some(&'"') {
        return None;
    }
    let mut at = open + 1;
    while at < rest.len() {
        let closes = rest[at] == '"'
            && rest[at + 1..].iter().take_while(|c| **c == '#').take(hashes).count() == hashes;
        at += 1;
        if closes {
            return Some(at + hashes);
        }
    }
    Some(rest.len())
}

#[cfg(test)]
mod tests {
    use super::code_only;

    #[track_caller]
    fn blanked(source: &str, expected: &str) {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let code = code_only(source);
        assert_eq!(code.lines().count(), source.lines().count());
        assert_eq!(code.chars().count(), source.chars().count());
        assert_eq!(words(&code), expected);
    }

    #[test]
    fn comments_are_blanked() {
        blanked("a // b\nc /* d /* e */ f */ g", "a c g");
        blanked("//! head\n/// doc\nfn f() {}", "fn f() {}");
    }

    #[test]
    fn strings_are_blanked() {
        blanked(r#"let a = "b \" c"; d"#, "let a = ; d");
        blanked("let a = r#\"b \" c\"#; d", "let a = ; d");
        blanked("let a = br\"b\\\"; d", "let a = ; d");
        blanked("a \"// no comment\" b", "a b");
        blanked("a \"two\nlines\" b", "a b");
    }

    #[test]
    fn characters_are_blanked_and_lifetimes_are_not() {
        blanked(r#"a '"' b '\'' c"#, "a b c");
        blanked("fn f<'a>(b: &'a str)", "fn f<'a>(b: &'a str)");
    }

    #[test]
    fn words_that_end_in_r_and_raw_identifiers_are_code() {
        blanked(r#"for r#type in br { "x" }"#, "for r#type in br { }");
        blanked(r#"matches(var, "x")"#, "matches(var, )");
    }

    #[test]
    fn text_that_never_ends_is_blanked_to_the_end() {
        blanked("a /* b", "a");
        blanked("a \"b", "a");
        blanked("a r#\"b\"", "a");
    }
}
