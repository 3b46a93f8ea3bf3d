//! `cargo xtask loom`: the board's tests under loom, which tries every interleaving of the atomics.
//!
//! Must not know the tests themselves; they lie with the board. Called by `main` and `test`.

use anyhow::{Result, bail};

use crate::{metadata, run};

/// Builds the board with loom's atomics in a target directory of its own (another `RUSTFLAGS` would
/// throw away the ordinary build) and runs its tests, optimised: loom visits many thousand orders.
///
/// # Errors
/// When a test fails, or when not one test ran: then the models were lost, not passed.
pub(crate) fn loom() -> Result<()> {
    let target = metadata::workspace()?.target_directory.join("loom");
    let mut flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    if !flags.is_empty() {
        flags.push(' ');
    }
    flags.push_str("--cfg loom");
    let output = run::capture(
        run::cargo()
            .args(["test", "--package", "talon-board", "--release"])
            .env("RUSTFLAGS", flags)
            .env("CARGO_TARGET_DIR", target),
    )?;
    print!("{output}");
    let passed = passed(&output);
    if passed == 0 {
        bail!("no loom test ran");
    }
    println!("loom: {passed} tests passed");
    Ok(())
}

/// How many tests the closing lines of `cargo test` report as passed, over all test binaries.
fn passed(output: &str) -> usize {
    output
        .lines()
        .filter_map(|line| line.strip_prefix("test result: ok. "))
        .filter_map(|rest| rest.split_once(" passed")?.0.parse::<usize>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::passed;

    #[test]
    fn passed_tests_are_added_over_all_binaries() {
        let output = "test a ... ok\n\
            test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured\n\n\
            test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured\n";
        assert_eq!(passed(output), 7);
        assert_eq!(passed("test result: ok. 0 passed; 0 failed"), 0);
        assert_eq!(passed(""), 0);
    }
}
