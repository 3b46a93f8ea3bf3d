//! A Redis Cluster for one test: three masters, the slots dealt out by the test, no replicas.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use redis::{Client, Connection};

use super::server::RedisServer;

/// So many buckets that each of three masters has some.
pub(crate) const CLUSTER_BUCKETS: u16 = 12;

const MASTERS: u16 = 3;
const SLOTS: u16 = 16_384;
/// The cluster's own port is the server's and this.
const BUS_OFFSET: u16 = 10_000;
/// How long the masters may take to know each other.
const PATIENCE: Duration = Duration::from_secs(60);

/// Running masters; dropping it ends them.
pub(crate) struct RedisCluster {
    pub(crate) masters: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts the masters and returns once all of them see a whole cluster.
    pub(crate) fn start() -> Self {
        let masters: Vec<_> = (0..MASTERS).map(|_| start_master()).collect();
        for (number, master) in (0..MASTERS).zip(&masters) {
            let (first, after) = (SLOTS / MASTERS * number, SLOTS / MASTERS * (number + 1));
            let last = if number + 1 == MASTERS { SLOTS - 1 } else { after - 1 };
            let mut admin = admin(master);
            let () = redis::cmd("CLUSTER")
                .arg("ADDSLOTSRANGE")
                .arg(first)
                .arg(last)
                .query(&mut admin)
                .unwrap();
            // Epochs that differ from the start spare the masters the time to agree on them.
            let epoch = number + 1;
            let () =
                redis::cmd("CLUSTER").arg("SET-CONFIG-EPOCH").arg(epoch).query(&mut admin).unwrap();
        }
        let mut first = admin(&masters[0]);
        for other in &masters[1..] {
            let () = redis::cmd("CLUSTER")
                .arg("MEET")
                .arg("127.0.0.1")
                .arg(other.port())
                .query(&mut first)
                .unwrap();
        }
        masters.iter().for_each(wait_until_whole);
        Self { masters }
    }

    /// The address of one of them for clients; the others are learnt from it.
    pub(crate) fn urls(&self) -> String {
        self.masters[0].url()
    }
}

fn admin(server: &RedisServer) -> Connection {
    Client::open(server.url()).unwrap().get_connection().unwrap()
}

fn start_master() -> RedisServer {
    let arguments = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
    let start = |_| RedisServer::start_with(cluster_port(), &arguments);
    (0..5).find_map(start).expect("a master starts on one of several free ports")
}

/// A free port whose cluster port is free as well.
fn cluster_port() -> u16 {
    loop {
        let port = super::server::free_port();
        let below = port.checked_sub(BUS_OFFSET).filter(|port| *port > 1024);
        let port = if port < u16::MAX - BUS_OFFSET { Some(port) } else { below };
        let Some(port) = port else { continue };
        let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if free(port) && free(port + BUS_OFFSET) {
            return port;
        }
    }
}

fn wait_until_whole(master: &RedisServer) {
    let (mut admin, begun) = (admin(master), Instant::now());
    loop {
        let info: String = redis::cmd("CLUSTER").arg("INFO").query(&mut admin).unwrap();
        let knows_all = info.contains("cluster_known_nodes:3");
        if knows_all && info.contains("cluster_state:ok") && info.contains("cluster_slots_ok:16384")
        {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "no whole cluster: {info}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
