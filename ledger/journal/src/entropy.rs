//! Where the journal's randomness comes from: its id once, and one nonce per record.
//!
//! It must not know what the bytes are for. The nonce blinds a record's leaf, so that a receipt for
//! one record does not let anyone guess its neighbours.

use std::fmt;
use std::io;

/// A source of random bytes, given as an argument so that a simulation can repeat itself.
pub trait Entropy: Send {
    /// Fills all of `out`.
    ///
    /// # Errors
    /// When the source has none to give; the journal then fails as if the disk had.
    fn fill(&mut self, out: &mut [u8]) -> io::Result<()>;
}

/// Bytes that are taken from the operating system at once: a call for each booking would be dear.
const POOL_BYTES: usize = 1024;

/// The operating system's generator. What was given out is forgotten.
pub struct OsEntropy {
    pool: [u8; POOL_BYTES],
    /// How many of the pool's bytes are left; the first ones.
    left: usize,
}

impl Default for OsEntropy {
    fn default() -> Self {
        Self { pool: [0; POOL_BYTES], left: 0 }
    }
}

impl fmt::Debug for OsEntropy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OsEntropy").finish_non_exhaustive()
    }
}

impl Entropy for OsEntropy {
    fn fill(&mut self, out: &mut [u8]) -> io::Result<()> {
        if out.len() > POOL_BYTES {
            return getrandom::fill(out).map_err(io::Error::other);
        }
        if out.len() > self.left {
            getrandom::fill(&mut self.pool).map_err(io::Error::other)?;
            self.left = POOL_BYTES;
        }
        let from = self.left - out.len();
        let given = &mut self.pool[from..self.left];
        out.copy_from_slice(given);
        given.fill(0);
        self.left = from;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_byte_is_given_out_twice() {
        let mut entropy = OsEntropy::default();
        let mut seen = HashSet::new();
        for _ in 0..3 * POOL_BYTES / 16 {
            let mut id = [0; 16];
            entropy.fill(&mut id).unwrap();
            assert!(seen.insert(id));
        }
        let mut nonces = vec![0; POOL_BYTES + 16];
        entropy.fill(&mut nonces).unwrap();
        assert!(nonces.chunks(16).all(|id| seen.insert(id.try_into().unwrap())));
    }
}
