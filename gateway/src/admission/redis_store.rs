//! Admission in Redis, shared by all gateways: one script call decides a whole batch of one bucket.
//!
//! Owns the script, its deadline and the keys' prefix. Must not know who asks, nor how arguments are laid out
//! (`redis_wire.rs` does). Called by the fallback; one store per bucket over one link per core.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use redis::{Cmd, RedisError, Script, ServerErrorKind, Value};

use super::redis_link::{RedisLink, is};
use super::redis_wire::{read_reply, write_arguments};
use super::{
    AdmissionRequest, AdmissionStore, Clock, DataEpoch, Decision, Hint, RedisEndpoint, StoreError,
    check_batch,
};

/// The script; its head documents arguments, keys and answer.
const ADMISSION_SCRIPT: &str = include_str!("admission.lua");

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

/// One bucket in Redis. A batch goes out once: after a timeout or a lost connection it is never sent again,
/// because it may have been decided. Cheap to clone.
#[derive(Clone)]
pub struct RedisStore {
    link: RedisLink,
    script: Arc<Script>,
    /// What every key starts with. The hash tag is the bucket, so that a batch never touches two slots of a
    /// cluster.
    prefix: String,
    deadline: Duration,
    epoch: Arc<DataEpoch>,
    /// Replaces the time of Redis in tests.
    clock: Option<Clock>,
}

impl RedisStore {
    /// The first bucket in this Redis. Connects in the background and again after every loss: an unreachable
    /// Redis is an error of the batches, not of this call.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the endpoint's settings do not go together.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn connect(endpoint: &RedisEndpoint, config: RedisStoreConfig) -> Result<Self, StoreError> {
        let link = RedisLink::open(endpoint, &config).map_err(|error| unavailable(&error))?;
        Ok(Self {
            link,
            script: Arc::new(Script::new(ADMISSION_SCRIPT)),
            prefix: prefix(0),
            deadline: config.deadline,
            epoch: Arc::new(DataEpoch::new(0)),
            clock: None,
        })
    }

    /// Another bucket over the same connection. `epoch` is shared by all cores' stores of this bucket.
    #[must_use]
    pub fn bucket(&self, bucket: u16, epoch: Arc<DataEpoch>) -> Self {
        Self { prefix: prefix(bucket), epoch, ..self.clone() }
    }

    /// The same store with its time from `clock` instead of from Redis. For tests: gateways that share a
    /// Redis must share its time.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock: Some(clock), ..self }
    }

    async fn call(
        &self,
        requests: &[AdmissionRequest],
        hints: &[Hint],
    ) -> Result<Value, RedisError> {
        let now_us = self.clock.as_ref().map_or(0, |clock| clock());
        let call = |verb, script: &str| {
            let mut command: Cmd = redis::cmd(verb);
            command.arg(script).arg(1).arg(&self.prefix);
            write_arguments(&mut command, requests, hints, now_us);
            command
        };
        match self.link.send(&call("EVALSHA", self.script.get_hash())).await {
            // Redis has just said that it ran nothing, so this is still the first time.
            Err(error) if is(&error, ServerErrorKind::NoScript) => {
                self.link.send(&call("EVAL", ADMISSION_SCRIPT)).await
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
            Ok(Ok(reply)) => {
                let (decisions, mark) = read_reply(&reply, requests.len())?;
                self.epoch.note(mark);
                Ok(decisions)
            }
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

fn prefix(bucket: u16) -> String {
    format!("talon:{{{bucket}}}")
}

fn unavailable(error: &RedisError) -> StoreError {
    StoreError::Unavailable { reason: error.to_string() }
}
