//! Commands and answers between a gateway and the ledger, and the one trait between them.
//!
//! Owns the words of that conversation and their bytes (postcard, held by golden tests), also as
//! frames of a connection. Must not know how either side works: not sockets, not HTTP, not the
//! journal. Called by the gateway, the ledger and the load tester.

pub mod answer;
pub mod command;
pub mod frame;
pub mod hello;
pub mod repeat;
pub mod trace;
pub mod trace_state;

use std::future::Future;
use std::pin::Pin;

pub use talon_domain::booking::{BookingState, Subject, Visit};

pub use answer::{
    Answer, BookingView, DayView, Finding, FreeStart, Health, Refusal, Release, StartsView,
};
pub use command::{
    Book, Caller, Cancel, Command, Identify, MAX_NAMES, MAX_WISHES, Move, Place, Wishes,
};
pub use trace::{SpanId, TraceContext, TraceId};
pub use trace_state::TraceState;

/// An answer on its way.
pub type AnswerFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// The ledger, as gateways see it: in their own process, or at the other end of a connection.
pub trait Ledger: Send + Sync {
    /// Carries out one command.
    ///
    /// An answer that promises something is durable when it arrives. Dropping the future does
    /// not undo the command.
    fn call(&self, command: Command) -> AnswerFuture;

    /// Whether the ledger can promise anything now.
    fn health(&self) -> Health;
}
