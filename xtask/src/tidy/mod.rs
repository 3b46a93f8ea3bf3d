//! `cargo xtask tidy`: the rules about the shape of the repository that no compiler checks.
//!
//! Owns the walk over the files and the report; the rules are in the submodules, as functions of
//! text, so that each is tested with good and bad samples. Called by `main` and `test`.

mod arrows;
mod lexer;
mod rules;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::{metadata, run};

/// Folders that hold nothing of ours, by name, at any depth.
const SKIPPED_FOLDERS: &[&str] = &[".git", "node_modules", "target", "talon-data"];

/// A broken rule, and where.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    /// A file from the root, or a crate's name.
    place: String,
    /// Counted from 1; `None` when the whole place is meant.
    line: Option<usize>,
    message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.place, self.message),
            None => write!(f, "{}: {}", self.place, self.message),
        }
    }
}

/// Checks the crates and every file of the repository.
///
/// # Errors
/// When a rule is broken; every finding is printed first.
pub(crate) fn tidy() -> Result<()> {
    let mut findings = arrows::check(&metadata::workspace()?.members);
    let files = files(run::root())?;
    let mut sources = 0_usize;
    for file in &files {
        let place = file.strip_prefix(run::root()).unwrap_or(file).display().to_string();
        let bytes = std::fs::read(file).with_context(|| format!("reading {place}"))?;
        // Pictures and golden bytes have no lines.
        let Ok(text) = String::from_utf8(bytes) else { continue };
        findings.extend(rules::any_text(&place, &text));
        if file.extension().is_some_and(|extension| extension == "rs") {
            sources += 1;
            findings.extend(rules::rust(&place, &text));
        }
    }
    if sources == 0 {
        bail!("no source file found below {}", run::root().display());
    }
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} findings", findings.len());
    }
    println!("tidy: {sources} source files, {} files in all", files.len());
    Ok(())
}

/// All files below `folder` that are ours, sorted, so that the report is the same everywhere.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let entries = folder.read_dir().with_context(|| format!("listing {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                if !SKIPPED_FOLDERS.iter().any(|skipped| entry.file_name() == *skipped) {
                    open.push(entry.path());
                }
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_output_and_data_are_not_looked_at() {
        let root = tempfile::tempdir().unwrap();
        for file in ["a.rs", "target/b.rs", "c/talon-data/d.rs", "c/e.rs", ".git/f"] {
            let file = root.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        let found = files(root.path()).unwrap();
        assert_eq!(found, [root.path().join("a.rs"), root.path().join("c/e.rs")]);
    }

    #[test]
    fn a_finding_reads_as_a_place_that_an_editor_opens() {
        let finding =
            Finding { place: "a/b.rs".to_owned(), line: Some(3), message: "no".to_owned() };
        assert_eq!(finding.to_string(), "a/b.rs:3: no");
    }
}
