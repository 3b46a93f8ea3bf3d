//! What gateways tell each other over Redis of the pressure at releases, so that all of them publish one
//! difficulty for the next.
//!
//! Owns one sorted set: a release's moment in Unix microseconds -> the most that anybody saw, as a small
//! number. A number only grows, and whoever knows more tells it again, so that a flushed Redis is filled
//! again. Must not know what the numbers mean. Called by the process every few seconds.

use std::time::Duration;

use redis::{Cmd, Value};

use super::redis_link::RedisLink;
use super::{RedisEndpoint, RedisStoreConfig, StoreError};

/// Where the peaks stand.
const KEY: &str = "talon:{0}:peaks";
/// Most peaks that are told or read at once.
pub const MAX_SHARED_PEAKS: usize = 512;
/// How long an exchange may take, connecting included.
const DEADLINE: Duration = Duration::from_secs(1);

/// A moment in Unix microseconds and the most that was seen then.
pub type Peak = (i64, u8);

/// The way to what all gateways know.
pub struct SharedPeaks {
    link: RedisLink,
}

impl SharedPeaks {
    /// Connects in the background.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the endpoint's settings do not go together.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn connect(endpoint: &RedisEndpoint) -> Result<Self, StoreError> {
        let config = RedisStoreConfig { deadline: DEADLINE, ..RedisStoreConfig::default() };
        let link = RedisLink::open(endpoint, &config).map_err(|error| unavailable(&error))?;
        Ok(Self { link })
    }

    /// Tells what this gateway knows, learns what all know, and forgets what is older than `oldest`.
    ///
    /// # Errors
    /// [`StoreError`]; what was told may have arrived or not, and may be told again.
    pub async fn exchange(&self, own: &[Peak], oldest: i64) -> Result<Vec<Peak>, StoreError> {
        match tokio::time::timeout(DEADLINE, self.tell_and_ask(own, oldest)).await {
            Ok(exchanged) => exchanged,
            Err(_elapsed) => Err(StoreError::TimedOut {
                deadline_ms: DEADLINE.as_millis().try_into().unwrap_or(u64::MAX),
            }),
        }
    }

    async fn tell_and_ask(&self, own: &[Peak], oldest: i64) -> Result<Vec<Peak>, StoreError> {
        if !own.is_empty() {
            let mut tell = redis::cmd("ZADD");
            tell.arg(KEY).arg("GT");
            for (moment, level) in own.iter().rev().take(MAX_SHARED_PEAKS) {
                tell.arg(level).arg(moment);
            }
            self.send(&tell).await?;
        }
        let mut ask = redis::cmd("ZRANGE");
        ask.arg(KEY).arg(0).arg(MAX_SHARED_PEAKS - 1).arg("REV").arg("WITHSCORES");
        let told = self.send(&ask).await?;
        let told: Vec<(i64, f64)> = redis::from_redis_value(told)
            .map_err(|error| StoreError::BadReply { reason: error.to_string() })?;
        let (known, over): (Vec<_>, Vec<_>) =
            told.into_iter().partition(|(moment, _)| *moment >= oldest);
        if !over.is_empty() {
            let mut forget = redis::cmd("ZREM");
            forget.arg(KEY);
            for (moment, _) in over {
                forget.arg(moment);
            }
            self.send(&forget).await?;
        }
        // Rounds towards zero and stays within a byte, whatever number stands there.
        Ok(known.into_iter().map(|(moment, level)| (moment, level as u8)).collect())
    }

    async fn send(&self, command: &Cmd) -> Result<Value, StoreError> {
        self.link.send(command).await.map_err(|error| unavailable(&error))
    }
}

fn unavailable(error: &redis::RedisError) -> StoreError {
    StoreError::Unavailable { reason: error.to_string() }
}
