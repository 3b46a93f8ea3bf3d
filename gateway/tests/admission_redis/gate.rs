//! An address in front of servers, as a virtual one: it leads to one of them, and can be cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Passes connections on until it is dropped.
pub(crate) struct Gate {
    port: u16,
    to: Arc<AtomicU16>,
    cut: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Gate {
    /// An address that leads to this port of the loopback.
    pub(crate) async fn open(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let to = Arc::new(AtomicU16::new(to));
        let (cut, cutting) = watch::channel(false);
        let leads = Arc::clone(&to);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // Relaxed: a number of its own.
                tokio::spawn(pass(client, leads.load(Ordering::Relaxed), cutting.clone()));
            }
        });
        Self { port, to, cut, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// New connections lead to this port; those that there are stay.
    pub(crate) fn lead_to(&self, port: u16) {
        self.to.store(port, Ordering::Relaxed);
    }

    /// Ends all connections and refuses new ones.
    pub(crate) fn cut(&self) {
        self.cut.send_replace(true);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut client: TcpStream, to: u16, mut cutting: watch::Receiver<bool>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", to)).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = cutting.wait_for(|cut| *cut) => {}
    }
}
