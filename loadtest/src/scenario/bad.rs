//! A scenario that is refused: the file, the key, and what would be right.
//!
//! Owns the words. Must not know which keys there are. Called by the parser.

use talon_domain::suggest::nearest;

/// The exit code for a bad scenario: that of a bad configuration everywhere in Talon.
pub const EXIT_CONFIG: u8 = 78;

/// A scenario that is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {}{problem}", key_prefix(.key))]
pub struct BadScenario {
    /// The file.
    pub file: String,
    /// The key, dotted; empty when the file as a whole is at fault.
    pub key: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

fn key_prefix(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("{key}: ") }
}

impl BadScenario {
    pub(super) fn new(file: &str, key: &str, problem: String) -> Self {
        Self { file: file.to_owned(), key: key.to_owned(), problem }
    }
}

/// What serde says, as a line for whoever wrote the file.
pub(super) fn refused(
    file: &str,
    error: &serde_path_to_error::Error<toml::de::Error>,
) -> BadScenario {
    let path = error.path().to_string();
    let path = if path == "." { "" } else { &path };
    let message = error.inner().message();
    let mut words = message.split('`').skip(1).step_by(2);
    let unknown = words.next().filter(|_| message.starts_with("unknown field"));
    let Some(unknown) = unknown else {
        return BadScenario::new(file, path, message.to_owned());
    };
    let known: Vec<&str> = words.collect();
    // The path already ends in the unknown key.
    let parent = path.strip_suffix(unknown).unwrap_or(path).trim_end_matches('.');
    let full =
        |name: &str| if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") };
    let remedy = match nearest(unknown, known.iter().copied()) {
        Some(name) => format!("did you mean `{}`?", full(name)),
        None => format!("known keys here: {}", known.join(", ")),
    };
    BadScenario::new(file, &full(unknown), format!("unknown key; {remedy}"))
}
