//! The rules about single files, each a function of the file's text.
//!
//! Must not read files. Called by `tidy`.

use super::Finding;
use super::lexer::code_only;

/// Past this a file has two things in it.
const MAX_FILE_LINES: usize = 500;

/// Paths outside the repository that a clone does not have, in two pieces: this file is searched too.
const OUTSIDE: &[&str] = &[concat!("..", "/shared")];

/// Macros that stand for missing code.
const UNFINISHED: &[&str] = &["todo!", "unimplemented!"];

/// Rules for every text file, whatever its language.
pub(super) fn any_text(place: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for outside in OUTSIDE {
            if line.contains(outside) {
                let message = format!("{outside} is not part of the repository");
                findings.push(finding(place, index + 1, message));
            }
        }
    }
    findings
}

/// Rules for Rust sources, tests and benches included.
pub(super) fn rust(place: &str, text: &str) -> Vec<Finding> {
    let code = code_only(text);
    let mut findings = Vec::new();
    findings.extend(head(place, text));
    findings.extend(length(place, text));
    findings.extend(unfinished(place, &code));
    findings.extend(attributes(place, &code));
    findings
}

/// The head says what the file owns, what it must not know and who calls it; that it says something
/// is checked here, what it says by readers.
fn head(place: &str, text: &str) -> Option<Finding> {
    let first = text.lines().next().unwrap_or_default();
    let says = first.strip_prefix("//!").unwrap_or_default().trim();
    says.is_empty()
        .then(|| finding(place, 1, "the file does not open with a `//!` head".to_owned()))
}

fn length(place: &str, text: &str) -> Option<Finding> {
    let lines = text.lines().count();
    (lines > MAX_FILE_LINES)
        .then(|| finding(place, lines, format!("{lines} lines; the limit is {MAX_FILE_LINES}")))
}

fn unfinished(place: &str, code: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in code.lines().enumerate() {
        for name in UNFINISHED {
            if contains_word(line, name) {
                findings.push(finding(place, index + 1, format!("`{name}` is unfinished work")));
            }
        }
    }
    findings
}

fn attributes(place: &str, code: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, attribute) in attribute_texts(code) {
        if contains_word(attribute, "ignore") {
            let message = "a test that is ignored shows nothing; repair it or delete it";
            findings.push(finding(place, line, message.to_owned()));
        }
        if contains_word(attribute, "allow(") {
            let message = "an exception is `#[expect(…, reason = \"…\")]`, never `allow`";
            findings.push(finding(place, line, message.to_owned()));
        }
        if contains_word(attribute, "expect(") && !contains_word(attribute, "reason") {
            findings.push(finding(place, line, "an exception says its `reason`".to_owned()));
        }
    }
    findings
}

/// The text between the brackets of each attribute, with the line where it starts.
fn attribute_texts(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (hash, _) in code.match_indices('#') {
        let rest = &code[hash + 1..];
        let rest = rest.strip_prefix('!').unwrap_or(rest);
        let Some(rest) = rest.strip_prefix('[') else { continue };
        let mut depth = 1_usize;
        let end = rest.find(|c| {
            depth = match c {
                '[' => depth + 1,
                ']' => depth - 1,
                _ => depth,
            };
            depth == 0
        });
        let line = code[..hash].matches('\n').count() + 1;
        found.push((line, &rest[..end.unwrap_or(rest.len())]));
    }
    found
}

/// Whether `word` occurs in `text` and is not the end or the beginning of a longer name.
fn contains_word(text: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        let open_end = word.ends_with(is_name);
        let cut_off = before.is_some_and(is_name) || (open_end && after.is_some_and(is_name));
        !cut_off
    })
}

fn finding(place: &str, line: usize, message: String) -> Finding {
    Finding { place: place.to_owned(), line: Some(line), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks on which lines `text`, with a good head put before it, breaks a rule.
    #[track_caller]
    fn broken(text: &str, expected: &[usize]) {
        let findings = rust("a.rs", &format!("//! Head.\n{text}"));
        let lines: Vec<usize> = findings.iter().map(|finding| finding.line.unwrap()).collect();
        assert_eq!(lines, expected, "{text}");
    }

    #[test]
    fn a_file_opens_with_a_head() {
        assert_eq!(rust("a.rs", "//! What it owns.\nfn f() {}\n"), []);
        for bad in ["", "fn f() {}\n", "// not a head\n", "//!\n", "\n//! Too late.\n"] {
            assert_eq!(rust("a.rs", bad).len(), 1, "{bad:?}");
        }
    }

    #[test]
    fn a_file_has_at_most_500_lines() {
        broken(&"\n".repeat(499), &[]);
        broken(&"\n".repeat(500), &[501]);
    }

    #[test]
    fn unfinished_work_is_found() {
        broken("fn f() {\n    todo!()\n}", &[3]);
        broken("fn f() { unimplemented!(\"later\") }", &[2]);
        broken("// todo!()\nfn f() { not_todo!(); \"todo!\"; }", &[]);
    }

    #[test]
    fn ignored_tests_are_found() {
        broken("#[test]\n#[ignore]\nfn f() {}", &[3]);
        broken("#[ignore = \"slow\"]\nfn f() {}", &[2]);
        broken("#[cfg_attr(miri, ignore)]\nfn f() {}", &[2]);
        broken("// #[ignore]\nlet ignore = ignored[0];", &[]);
    }

    #[test]
    fn exceptions_are_expectations_with_a_reason() {
        broken("#[allow(dead_code)]\nfn f() {}", &[2]);
        broken("#![allow(dead_code, reason = \"no\")]", &[2]);
        broken("#[cfg_attr(test, allow(dead_code))]\nfn f() {}", &[2]);
        broken("#[expect(dead_code)]\nfn f() {}", &[2]);
        broken("#[expect(\n    dead_code,\n    reason = \"why\"\n)]\nfn f() {}", &[]);
        broken("policy.allow(x); let y = z.expect(\"why\");", &[]);
    }

    #[test]
    fn paths_outside_the_repository_are_found_in_any_text() {
        let bad = format!("see\n{}/MISSION.md", OUTSIDE[0]);
        assert_eq!(any_text("a.md", &bad)[0].line, Some(2));
        assert_eq!(any_text("a.md", "see MISSION.md, shared by all"), []);
    }
}
