//! Where the journal's randomness comes from: its id once, and one nonce per record.
//!
//! It must not know what the bytes are for. The nonce blinds a record's leaf, so that a receipt for
//! one record does not let anyone guess its neighbours.

use std::io;

/// A source of random bytes, given as an argument so that a simulation can repeat itself.
pub trait Entropy: Send {
    /// Fills all of `out`.
    ///
    /// # Errors
    /// When the source has none to give; the journal then fails as if the disk had.
    fn fill(&mut self, out: &mut [u8]) -> io::Result<()>;
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&mut self, out: &mut [u8]) -> io::Result<()> {
        getrandom::fill(out).map_err(io::Error::other)
    }
}
