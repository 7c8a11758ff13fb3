//! Waiting for requests: heads on their way in.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aqueduct_wire::http1::limits::HEAD_LEN_MAX;
use aqueduct_wire::http1::{Framing, HeadError, Version, parse_request};
use aqueduct_wire::native;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::asked::Door;
use crate::close::Close;
use crate::connection::Connection;
use crate::door::{Refusal, Request};
use crate::inbox::Inbox;
use crate::scratch::with_scratch;
use crate::server::{Shared, until_stop};

/// What a connection brings next.
pub(crate) enum Heard {
    Request(Request),
    /// The native protocol begins; nothing of it was taken.
    Native,
}

/// Waits for a request, for as long as a connection may be idle, and for its head, as long as that may take. Whoever has
/// just connected wants something: the time of the first head begins at once.
pub(crate) async fn next_request(
    connection: &mut Connection,
    shared: &Shared,
    is_first: bool,
    stop: &mut watch::Receiver<bool>,
) -> Result<Heard, Close> {
    let Connection { stream, inbox, .. } = connection;
    let deadlines = &shared.options.deadlines;
    let mut deadline = Instant::now() + deadlines.head;
    let mut has_begun = !inbox.is_empty();
    if has_begun {
        if let Some(heard) = take_head(inbox, shared) {
            return Ok(heard);
        }
    } else {
        inbox.release();
        if !is_first {
            deadline = Instant::now() + deadlines.idle;
        }
    }
    let mut is_stopping = false;
    loop {
        let read = tokio::select! {
            biased;
            read = timeout_at(deadline, read_head(stream, inbox, shared)) => read,
            () = until_stop(stop), if !is_stopping => {
                is_stopping = true;
                let patience = if has_begun { HEAD_TIME_AT_STOP } else { deadlines.idle_at_stop };
                deadline = deadline.min(Instant::now() + patience);
                continue;
            }
        };
        match read {
            Err(_) if !has_begun => return Err(Close::Clean),
            Err(_) => return Ok(Heard::Request(Request::hopeless(Refusal::SlowHead))),
            Ok(Err(close)) => return Err(close),
            Ok(Ok(Some(heard))) => return Ok(heard),
            Ok(Ok(None)) if !has_begun => {
                has_begun = true;
                if !is_first {
                    deadline = Instant::now() + deadlines.head;
                }
                // What has begun has more time at a stop, too.
                is_stopping = false;
            }
            Ok(Ok(None)) => {}
        }
    }
}

/// Reads what there is; `None` if the head is not whole yet.
async fn read_head(
    stream: &mut TcpStream,
    inbox: &mut Inbox,
    shared: &Shared,
) -> Result<Option<Heard>, Close> {
    std::future::poll_fn(|context| poll_head(stream, inbox, shared, context)).await
}

/// The buffer is the thread's: a connection that waits has none.
fn poll_head(
    stream: &mut TcpStream,
    inbox: &mut Inbox,
    shared: &Shared,
    context: &mut Context<'_>,
) -> Poll<Result<Option<Heard>, Close>> {
    with_scratch(HEAD_LEN_MAX, |scratch| {
        let mut room = ReadBuf::new(scratch);
        ready!(Pin::new(stream).poll_read(context, &mut room)).map_err(Close::PeerGone)?;
        let arrived = room.filled();
        Poll::Ready(match arrived.first() {
            None if inbox.is_empty() => Err(Close::Clean),
            None => Err(Close::PeerGone(io::ErrorKind::UnexpectedEof.into())),
            Some(_) if !inbox.is_empty() => {
                inbox.push(arrived);
                Ok(take_head(inbox, shared))
            }
            Some(_) => {
                let (heard, taken) = parse(arrived, shared);
                inbox.push(&arrived[taken..]);
                Ok(heard)
            }
        })
    })
}

/// Takes a request's head off the inbox, if it is whole.
fn take_head(inbox: &mut Inbox, shared: &Shared) -> Option<Heard> {
    let (heard, head_len) = look_at_head(inbox, shared)?;
    inbox.take(head_len);
    Some(heard)
}

/// What the inbox begins with, if that is whole, and how many bytes of it that takes. What may be done is what may be done now:
/// whoever waits before it is done looks again.
pub(crate) fn look_at_head(inbox: &Inbox, shared: &Shared) -> Option<(Heard, usize)> {
    let (heard, head_len) = parse(inbox.bytes(), shared);
    heard.map(|heard| (heard, head_len))
}

/// What bytes begin with, if that can be told yet, and how many of them that takes.
fn parse(bytes: &[u8], shared: &Shared) -> (Option<Heard>, usize) {
    let (request, taken) = match parse_request(bytes) {
        Ok(None) => return (None, 0),
        Ok(Some((head, len))) => (Request::read(&head, &shared.admission), len),
        Err(HeadError::NotHttp) if bytes.first() == Some(&native::FIRST_BYTE) => {
            return (Some(Heard::Native), 0);
        }
        Err(HeadError::NotHttp) if bytes.first() == Some(&TLS_HANDSHAKE) => (Request::tls(), 0),
        Err(error) => (Request::hopeless(Refusal::BadHead(error)), 0),
    };
    (Some(Heard::Request(request)), taken)
}

impl Request {
    /// What cannot be understood: it is answered, and nothing after it is believed.
    fn hopeless(refusal: Refusal) -> Self {
        Self {
            intent: Err(refusal),
            door: Door::Blobs,
            head_only: false,
            framing: Framing::None,
            version: Version::Http11,
            keep_alive: false,
            expects_continue: false,
        }
    }

    /// What is no HTTP.
    pub(crate) fn alien() -> Self {
        Self::hopeless(Refusal::BadHead(HeadError::NotHttp))
    }

    /// Somebody who speaks TLS, which is told apart from other refusals by its version.
    fn tls() -> Self {
        Self::hopeless(Refusal::Tls)
    }
}

/// The first byte of a TLS record of type handshake (RFC 8446 section 5.1).
pub(crate) const TLS_HANDSHAKE: u8 = 0x16;

/// What the rest of a head may take that was on its way when the server was told to stop.
const HEAD_TIME_AT_STOP: Duration = Duration::from_secs(1);
