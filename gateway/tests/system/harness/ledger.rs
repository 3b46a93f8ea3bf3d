//! A ledger of its own as a process, reached by gateways over TLS.
//!
//! Owns its configuration, certificates, port and data; the same ledger can be killed and started
//! again. Must not know HTTP.

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, LazyLock, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use super::fixture;
use super::process::{Launch, Reaper, free_port, without_talon_variables};

/// What the process logs once gateways are served.
const OPEN: &str = "the ledger is open";

/// The program: beside the gateway's. A run of this package's tests alone has not built it.
fn program() -> &'static Path {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
        // With the crates that `cargo xtask` builds it with, or its dependencies would be built again.
        let crates = ["talon-gateway", "talon-ledger", "talon-loadtest"];
        let build = ["build", "--quiet", "--bin", "talon-ledger"];
        let mut build_all = Command::new(env!("CARGO"));
        build_all.args(build).args(crates.iter().flat_map(|name| ["--package", name]));
        // As this test is built.
        if cfg!(feature = "otlp") {
            build_all.args(["--features", "talon-ledger/otlp"]);
        }
        let status = build_all.status().unwrap();
        assert!(status.success(), "the ledger's program is built");
        Path::new(env!("CARGO_BIN_EXE_talon")).with_file_name("talon-ledger")
    });
    &PROGRAM
}

/// A ledger that runs or can be started again; dropping it kills it and removes its data.
pub(crate) struct LedgerServer {
    directory: TempDir,
    port: u16,
    admin: u16,
    running: Option<(Child, Reaper)>,
    log: Arc<Mutex<String>>,
}

impl LedgerServer {
    /// The fixtures' authorities on an empty journal; not started yet.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        certificates(directory.path());
        let files = |name: &str| {
            let [catalogue, policy] = ["catalogue", "policy"].map(|kind| {
                let file = format!("{name}.{kind}.toml");
                std::fs::copy(fixture(&file), directory.path().join(&file)).unwrap();
                file
            });
            format!("[[authority]]\ncatalogue = {catalogue:?}\npolicy = {policy:?}\n")
        };
        let text = format!(
            "mode = \"demo\"\ndata_dir = {:?}\n{}{}[journal]\nsegment_bytes = 8388608\n[tls]\n\
             certificate = \"ledger.crt\"\nkey = \"ledger.key\"\nclient_ca = \"gateway.ca\"\n\
             [log]\nfilter = \"info,talon_ledger::serve=debug\"\nlines_per_second = 10000\n",
            directory.path().join("data").display().to_string(),
            files("small"),
            files("strict"),
        );
        std::fs::write(directory.path().join("ledger.toml"), text).unwrap();
        Self {
            directory,
            port: free_port(),
            admin: free_port(),
            running: None,
            log: Arc::default(),
        }
    }

    /// Starts it and waits until it serves.
    pub(crate) fn start(&mut self) {
        let mut child = self.command().stderr(Stdio::piped()).spawn().unwrap();
        let reaper = Reaper::watch(child.id(), self.directory.path());
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::clone(&self.log);
        let keep = move |line: &str| {
            let mut log = log.lock().unwrap();
            log.push_str(line);
            log.push('\n');
        };
        let is_open = lines.by_ref().map_while(Result::ok).any(|line| {
            keep(&line);
            line.contains(OPEN)
        });
        assert!(is_open, "the ledger does not start:\n{}", self.log());
        // Whoever writes must be read, or it waits.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| keep(&line)));
        self.running = Some((child, reaper));
    }

    /// What it has logged, over all its starts.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Runs a process that is not expected to serve: its exit code and what it printed.
    pub(crate) fn run_to_the_end(&self) -> (Option<i32>, String) {
        let output = self.command().output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(program());
        command
            .arg("serve")
            .arg("--config")
            .arg(self.directory.path().join("ledger.toml"))
            .args(["--listen", &format!("127.0.0.1:{}", self.port)])
            .args(["--admin", &format!("127.0.0.1:{}", self.admin)])
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        without_talon_variables(&mut command);
        command
    }

    /// Kills it without a warning; its data can be started again.
    pub(crate) fn kill(&mut self) {
        let (mut child, mut reaper) = self.running.take().unwrap();
        reaper.dismiss();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Stops it in order.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        let (mut child, mut reaper) = self.running.take().unwrap();
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let status = child.wait().unwrap();
        reaper.dismiss();
        status
    }

    /// Adds to its configuration.
    pub(crate) fn append(&self, text: &str) {
        let file = self.file("ledger.toml");
        let before = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, before + text).unwrap();
    }

    /// A file of its configuration.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Asks it to read its files again.
    pub(crate) fn hang_up(&self) {
        let (child, _) = self.running.as_ref().unwrap();
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    }

    /// Where it tells its health.
    pub(crate) fn admin(&self) -> std::net::SocketAddr {
        std::net::SocketAddr::from(([127, 0, 0, 1], self.admin))
    }

    /// Where its journal is.
    pub(crate) fn journal(&self) -> PathBuf {
        self.directory.path().join("data/journal")
    }

    /// A gateway that uses it.
    pub(crate) fn gateway(&self) -> Launch {
        let file = |name: &str| self.directory.path().join(name).display().to_string();
        Launch::new()
            .set(&format!("ledger.address=127.0.0.1:{}", self.port))
            .set(&format!("ledger.certificate={}", file("gateway.crt")))
            .set(&format!("ledger.key={}", file("gateway.key")))
            .set(&format!("ledger.ca={}", file("ledger.ca")))
            .set("ledger.server_name=ledger.test")
    }
}

impl Drop for LedgerServer {
    fn drop(&mut self) {
        if let Some((child, reaper)) = &mut self.running {
            // It may have ended by itself; either way it is waited for.
            let _already_ended = child.kill();
            reaper.dismiss();
            let _already_waited = child.wait();
        }
    }
}

/// Certificates of both sides, each from an authority of its own.
fn certificates(folder: &Path) {
    for side in ["ledger", "gateway"] {
        let key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        std::fs::write(folder.join(format!("{side}.ca")), ca.self_signed(&key).unwrap().pem())
            .unwrap();
        let issuer = Issuer::new(ca, key);
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["ledger.test".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &issuer).unwrap();
        std::fs::write(folder.join(format!("{side}.crt")), leaf.pem()).unwrap();
        let file = folder.join(format!("{side}.key"));
        std::fs::write(&file, key.serialize_pem()).unwrap();
        std::fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
    }
}
