//! The bytes of segment headers and frames, as `FORMAT.md` describes them.
//!
//! It must not know files, only slices. `segment` and `journal` encode with it, `scan` decodes.

use crate::error::Damage;
use crate::merkle::{self, MerkleRoot, NONCE_BYTES};
use crate::options::{JournalKind, MAX_BATCH_BYTES};
use crate::words::{ChainHash, JournalId, SegmentNumber, Sequence};

/// Frames and the segment header start at multiples of this.
pub const BLOCK_BYTES: u64 = 4096;
/// [`BLOCK_BYTES`] as a length in memory.
pub(crate) const BLOCK: usize = 4096;
/// Bytes of a frame before its first record.
pub const FRAME_HEADER_BYTES: usize = 96;
/// Bytes of a record before its body.
pub const RECORD_HEADER_BYTES: usize = 4 + NONCE_BYTES;
/// The largest body whose record fits into one block when it is committed alone.
pub const SINGLE_BLOCK_BODY_BYTES: usize = BLOCK - FRAME_HEADER_BYTES - RECORD_HEADER_BYTES;
/// The version this crate writes and reads.
pub const FORMAT_VERSION: u32 = 1;

const SEGMENT_MAGIC: [u8; 8] = *b"TALONSEG";
const FRAME_MAGIC: [u8; 4] = *b"TFRM";
const SEGMENT_HEADER_BYTES: usize = 92;

const _: () = assert!(SEGMENT_HEADER_BYTES <= BLOCK && BLOCK as u64 == BLOCK_BYTES);

/// Blocks that hold `bytes`.
pub(crate) const fn blocks_for(bytes: usize) -> u64 {
    bytes.div_ceil(BLOCK) as u64
}

/// `N` bytes at `at`, for the `from_le_bytes` functions.
pub(crate) fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the slice has N bytes")
}

/// What block 0 of a segment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) kind: JournalKind,
    pub(crate) journal: JournalId,
    pub(crate) segment: SegmentNumber,
    /// The file's length in bytes.
    pub(crate) segment_bytes: u64,
    /// Sequence number of the first record in this segment.
    pub(crate) base_sequence: Sequence,
    /// Chain hash of the batch before this segment.
    pub(crate) previous: ChainHash,
}

/// A block that is no header of this version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HeaderError {
    Unsound(&'static str),
    UnknownVersion(u32),
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        block[0..8].copy_from_slice(&SEGMENT_MAGIC);
        block[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        block[12..16].copy_from_slice(&self.kind.code().to_le_bytes());
        block[16..32].copy_from_slice(&self.journal.0);
        block[32..40].copy_from_slice(&self.segment.get().to_le_bytes());
        block[40..48].copy_from_slice(&self.segment_bytes.to_le_bytes());
        block[48..56].copy_from_slice(&self.base_sequence.get().to_le_bytes());
        block[56..88].copy_from_slice(&self.previous.0);
        let checksum = crc32c::crc32c(&block[..88]);
        block[88..92].copy_from_slice(&checksum.to_le_bytes());
        block
    }

    pub(crate) fn decode(block: &[u8; BLOCK]) -> Result<Self, HeaderError> {
        if block[0..8] != SEGMENT_MAGIC {
            return Err(HeaderError::Unsound("it does not start with the magic bytes"));
        }
        if u32::from_le_bytes(field(block, 88)) != crc32c::crc32c(&block[..88]) {
            return Err(HeaderError::Unsound("its checksum is wrong"));
        }
        let version = u32::from_le_bytes(field(block, 8));
        if version != FORMAT_VERSION {
            return Err(HeaderError::UnknownVersion(version));
        }
        if block[SEGMENT_HEADER_BYTES..].iter().any(|byte| *byte != 0) {
            return Err(HeaderError::Unsound("bytes follow it in its block"));
        }
        let Some(kind) = JournalKind::from_code(u32::from_le_bytes(field(block, 12))) else {
            return Err(HeaderError::Unsound("it is neither demo nor production"));
        };
        Ok(Self {
            kind,
            journal: JournalId(field(block, 16)),
            segment: SegmentNumber::new(u64::from_le_bytes(field(block, 32))),
            segment_bytes: u64::from_le_bytes(field(block, 40)),
            base_sequence: Sequence::new(u64::from_le_bytes(field(block, 48))),
            previous: ChainHash(field(block, 56)),
        })
    }

    /// Where the checksums of this segment's frames start from.
    pub(crate) fn frame_seed(&self) -> FrameSeed {
        FrameSeed::new(self.journal, self.segment)
    }
}

/// CRC32C over journal id and segment number: every frame's checksum continues from it, so a frame
/// that an earlier use of the file left behind never checks out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameSeed(u32);

impl FrameSeed {
    pub(crate) fn new(journal: JournalId, segment: SegmentNumber) -> Self {
        let id = crc32c::crc32c(&journal.0);
        Self(crc32c::crc32c_append(id, &segment.get().to_le_bytes()))
    }

    /// The checksum over a whole frame but its own checksum field.
    fn checksum(self, frame: &[u8]) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c_append(self.0, &frame[..8]), &frame[12..])
    }
}

/// Everything that places a batch in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchPlace {
    pub(crate) seed: FrameSeed,
    pub(crate) first_sequence: Sequence,
    pub(crate) previous: ChainHash,
    pub(crate) at_micros: i64,
}

/// Appends a record to a frame under construction; its nonce stays zero until [`seal_frame`].
pub(crate) fn push_record(frame: &mut Vec<u8>, body: &[u8]) {
    let length = u32::try_from(body.len()).expect("a body is no longer than MAX_RECORD_BYTES");
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&[0; NONCE_BYTES]);
    frame.extend_from_slice(body);
}

/// Completes a frame whose records were pushed after [`FRAME_HEADER_BYTES`] zeros: puts the nonces
/// in, hashes, checksums and pads it. `nonces` has [`NONCE_BYTES`] for each of `count` records.
/// Returns the batch's chain hash.
pub(crate) fn seal_frame(
    frame: &mut Vec<u8>,
    place: BatchPlace,
    count: u32,
    nonces: &[u8],
) -> ChainHash {
    let mut root = MerkleRoot::default();
    let mut at = FRAME_HEADER_BYTES;
    let mut sequence = place.first_sequence;
    for nonce in nonces.chunks_exact(NONCE_BYTES) {
        let body = at + RECORD_HEADER_BYTES;
        let end = body + u32::from_le_bytes(field(frame, at)) as usize;
        frame[at + 4..body].copy_from_slice(nonce);
        root.push(merkle::leaf(sequence, &field(frame, at + 4), &frame[body..end]));
        sequence = sequence.plus(1);
        at = end;
    }
    assert_eq!(at, frame.len(), "the frame holds exactly its records");
    let root = root.finish();
    let length = u32::try_from(frame.len()).expect("a frame is no longer than MAX_BATCH_BYTES");
    frame[0..4].copy_from_slice(&FRAME_MAGIC);
    frame[4..8].copy_from_slice(&length.to_le_bytes());
    frame[12..16].copy_from_slice(&count.to_le_bytes());
    frame[16..24].copy_from_slice(&place.first_sequence.get().to_le_bytes());
    frame[24..32].copy_from_slice(&place.at_micros.to_le_bytes());
    frame[32..64].copy_from_slice(&place.previous.0);
    frame[64..96].copy_from_slice(&root);
    let checksum = place.seed.checksum(frame);
    frame[8..12].copy_from_slice(&checksum.to_le_bytes());
    frame.resize(frame.len().next_multiple_of(BLOCK), 0);
    merkle::chain(place.previous, &root, place.first_sequence, count, place.at_micros)
}

/// The length a frame that starts with these bytes claims, if they can start a frame that ends
/// within `room` bytes.
pub(crate) fn claimed_frame_length(start: &[u8], room: u64) -> Option<usize> {
    if start[0..4] != FRAME_MAGIC {
        return None;
    }
    let length = u32::from_le_bytes(field(start, 4));
    let shortest = FRAME_HEADER_BYTES + RECORD_HEADER_BYTES;
    let possible = length as usize >= shortest && length <= MAX_BATCH_BYTES;
    (possible && u64::from(length) <= room).then_some(length as usize)
}

/// Whether the frame's checksum is right for the segment it was found in.
pub(crate) fn checksum_is_right(seed: FrameSeed, frame: &[u8]) -> bool {
    u32::from_le_bytes(field(frame, 8)) == seed.checksum(frame)
}

/// A frame whose checksum is right, taken apart.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) count: u32,
    pub(crate) first_sequence: Sequence,
    pub(crate) at_micros: i64,
    pub(crate) previous: ChainHash,
    root: [u8; 32],
    records: &'a [u8],
}

impl<'a> Frame<'a> {
    pub(crate) fn decode(frame: &'a [u8]) -> Self {
        Self {
            count: u32::from_le_bytes(field(frame, 12)),
            first_sequence: Sequence::new(u64::from_le_bytes(field(frame, 16))),
            at_micros: i64::from_le_bytes(field(frame, 24)),
            previous: ChainHash(field(frame, 32)),
            root: field(frame, 64),
            records: &frame[FRAME_HEADER_BYTES..],
        }
    }

    /// Checks that the frame continues the journal and holds what it says; gives its chain hash.
    pub(crate) fn check(
        &self,
        expected: Sequence,
        previous: ChainHash,
    ) -> Result<ChainHash, Damage> {
        let unexpected = |reason| Err(Damage::UnexpectedFrame { reason });
        if self.first_sequence != expected {
            return unexpected("its first sequence number is not the next one");
        }
        if self.previous != previous {
            return unexpected("it does not carry the chain hash of the batch before it");
        }
        let mut root = MerkleRoot::default();
        let mut sequence = expected;
        let mut seen = 0_u64;
        let mut rest = self.records;
        while !rest.is_empty() {
            let Some((nonce, body, after)) = split_record(rest) else {
                return unexpected("its records do not fill it");
            };
            root.push(merkle::leaf(sequence, &nonce, body));
            sequence = sequence.plus(1);
            seen += 1;
            rest = after;
        }
        if seen != u64::from(self.count) {
            return unexpected("it holds another number of records than it says");
        }
        let root = root.finish();
        if root != self.root {
            return unexpected("its Merkle root is not that of its records");
        }
        Ok(merkle::chain(previous, &root, expected, self.count, self.at_micros))
    }

    /// The bodies, in order; only after [`Frame::check`].
    pub(crate) fn bodies(&self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.records;
        std::iter::from_fn(move || {
            let (_, body, after) = split_record(rest)?;
            rest = after;
            Some(body)
        })
    }
}

/// Nonce, body and what follows the first record of `bytes`.
fn split_record(bytes: &[u8]) -> Option<([u8; NONCE_BYTES], &[u8], &[u8])> {
    let (header, rest) = bytes.split_at_checked(RECORD_HEADER_BYTES)?;
    let length = u32::from_le_bytes(field(header, 0)) as usize;
    let (body, after) = rest.split_at_checked(length)?;
    Some((field(header, 4), body, after))
}
