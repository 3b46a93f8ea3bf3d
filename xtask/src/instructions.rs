//! `cargo xtask instructions`: counts the instructions of the hot functions and holds them against the baseline.
//!
//! Owns how they are built: the members optimised as for a release, the dependencies as the tests have them, so
//! that a test run builds little anew. What is counted and judged is the bench's. Called by `main` and `test`.

use anyhow::Result;
use clap::Args;

use crate::{run, tools};

/// What `cargo xtask instructions` can be told.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Options {
    /// Write the counts of today as the new baseline, to be committed with the change that explains them.
    #[arg(long)]
    update: bool,
}

/// Builds, counts, and judges or writes.
///
/// # Errors
/// When valgrind is missing, the build fails, or a function takes more instructions than it may.
pub(crate) fn instructions(options: &Options) -> Result<()> {
    tools::require_instructions()?;
    let mode = if options.update { "--update" } else { "--check" };
    // The whole workspace, for its features are those of the tests.
    let test = ["test", "--workspace", "--bench", "instructions", "--", mode];
    run::run(
        run::cargo()
            .args(test)
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "2")
            .env("CARGO_INCREMENTAL", "0"),
    )
}
