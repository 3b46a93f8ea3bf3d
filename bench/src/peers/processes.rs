//! Servers as processes: started on chosen cores, their processor time counted, ended.
//!
//! Must not know what they serve. Called by everything in `peers` that starts one.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How often it is looked whether it listens.
const LOOK_PAUSE: Duration = Duration::from_millis(10);
/// How long it may take to end before it is killed.
const END_TIMEOUT: Duration = Duration::from_secs(20);
/// In which Linux counts processor time for programs: a tick is 10 ms.
const TICK: Duration = Duration::from_millis(10);

/// On which cores somebody runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cores {
    /// The servers': the first.
    Servers,
    /// The load's: all but the first.
    Load,
    /// All.
    All,
}

/// How many cores this computer lets us use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// How many cores the load has.
pub(crate) fn load_cores() -> usize {
    cores().saturating_sub(1).max(1)
}

/// A command that runs on some cores only; with a single core there is nothing to choose.
pub(crate) fn command(program: impl AsRef<OsStr>, on: Cores) -> Command {
    let list = match (on, cores()) {
        (Cores::All, _) | (_, 1) => return Command::new(program),
        (Cores::Servers, _) => "0".to_owned(),
        (Cores::Load, all) => format!("1-{}", all - 1),
    };
    // It replaces itself by the program, so the process id is the program's.
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &list]).arg(program);
    command
}

/// How a server is asked to end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// It keeps nothing that anybody needs again.
    Kill,
    /// It has children of its own to end.
    Interrupt,
}

/// A running server; ended when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    name: &'static str,
    end: End,
}

impl Server {
    pub(crate) fn start(name: &'static str, command: &mut Command, end: End) -> Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        Ok(Self { child, name, end })
    }

    /// Waits until `is_ready`.
    pub(crate) fn wait_until(&mut self, mut is_ready: impl FnMut() -> bool) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while !is_ready() {
            if let Some(status) = self.child.try_wait().context("looking after a server")? {
                bail!("{} ended with {status} before it was ready", self.name);
            }
            if Instant::now() > deadline {
                bail!("{} is not ready after {} s", self.name, START_TIMEOUT.as_secs());
            }
            std::thread::sleep(LOOK_PAUSE);
        }
        Ok(())
    }

    /// Waits until somebody listens there.
    pub(crate) fn wait_for(&mut self, address: SocketAddr) -> Result<()> {
        self.wait_until(|| TcpStream::connect(address).is_ok())
    }

    /// Processor time of it and its descendants so far, dead ones included.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        let all = processes().context("looking at the processes")?;
        let mut sum = Duration::ZERO;
        let mut open = vec![self.child.id()];
        while let Some(id) = open.pop() {
            sum += all.get(&id).map_or(Duration::ZERO, |process| process.used);
            open.extend(all.iter().filter(|(_, process)| process.parent == id).map(|(id, _)| *id));
        }
        Ok(sum)
    }

    fn stop(&mut self) {
        if let End::Interrupt = self.end
            && let Some(id) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
            && kill_process(id, Signal::INT).is_ok()
        {
            let deadline = Instant::now() + END_TIMEOUT;
            while Instant::now() < deadline {
                if matches!(self.child.try_wait(), Ok(Some(_))) {
                    return;
                }
                std::thread::sleep(LOOK_PAUSE);
            }
        }
        let _already_ended = self.child.kill();
        let _already_waited = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Process {
    parent: u32,
    used: Duration,
}

fn processes() -> Result<HashMap<u32, Process>> {
    let mut all = HashMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        // It may have ended meanwhile.
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{id}/stat")) else { continue };
        if let Some(process) = parse(&stat) {
            all.insert(id, process);
        }
    }
    Ok(all)
}

/// A line of `/proc/ID/stat`.
fn parse(stat: &str) -> Option<Process> {
    // The name, in brackets, may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let parent = fields.get(1)?.parse().ok()?;
    // utime, stime, and those of children that were waited for.
    let ticks = fields.get(11..15)?.iter().map(|field| field.parse::<u32>().ok());
    let ticks: u32 = ticks.sum::<Option<u32>>()?;
    Some(Process { parent, used: TICK * ticks })
}

/// An address that nobody listens on at this moment.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a port")?;
    Ok(listener.local_addr()?)
}

/// Runs a command to its end and gives what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("starting {command:?}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if !output.status.success() {
        let (said, complained) = (text(&output.stdout), text(&output.stderr));
        bail!("{command:?} ended with {}\n{said}{complained}", output.status);
    }
    Ok(text(&output.stdout))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_counts_children_that_have_ended() {
        let stat = "42 (a (strange) name) S 7 42 42 0 -1 4194304 1 2 3 4 10 20 30 40 20 0 1 0 5";
        let process = parse(stat).unwrap();
        assert_eq!(process.parent, 7);
        assert_eq!(process.used, Duration::from_secs(1));
    }
}
