//! Bytes that nobody wants: the rest of a body that was answered already, and what a peer still sends after goodbye.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use aqueduct_sys::recv_discard;
use tokio::io::{AsyncWrite, Interest};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::body::Body;
use crate::close::Close;
use crate::connection::Connection;
use crate::deadline::{Expired, Pace};
use crate::scratch::with_scratch;

/// Reads the rest of a body and forgets it, unless it is larger than any blob may be. The kernel does not even copy it.
pub(crate) async fn drain(
    connection: &mut Connection,
    mut body: Body,
    size_max: u64,
    pace: &mut Pace,
) -> Result<(), Close> {
    let mut drained = 0_u64;
    while !body.is_done() {
        let inbox = &mut connection.inbox;
        let next = body.next(inbox.bytes());
        let (framing_len, len) =
            next.map_err(|_| Close::Protocol("a bad chunk in a body that nobody wanted"))?;
        inbox.take(framing_len);
        if body.is_done() {
            break;
        }
        if len > size_max.saturating_sub(drained) {
            return Err(Close::Protocol("more than any blob may have, and nobody wanted it"));
        }
        let ahead = usize::try_from(len).map_or(inbox.bytes().len(), |len| len.min(inbox.bytes().len()));
        if ahead > 0 {
            inbox.take(ahead);
            body.take(ahead as u64);
            drained += ahead as u64;
            continue;
        }
        let moved = if len > 0 {
            let discarded = expect(pace.wait(discard(&connection.stream, len)).await)?;
            if discarded == 0 {
                return Err(Close::PeerGone(io::ErrorKind::UnexpectedEof.into()));
            }
            body.take(discarded);
            drained += discarded;
            discarded
        } else {
            expect(pace.wait(connection.read_more(FRAMING_LEN)).await)? as u64
        };
        pace.moved(moved);
        // However fast one peer sends, others get their turn.
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Says that nothing more will be said, and waits until the peer has heard it: a socket that is closed while bytes are
/// unread resets the connection, and the peer may lose the reply it was sent (RFC 9112 section 9.6).
pub(crate) async fn linger(connection: &mut Connection, patience: Duration) {
    let Connection { stream, .. } = connection;
    let goodbye = async {
        std::future::poll_fn(|context| Pin::new(&mut *stream).poll_shutdown(context)).await?;
        while discard(stream, u64::MAX).await? > 0 {
            tokio::task::yield_now().await;
        }
        io::Result::Ok(())
    };
    // Late or broken, there is nothing left to be lost.
    let _ = timeout(patience, goodbye).await;
}

/// Takes up to `len` bytes from the socket, and says how many; 0 is the end.
pub(crate) async fn discard(stream: &TcpStream, len: u64) -> io::Result<u64> {
    let discarded = stream.async_io(Interest::READABLE, || {
        let len = usize::try_from(len).map_or(DISCARD_LEN, |len| len.min(DISCARD_LEN));
        with_scratch(len, |scratch| Ok(aqueduct_flow::uninterrupted(|| recv_discard(stream, &mut *scratch))?))
    });
    discarded.await.map(|discarded| discarded as u64)
}

fn expect<T>(waited: Result<io::Result<T>, Expired>) -> Result<T, Close> {
    waited.map_err(|_| Close::Deadline("a body that nobody wanted"))?.map_err(Close::PeerGone)
}

/// One call's worth: more than a receive buffer of the usual size holds. A TCP socket never touches it.
const DISCARD_LEN: usize = 1 << 20;

/// Enough for the framing of a chunk or two; what is data of it is forgotten with the rest.
const FRAMING_LEN: usize = 4 << 10;
