//! The programs that the tests need besides Rust: looks for them, installs what is missing when it
//! may, and otherwise says exactly what to install.
//!
//! Must not decide which test uses what. Called by `test`, first, and by the tasks that measure.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::run;

/// A program, the Debian package that brings it, and what for.
struct Tool {
    program: &'static str,
    package: &'static str,
    purpose: &'static str,
}

const TOOLS: &[Tool] = &[
    Tool {
        program: "redis-server",
        package: "redis-server",
        purpose: "the admission tests with a real Redis",
    },
    Tool { program: "strace", package: "strace", purpose: "the injected write and sync errors" },
    Tool {
        program: "python3",
        package: "python3",
        purpose: "reading the journal in another language, and stock ALTCHA clients",
    },
    Tool {
        program: "node",
        package: "nodejs",
        purpose: "an OpenID Connect provider, a stock ALTCHA client, and what drives the browser",
    },
    Tool { program: "npm", package: "npm", purpose: "the packages of these" },
    Tool { program: "faketime", package: "faketime", purpose: "a clock that jumps" },
    Tool { program: "openssl", package: "openssl", purpose: "certificates for a moment" },
    Tool { program: "systemd-analyze", package: "systemd", purpose: "the units of systemd" },
    Tool {
        program: "promtool",
        package: "prometheus",
        purpose: "the metrics, rules and dashboards with a real Prometheus",
    },
    Tool {
        program: "chromium",
        package: "chromium",
        purpose: "looking at the pages as a citizen does",
    },
    VALGRIND,
];

const VALGRIND: Tool = Tool {
    program: "valgrind",
    package: "valgrind",
    purpose: "counting the instructions of the hot functions",
};

/// What `cargo xtask peers` measures Talon beside, and with; the tests do without them.
const PEERS: &[Tool] = &[
    Tool { program: "nginx", package: "nginx-light", purpose: "a limit in front of a server" },
    Tool { program: "psql", package: "postgresql", purpose: "claims in PostgreSQL" },
    Tool { program: "redis-server", package: "redis-server", purpose: "claims in Redis" },
    Tool { program: "redis-benchmark", package: "redis-tools", purpose: "the load on Redis" },
    Tool { program: "python3", package: "python3", purpose: "claims in SQLite" },
    Tool { program: "wrk", package: "wrk", purpose: "the load over HTTP" },
];

/// Components of the toolchain; distributions' own packages of Rust may lack them.
const COMPONENTS: &[(&str, &str)] = &[("fmt", "rustfmt"), ("clippy", "clippy")];

/// Makes sure that every tool is there.
///
/// # Errors
/// When something is missing and cannot be installed; the text is the command to type.
pub(crate) fn require() -> Result<()> {
    require_components()?;
    let path = env::var_os("PATH").unwrap_or_default();
    require_programs(TOOLS, &path)?;
    require_environments(&path)
}

/// Makes sure that instructions can be counted.
///
/// # Errors
/// As [`require`].
pub(crate) fn require_instructions() -> Result<()> {
    require_programs(&[VALGRIND], &env::var_os("PATH").unwrap_or_default())
}

/// Makes sure that everything is there that Talon is measured beside.
///
/// # Errors
/// As [`require`].
pub(crate) fn require_peers() -> Result<()> {
    require_programs(PEERS, &env::var_os("PATH").unwrap_or_default())
}

fn require_programs(tools: &'static [Tool], path: &std::ffi::OsStr) -> Result<()> {
    let missing = missing(tools, path);
    if missing.is_empty() {
        return Ok(());
    }
    for tool in &missing {
        eprintln!("{} is missing; it is needed for {}", tool.program, tool.purpose);
    }
    let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    if !may_install(path) {
        bail!("{}", advice(&packages));
    }
    install(&packages).with_context(|| advice(&packages))?;
    let still = self::missing(tools, path);
    if !still.is_empty() {
        let names: Vec<&str> = still.iter().map(|tool| tool.program).collect();
        bail!("installed, but still not on the path: {}", names.join(", "));
    }
    Ok(())
}

/// Python's virtual environments, in which the checks with packages live, are a package of their own
/// in some distributions.
fn require_environments(path: &std::ffi::OsStr) -> Result<()> {
    const PACKAGES: &[&str] = &["python3-venv"];
    let are_there = || {
        let mut probe = run::program("python3");
        probe.args(["-c", "import ensurepip, venv"]).stdin(Stdio::null()).stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success())
    };
    if are_there() {
        return Ok(());
    }
    if !may_install(path) {
        bail!("{}", advice(PACKAGES));
    }
    install(PACKAGES).with_context(|| advice(PACKAGES))?;
    if !are_there() {
        bail!("installed, but python3 still makes no virtual environments");
    }
    Ok(())
}

fn require_components() -> Result<()> {
    for (command, component) in COMPONENTS {
        let present = run::cargo()
            .args([command, "--version"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !present {
            run::run(run::program("rustup").args(["component", "add", component])).with_context(
                || format!("install {component}: `rustup component add {component}`"),
            )?;
        }
    }
    Ok(())
}

fn missing(tools: &'static [Tool], path: &std::ffi::OsStr) -> Vec<&'static Tool> {
    tools.iter().filter(|tool| !is_on_path(tool.program, path)).collect()
}

fn is_on_path(program: &str, path: &std::ffi::OsStr) -> bool {
    env::split_paths(path).any(|folder| is_executable(&folder.join(program)))
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Installing is for root on a Debian-like machine; a person is asked to do it by hand.
fn may_install(path: &std::ffi::OsStr) -> bool {
    is_on_path("apt-get", path) && effective_user().as_deref() == Some("0")
}

fn effective_user() -> Option<String> {
    let output = Command::new("id").arg("-u").stdin(Stdio::null()).output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

fn install(packages: &[&str]) -> Result<()> {
    let apt_get = || {
        let mut command = run::program("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    // A fresh image has no lists at all, an old one has stale ones.
    run::run(apt_get().args(["update", "--quiet"]))?;
    run::run(
        apt_get().args(["install", "--yes", "--quiet", "--no-install-recommends"]).args(packages),
    )
}

fn advice(packages: &[&str]) -> String {
    let packages = packages.join(" ");
    format!(
        "install what is missing and start again: `sudo apt-get install {packages}` (Debian, Ubuntu), \
         or the packages of these names of your system"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_where_the_path_says() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("strace");
        std::fs::write(&file, "#!/bin/sh\n").unwrap();
        assert!(!is_on_path("strace", folder.path().as_os_str()), "it may not be executed yet");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&file, mode).unwrap();
        assert!(is_on_path("strace", folder.path().as_os_str()));
        let names: Vec<_> =
            missing(TOOLS, folder.path().as_os_str()).iter().map(|tool| tool.program).collect();
        let others = TOOLS.iter().map(|tool| tool.program).filter(|name| *name != "strace");
        assert_eq!(names, others.collect::<Vec<_>>());
    }

    #[test]
    fn nothing_is_installed_without_apt_get() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!may_install(folder.path().as_os_str()));
    }

    #[test]
    fn the_advice_is_a_command_that_can_be_typed() {
        assert!(advice(&["strace", "python3"]).contains("sudo apt-get install strace python3"));
    }
}
