//! Clients that book under load, and checkers of what they were promised.
//!
//! Owns the view from outside: it speaks only the documented HTTP API, believes only what it was
//! answered, and reads a journal only through `talon-ledger`, run as a program. Must not know the
//! ledger, the board or the journal, so that it cannot share their mistakes. The binary
//! `talon-loadtest` is its caller; the benches may be another.
//!
//! Map: [`client`] is one client of the API (login, reads, book, cancel); [`gateway`] the process
//! under test; [`history`] what clients were told, `inquiry` asking again, [`check`] the judgement.
//! [`kill`] kills a gateway in the middle of load and holds it to its word. [`rehearsal`] plays a
//! release day by a [`scenario`], with [`personas`] that arrive by [`arrivals`] over a [`network`],
//! and puts what [`measure`] saw and the [`journal`] says into a [`report`]; [`output`] shows it and
//! [`compare`] puts two side by side. [`trace`] reads recorded traffic and plays it again.

pub mod arrivals;
pub mod certificate;
pub mod check;
pub mod client;
pub mod compare;
pub mod gateway;
pub mod history;
mod inquiry;
pub mod journal;
pub mod kill;
pub mod measure;
pub mod network;
pub mod output;
pub mod personas;
pub mod rehearsal;
pub mod report;
pub mod scenario;
pub mod trace;
