//! One core's connection to Redis: a single server or a cluster, connected in the background, again after
//! every loss.
//!
//! Owns what may be sent again: only what Redis itself said it has not run (`MOVED`, `NOSCRIPT`). After a
//! timeout or a lost connection nothing is. Must not know what the commands mean. Called by the store.

use std::sync::Arc;

use parking_lot::Mutex;
use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::cluster_async::ClusterConnection;
use redis::{Client, Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};

use super::{RedisEndpoint, RedisStoreConfig};

/// Cheap to clone; clones share the connection.
#[derive(Clone)]
pub(super) enum RedisLink {
    Single(Arc<Single>),
    Cluster(ClusterConnection),
}

/// A connection that is replaced when the server behind it is no master any more.
pub(super) struct Single {
    client: Client,
    config: ConnectionManagerConfig,
    manager: Mutex<ConnectionManager>,
}

impl RedisLink {
    /// A link that connects in the background: an unreachable Redis is an error of the commands.
    ///
    /// # Errors
    /// What is wrong with the endpoint.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub(super) fn open(endpoint: &RedisEndpoint, config: &RedisStoreConfig) -> RedisResult<Self> {
        if endpoint.is_cluster() {
            let client = endpoint.cluster_client(config)?;
            let pending = client.get_pending_async_connection_with_config(Default::default());
            return Ok(Self::Cluster(pending));
        }
        let client = endpoint.client(config)?;
        // An attempt that fails is repeated by the next batch, so that batches learn of the failure at once
        // instead of waiting for retries.
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(config.connect_timeout))
            .set_response_timeout(Some(config.deadline));
        let manager = ConnectionManager::new_lazy_with_config(client.clone(), config.clone())?;
        connect_in_background(manager.clone());
        Ok(Self::Single(Arc::new(Single { client, config, manager: Mutex::new(manager) })))
    }

    /// Sends a command once, and once more only when Redis said that it has not run it.
    ///
    /// # Errors
    /// No answer, or an error as the answer.
    pub(super) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Single(single) => single.send(command).await,
            Self::Cluster(connection) => {
                let mut connection = connection.clone();
                let answered = connection.req_packed_command(command).await;
                match answered.and_then(Value::extract_error) {
                    // The client is learning the slots anew; until then this waits in its queue.
                    Err(error) if is(&error, ServerErrorKind::Moved) => {
                        let answered = connection.req_packed_command(command).await;
                        answered.and_then(Value::extract_error)
                    }
                    answered => answered,
                }
            }
        }
    }
}

impl Single {
    async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let mut manager = self.manager.lock().clone();
        let answered = manager.send_packed_command(command).await.and_then(Value::extract_error);
        if let Err(error) = &answered
            && is_for_another_connection(error)
        {
            self.replace(error);
        }
        answered
    }

    fn replace(&self, why: &RedisError) {
        match ConnectionManager::new_lazy_with_config(self.client.clone(), self.config.clone()) {
            Ok(fresh) => {
                tracing::warn!(error = %why, "this connection to Redis is of no more use; connecting again");
                *self.manager.lock() = fresh.clone();
                connect_in_background(fresh);
            }
            Err(error) => tracing::error!(%error, "the connection to Redis cannot be replaced"),
        }
    }
}

/// Whether only a new connection can help. After a failover the address leads to another server, but the old
/// connection does not; and a connection that could not be set up (a wrong password) is kept by its manager
/// as it is, for it connects again only after errors of input and output.
fn is_for_another_connection(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Server(kind) => {
            matches!(kind, ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
        }
        ErrorKind::Io => false,
        _ => true,
    }
}

/// Whether Redis answered with this error.
pub(super) fn is(error: &RedisError, kind: ServerErrorKind) -> bool {
    error.kind() == ErrorKind::Server(kind)
}

/// A connection that is asked for but not awaited makes no progress; this awaits the first one.
fn connect_in_background(mut manager: ConnectionManager) {
    tokio::spawn(async move {
        if let Err(error) = manager.send_packed_command(&redis::cmd("PING")).await {
            tracing::warn!(%error, "Redis cannot be reached yet");
        }
    });
}
