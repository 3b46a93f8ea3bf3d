//! The request that the running task works for: every line that is logged meanwhile names it.
//!
//! Carried beside the task and not in a span, so that a request of which nothing is logged costs nothing.
//! Must not know what a request asks.

use std::sync::Arc;

use talon_wire::TraceContext;

use crate::request_id::RequestId;

tokio::task_local! {
    static SCOPE: Scope;
}

/// What is known of the request at hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Its id, where it came in.
    pub request: Option<RequestId>,
    /// The trace that it belongs to, if it belongs to one; shared, for every open request has room for a scope or
    /// several.
    pub trace: Option<Arc<TraceContext>>,
    /// Whether this process records that trace ([`crate::spans`]).
    pub is_recorded: bool,
}

impl Scope {
    /// What runs now works for; nothing outside of a request.
    #[must_use]
    pub fn current() -> Self {
        SCOPE.try_with(Scope::clone).unwrap_or_default()
    }

    /// Works for this request while `work` is done.
    pub fn within<T>(self, work: impl FnOnce() -> T) -> T {
        SCOPE.sync_scope(self, work)
    }

    /// Works for this request as long as `future` runs.
    pub fn run<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        SCOPE.scope(self, future)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_works_for_its_request_and_nobody_elses() {
        let scope = || Scope { request: Some(RequestId::next()), trace: None, is_recorded: false };
        let (first, second) = (scope(), scope());
        let seen = async |scope: Scope| {
            let look = async {
                let before = Scope::current();
                tokio::task::yield_now().await;
                (before, Scope::current())
            };
            scope.run(look).await
        };
        let (of_first, of_second) = tokio::join!(seen(first.clone()), seen(second.clone()));
        assert_eq!((of_first, of_second), ((first.clone(), first), (second.clone(), second)));
        assert_eq!(Scope::current(), Scope::default());
    }
}
