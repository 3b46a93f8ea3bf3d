//! The store shared by all gateways: one script in Redis per batch.
//!
//! Owns the connection, the deadline and the calling of the script. Must not know what is behind the
//! script's arguments (`redis_wire.rs`), nor what happens when it fails (`fallback.rs`). Each core makes its
//! own inside its runtime, which then drives the connection. Works with Redis 7.0 and Valkey.

use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{
    Client, Cmd, ErrorKind, IntoConnectionInfo, RedisError, Script, ServerErrorKind, Value,
};

use super::redis_wire::{read_reply, write_arguments};
use super::{AdmissionRequest, AdmissionStore, Clock, Decision, Hint, StoreError, check_batch};

/// The script; its head documents arguments, keys and answer.
const ADMISSION_SCRIPT: &str = include_str!("admission.lua");

/// What every key starts with. The hash tag is the bucket: one in this version, so that a batch never
/// touches two slots of a cluster.
const KEY_PREFIX: &str = "talon:{0}";

/// How a [`RedisStore`] waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedisStoreConfig {
    /// How long a batch is waited for, connecting included. Default 50 ms.
    pub deadline: Duration,
    /// How long one attempt to connect may take. Default 1 s.
    pub connect_timeout: Duration,
    /// After how long without acknowledgement from the peer the connection counts as lost. Default 5 s.
    pub peer_timeout: Duration,
}

impl Default for RedisStoreConfig {
    fn default() -> Self {
        Self {
            deadline: Duration::from_millis(50),
            connect_timeout: Duration::from_secs(1),
            peer_timeout: Duration::from_secs(5),
        }
    }
}

/// Admission in Redis. A batch goes out once: after a timeout or a lost connection it is never sent again,
/// because it may have been decided.
pub struct RedisStore {
    connection: ConnectionManager,
    script: Script,
    deadline: Duration,
    /// Replaces the time of Redis in tests.
    clock: Option<Clock>,
}

impl RedisStore {
    /// A store on the Redis at `url` (`redis://…`, `unix://…`). Connects in the background and again after
    /// every loss: an unreachable Redis is an error of the batches, not of this call.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the URL is not one.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn connect(url: &str, config: RedisStoreConfig) -> Result<Self, StoreError> {
        let tcp = TcpSettings::default().set_nodelay(true);
        #[cfg(target_os = "linux")]
        let tcp = tcp.set_user_timeout(config.peer_timeout);
        let address = url.into_connection_info().map_err(|error| unavailable(&error))?;
        let client =
            Client::open(address.set_tcp_settings(tcp)).map_err(|error| unavailable(&error))?;
        // An attempt that fails is repeated by the next batch, so that batches learn of the failure at once
        // instead of waiting for retries.
        let manager = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(config.connect_timeout))
            .set_response_timeout(Some(config.deadline));
        let connection = ConnectionManager::new_lazy_with_config(client, manager)
            .map_err(|error| unavailable(&error))?;
        let store = Self {
            connection,
            script: Script::new(ADMISSION_SCRIPT),
            deadline: config.deadline,
            clock: None,
        };
        store.connect_in_background();
        Ok(store)
    }

    /// The same store with its time from `clock` instead of from Redis. For tests: gateways that share a
    /// Redis must share its time.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// A connection that is asked for but not awaited makes no progress; this awaits the first one.
    fn connect_in_background(&self) {
        let mut connection = self.connection.clone();
        tokio::spawn(async move {
            if let Err(error) = connection.send_packed_command(&redis::cmd("PING")).await {
                tracing::warn!(%error, "Redis cannot be reached yet");
            }
        });
    }

    async fn call(
        &self,
        requests: &[AdmissionRequest],
        hints: &[Hint],
    ) -> Result<Value, RedisError> {
        let now_us = self.clock.as_ref().map_or(0, |clock| clock());
        let mut connection = self.connection.clone();
        let by_hash = script_call("EVALSHA", self.script.get_hash(), requests, hints, now_us);
        match connection.send_packed_command(&by_hash).await.and_then(Value::extract_error) {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                // Redis has just said that it ran nothing, so this is still the first time.
                let whole = script_call("EVAL", ADMISSION_SCRIPT, requests, hints, now_us);
                connection.send_packed_command(&whole).await.and_then(Value::extract_error)
            }
            answered => answered,
        }
    }

    async fn decide_batch(
        &self,
        requests: &[AdmissionRequest],
        hints: &[Hint],
    ) -> Result<Vec<Decision>, StoreError> {
        check_batch(requests, hints)?;
        let timed_out = || StoreError::TimedOut {
            deadline_ms: self.deadline.as_millis().try_into().unwrap_or(u64::MAX),
        };
        match tokio::time::timeout(self.deadline, self.call(requests, hints)).await {
            Err(_elapsed) => Err(timed_out()),
            Ok(Err(error)) if error.is_timeout() => Err(timed_out()),
            Ok(Err(error)) => Err(unavailable(&error)),
            Ok(Ok(reply)) => read_reply(&reply, requests.len()),
        }
    }
}

impl AdmissionStore for RedisStore {
    fn decide<'a>(
        &'a self,
        requests: &'a [AdmissionRequest],
        hints: &'a [Hint],
    ) -> BoxFuture<'a, Result<Vec<Decision>, StoreError>> {
        self.decide_batch(requests, hints).boxed()
    }
}

fn script_call(
    verb: &str,
    script: &str,
    requests: &[AdmissionRequest],
    hints: &[Hint],
    now_us: u64,
) -> Cmd {
    let mut command = redis::cmd(verb);
    command.arg(script).arg(1).arg(KEY_PREFIX);
    write_arguments(&mut command, requests, hints, now_us);
    command
}

fn unavailable(error: &RedisError) -> StoreError {
    StoreError::Unavailable { reason: error.to_string() }
}
