//! Snapshots of the ledger's state: made by replay away from live memory, and loaded in its place.
//!
//! Owns the body of a snapshot file (its framing is the journal crate's), the choice of the one to
//! begin with, and the folding of sealed segments into the next. Must not look at a running ledger:
//! a snapshot is the snapshot before it plus sealed segments. [`crate::core`] loads, [`keeper`] makes
//! them in a server, the tools do both.

mod body;
mod fold;
pub mod keeper;
mod load;

pub use body::{BadBody, SnapshotBody};
pub use fold::{FoldError, Folded, Made, SNAPSHOTS_KEPT, fold};
pub use load::{Loaded, Skipped, best, load};
