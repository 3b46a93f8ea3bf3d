//! One Redis, one ledger: gateways that each embed a ledger must not share a Redis, for they would
//! sell every place twice.
//!
//! The first process writes its journal's id into Redis; another id there refuses the start.

use std::time::Duration;

use super::Failure;
use crate::admission::RedisEndpoint;

/// Where the id of the journal stands.
const KEY: &str = "talon:{0}:journal";
/// How long the question may take; without an answer the process starts, and Redis only sheds load.
const DEADLINE: Duration = Duration::from_secs(1);

/// Writes the journal's id into Redis, or finds it there.
///
/// # Errors
/// [`Failure::Setting`] when another ledger's gateway uses this Redis.
pub(super) async fn claim(redis: Option<&RedisEndpoint>, journal: &str) -> Result<(), Failure> {
    let Some(redis) = redis else { return Ok(()) };
    match tokio::time::timeout(DEADLINE, ask(redis, journal)).await {
        Ok(Ok(owner)) if owner == journal => Ok(()),
        Ok(Ok(owner)) => Err(Failure::setting(
            "admission.redis_url",
            format!(
                "this Redis serves the gateway of journal {owner}, and this process has a ledger \
                 of its own, journal {journal}: they would sell places twice. Give each its own \
                 Redis; when that gateway is gone for good, delete the key {KEY}"
            ),
        )),
        Ok(Err(error)) => {
            tracing::warn!(%error, "Redis cannot be asked whose it is");
            Ok(())
        }
        Err(_) => {
            tracing::warn!("Redis does not say in time whose it is");
            Ok(())
        }
    }
}

async fn ask(redis: &RedisEndpoint, journal: &str) -> redis::RedisResult<String> {
    let mut question = redis::pipe();
    question.cmd("SET").arg(KEY).arg(journal).arg("NX").cmd("GET").arg(KEY);
    let mut answers = redis.ask(&question).await?;
    redis::from_redis_value(answers.pop().unwrap_or(redis::Value::Nil)).map_err(Into::into)
}
