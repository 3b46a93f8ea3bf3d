//! Memory that begins at a block's boundary, as writing past the page cache wants it.
//!
//! It must not know who reads from it.

/// The largest block of a device.
const ALIGNMENT: usize = 4096;

/// A buffer that keeps its memory.
#[derive(Default)]
pub(crate) struct Aligned {
    memory: Vec<u8>,
    /// Where the boundary is.
    start: usize,
}

impl Aligned {
    /// Copies `bytes` to the boundary.
    pub(crate) fn fill(&mut self, bytes: &[u8]) {
        let needed = bytes.len() + ALIGNMENT;
        if self.memory.len() < needed {
            self.memory = vec![0; needed.next_power_of_two()];
            self.start = self.memory.as_ptr().align_offset(ALIGNMENT);
        }
        self.memory[self.start..][..bytes.len()].copy_from_slice(bytes);
    }

    /// The first `length` bytes of what was filled in.
    pub(crate) fn bytes(&self, length: usize) -> &[u8] {
        &self.memory[self.start..][..length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_filled_in_begins_at_a_blocks_boundary() {
        let mut aligned = Aligned::default();
        for length in [4096, 1, 100_000, 4096] {
            let bytes: Vec<u8> = (0..length).map(|place| place as u8).collect();
            aligned.fill(&bytes);
            assert_eq!(aligned.bytes(length), bytes);
            assert_eq!(aligned.bytes(length).as_ptr().align_offset(ALIGNMENT), 0);
        }
    }

    #[test]
    fn memory_is_kept_for_the_next_time() {
        let mut aligned = Aligned::default();
        aligned.fill(&[1; 5000]);
        let before = aligned.bytes(1).as_ptr();
        aligned.fill(&[2; 9000]);
        assert_eq!(aligned.bytes(1).as_ptr(), before);
    }
}
