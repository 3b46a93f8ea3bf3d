//! The gateway as a process: this program in another role, with the built-in demonstration.
//!
//! Owns its ports, its data and what the system says of it. Must not know what is asked.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{CertifiedKey, KeyPair};
use talon_gateway::config::{BadConfig, Config, Layers};
use talon_gateway::demo::{CONFIG, CONFIG_NAME};
use talon_gateway::process::{self, Outside};
use tempfile::TempDir;

/// How long a start may take.
const START_TIMEOUT: Duration = Duration::from_secs(60);
const LOOK_PAUSE: Duration = Duration::from_millis(20);

/// A running gateway; dropping it ends it.
pub(crate) struct Gateway {
    child: Child,
    pub(crate) public: SocketAddr,
    _directory: TempDir,
}

impl Gateway {
    /// Starts one, with TLS when there is a certificate, and waits until it is ready.
    pub(crate) fn start(certificate: Option<&CertifiedKey<KeyPair>>) -> Self {
        let directory = tempfile::tempdir().expect("a directory for its data");
        let [public, hub, admin] = [free_address(), free_address(), free_address()];
        let mut settings = vec![
            format!("server.listen={public}"),
            format!("hub.origin=http://{hub}"),
            format!("admin.listen={admin}"),
        ];
        if let Some(made) = certificate {
            let files = write(directory.path(), made);
            settings.push(format!("tls.certificate={}", files[0].display()));
            settings.push(format!("tls.key={}", files[1].display()));
        }
        let child = Command::new(std::env::current_exe().expect("this program has a path"))
            .arg("serve")
            .arg(directory.path())
            .args(settings)
            .stdin(Stdio::null())
            .spawn()
            .expect("this program can be started");
        let gateway = Self { child, public, _directory: directory };
        let start = Instant::now();
        while !is_ready(admin) {
            assert!(start.elapsed() < START_TIMEOUT, "the gateway does not start");
            std::thread::sleep(LOOK_PAUSE);
        }
        gateway
    }

    /// The most memory it has had so far, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).expect("it has memory");
        kib.parse::<u64>().expect("a number") * 1024
    }

    /// Processor time of all its threads.
    pub(crate) fn processor_time(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it runs");
        let nanos = tasks.map(|task| {
            let text = std::fs::read_to_string(task.expect("it lists").path().join("schedstat"));
            let text = text.expect("its threads stay");
            text.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok()).expect("a number")
        });
        Duration::from_nanos(nanos.sum())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _already_ended = self.child.kill();
        let _already_waited = self.child.wait();
    }
}

/// Runs a gateway until it is killed.
pub(crate) fn serve(directory: &str, settings: &[&str]) {
    let config = config(directory, settings).expect("the settings are good");
    let outside = Outside {
        read: Box::new(|| unreachable!("nobody asks for a reload")),
        change_log: Box::new(|_| {}),
    };
    process::run(config, Path::new("."), None, outside).expect("it serves until it is killed");
}

fn config(directory: &str, settings: &[&str]) -> Result<Config, BadConfig> {
    let mut layers = Layers::from_file(CONFIG_NAME, CONFIG)?.set("bench", "data_dir", directory)?;
    for setting in settings {
        let (key, value) = setting.split_once('=').expect("a key and a value");
        layers = layers.set("bench", key, value)?;
    }
    layers.finish()
}

fn is_ready(admin: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(admin)?;
        write!(stream, "GET /readyz HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
}

/// Certificate and key as files that nobody else reads.
fn write(directory: &Path, made: &CertifiedKey<KeyPair>) -> [PathBuf; 2] {
    use std::os::unix::fs::PermissionsExt as _;
    let texts = [("c.pem", made.cert.pem()), ("k.pem", made.signing_key.serialize_pem())];
    texts.map(|(name, text)| {
        let path = directory.join(name);
        std::fs::write(&path, text).expect("the directory takes it");
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&path, private).expect("it is ours");
        path
    })
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has a free port");
    listener.local_addr().expect("it has an address")
}
