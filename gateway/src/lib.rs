//! To be written.
pub mod admission;
