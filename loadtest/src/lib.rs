//! Clients that book under load, and a checker of what they were promised.
//!
//! Owns the view from outside: it speaks only the documented HTTP API and believes only what it was
//! answered. Must not know the ledger, the board or the journal, so that it cannot share their
//! mistakes. The binary `talon-loadtest` is its caller; the benches may be another.
//!
//! Map: [`client`] is one client of the API (login, reads, book, cancel); [`kill`] starts a gateway,
//! kills it in the middle of load and holds it to its word.

pub mod client;
pub mod kill;
