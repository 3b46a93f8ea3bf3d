//! What every lane shares of HTTP: problems, languages, bodies, request ids.
//!
//! Must not know bookings beyond the names of refusals.

pub mod body;
pub mod framing;
pub mod language;
pub mod origin;
pub mod problem;
mod problem_document;
pub mod problem_examples;
pub mod rate_limit;
pub mod trace_context;
