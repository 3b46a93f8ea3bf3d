//! Writes to real files by the real kernel. Where it gives no ring there is nothing to be shown, and the tests say so.

use std::fs::File;
use std::future::Future as _;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use rustix::fs::OFlags;
use talon_ring::Ring;

const BLOCK: usize = 4096;

/// A ring, where the kernel gives one.
fn ring() -> Option<Ring> {
    match Ring::new() {
        Ok(ring) => Some(ring),
        Err(error) => {
            eprintln!("no ring here: {error}");
            None
        }
    }
}

fn block(byte: u8) -> Vec<u8> {
    vec![byte; BLOCK]
}

/// A file without the page cache if the file system has that.
fn file() -> (tempfile::NamedTempFile, Arc<File>) {
    let named = tempfile::NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a file");
    let flags = (OFlags::DIRECT | OFlags::DSYNC).bits().try_into().expect("small flags");
    let direct = File::options().write(true).custom_flags(flags).open(named.path());
    let file = direct.or_else(|_| File::options().write(true).open(named.path()));
    (named, Arc::new(file.expect("it can be written")))
}

#[tokio::test]
async fn what_was_written_is_in_the_file_at_its_place() {
    let Some(mut ring) = ring() else { return };
    let (mut named, file) = file();
    for (place, byte) in [(0, 1), (2, 3), (1, 2)] {
        ring.start(Arc::clone(&file), place * BLOCK as u64, &block(byte)).unwrap();
        ring.written().await.unwrap();
    }
    let mut bytes = Vec::new();
    named.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, [block(1), block(2), block(3)].concat());
}

#[tokio::test]
async fn a_write_that_the_device_refuses_is_an_error_and_ends_no_later_one() {
    let Some(mut ring) = ring() else { return };
    let full = Arc::new(File::options().write(true).open("/dev/full").unwrap());
    ring.start(full, 0, &block(1)).unwrap();
    assert_eq!(ring.written().await.unwrap_err().kind(), ErrorKind::StorageFull);
    ring.start(file().1, 0, &block(1)).unwrap();
    ring.written().await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_not_open_for_writing_is_an_error() {
    let Some(mut ring) = ring() else { return };
    let (named, _) = file();
    let read_only = Arc::new(File::open(named.path()).unwrap());
    ring.start(read_only, 0, &block(1)).unwrap();
    assert_eq!(ring.written().await.unwrap_err().raw_os_error(), Some(9));
}

#[tokio::test]
async fn what_the_file_takes_in_parts_is_written_in_whole() {
    let Some(mut ring) = ring() else { return };
    let (reader, writer) = std::io::pipe().unwrap();
    let bytes: Vec<u8> = (0..1 << 20).map(|place| (place % 251) as u8).collect();
    let read = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut reader = reader;
        reader.read_to_end(&mut bytes).unwrap();
        bytes
    });
    let pipe: std::os::fd::OwnedFd = writer.into();
    ring.start(Arc::new(pipe.into()), 0, &bytes).unwrap();
    ring.written().await.unwrap();
    drop(ring);
    assert_eq!(read.join().unwrap(), bytes);
}

#[tokio::test]
async fn whoever_stops_waiting_may_wait_again_or_block() {
    let Some(mut ring) = ring() else { return };
    let (_named, file) = file();
    ring.start(Arc::clone(&file), 0, &block(1)).unwrap();
    let first_look = pin!(ring.written()).poll(&mut Context::from_waker(Waker::noop()));
    if first_look.is_pending() {
        ring.written().await.unwrap();
    }
    ring.start(file, 0, &block(2)).unwrap();
    assert!(matches!(ring.wait(), Some(Ok(()))));
    assert!(ring.wait().is_none());
}

#[tokio::test]
async fn a_ring_that_is_dropped_has_written_what_was_started() {
    let Some(mut ring) = ring() else { return };
    let (mut named, file) = file();
    ring.start(file, 0, &block(7)).unwrap();
    drop(ring);
    let mut bytes = Vec::new();
    named.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, block(7));
}
