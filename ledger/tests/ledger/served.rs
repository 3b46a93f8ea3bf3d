//! A running ledger, reached in the process or over a connection, and certificates for it.

use std::fs::Permissions;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use talon_journal::simulation::SimDisk;
use talon_journal::{Disk, SpareStatus};
use talon_ledger::clock::manual::ManualClock;
use talon_ledger::core::{Core, Setup};
use talon_ledger::embedded::Embedded;
use talon_ledger::serve::{self, Bounds, Server, tls::server_config};
use talon_ledger_client::{Remote, tls::Tls};
use talon_wire::hello::{ClientId, Mode, Welcome};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::fixture::{SMALL_JOURNAL, START, authority, setup, utc};
use crate::gated::Gate;
use crate::watched::Watched;

/// The name in the ledger's certificate.
pub(crate) const NAME: &str = "ledger.test";
/// The id that the served journal is said to have.
pub(crate) const JOURNAL: &str = "0123";

/// Certificates of a ledger and of a gateway, each from an authority of its own.
pub(crate) struct Certificates {
    folder: TempDir,
}

impl Certificates {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is room");
        for side in ["ledger", "gateway"] {
            let key = KeyPair::generate().expect("a key");
            let mut ca = CertificateParams::new(Vec::new()).expect("no names");
            ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let ca_certificate = ca.self_signed(&key).expect("a certificate").pem();
            let issuer = Issuer::new(ca, key);
            let key = KeyPair::generate().expect("a key");
            let leaf = CertificateParams::new(vec![NAME.to_owned()]).expect("a name");
            let certificate = leaf.signed_by(&key, &issuer).expect("a certificate").pem();
            let files =
                [("ca", ca_certificate), ("crt", certificate), ("key", key.serialize_pem())];
            for (kind, text) in files {
                let file = folder.path().join(format!("{side}.{kind}"));
                std::fs::write(&file, text).expect("there is room");
                std::fs::set_permissions(file, Permissions::from_mode(0o600)).expect("it is ours");
            }
        }
        Self { folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn server(&self) -> Arc<rustls::ServerConfig> {
        let [certificate, key, ca] =
            ["ledger.crt", "ledger.key", "gateway.ca"].map(|name| self.file(name));
        server_config(&certificate, &key, &ca).expect("the files are good")
    }

    /// A gateway's; `side` is whose certificate it shows.
    pub(crate) fn client(&self, side: &str, name: &str) -> Tls {
        let [certificate, key, ca] =
            [format!("{side}.crt"), format!("{side}.key"), "ledger.ca".to_owned()]
                .map(|name| self.file(&name));
        Tls::new(&certificate, &key, &ca, name).expect("the files are good")
    }
}

/// A ledger on a simulated disk with the time that tests set.
pub(crate) struct Running {
    pub(crate) ledger: Embedded,
    pub(crate) disk: SimDisk,
}

impl Running {
    pub(crate) fn new() -> Self {
        Self::on(&SimDisk::new())
    }

    pub(crate) fn on(disk: &SimDisk) -> Self {
        Self::over(disk, Arc::new(disk.clone()))
    }

    /// On a disk whose syncs a test can hold up, with nothing left to write.
    pub(crate) fn gated() -> (Self, Arc<Gate>) {
        let (disk, gate) = (SimDisk::new(), Gate::new());
        let gated = Watched { disk: disk.clone(), watch: Arc::clone(&gate) };
        let running = Self::over(&disk, Arc::new(gated));
        let journal = running.ledger.core().journal();
        while journal.space().spare != SpareStatus::Ready || journal.space().promised_bytes > 0 {
            std::thread::yield_now();
        }
        (running, gate)
    }

    fn over(disk: &SimDisk, opened: Arc<dyn Disk>) -> Self {
        let authority = authority(&[]);
        let clock = ManualClock::new(utc(START));
        let setup = Setup { disk: opened, ..setup(disk, &authority, &clock, &SMALL_JOURNAL) };
        let (core, _) = Core::open(setup).expect("it opens");
        let ledger = Embedded::start(core, |failure| panic!("{failure}")).expect("threads");
        Self { ledger, disk: disk.clone() }
    }

    pub(crate) fn serve(&self, tls: Option<Arc<rustls::ServerConfig>>, bounds: Bounds) -> Server {
        serve_ledger(&self.ledger, tls, bounds)
    }
}

/// Serves on a free port of the loopback.
pub(crate) fn serve_ledger(
    ledger: &Embedded,
    tls: Option<Arc<rustls::ServerConfig>>,
    bounds: Bounds,
) -> Server {
    let welcome = Welcome {
        mode: Mode::Demo,
        journal: JOURNAL.to_owned(),
        build: "test".to_owned(),
        files: Vec::new(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let settings = serve::Settings { welcome, tls, lanes: 2, bounds };
    Server::start(ledger, listener, settings).expect("threads")
}

/// How a client of these tests reaches a ledger.
pub(crate) fn client(address: SocketAddr, tls: Option<Tls>) -> talon_ledger_client::Settings {
    talon_ledger_client::Settings {
        address: address.to_string(),
        tls,
        // Whoever waits for it has lost; nobody does in a good run.
        deadline: Duration::from_secs(60),
        mode: Mode::Demo,
        build: "test".to_owned(),
        files: Vec::new(),
        journal: Arc::default(),
    }
}

/// A client on a runtime.
pub(crate) fn remote(runtime: &Runtime, settings: talon_ledger_client::Settings) -> Remote {
    // Relaxed: numbers only have to differ.
    static NEXT: AtomicU8 = AtomicU8::new(0);
    let id = ClientId([NEXT.fetch_add(1, Ordering::Relaxed); 16]);
    let (remote, driver) = Remote::new(settings, id);
    runtime.spawn(driver);
    remote
}

/// A runtime of one thread.
pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
