//! One durable write at a time by io_uring, awaited in a tokio runtime: no thread between the runtime and the disk.
//!
//! It owns the ring and the memory that the kernel reads from while a write is under way. It must not know what is
//! written. The ledger commits its journal with it where the kernel has io_uring; where not, a thread writes.
//!
//! The one crate with `unsafe`: the kernel is given addresses and descriptors, so what they stand for must stay until
//! it is done. The file and the memory belong to the [`Ring`]; dropping it waits for the write.

mod aligned;

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::sync::Arc;

use io_uring::{IoUring, Probe, opcode, types};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::aligned::Aligned;

/// Places in the submission queue: one write is under way at a time.
const ENTRIES: u32 = 2;

/// How often the kernel is asked again to take a write that it could not take for the moment.
const MAX_TRIES: u32 = 100;

/// A ring that writes to files, one write at a time.
pub struct Ring {
    ring: AsyncFd<IoUring>,
    /// What the kernel reads from while `under_way` is there.
    memory: Aligned,
    under_way: Option<Write>,
    /// What was submitted is not known any more.
    is_broken: bool,
}

/// A write that the kernel has.
struct Write {
    file: Arc<File>,
    offset: u64,
    /// How much of the memory is to be written.
    length: usize,
    /// How much of it has been.
    done: usize,
}

/// Whether this kernel gives this process a ring.
///
/// # Errors
/// Why not: it has none (`ENOSYS`), or a policy forbids it (`EPERM`).
pub fn check() -> io::Result<()> {
    build().map(drop)
}

fn build() -> io::Result<IoUring> {
    // With the flag a completion does not interrupt the thread; Linux before 5.19 does not have it.
    let ring = IoUring::builder().setup_coop_taskrun().build(ENTRIES);
    let ring = ring.or_else(|_| IoUring::new(ENTRIES))?;
    // Linux before 5.6 has rings that cannot do this.
    let mut probe = Probe::new();
    ring.submitter().register_probe(&mut probe)?;
    if !probe.is_supported(opcode::Write::CODE) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    Ok(ring)
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::ResourceBusy)
}

impl Ring {
    /// Makes one for the runtime in whose context it is called.
    ///
    /// # Errors
    /// As [`check`], or when the runtime cannot watch it.
    ///
    /// # Panics
    /// When there is no runtime, or one without I/O.
    pub fn new() -> io::Result<Self> {
        let ring = build()?;
        #[expect(unsafe_code, reason = "the runtime is given a descriptor")]
        // SAFETY: an `IoUring` has one open descriptor from its making to its dropping.
        let ring = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) }?;
        Ok(Self { ring, memory: Aligned::default(), under_way: None, is_broken: false })
    }

    /// Hands a copy of `bytes` to the kernel, to be written to `file` at `offset`. [`Ring::written`] says what became
    /// of it. It is durable then if the file was opened so (`O_DSYNC`); with `O_DIRECT`, length and offset have to be
    /// multiples of the device's blocks.
    ///
    /// # Errors
    /// When the kernel does not take it; it takes nothing more then.
    ///
    /// # Panics
    /// When a write is under way.
    pub fn start(&mut self, file: Arc<File>, offset: u64, bytes: &[u8]) -> io::Result<()> {
        assert!(self.under_way.is_none(), "one write at a time");
        if self.is_broken {
            return Err(io::Error::other("an earlier write was not taken"));
        }
        self.memory.fill(bytes);
        self.under_way = Some(Write { file, offset, length: bytes.len(), done: 0 });
        self.submit()
    }

    /// Waits until the write that was started is done. May be dropped and called again.
    ///
    /// # Errors
    /// What the kernel says; how much was written is then unknown.
    ///
    /// # Panics
    /// When nothing was started.
    pub async fn written(&mut self) -> io::Result<()> {
        loop {
            if let Some(outcome) = self.reap() {
                return outcome;
            }
            match self.ring.readable_mut().await {
                // What came since is told anew by the kernel.
                Ok(mut ready) => ready.clear_ready(),
                // The runtime is going down; that says nothing of the write.
                Err(error) => return self.wait().unwrap_or(Err(error)),
            }
        }
    }

    /// Blocks until the write that was started is done; `None` when nothing is under way.
    pub fn wait(&mut self) -> Option<io::Result<()>> {
        self.under_way.as_ref()?;
        loop {
            if let Some(outcome) = self.reap() {
                return Some(outcome);
            }
            if let Err(error) = self.ring.get_ref().submit_and_wait(1)
                && error.kind() != io::ErrorKind::Interrupted
            {
                // There is no way to learn when the kernel is done with them: it may keep them.
                std::mem::forget((std::mem::take(&mut self.memory), self.under_way.take()));
                self.is_broken = true;
                return Some(Err(error));
            }
        }
    }

    /// Gives the kernel what is left of the write.
    fn submit(&mut self) -> io::Result<()> {
        let write = self.under_way.as_ref().expect("it was started");
        let rest = &self.memory.bytes(write.length)[write.done..];
        let length = u32::try_from(rest.len()).unwrap_or(u32::MAX);
        let entry = opcode::Write::new(types::Fd(write.file.as_raw_fd()), rest.as_ptr(), length)
            .offset(write.offset + write.done as u64)
            .build();
        let ring = self.ring.get_mut();
        #[expect(unsafe_code, reason = "the kernel is given an address and a file")]
        // SAFETY: `memory` and `file` belong to the ring, and neither is changed or dropped while `under_way` is there,
        // which ends only with the completion: `start` refuses a second write, and `drop` waits.
        let pushed = unsafe { ring.submission().push(&entry) };
        if let Err(full) = pushed {
            self.under_way = None;
            self.is_broken = true;
            return Err(io::Error::other(full));
        }
        let mut tries = 0;
        loop {
            match ring.submit() {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The kernel is short of memory for a moment.
                Err(error) if is_passing(&error) && tries < MAX_TRIES => std::thread::yield_now(),
                Err(error) => {
                    self.is_broken = true;
                    return Err(error);
                }
            }
            tries += 1;
        }
    }

    /// The outcome, once the kernel has told the last of it.
    fn reap(&mut self) -> Option<io::Result<()>> {
        let completion = self.ring.get_mut().completion().next()?;
        let write = self.under_way.as_mut().expect("a completion is of what is under way");
        let outcome = match usize::try_from(completion.result()) {
            Err(_) => Err(io::Error::from_raw_os_error(-completion.result())),
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                write.done += written;
                Ok(())
            }
        };
        let is_done = write.done == write.length;
        match outcome {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(()) if !is_done => {}
            outcome => {
                self.under_way = None;
                return Some(outcome);
            }
        }
        self.submit().err().map(Err)
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // Nobody wants to know any more, but the kernel still reads.
        let _unwanted = self.wait();
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_busy = self.under_way.is_some();
        formatter.debug_struct("Ring").field("is_busy", &is_busy).finish_non_exhaustive()
    }
}
