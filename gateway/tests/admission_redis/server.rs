//! A real `redis-server` for one test: a free port of the loopback, no files, ended with its handle.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// How often another port is tried when somebody else took the free one first.
const ATTEMPTS: usize = 5;

/// A running server; dropping it kills the process and removes its directory.
pub(crate) struct RedisServer {
    child: Child,
    port: u16,
    _directory: TempDir,
}

impl RedisServer {
    /// Starts a server on a free port and returns once it accepts connections.
    pub(crate) fn start() -> Self {
        (0..ATTEMPTS)
            .find_map(|_| Self::start_on(free_port()))
            .expect("redis-server starts on one of several free ports")
    }

    /// Starts a server on `port`; `None` when it ends before it is ready.
    pub(crate) fn start_on(port: u16) -> Option<Self> {
        Self::start_with(port, &[])
    }

    /// Starts a server on `port` with more arguments.
    pub(crate) fn start_with(port: u16, arguments: &[&str]) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(directory.path())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("these tests need redis-server 7.0 or later in PATH (Debian: apt install redis-server): {error}")
            });
        let output = child.stdout.take().expect("standard output is piped");
        let mut lines = BufReader::new(output).lines();
        let ready =
            lines.any(|line| line.is_ok_and(|line| line.contains("Ready to accept connections")));
        let server = Self { child, port, _directory: directory };
        ready.then_some(server)
    }

    /// Stops it where it stands, as a machine that hangs, or lets it go on.
    pub(crate) fn hang(&self, hangs: bool) {
        let signal = if hangs { "-STOP" } else { "-CONT" };
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{signal} is sent");
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The address for clients.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is waited for, so that none is left behind.
        let _already_ended = self.child.kill();
        let _already_waited = self.child.wait();
    }
}

/// A port of the loopback that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}
