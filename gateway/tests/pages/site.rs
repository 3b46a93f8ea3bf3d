//! A gateway of its own for each test: the real program, with its stand-in hub, on free ports.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

/// How long a start may take on a busy machine.
const START_DEADLINE: Duration = Duration::from_secs(120);

/// A running gateway; dropping it ends the process.
pub(crate) struct Site {
    /// Where it serves.
    pub(crate) address: SocketAddr,
    /// Where its stand-in hub serves.
    pub(crate) hub: SocketAddr,
    child: Child,
    _directory: TempDir,
}

impl Site {
    /// The built-in demonstration.
    pub(crate) fn start() -> Self {
        Self::with(tempfile::tempdir().unwrap(), &[])
    }

    /// The demonstration's catalogue, with a policy that asks for a proof of work, or a wait of
    /// no time.
    pub(crate) fn asking_for_proofs() -> Self {
        let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
        let directory = tempfile::tempdir().unwrap();
        let policy = std::fs::read_to_string(configs.join("policies/mvs.toml")).unwrap();
        let proof = "proof = { algorithm = \"PBKDF2/SHA-256\", cost = 10, key_prefix = \"00\", when = \"always\", slow_lane_minutes = 0 }";
        let policy = policy.replacen("[release]\n", &format!("[release]\n{proof}\n"), 1);
        std::fs::write(directory.path().join("policy.toml"), policy).unwrap();
        let catalogue = directory.path().join("catalogue.toml");
        std::fs::copy(configs.join("catalogues/mvs.toml"), catalogue).unwrap();
        let config = directory.path().join("talon.toml");
        let text = "mode = \"demo\"\n[[authority]]\ncatalogue = \"catalogue.toml\"\n\
                    policy = \"policy.toml\"\n";
        std::fs::write(&config, text).unwrap();
        let config = config.to_str().unwrap().to_owned();
        Self::with(directory, &["--config", &config])
    }

    fn with(directory: TempDir, more: &[&str]) -> Self {
        let [address, hub, admin] = free_addresses();
        let mut child = Command::new(env!("CARGO_BIN_EXE_talon"))
            .args(["--listen", &address.to_string()])
            .args(["--set", &format!("hub.origin=http://{hub}")])
            .args(["--set", &format!("admin.listen={admin}")])
            .args(["--set", "server.threads=1", "--set", "journal.segment_bytes=8388608"])
            .arg("--data-dir")
            .arg(directory.path().join("data"))
            .args(more)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (opened, is_open) = mpsc::channel();
        // Reads to the end, so that the program never waits for a full pipe.
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let _ = opened.send(line);
            }
        });
        let site = Self { address, hub, child, _directory: directory };
        let mut seen = Vec::new();
        loop {
            match is_open.recv_timeout(START_DEADLINE) {
                Ok(line) if line.contains("booking is open") => return site,
                Ok(line) => seen.push(line),
                Err(error) => panic!("{error}; the program said:\n{}", seen.join("\n")),
            }
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Three addresses that were free a moment ago.
fn free_addresses() -> [SocketAddr; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap())
}
