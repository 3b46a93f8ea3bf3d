//! The ledger: who holds which place, under which limits, durably.
//!
//! Owns the state (days, persons, places on their way back), the facts that make it, the
//! decisions, and their order towards the journal. Must not know HTTP, Redis or pages. A gateway
//! calls it through [`talon_wire::Ledger`]; the binary `talon-ledger` serves it to other processes
//! and reads journals.
//!
//! What is absent: no decision on replay, no wait for the disk inside a decision, no personal
//! data, no clock or randomness that is not an argument.

pub mod apply;
pub mod booking;
pub mod changing;
mod chunked;
pub mod clock;
pub mod committing;
pub mod core;
pub mod day;
pub mod desk_choice;
pub mod embedded;
pub mod hash;
pub mod journal {
    //! The parts of the journal that whoever opens a ledger has to name.

    pub use talon_journal::{
        Disk, Entry, Journal, JournalKind, Options, OsEntropy, RealDisk, Recovery, read_journal,
    };
}
pub mod keeper;
pub mod load;
mod measures;
pub mod open;
pub mod parties;
pub mod peppers;
pub mod person;
pub mod persons;
mod pipeline;
pub mod reading;
pub mod record;
pub mod reload;
pub mod serve;
pub mod sessions;
pub mod snapshot;
pub mod state;
pub mod verify;
mod visits;
