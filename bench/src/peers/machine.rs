//! What the figures were measured on: the computer, the programs, the commit.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::processes::{cores, output};

/// Facts, in the words of whoever knows them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) date: String,
    pub(crate) commit: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
    /// Of the last minute, when it began: what else was at work.
    pub(crate) load_average: String,
    pub(crate) programs: Vec<String>,
}

impl Machine {
    /// Looks at this one.
    pub(crate) fn look() -> Result<Self> {
        let read = |path: &str| fs::read_to_string(path).with_context(|| path.to_owned());
        let (info, memory) = (read("/proc/cpuinfo")?, read("/proc/meminfo")?);
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let kib = field(&memory, "MemTotal").unwrap_or_default();
        let kib: u64 = kib.split(' ').next().and_then(|kib| kib.parse().ok()).unwrap_or(0);
        let now = jiff::Timestamp::try_from(SystemTime::now()).context("the clock")?;
        Ok(Self {
            date: now.to_string().split('T').next().unwrap_or_default().to_owned(),
            commit: output(Command::new("git").args(["describe", "--always", "--dirty"]))?
                .trim()
                .to_owned(),
            processor: field(&info, "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: cores(),
            memory_gib: kib.div_ceil(1 << 20),
            kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            load_average: read("/proc/loadavg")?.split(' ').next().unwrap_or_default().to_owned(),
            programs: programs(),
        })
    }

    /// Whether more than half a core was busy before anything was measured.
    pub(crate) fn is_busy(&self) -> bool {
        self.load_average.parse::<f64>().is_ok_and(|load| load > 0.5)
    }

    /// What is said of a run beside other work; nothing of one that was alone.
    pub(crate) fn busy(&self) -> &'static str {
        match self.is_busy() {
            true => " **The computer was busy with other work: a trial, not a result.**",
            false => "",
        }
    }

    /// One line for a document.
    pub(crate) fn sentence(&self) -> String {
        format!(
            "{}, commit {}: {} cores of {}, {} GiB, Linux {}, load average {} at the beginning; {}.",
            self.date,
            self.commit,
            self.cores,
            self.processor,
            self.memory_gib,
            self.kernel,
            self.load_average,
            self.programs.join(", "),
        )
    }
}

/// Versions, as far as the programs are there.
fn programs() -> Vec<String> {
    let first_line = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok()?;
        let said = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&said).lines().next().map(str::trim).map(str::to_owned)
    };
    let postgres = super::databases::postgres_programs().ok();
    let postgres = postgres.map(|bin| bin.join("postgres").display().to_string());
    let lines = [
        first_line("rustc", &["--version"]),
        first_line("nginx", &["-v"]),
        postgres.and_then(|program| first_line(&program, &["--version"])),
        first_line("redis-server", &["--version"]).and_then(|line| {
            let version = line.split(' ').nth(2)?.strip_prefix("v=")?.to_owned();
            Some(format!("Redis {version}"))
        }),
        super::databases::sqlite_version().ok().map(|version| format!("SQLite {}", version.trim())),
        first_line("wrk", &["-v"]).and_then(|line| line.split(" [").next().map(str::to_owned)),
    ];
    lines.into_iter().flatten().collect()
}

/// Lets a server that runs as somebody else into a folder of ours.
pub(crate) fn let_others_in(folder: &Path) -> Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("opening {}", folder.display()))
}
