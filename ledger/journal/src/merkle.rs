//! The Merkle tree over the records of one batch, in the shape of RFC 6962, and the chain over roots.
//!
//! It must not know frames or files. `format` seals batches with it and `scan` checks them.

use sha2::{Digest, Sha256};

use crate::words::{ChainHash, Sequence};

/// Bytes of the random nonce in each record.
pub(crate) const NONCE_BYTES: usize = 16;

const LEAF_TAG: [u8; 1] = [0];
const NODE_TAG: [u8; 1] = [1];
const CHAIN_TAG: [u8; 1] = [2];

/// SHA-256(0x00 ‖ sequence ‖ nonce ‖ body), the sequence as 8 little-endian bytes.
pub(crate) fn leaf(sequence: Sequence, nonce: &[u8; NONCE_BYTES], body: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(LEAF_TAG)
        .chain_update(sequence.get().to_le_bytes())
        .chain_update(nonce)
        .chain_update(body)
        .finalize()
        .into()
}

fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update(NODE_TAG).chain_update(left).chain_update(right).finalize().into()
}

/// SHA-256(0x02 ‖ previous ‖ root ‖ first sequence ‖ count ‖ time), the numbers little-endian.
pub(crate) fn chain(
    previous: ChainHash,
    root: &[u8; 32],
    first_sequence: Sequence,
    count: u32,
    at_micros: i64,
) -> ChainHash {
    let hash = Sha256::new()
        .chain_update(CHAIN_TAG)
        .chain_update(previous.0)
        .chain_update(root)
        .chain_update(first_sequence.get().to_le_bytes())
        .chain_update(count.to_le_bytes())
        .chain_update(at_micros.to_le_bytes())
        .finalize();
    ChainHash(hash.into())
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
    fn every_part_of_a_record_changes_its_leaf() {
        let base = leaf(Sequence::new(1), &[0; NONCE_BYTES], b"a");
        assert_ne!(base, leaf(Sequence::new(2), &[0; NONCE_BYTES], b"a"));
        assert_ne!(base, leaf(Sequence::new(1), &[1; NONCE_BYTES], b"a"));
        assert_ne!(base, leaf(Sequence::new(1), &[0; NONCE_BYTES], b"b"));
    }
}
