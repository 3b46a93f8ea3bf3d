//! The ports of the process, all taken before anything else is done.

use std::net::TcpListener;

use super::Failure;
use crate::config::{Config, HubKind, ProcessMode};
use crate::server;

/// The listeners of a gateway.
pub(super) struct Sockets {
    /// One for each runtime, on one port.
    pub(super) public: Vec<TcpListener>,
    /// For health and metrics.
    pub(super) admin: TcpListener,
    /// For the stand-in hub of a demonstration.
    pub(super) hub: Option<TcpListener>,
}

impl Sockets {
    /// Takes the ports.
    ///
    /// # Errors
    /// [`Failure::System`] naming the setting whose port is in use.
    pub(super) fn bind(config: &Config, runtimes: usize) -> Result<Self, Failure> {
        raise_open_files(config.server.max_connections);
        let address = config.server.listen;
        let refused = || Failure::system(format!("server.listen {address}"));
        // The runtimes share the port, and so could another process: this bind does not share,
        // so it fails when anybody is there.
        drop(server::listen(address, false).map_err(refused())?);
        let public = (0..runtimes)
            .map(|_| server::listen(address, true))
            .collect::<Result<_, _>>()
            .map_err(refused())?;
        let admin = server::listen(config.admin.listen, false)
            .map_err(Failure::system(format!("admin.listen {}", config.admin.listen)))?;
        let has_stand_in = config.mode == ProcessMode::Demo && config.hub.kind == HubKind::IdGovUa;
        let hub = config
            .hub
            .address()
            .filter(|_| has_stand_in)
            .map(|address| {
                server::listen(address, false)
                    .map_err(Failure::system(format!("hub.origin {address}")))
            })
            .transpose()?;
        Ok(Self { public, admin, hub })
    }
}

/// Files besides connections: the journal, listeners, Redis, the hub.
const OTHER_FILES: u64 = 256;

/// Raises the limit on open files as far as the system lets us: at the usual 1,024, a thousand slow
/// clients would keep everybody else out long before connections are scarce.
fn raise_open_files(max_connections: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let before = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: before.maximum, maximum: before.maximum };
    let limit = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => before.maximum,
        Err(_) => before.current,
    };
    let wanted = u64::try_from(max_connections).unwrap_or(u64::MAX).saturating_add(OTHER_FILES);
    if let Some(limit) = limit.filter(|limit| *limit < wanted) {
        tracing::warn!(limit, wanted, "the system allows fewer open files than max_connections");
    }
}
