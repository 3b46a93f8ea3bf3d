//! What a rehearsal shows: lines or a view while it runs, files and a table when it is over.
//!
//! Must not judge. Called by the binary.

mod table;
mod view;

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;

pub use self::table::Table;
pub use self::view::View;
use crate::report::{Report, html};
use crate::scenario::Scenario;

/// Where reports go.
#[derive(Args, Clone, Debug)]
pub struct Files {
    /// The report for machines; by default `report.json` in the work directory.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// The report for people, one page that needs nothing else; by default `report.html` in the work
    /// directory.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Show no view while it runs.
    #[arg(long)]
    pub plain: bool,
}

impl Files {
    /// What is shown while a scenario runs.
    #[must_use]
    pub fn view(&self, scenario: &Scenario) -> View {
        View::new(&scenario.name, self.plain)
    }

    /// Writes a report's files and prints its table.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, report: &Report, work_dir: &Path) -> Result<()> {
        let json = self.json.clone().unwrap_or_else(|| work_dir.join("report.json"));
        save(&json, &report.to_json())?;
        let page = self.html.clone().unwrap_or_else(|| work_dir.join("report.html"));
        save(&page, &html::page(report))?;
        print(&format!("{}\nreports: {}, {}", Table(report), page.display(), json.display()))
    }
}

/// Prints lines. A reader that goes away has seen what it wanted.
///
/// # Errors
/// When they cannot be written.
pub fn print(text: &str) -> Result<()> {
    let mut output = std::io::stdout().lock();
    match writeln!(output, "{text}").and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

fn save(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))
}
