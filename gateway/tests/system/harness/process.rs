//! The gateway as a process: started, told to stop, killed, started again on the same data.
//!
//! Owns ports, the data directory and what the process prints. However a test ends, no process and
//! no directory stays behind. Must not know HTTP.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, LazyLock, Mutex};

use talon_gateway::identity::keys::Keys;
use tempfile::TempDir;

use super::{PATIENCE, fixture};

/// Below the range from which the system takes ports for clients, so that nobody is in the way.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// How often other ports are tried when somebody took the free ones first.
const ATTEMPTS: usize = 5;
/// What the process logs once everything listens.
const OPEN: &str = "booking is open";

/// A port of the loopback that is free and that no other test of this process gets.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let spread = u16::try_from(std::process::id() % 4_000).unwrap() * 3;
    loop {
        // Relaxed: numbers only have to differ.
        let turn = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = PORTS.start + (spread + turn) % u16::try_from(PORTS.len()).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// How to start a gateway; the same launch can be started again and again on its data.
pub(crate) struct Launch {
    config: PathBuf,
    flags: Vec<OsString>,
    variables: Vec<(&'static str, OsString)>,
    strace: Vec<OsString>,
    directory: Arc<TempDir>,
    ports: [u16; 3],
}

impl Launch {
    /// The fixtures' authorities on an empty journal.
    pub(crate) fn new() -> Self {
        Self {
            config: fixture("gateway.toml"),
            flags: Vec::new(),
            variables: Vec::new(),
            strace: Vec::new(),
            directory: Arc::new(tempfile::tempdir().unwrap()),
            ports: [free_port(), free_port(), free_port()],
        }
        // Small segments are made sooner; nothing here fills one.
        .set("journal.segment_bytes=8388608")
        // One person asks for much in one test.
        .set("admission.write_burst=60")
        .set("admission.read_burst=60")
    }

    /// What the public gets: no stand-ins, secrets that were made before.
    pub(crate) fn production() -> Self {
        let launch = Self { config: fixture("good/production.toml"), ..Self::new() };
        let keys = launch.directory().join("keys");
        assert!(Keys::load(&keys, true).is_ok());
        launch.set(&format!("keys.directory={}", keys.display()))
    }

    /// With another configuration file.
    pub(crate) fn on(mut self, config: PathBuf) -> Self {
        self.config = config;
        self
    }

    /// With one more `--set`.
    pub(crate) fn set(self, assignment: &str) -> Self {
        self.flag("--set").flag(assignment)
    }

    /// With one more argument.
    pub(crate) fn flag(mut self, flag: impl Into<OsString>) -> Self {
        self.flags.push(flag.into());
        self
    }

    /// With a variable of the environment.
    pub(crate) fn variable(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Under strace with these arguments; the tracer ends with the process.
    pub(crate) fn under_strace(mut self, arguments: &[&str]) -> Self {
        self.strace = arguments.iter().map(Into::into).collect();
        self
    }

    /// Without strace.
    pub(crate) fn untraced(mut self) -> Self {
        self.strace.clear();
        self
    }

    /// The directory for `data` and whatever else a test keeps; it goes with the last launch.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.directory().join("data")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.data().join("journal")
    }

    fn command(&self) -> Command {
        self.command_for("serve")
    }

    /// The program's command with these settings.
    fn command_for(&self, task: &str) -> Command {
        let program = env!("CARGO_BIN_EXE_talon");
        let mut command = if self.strace.is_empty() {
            Command::new(program)
        } else {
            // With -D the gateway stays our own child and the tracer is its grandchild.
            let mut command = Command::new("strace");
            command.arg("-D").args(&self.strace).arg(program);
            command
        };
        let [public, hub, admin] = self.ports;
        command
            .arg(task)
            .arg("--config")
            .arg(&self.config)
            .arg("--data-dir")
            .arg(self.data())
            .arg("--listen")
            .arg(format!("127.0.0.1:{public}"))
            .arg("--set")
            .arg(format!("hub.origin=http://127.0.0.1:{hub}"))
            .arg("--set")
            .arg(format!("admin.listen=127.0.0.1:{admin}"))
            .args(&self.flags);
        without_talon_variables(&mut command);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts the process and waits until it serves.
    pub(crate) fn start(mut self) -> Gateway {
        let mut said = String::new();
        for _ in 0..ATTEMPTS {
            match self.try_start() {
                Ok(gateway) => return gateway,
                Err(ended) => (self, said) = *ended,
            }
            self.ports = [free_port(), free_port(), free_port()];
        }
        panic!("the gateway does not start:\n{said}");
    }

    /// Runs a process that is not expected to serve: its exit code and what it printed.
    pub(crate) fn run_to_the_end(&self) -> (Option<i32>, String) {
        let output = self.command().stdin(Stdio::null()).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Only checks the configuration: the exit code and what it printed.
    pub(crate) fn check(&self) -> (Option<i32>, String) {
        let output = self.command_for("check-config").stdin(Stdio::null()).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn try_start(self) -> Result<Gateway, Box<(Self, String)>> {
        let mut child = self
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("the gateway, or strace, cannot be run: {error}"));
        let reaper = Reaper::watch(child.id(), self.directory());
        let log = Arc::new(Mutex::new(String::new()));
        let (open, opened) = channel();
        let (end, ended) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut log = kept.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
                if line.contains(OPEN) {
                    let _ = open.send(());
                }
            }
            let _ = end.send(());
        });
        let mut gateway =
            Gateway { launch: Some(self), child, reaper, log, ended: Mutex::new(ended) };
        match opened.recv_timeout(PATIENCE) {
            Ok(()) => Ok(gateway),
            Err(RecvTimeoutError::Disconnected) => {
                let log = gateway.log();
                Err(Box::new((gateway.launch.take().unwrap(), log)))
            }
            Err(RecvTimeoutError::Timeout) => {
                panic!("not open within {PATIENCE:?}:\n{}", gateway.log())
            }
        }
    }
}

/// A running gateway; dropping it kills it.
pub(crate) struct Gateway {
    launch: Option<Launch>,
    child: Child,
    reaper: Reaper,
    log: Arc<Mutex<String>>,
    ended: Mutex<Receiver<()>>,
}

impl Gateway {
    pub(crate) fn launch(&self) -> &Launch {
        self.launch.as_ref().expect("it is taken only at the end")
    }

    fn address(&self, which: usize) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.launch().ports[which]))
    }

    /// Where it serves.
    pub(crate) fn public(&self) -> SocketAddr {
        self.address(0)
    }

    /// Where its stand-in hub serves.
    pub(crate) fn hub(&self) -> SocketAddr {
        self.address(1)
    }

    /// Where it tells its health.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.address(2)
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The most memory it has had so far, in bytes.
    pub(crate) fn peak_memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
    }

    /// Tells it to stop.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Tells it to reload.
    pub(crate) fn hang_up(&self) {
        self.signal("-HUP");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> (ExitStatus, Launch) {
        let ended = self.ended.lock().unwrap().recv_timeout(PATIENCE);
        assert!(ended.is_ok(), "the process goes on:\n{}", self.log());
        let status = self.child.wait().unwrap();
        (status, self.launch.take().unwrap())
    }

    /// Stops it in order; its data can be started again.
    pub(crate) fn stop(self) -> Launch {
        self.terminate();
        let (status, launch) = self.wait();
        assert_eq!(status.code(), Some(0), "a stop is no failure");
        launch
    }

    /// Kills it without a warning; its data can be started again.
    pub(crate) fn kill(mut self) -> Launch {
        self.child.kill().unwrap();
        self.wait().1
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is waited for, so that none is left behind.
        let _already_ended = self.child.kill();
        self.reaper.dismiss();
        let _already_waited = self.child.wait();
    }
}

/// A shell that kills a process and removes its directory once this process is gone, whichever
/// way it ended: its standard input ends then.
pub(super) struct Reaper(Child);

impl Reaper {
    pub(super) fn watch(pid: u32, directory: &Path) -> Self {
        let script = r#"read -r _; kill -9 "$0"; rm -rf "$1""#;
        let shell = Command::new("sh")
            .args(["-c", script, &pid.to_string()])
            .arg(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(shell.unwrap())
    }

    pub(super) fn dismiss(&mut self) {
        let _already_ended = self.0.kill();
        let _already_waited = self.0.wait();
    }
}

/// The gateway that most tests share; it goes with this process.
pub(crate) fn shared() -> &'static Gateway {
    static SHARED: LazyLock<Gateway> = LazyLock::new(|| Launch::new().start());
    &SHARED
}

/// Runs the program to its end: its exit code and what it printed.
pub(crate) fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_talon"));
    without_talon_variables(&mut command);
    let output = command
        .args(arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8(text).unwrap())
}

/// What is set where the tests run must not change what they mean.
pub(super) fn without_talon_variables(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("TALON_")) {
            command.env_remove(name);
        }
    }
}
