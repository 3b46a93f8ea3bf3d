//! Reading a segment from front to back through one buffer that is used again for every segment.
//!
//! It must not know frames. `scan` calls it; it keeps replay at the memory of one frame.

use std::io;

use crate::disk::DiskFile;
use crate::format::BLOCK;

/// Read at once, unless a frame needs more. 1 MiB.
const READ_AHEAD_BYTES: usize = 1 << 20;

/// A file and the part of it that is in memory.
pub(crate) struct Window<'f> {
    file: &'f dyn DiskFile,
    file_bytes: u64,
    buffer: Vec<u8>,
    /// How much of the buffer is the file's.
    filled: usize,
    start: u64,
}

impl<'f> Window<'f> {
    /// `buffer` is taken over for its allocation; its contents do not matter.
    pub(crate) fn new(file: &'f dyn DiskFile, file_bytes: u64, buffer: Vec<u8>) -> Self {
        Self { file, file_bytes, buffer, filled: 0, start: 0 }
    }

    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    pub(crate) fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// Forgets what was read, so that the next look sees the file as it is then.
    pub(crate) fn forget(&mut self) {
        self.filled = 0;
    }

    /// `length` bytes at `offset`, which must lie within the file.
    pub(crate) fn bytes(&mut self, offset: u64, length: usize) -> io::Result<&[u8]> {
        let buffered_end = self.start + self.filled as u64;
        if offset < self.start || offset + length as u64 > buffered_end {
            let rest = usize::try_from(self.file_bytes - offset).unwrap_or(usize::MAX);
            let wanted = rest.min(length.max(READ_AHEAD_BYTES));
            // Of a refused read nothing is known to be the file's.
            self.filled = 0;
            self.start = offset;
            // Zeros are written once, not before each read.
            self.buffer.resize(wanted.max(self.buffer.len()), 0);
            self.file.read_at(offset, &mut self.buffer[..wanted])?;
            self.filled = wanted;
        }
        let from = usize::try_from(offset - self.start).expect("within the buffer");
        Ok(&self.buffer[from..from + length])
    }

    /// The offset after the last byte that is not zero at or after `from`; `None` when all are zero.
    pub(crate) fn end_of_nonzero(&mut self, from: u64) -> io::Result<Option<u64>> {
        let mut end = None;
        let mut offset = from;
        while offset < self.file_bytes {
            let to_boundary = BLOCK as u64 - offset % BLOCK as u64;
            let length = to_boundary.min(self.file_bytes - offset);
            let block = self.bytes(offset, usize::try_from(length).expect("at most a block"))?;
            if let Some(last) = last_nonzero(block) {
                end = Some(offset + last as u64 + 1);
            }
            offset += length;
        }
        Ok(end)
    }
}

fn last_nonzero(bytes: &[u8]) -> Option<usize> {
    const ZEROS: [u8; BLOCK] = [0; BLOCK];
    // Nearly every block is zero, and comparing slices is one call.
    if *bytes == ZEROS[..bytes.len()] {
        return None;
    }
    bytes.iter().rposition(|byte| *byte != 0)
}
