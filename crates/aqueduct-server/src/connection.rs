//! One connection: requests in, replies out, one after the other.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use aqueduct_wire::http1::limits::HEAD_LEN_MAX;
use aqueduct_wire::http1::{CONTINUE, Framing, HeadError, Version, parse_request, resolve_ranges};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::body::Body;
use crate::close::Close;
use crate::deadline::Pace;
use crate::door::{
    Answer, Condition, Intent, MISSING_BODY_LEN_MAX, Outcome, Read, Refusal, Request, parse_digests,
};
use crate::inbox::Inbox;
use crate::reply::{self, Manner};
use crate::server::{Shared, until_stop};
use crate::work::{self, Found};
use crate::{discard, upload};

/// A peer, and what it sent that was not looked at yet.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    pub(crate) inbox: Inbox,
}

/// Serves a peer until one side has enough, or `stop` says that the server has.
pub(crate) async fn serve(stream: TcpStream, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) -> Close {
    let mut connection = Connection { stream, inbox: Inbox::default() };
    // Whoever connects wants something.
    let mut patience = shared.options.deadlines.head;
    loop {
        let request = match next_request(&mut connection, &shared, patience, &mut stop).await {
            Ok(request) => request,
            Err(close) => return close,
        };
        // Apart, because what answering takes would otherwise be kept for every connection that waits.
        let answered = Box::pin(answer(connection, &shared, request, &stop)).await;
        connection = match answered {
            Ok(connection) => connection,
            Err(close) => return close,
        };
        patience = shared.options.deadlines.idle;
    }
}

/// Waits for a request for as long as `patience`, and for the rest of its head as long as a head may take.
async fn next_request(
    connection: &mut Connection,
    shared: &Shared,
    patience: std::time::Duration,
    stop: &mut watch::Receiver<bool>,
) -> Result<Request, Close> {
    let Connection { stream, inbox } = connection;
    if inbox.is_empty() {
        inbox.release();
        let first = async {
            tokio::select! {
                biased;
                read = read_head(stream, inbox, shared) => read,
                () = until_stop(stop) => Err(Close::Clean),
            }
        };
        match timeout_at(Instant::now() + patience, first).await {
            Err(_) => return Err(Close::Clean),
            Ok(Err(close)) => return Err(close),
            Ok(Ok(Some(request))) => return Ok(request),
            Ok(Ok(None)) => {}
        }
    } else if let Some(request) = take_request(inbox, shared) {
        return Ok(request);
    }
    let deadline = Instant::now() + shared.options.deadlines.head;
    loop {
        match timeout_at(deadline, read_head(stream, inbox, shared)).await {
            Err(_) => return Ok(Request::hopeless(Refusal::SlowHead)),
            Ok(Err(close)) => return Err(close),
            Ok(Ok(Some(request))) => return Ok(request),
            Ok(Ok(None)) => {}
        }
    }
}

/// Reads what there is; `None` if the head is not whole yet.
async fn read_head(
    stream: &mut TcpStream,
    inbox: &mut Inbox,
    shared: &Shared,
) -> Result<Option<Request>, Close> {
    std::future::poll_fn(|context| poll_head(stream, inbox, shared, context)).await
}

/// The buffer is the thread's: a connection that waits has none.
fn poll_head(
    stream: &mut TcpStream,
    inbox: &mut Inbox,
    shared: &Shared,
    context: &mut Context<'_>,
) -> Poll<Result<Option<Request>, Close>> {
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.resize(HEAD_LEN_MAX, 0);
        let mut room = ReadBuf::new(scratch);
        ready!(Pin::new(stream).poll_read(context, &mut room)).map_err(Close::PeerGone)?;
        let arrived = room.filled();
        Poll::Ready(match arrived.first() {
            None if inbox.is_empty() => Err(Close::Clean),
            None => Err(Close::PeerGone(io::ErrorKind::UnexpectedEof.into())),
            Some(_) if !inbox.is_empty() => {
                inbox.push(arrived);
                Ok(take_request(inbox, shared))
            }
            Some(_) => {
                let (request, taken) = parse(arrived, shared);
                inbox.push(&arrived[taken..]);
                Ok(request)
            }
        })
    })
}

/// Takes a request's head off the inbox, if it is whole.
fn take_request(inbox: &mut Inbox, shared: &Shared) -> Option<Request> {
    let (request, taken) = parse(inbox.bytes(), shared);
    inbox.take(taken);
    request
}

/// A request, if its head is whole, and how many bytes that has.
fn parse(bytes: &[u8], shared: &Shared) -> (Option<Request>, usize) {
    match parse_request(bytes) {
        Ok(None) => (None, 0),
        Ok(Some((head, len))) => (Some(Request::read(&head, &shared.admission)), len),
        Err(HeadError::NotHttp) if bytes.first() == Some(&TLS_HANDSHAKE) => (Some(Request::tls()), 0),
        Err(error) => (Some(Request::hopeless(Refusal::BadHead(error))), 0),
    }
}

impl Request {
    /// What cannot be understood: it is answered, and nothing after it is believed.
    fn hopeless(refusal: Refusal) -> Self {
        Self {
            intent: Err(refusal),
            head_only: false,
            framing: Framing::None,
            version: Version::Http11,
            keep_alive: false,
            expects_continue: false,
        }
    }

    /// Somebody who speaks TLS, which is told apart from other refusals by its version.
    fn tls() -> Self {
        Self::hopeless(Refusal::Tls)
    }
}

/// Does what a request asks for, and replies.
async fn answer(
    mut connection: Connection,
    shared: &Arc<Shared>,
    request: Request,
    stop: &watch::Receiver<bool>,
) -> Result<Connection, Close> {
    let Request { intent, head_only, framing, version, keep_alive, expects_continue } = request;
    let mut body = Body::new(framing);
    let mut was_continued = false;
    let mut found = None;
    let outcome = match intent {
        Err(Refusal::Tls) => {
            reply::say(&mut connection, shared, TLS_ALERT.to_vec()).await?;
            discard::linger(&mut connection, shared.options.deadlines.linger).await;
            return Err(Close::Protocol("a TLS hello"));
        }
        Err(refusal) => Outcome::Refused(refusal),
        Ok(Intent::Write(write)) => {
            let size = Body::size(framing);
            let uploaded = upload::receive(connection, shared, write, body, size, expects_continue).await?;
            connection = uploaded.connection;
            body = uploaded.body;
            was_continued = uploaded.was_continued;
            uploaded.outcome
        }
        Ok(Intent::Missing) => {
            let limit = MISSING_BODY_LEN_MAX as u64;
            let collected = if body.left().is_some_and(|left| left > limit) {
                Err(Refusal::TooLarge { limit })
            } else {
                if expects_continue && connection.inbox.is_empty() {
                    was_continued = true;
                    reply::say(&mut connection, shared, CONTINUE.to_vec()).await?;
                }
                collect(&mut connection, shared, &mut body).await?
            };
            match collected.and_then(|bytes| parse_digests(&bytes)) {
                Err(refusal) => Outcome::Refused(refusal),
                Ok(digests) => {
                    let store = shared.store.clone();
                    let missing = shared.readers.run(move || work::missing(&store, digests)).await?;
                    missing.map_or_else(Outcome::Refused, Outcome::Missing)
                }
            }
        }
        Ok(Intent::Read(read)) => {
            let (outcome, blob) = look_up(shared, &read).await?;
            found = blob;
            outcome
        }
        Ok(intent) => act(shared, intent).await?,
    };
    let after = after(&outcome, &body, expects_continue && !was_continued);
    let is_kept = keep_alive && after != After::Close && !*stop.borrow();
    let manner = Manner {
        head_only,
        connection: match (is_kept, version) {
            (false, _) => Some("close"),
            (true, Version::Http10) => Some("keep-alive"),
            (true, Version::Http11) => None,
        },
    };
    let answer: Answer = shared.voice().answer(&outcome);
    reply::send(&mut connection, shared, answer, found.as_ref(), manner).await?;
    drop(found);
    if !is_kept {
        // Whoever closes first may lose what the other has not read.
        discard::linger(&mut connection, shared.options.deadlines.linger).await;
        return Err(Close::Clean);
    }
    if after == After::Drain {
        let mut pace = Pace::new(shared.options.deadlines.body);
        discard::drain(&mut connection, body, &mut pace).await?;
    }
    Ok(connection)
}

/// What becomes of a connection whose reply was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    /// The next byte is of the next request.
    Next,
    /// The rest of the body is of no use, and in the way.
    Drain,
    /// What comes next is not worth reading, or nobody knows what it is.
    Close,
}

/// `is_unsure`: the peer waits to be told to send the body, was told something else, and may send it or not
/// (RFC 9110 section 10.1.1).
fn after(outcome: &Outcome, body: &Body, is_unsure: bool) -> After {
    if body.is_done() {
        return After::Next;
    }
    let is_bounded = body.left().is_some_and(|left| left <= DRAIN_LEN_MAX);
    match outcome {
        _ if is_unsure => After::Close,
        Outcome::Refused(Refusal::SlowBody | Refusal::BadChunk(_)) => After::Close,
        // A peer that sends what is here already did nothing wrong, and shall hear of its success.
        Outcome::Stored(_) => After::Drain,
        _ if is_bounded => After::Drain,
        _ => After::Close,
    }
}

async fn look_up(shared: &Arc<Shared>, read: &Read) -> Result<(Outcome, Option<Found>), Close> {
    let digest = read.digest;
    if read.condition == Condition::Failed {
        return Ok((Outcome::Refused(Refusal::PreconditionFailed { digest }), None));
    }
    let found = match shared.cache.find(&digest) {
        Some(bytes) => Ok(Some(Found::Bytes(bytes))),
        None => {
            let job = Arc::clone(shared);
            shared.readers.run(move || work::find(&job.store, &job.cache, &digest)).await?
        }
    };
    Ok(match found {
        Err(refusal) => (Outcome::Refused(refusal), None),
        Ok(None) => (Outcome::Refused(Refusal::Absent { digest }), None),
        Ok(Some(_)) if read.condition == Condition::NotModified => (Outcome::NotModified { digest }, None),
        Ok(Some(found)) => {
            let size = found.size();
            let ranges = resolve_ranges(read.ranges.as_deref(), size);
            (Outcome::Blob { digest, size, ranges }, Some(found))
        }
    })
}

/// Does what needs neither the body nor a blob's bytes.
async fn act(shared: &Arc<Shared>, intent: Intent) -> Result<Outcome, Close> {
    Ok(match intent {
        Intent::Remove { digest } => {
            let job = Arc::clone(shared);
            match shared.writers.run(move || work::remove(&job.store, &job.cache, &digest)).await? {
                Ok(true) => Outcome::Removed,
                Ok(false) => Outcome::Refused(Refusal::Absent { digest }),
                Err(refusal) => Outcome::Refused(refusal),
            }
        }
        Intent::List { after, limit } => {
            let store = shared.store.clone();
            match shared.readers.run(move || work::list(&store, after, limit)).await? {
                Ok((page, next)) => Outcome::Listed { page, next },
                Err(refusal) => Outcome::Refused(refusal),
            }
        }
        Intent::Health if shared.store.is_read_only() => Outcome::Refused(Refusal::ReadOnly),
        Intent::Health => Outcome::Healthy,
        Intent::Front { html, host } => Outcome::Front { html, host },
        Intent::Read(_) | Intent::Write(_) | Intent::Missing => {
            unreachable!("these have ways of their own")
        }
    })
}

/// A body that is no blob, whole in memory: it is short, or refused.
async fn collect(
    connection: &mut Connection,
    shared: &Shared,
    body: &mut Body,
) -> Result<Result<Vec<u8>, Refusal>, Close> {
    let limit = MISSING_BODY_LEN_MAX;
    let mut pace = Pace::new(shared.options.deadlines.body);
    let mut collected = Vec::new();
    while !body.is_done() {
        let len = match body.next(connection.inbox.bytes()) {
            Err(error) => return Ok(Err(Refusal::BadChunk(error))),
            Ok((consumed, len)) => {
                connection.inbox.take(consumed);
                len
            }
        };
        let ahead = connection.inbox.bytes().len();
        let len = usize::try_from(len).map_or(ahead, |len| len.min(ahead));
        if len > 0 {
            if collected.len() + len > limit {
                return Ok(Err(Refusal::TooLarge { limit: limit as u64 }));
            }
            collected.extend_from_slice(&connection.inbox.bytes()[..len]);
            connection.inbox.take(len);
            body.take(len as u64);
        } else if !body.is_done() {
            match pace.wait(read_more(connection)).await {
                Err(_) => return Ok(Err(Refusal::SlowBody)),
                Ok(read) => pace.moved(read.map_err(Close::PeerGone)? as u64),
            }
        }
    }
    Ok(Ok(collected))
}

/// Reads what there is into the inbox. The end is an error here.
async fn read_more(connection: &mut Connection) -> io::Result<usize> {
    let Connection { stream, inbox } = connection;
    std::future::poll_fn(|context| {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.resize(HEAD_LEN_MAX, 0);
            let mut room = ReadBuf::new(scratch);
            ready!(Pin::new(&mut *stream).poll_read(context, &mut room))?;
            inbox.push(room.filled());
            Poll::Ready(match room.filled().len() {
                0 => Err(io::ErrorKind::UnexpectedEof.into()),
                len => Ok(len),
            })
        })
    })
    .await
}

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What is read and forgotten to keep a connection whose request was refused: beyond, a new connection is cheaper.
const DRAIN_LEN_MAX: u64 = 256 << 10;

/// The first byte of a TLS record of type handshake (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// A record of TLS: alert, fatal, `protocol_version` (RFC 8446 section 6). Clients then say what is wrong in their own words.
const TLS_ALERT: &[u8] = &[0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46];
