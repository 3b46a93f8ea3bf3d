//! Reading and answering in turns: a client that sends without end gets no more of a runtime at once than
//! others.
//!
//! The readers of HTTP go on as long as there is something to read. With frames that ask for nothing,
//! such as pings, one connection could keep a runtime busy while a citizen's request waits behind
//! it; and with requests sent before the answers to those before, sixteen are answered at once. So between two
//! turns the runtime looks at what has arrived for others, and of all requests on one runtime that did not
//! wait for the answer before, one is begun in each turn: a thousand such clients delay a citizen by one
//! request, not by a thousand. Must not know what is read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};

use futures_util::future::{BoxFuture, FutureExt as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Semaphore;

/// What a connection may read before others have their turn, in bytes; an ordinary request is
/// shorter.
pub const TURN_BYTES: usize = 16 * 1024;

/// A connection that is read in turns.
pub struct Turns<S> {
    stream: S,
    /// Read since others last had their turn.
    read: usize,
    /// The turn of the others, while it lasts. Waking oneself would not do: a runtime looks for what has arrived
    /// only after dozens of such wakes.
    others: Option<BoxFuture<'static, ()>>,
    requests: Requests,
}

/// Where the requests of one runtime that did not wait for an answer stand in line.
#[derive(Clone, Debug)]
pub struct Line(Arc<Semaphore>);

impl Default for Line {
    fn default() -> Self {
        // One of them is begun in each turn of the runtime.
        Self(Arc::new(Semaphore::new(1)))
    }
}

/// How many requests of a connection were begun since it last had nothing to read.
#[derive(Clone, Debug)]
pub struct Requests {
    begun: Arc<AtomicU32>,
    line: Option<Line>,
}

impl Requests {
    /// Begins a request; lets the others have their turn first when the client did not wait for the answer
    /// before.
    pub async fn begin(&self) {
        // Relaxed: one connection's tasks run on one thread.
        if self.begun.fetch_add(1, Ordering::Relaxed) == 0 {
            return;
        }
        let _first_in_line = match &self.line {
            Some(Line(line)) => line.acquire().await.ok(),
            None => None,
        };
        tokio::task::yield_now().await;
    }
}

impl<S> Turns<S> {
    /// Reads `stream` in turns; its hasty requests stand in `line`, unless it is the stream of a proxy, which
    /// many people share.
    pub fn new(stream: S, line: Option<Line>) -> Self {
        let requests = Requests { begun: Arc::default(), line };
        Self { stream, read: 0, others: None, requests }
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
            let others = self.others.get_or_insert_with(|| tokio::task::yield_now().boxed());
            ready!(others.poll_unpin(context));
            self.others = None;
            self.read = 0;
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if polled.is_pending() {
            // Whoever waits has given the others their turn.
            self.read = 0;
            // Relaxed: as in `begin`.
            self.requests.begun.store(0, Ordering::Relaxed);
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
        let mut turns = Turns::new(tokio::io::repeat(7), None);
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
        let mut turns = Turns::new(stream, None);
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

    fn poll_once(future: Pin<&mut impl Future<Output = ()>>) -> bool {
        future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    fn turn<F: Future<Output = ()>>(waiting: &mut [Pin<Box<F>>]) -> Vec<bool> {
        waiting.iter_mut().map(|one| poll_once(one.as_mut())).collect()
    }

    #[test]
    fn of_all_hasty_requests_one_is_begun_in_a_turn_and_in_their_order() {
        let line = Line::default();
        let hasty = || {
            let turns = Turns::new(tokio::io::empty(), Some(line.clone()));
            assert!(turns.requests().begin().now_or_never().is_some(), "the first is none");
            turns.requests()
        };
        let clients = [hasty(), hasty(), hasty()];
        let mut waiting: Vec<_> = clients.iter().map(|client| Box::pin(client.begin())).collect();
        assert_eq!(turn(&mut waiting), [false, false, false]);
        assert_eq!(turn(&mut waiting), [true, false, false]);
        drop(waiting.remove(0));
        assert_eq!(turn(&mut waiting), [true, false]);
    }

    #[tokio::test]
    async fn everything_arrives() {
        use tokio::io::AsyncReadExt;
        let sent: Vec<u8> = (0..10 * TURN_BYTES).map(|place| (place % 251) as u8).collect();
        let mut read = Vec::new();
        Turns::new(sent.as_slice().chain(tokio::io::empty()), None)
            .read_to_end(&mut read)
            .await
            .unwrap();
        assert_eq!(read, sent);
    }
}
