//! A Redis of our own for the tasks that need one: on a free loopback port, nothing on disk, ended
//! with the task.
//!
//! Must not know what is kept in it. Called by `test` and `previews`.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::run;

/// How long a start may take.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How often it is looked whether it listens.
const LOOK_PAUSE: Duration = Duration::from_millis(20);

/// A running `redis-server`; killed when dropped.
pub(crate) struct Redis {
    child: Child,
    address: SocketAddr,
}

impl Redis {
    /// Starts one and waits until it listens.
    ///
    /// # Errors
    /// When the program is missing, ends by itself, or does not listen in time.
    pub(crate) fn start() -> Result<Self> {
        let address = free_address()?;
        let child = run::program("redis-server")
            .args(["--bind", &address.ip().to_string(), "--port", &address.port().to_string()])
            .args(["--save", "", "--appendonly", "no"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("starting redis-server")?;
        let mut redis = Self { child, address };
        let deadline = Instant::now() + START_TIMEOUT;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = redis.child.try_wait().context("looking after redis-server")? {
                bail!("redis-server ended with {status} before it listened on {address}");
            }
            if Instant::now() > deadline {
                bail!("redis-server does not listen on {address}");
            }
            std::thread::sleep(LOOK_PAUSE);
        }
        Ok(redis)
    }

    /// `redis://127.0.0.1:port`.
    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have ended already, which is no news.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that nobody listens on at this moment.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a port")?;
    Ok(listener.local_addr()?)
}
