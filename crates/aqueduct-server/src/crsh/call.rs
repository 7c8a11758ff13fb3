//! A connection of ccache: what is read from it, and what is said.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use aqueduct_flow::{SendQueue, uninterrupted};
use aqueduct_sys::{Readiness, read, wait_at_most};
use aqueduct_wire::crsh::Reply;
use tokio::io::{AsyncWrite, Interest};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::asked::Who;
use crate::close::Close;
use crate::deadline::{Expired, Pace};
use crate::inbox::Inbox;
use crate::scratch::with_scratch;
use crate::server::Shared;

use super::send::send;

/// A peer, and what it sent that was not looked at yet.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) stream: UnixStream,
    pub(super) inbox: Inbox,
    /// Apart: a connection that waits is as small as it can be.
    pub(super) who: Box<Who>,
}

impl Call {
    /// Reads up to `len_max` bytes more, once there is something to read. The end is an error.
    pub(super) async fn read_more(&mut self, len_max: usize) -> io::Result<usize> {
        loop {
            self.stream.readable().await?;
            let Self { stream, inbox, .. } = self;
            match stream.try_io(Interest::READABLE, || inbox.read_now(stream, len_max)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }

    /// Says something short.
    pub(super) async fn say(self, shared: &Shared, reply: Reply<'_>) -> Result<Self, Close> {
        let mut bytes = Vec::new();
        reply.write(&mut bytes);
        self.say_bytes(shared, bytes).await
    }

    pub(super) async fn say_bytes(self, shared: &Shared, bytes: Vec<u8>) -> Result<Self, Close> {
        let mut queue = SendQueue::to_socket(shared.options.send_route);
        queue.push_memory(bytes);
        send(self, shared, queue, 0).await.map(|(call, _)| call)
    }

    /// Reads so many bytes and forgets them.
    pub(super) async fn skip(&mut self, len: u64, pace: &mut Pace) -> Result<(), Close> {
        let mut left = len;
        while left > 0 {
            let ahead = self.inbox.bytes().len();
            let skipped = if ahead > 0 {
                let skipped = usize::try_from(left).map_or(ahead, |left| left.min(ahead));
                self.inbox.take(skipped);
                skipped as u64
            } else {
                let skipped = pace.wait(self.discard(left)).await;
                match skipped.map_err(|Expired| TOO_SLOW)?.map_err(Close::PeerGone)? {
                    0 => return Err(Close::PeerGone(io::ErrorKind::UnexpectedEof.into())),
                    skipped => skipped,
                }
            };
            left -= skipped;
            pace.moved(skipped);
            // However fast one peer sends, others get their turn.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Says that nothing more will be said, and waits until the peer has heard it.
    pub(super) async fn linger(mut self, patience: Duration) {
        let goodbye = async {
            poll_fn(|context| Pin::new(&mut self.stream).poll_shutdown(context)).await?;
            while self.discard(u64::MAX).await? > 0 {
                tokio::task::yield_now().await;
            }
            io::Result::Ok(())
        };
        // Late or broken, there is nothing left to be lost.
        let _ = timeout(patience, goodbye).await;
    }

    /// Takes up to `len` bytes from the socket, and says how many; 0 is the end.
    async fn discard(&self, len: u64) -> io::Result<u64> {
        let len = usize::try_from(len).map_or(DISCARD_LEN, |len| len.min(DISCARD_LEN));
        let stream = &self.stream;
        let read = || with_scratch(len, |scratch| Ok(uninterrupted(|| read(stream, &mut *scratch))?));
        stream.async_io(Interest::READABLE, read).await.map(|len| len as u64)
    }
}

/// Waits until there is something to read. A worker may have read since the reactor looked.
pub(super) async fn wait_readable(stream: &UnixStream, pace: &mut Pace) -> Result<(), Close> {
    let look = || is_ready(stream, Readiness::Readable);
    let waited = pace.wait(stream.async_io(Interest::READABLE, look)).await;
    waited.map_err(|Expired| TOO_SLOW)?.map_err(Close::PeerGone)
}

/// An error of the kind `WouldBlock` where it is not.
pub(super) fn is_ready(stream: &UnixStream, readiness: Readiness) -> io::Result<()> {
    let is_ready = wait_at_most(stream, &[readiness], Duration::ZERO)?;
    if is_ready { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
}

/// A value does not come.
const TOO_SLOW: Close = Close::Deadline("a value");

/// One call's worth.
const DISCARD_LEN: usize = 256 << 10;
