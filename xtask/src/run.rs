//! Starting other programs: prints what it starts, gives it no standard input, and turns a failure
//! into an error that names the command.
//!
//! Must not know what any task is for. Called by every task.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// The root of the workspace: all commands run there, wherever the caller stands.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies one folder below the root")
}

/// The cargo that runs us, so that a toolchain override (`cargo +1.95 xtask`) is kept.
pub(crate) fn cargo() -> Command {
    program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A command at the root of the workspace.
pub(crate) fn program(name: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root());
    command
}

/// Runs `command` to its end with our own output.
///
/// # Errors
/// When it cannot be started or does not end with exit status 0; the text names the command.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    eprintln!("$ {shown}");
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("`{shown}` could not be started"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// Runs `command` to its end and gives its standard output; errors as [`run`].
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("`{shown}` could not be started"))?;
    if !output.status.success() {
        // What it said before it failed is what the reader needs.
        eprint!("{}", String::from_utf8_lossy(&output.stdout));
        bail!("`{shown}` ended with {}", output.status);
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{shown}` printed something that is not UTF-8"))
}

/// The command as a person would type it: the program's file name and its arguments.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            words.push(format!("{}='{}'", name.to_string_lossy(), value.to_string_lossy()));
        }
    }
    words.push(program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned());
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_command_is_an_error_that_names_it() {
        let error = run(program("sh").args(["-c", "exit 3"])).unwrap_err();
        assert!(error.to_string().contains("`sh -c exit 3` ended with exit status: 3"), "{error}");
    }

    #[test]
    fn a_missing_program_is_an_error_that_names_it() {
        let error = run(&mut program("talon-no-such-program")).unwrap_err();
        assert!(error.to_string().contains("talon-no-such-program"), "{error}");
    }

    #[test]
    fn commands_have_no_standard_input() {
        // `cat` would wait for ever on an inherited terminal.
        run(&mut program("cat")).unwrap();
    }
}
