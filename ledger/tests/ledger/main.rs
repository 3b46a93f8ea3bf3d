//! The ledger's rules as a caller meets them: on a simulated disk, with a clock that tests set.
//!
//! One program, so that its parts share the fixture and link once. Must not reach into the
//! crate's insides: whatever stands here holds through the public interface.

mod backup;
mod booking;
mod cancelling;
mod channels;
mod clocks;
mod committing;
mod configs;
mod contract;
mod crowd;
mod cuts;
mod disk_full;
mod embedded;
mod entities;
mod fixture;
mod gated;
mod keeping;
mod limits;
mod moving;
mod names;
mod power_loss;
mod random;
mod real_world;
mod reloading;
mod remote;
mod replay;
mod room;
mod served;
mod snapshots;
mod tool;
mod tool_archive;
mod tool_export;
mod tool_inspect;
mod tool_journal;
mod tool_output;
mod tool_replay;
mod visits;
mod watched;
