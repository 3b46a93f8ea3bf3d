//! The Merkle tree over the records of one batch, in the shape of RFC 6962, and the chain over roots.
//!
//! It must not know frames or files. `format` seals batches with it and `scan` checks them.

use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

use crate::words::{ChainHash, Sequence};

/// Bytes of the random nonce in each record.
pub(crate) const NONCE_BYTES: usize = 16;

const LEAF_TAG: [u8; 1] = [0];
const NODE_TAG: [u8; 1] = [1];
const CHAIN_TAG: [u8; 1] = [2];

/// The longest message that is hashed at once: the leaf of a usual record, with its padding. 5 blocks.
const AT_ONCE_BYTES: usize = 5 * HASH_BLOCK;
const HASH_BLOCK: usize = 64;
/// SHA-256 pads a message by at least a bit, in a byte of its own, and its length.
const LEAST_PADDING: usize = 1 + 8;
/// The state SHA-256 begins with: FIPS 180-4, section 5.3.3.
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// SHA-256 of the parts one after the other. Nearly all are a few short ones: those are laid out with
/// their padding and compressed in one call, which takes a third less than going by a hasher's buffer.
fn hash<const PARTS: usize>(parts: [&[u8]; PARTS]) -> [u8; 32] {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    if length > AT_ONCE_BYTES - LEAST_PADDING {
        return parts.iter().fold(Sha256::new(), Digest::chain_update).finalize().into();
    }
    let mut message = [0; AT_ONCE_BYTES];
    let mut at = 0;
    for part in parts {
        message[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    message[at] = 0x80;
    let end = (length + LEAST_PADDING).next_multiple_of(HASH_BLOCK);
    message[end - 8..end].copy_from_slice(&(8 * length as u64).to_be_bytes());
    let mut state = INITIAL;
    compress256(&mut state, message[..end].as_chunks().0);
    let mut digest = [0; 32];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

/// SHA-256(0x00 ‖ sequence ‖ nonce ‖ body), the sequence as 8 little-endian bytes.
pub(crate) fn leaf(sequence: Sequence, nonce: &[u8; NONCE_BYTES], body: &[u8]) -> [u8; 32] {
    hash([&LEAF_TAG, &sequence.get().to_le_bytes(), nonce, body])
}

fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    hash([&NODE_TAG, left, right])
}

/// SHA-256(0x02 ‖ previous ‖ root ‖ first sequence ‖ count ‖ time), the numbers little-endian.
pub(crate) fn chain(
    previous: ChainHash,
    root: &[u8; 32],
    first_sequence: Sequence,
    count: u32,
    at_micros: i64,
) -> ChainHash {
    ChainHash(hash([
        &CHAIN_TAG,
        &previous.0,
        root,
        &first_sequence.get().to_le_bytes(),
        &count.to_le_bytes(),
        &at_micros.to_le_bytes(),
    ]))
}

/// Folds leaves, given from left to right, into the root, keeping one hash per level.
#[derive(Default)]
pub(crate) struct MerkleRoot {
    /// Roots of the perfect subtrees so far, the largest first.
    subtrees: Vec<[u8; 32]>,
    leaves: u64,
}

impl MerkleRoot {
    pub(crate) fn push(&mut self, leaf: [u8; 32]) {
        let mut subtree = leaf;
        // Adding one to a binary counter: each carry joins two subtrees of the same size.
        for _ in 0..self.leaves.trailing_ones() {
            let left = self.subtrees.pop().expect("every set bit of the count is a subtree");
            subtree = node(&left, &subtree);
        }
        self.subtrees.push(subtree);
        self.leaves += 1;
    }

    /// The root over what was pushed, and the accumulator ready for the next batch.
    ///
    /// # Panics
    /// When nothing was pushed: a batch has at least one record.
    pub(crate) fn finish(&mut self) -> [u8; 32] {
        let mut root = self.subtrees.pop().expect("a batch has at least one record");
        while let Some(left) = self.subtrees.pop() {
            root = node(&left, &root);
        }
        self.leaves = 0;
        root
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition in RFC 6962, section 2.1, over leaf hashes.
    fn root_by_definition(leaves: &[[u8; 32]]) -> [u8; 32] {
        if leaves.len() == 1 {
            return leaves[0];
        }
        let split = leaves.len().next_power_of_two() / 2;
        node(&root_by_definition(&leaves[..split]), &root_by_definition(&leaves[split..]))
    }

    #[test]
    fn the_folded_root_is_the_root_by_definition() {
        let mut folded = MerkleRoot::default();
        for count in 1..70 {
            let leaves: Vec<_> =
                (0..count).map(|n| leaf(Sequence::new(n), &[1; NONCE_BYTES], b"body")).collect();
            leaves.iter().for_each(|leaf| folded.push(*leaf));
            assert_eq!(folded.finish(), root_by_definition(&leaves), "{count} leaves");
        }
    }

    #[test]
    fn a_hash_is_the_one_of_the_library_whatever_the_length() {
        let bytes: Vec<u8> = (0..2 * AT_ONCE_BYTES).map(|n| (n * 7 % 251) as u8).collect();
        for length in 0..bytes.len() {
            for split in [0, length / 3, length] {
                let (first, second) = bytes[..length].split_at(split);
                let expected: [u8; 32] = Sha256::digest(&bytes[..length]).into();
                assert_eq!(hash([first, second]), expected, "{split} of {length} bytes");
            }
        }
    }

    #[test]
    fn every_part_of_a_record_changes_its_leaf() {
        let base = leaf(Sequence::new(1), &[0; NONCE_BYTES], b"a");
        assert_ne!(base, leaf(Sequence::new(2), &[0; NONCE_BYTES], b"a"));
        assert_ne!(base, leaf(Sequence::new(1), &[1; NONCE_BYTES], b"a"));
        assert_ne!(base, leaf(Sequence::new(1), &[0; NONCE_BYTES], b"b"));
    }
}
