//! A disk and a source of randomness that repeat themselves: for tests of this crate and of those
//! above it, behind the feature `simulation`.
//!
//! It must not know segments or frames: it loses power at the level of sectors and names.

mod disk;
mod entropy;
mod file;

pub use disk::SimDisk;
pub use entropy::SimEntropy;
