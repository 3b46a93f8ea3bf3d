//! Reading and answering in turns: a client that sends without end gets no more of a runtime at once than
//! others.
//!
//! The readers of HTTP go on as long as there is something to read. With frames that ask for nothing,
//! such as pings, one connection could keep a runtime busy while a citizen's request waits behind
//! it; and with requests sent before the answers to those before, sixteen are answered at once. Must not know
//! what is read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a connection may read before others have their turn, in bytes; an ordinary request is
/// shorter.
pub const TURN_BYTES: usize = 16 * 1024;

/// A connection that is read in turns.
pub struct Turns<S> {
    stream: S,
    /// Read since others last had their turn.
    read: usize,
    requests: Requests,
}

/// How many requests of a connection were begun since it last had nothing to read.
#[derive(Clone, Debug, Default)]
pub struct Requests(Arc<AtomicU32>);

impl Requests {
    /// Begins a request; lets the others have their turn first when the client did not wait for the answer
    /// before.
    pub async fn begin(&self) {
        // Relaxed: one connection's tasks run on one thread.
        if self.0.fetch_add(1, Ordering::Relaxed) > 0 {
            tokio::task::yield_now().await;
        }
    }
}

impl<S> Turns<S> {
    /// Reads `stream` in turns.
    pub fn new(stream: S) -> Self {
        Self { stream, read: 0, requests: Requests::default() }
    }

    /// What counts its requests.
    pub fn requests(&self) -> Requests {
        self.requests.clone()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Turns<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read >= TURN_BYTES {
            self.read = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if polled.is_pending() {
            // Whoever waits has given the others their turn.
            self.read = 0;
            // Relaxed: as in `begin`.
            self.requests.0.store(0, Ordering::Relaxed);
        }
        ready!(polled)?;
        self.read += buffer.filled().len() - before;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Turns<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn a_client_that_sends_without_end_waits_for_the_others_after_its_turn() {
        let mut turns = Turns::new(tokio::io::repeat(7));
        let mut context = Context::from_waker(Waker::noop());
        let mut read = || {
            let mut space = [0; 1024];
            let mut buffer = ReadBuf::new(&mut space);
            Pin::new(&mut turns).poll_read(&mut context, &mut buffer).is_ready()
        };
        for _ in 0..3 {
            assert!((0..TURN_BYTES / 1024).all(|_| read()));
            assert!(!read());
        }
    }

    #[test]
    fn whoever_does_not_wait_for_an_answer_lets_others_come_first() {
        let (_silent, stream) = tokio::io::duplex(64);
        let mut turns = Turns::new(stream);
        let requests = turns.requests();
        let mut context = Context::from_waker(Waker::noop());
        let mut begins_at_once = || {
            let mut begin = std::pin::pin!(requests.begin());
            let at_once = begin.as_mut().poll(&mut context).is_ready();
            assert!(at_once || begin.poll(&mut context).is_ready(), "one turn is enough");
            at_once
        };
        assert_eq!([begins_at_once(), begins_at_once(), begins_at_once()], [true, false, false]);
        let mut space = [0; 16];
        let mut buffer = ReadBuf::new(&mut space);
        let mut context = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut turns).poll_read(&mut context, &mut buffer).is_pending());
        assert!(begins_at_once(), "it waited for its answer");
    }

    #[tokio::test]
    async fn everything_arrives() {
        use tokio::io::AsyncReadExt;
        let sent: Vec<u8> = (0..10 * TURN_BYTES).map(|place| (place % 251) as u8).collect();
        let mut read = Vec::new();
        Turns::new(sent.as_slice().chain(tokio::io::empty())).read_to_end(&mut read).await.unwrap();
        assert_eq!(read, sent);
    }
}
