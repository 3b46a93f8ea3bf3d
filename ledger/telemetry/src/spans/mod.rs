//! Traces of requests, step by step: request, admission, ledger, durable. Sent by OTLP to a collector, in a build
//! with feature `otlp` and where the configuration names one.
//!
//! Without the feature nothing of this is there: a step is the future that it was. With it, a request that is
//! not recorded costs one comparison. Which requests are recorded is decided by the gateway, by lot, and never by what
//! a client's `traceparent` says of itself: who asks must not choose what the operator pays for. A ledger elsewhere
//! records what its gateway does. Must not know what a step does.

#[cfg(feature = "otlp")]
mod otlp;

use std::time::Duration;

use http::Uri;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scope::Scope;

/// Most steps that wait to be sent; at it, further ones are lost.
pub const MAX_WAITING_STEPS: usize = 2048;
/// How long the collector may take for one batch.
pub const COLLECTOR_DEADLINE: Duration = Duration::from_secs(5);

/// What a program says that cannot send traces.
pub const WITHOUT_OTLP: &str = "this program is built without OTLP; build with `--features otlp`";

/// Where traces go, and how many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The collector's OTLP over HTTP, such as `http://127.0.0.1:4318`; empty: no traces.
    pub endpoint: String,
    /// The share of requests that is recorded, 0 to 1.
    pub ratio: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { endpoint: String::new(), ratio: 0.01 }
    }
}

impl Settings {
    /// Checks what types alone cannot.
    ///
    /// # Errors
    /// The key and what would be right.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if !(0.0..=1.0).contains(&self.ratio) {
            return Err(("traces.ratio", format!("{} is not from 0 to 1", self.ratio)));
        }
        if self.endpoint.is_empty() {
            return Ok(());
        }
        if !cfg!(feature = "otlp") {
            return Err(("traces.endpoint", WITHOUT_OTLP.to_owned()));
        }
        let uri = self.endpoint.parse::<Uri>().ok();
        let is_plain =
            uri.is_some_and(|uri| uri.scheme_str() == Some("http") && uri.query().is_none());
        let remedy = "must be http:// and the address of a collector nearby";
        if is_plain { Ok(()) } else { Err(("traces.endpoint", remedy.to_owned())) }
    }
}

/// Sends what was recorded, as long as it is there and once more at its end.
pub struct Traces {
    #[cfg(feature = "otlp")]
    provider: Option<opentelemetry_sdk::trace::SdkTracerProvider>,
}

/// Why traces cannot be sent.
#[derive(Debug, thiserror::Error)]
#[error("traces: {0}")]
pub struct BadTraces(pub String);

impl Traces {
    /// Begins, if a collector is named. Once in a process.
    ///
    /// # Errors
    /// [`BadTraces`] when the system gives no thread, or it has begun before.
    #[cfg_attr(not(feature = "otlp"), expect(unused_variables, reason = "nothing is sent"))]
    pub fn start(settings: &Settings, service: &'static str) -> Result<Self, BadTraces> {
        Ok(Self {
            #[cfg(feature = "otlp")]
            provider: otlp::start(settings, service)?,
        })
    }

    /// Sends what waits. A collector that does not answer is not waited for beyond its deadline.
    pub fn finish(self) {
        #[cfg(feature = "otlp")]
        if let Some(provider) = self.provider
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// Answers a request; the first step of its trace. `status` says how it ended.
#[cfg(not(feature = "otlp"))]
pub fn request<F: Future>(
    scope: Scope,
    answering: F,
    _status: fn(&F::Output) -> u16,
) -> impl Future<Output = F::Output> {
    scope.run(answering)
}

/// The first step here of a trace that began in another process: one command of it. It is recorded when that process
/// records it.
pub struct Command {
    scope: Scope,
    #[cfg(feature = "otlp")]
    span: Option<Box<opentelemetry_sdk::trace::Span>>,
}

impl Command {
    /// Begins one that came with this scope.
    #[cfg(not(feature = "otlp"))]
    pub fn begin(scope: Scope) -> Self {
        Self { scope }
    }

    /// Works for it while `decide` is done.
    pub fn decide<T>(&self, decide: impl FnOnce() -> T) -> T {
        self.scope.clone().within(decide)
    }

    /// Waits for the answer, which ends it.
    #[cfg(not(feature = "otlp"))]
    pub fn answer<F: Future>(self, waiting: F) -> F {
        waiting
    }
}

/// One step of the request that the running task works for.
#[cfg(not(feature = "otlp"))]
pub fn step<F: Future>(_name: &'static str, work: F) -> F {
    work
}

#[cfg(feature = "otlp")]
pub use otlp::{request, step};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_name_their_key() {
        let key = |endpoint: &str, ratio| {
            let settings = Settings { endpoint: endpoint.to_owned(), ratio };
            settings.check().map_err(|(key, _)| key)
        };
        assert_eq!(key("", 1.0), Ok(()));
        for ratio in [-0.1, 1.1, f64::NAN] {
            assert_eq!(key("", ratio), Err("traces.ratio"));
        }
        let here = key("http://127.0.0.1:4318", 0.0);
        assert_eq!(here.is_ok(), cfg!(feature = "otlp"));
        for bad in ["127.0.0.1:4318", "https://collector.example", "http://x/?y", "http://"] {
            assert_eq!(key(bad, 0.0), Err("traces.endpoint"), "{bad}");
        }
    }
}
