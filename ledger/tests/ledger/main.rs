//! The ledger's rules as a caller meets them: on a simulated disk, with a clock that tests set.
//!
//! One program, so that its parts share the fixture and link once. Must not reach into the
//! crate's insides: whatever stands here holds through the public interface.

mod booking;
mod cancelling;
mod configs;
mod crowd;
mod embedded;
mod fixture;
mod gated;
mod keeping;
mod limits;
mod power_loss;
mod random;
mod reloading;
mod replay;
mod room;
mod tool;
mod tool_export;
mod tool_inspect;
mod tool_journal;
mod tool_output;
mod tool_replay;
