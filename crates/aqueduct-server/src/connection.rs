//! One connection: requests in, replies out, one after the other.

use std::io;
use std::sync::Arc;

use aqueduct_flow::{Carried, SendQueue};
use aqueduct_sys::stat;
use aqueduct_wire::http1::Version;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tracing::Instrument;

use crate::act::{act, look_up};
use crate::asked::{Asked, Door, Who};
use crate::body::Body;
use crate::close::Close;
use crate::door::{EntryIntent, Intent, Outcome, Refusal, Request, UploadOutcome, Voice};
use crate::find::Found;
use crate::inbox::Inbox;
use crate::look_again::look_again;
use crate::metrics::METRICS;
use crate::prompt::{self, Prompt};
use crate::reply::{self, Manner};
use crate::request::{Heard, next_request};
use crate::server::Shared;
use crate::upload::Uploaded;
use crate::{coding, discard, entries, native};

/// A peer, and what it sent that was not looked at yet.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    pub(crate) inbox: Inbox,
    /// Apart: an idle connection is as small as it can be.
    pub(crate) who: Box<Who>,
}

impl Connection {
    /// See [`Inbox::read_now`].
    pub(crate) fn read_now(&mut self, len_max: usize) -> io::Result<usize> {
        self.inbox.read_now(&self.stream, len_max)
    }

    /// Like [`Self::read_now`], once there is something to read.
    pub(crate) async fn read_more(&mut self, len_max: usize) -> io::Result<usize> {
        loop {
            self.stream.readable().await?;
            match self.read_now(len_max) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    blocked(&self.stream, Interest::READABLE);
                }
                read => return read,
            }
        }
    }
}

/// Tells the reactor, which knows nothing of calls that went around it, that a socket is not ready. It has not looked at the
/// socket since the call that found it so: nothing was waited for in between.
pub(crate) fn blocked(stream: &TcpStream, interest: Interest) {
    let _ = stream.try_io(interest, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
}

/// Serves a peer until one side has enough, or `stop` says that the server has.
pub(crate) async fn serve(
    stream: TcpStream,
    who: Box<Who>,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) -> Close {
    let mut connection = Connection { stream, inbox: Inbox::default(), who };
    let mut is_first = true;
    loop {
        let heard = next_request(&mut connection, &shared, is_first, &mut stop).await;
        let request = match heard.and_then(|heard| answer_promptly(&mut connection, &shared, heard, &stop)) {
            Ok(Then::Answer(Heard::Request(request))) => Some(request),
            Ok(Then::Answer(Heard::Native)) if is_first => {
                return Box::pin(native::serve(connection, shared, stop)).await;
            }
            // Nobody changes the protocol in the middle.
            Ok(Then::Answer(Heard::Native)) => Some(Request::alien()),
            Ok(Then::Hear) => None,
            Ok(Then::Send(replies)) => {
                // Apart, like what follows.
                if let Err(close) = Box::pin(send(&connection.stream, &shared, replies)).await {
                    return close;
                }
                None
            }
            Err(close) => return close,
        };
        if let Some(request) = request {
            // Apart, because what answering takes would otherwise be kept for every connection that waits.
            let answered = Box::pin(answer(connection, &shared, request, &stop)).await;
            connection = match answered {
                Ok(connection) => connection,
                Err(close) => return close,
            };
        }
        is_first = false;
        // Others have their turn, however much one peer asks at once.
        if !connection.inbox.is_empty() {
            tokio::task::yield_now().await;
        }
    }
}

/// What is next on a connection, after what could be answered from memory was.
enum Then {
    /// To hear more.
    Hear,
    /// To send what the peer did not take at once. Apart, because it is rare.
    Send(Box<SendQueue>),
    /// To answer what takes more.
    Answer(Heard),
}

/// Answers what is in memory. No value of it outlives this call in what is kept for a connection that waits.
fn answer_promptly(
    connection: &mut Connection,
    shared: &Shared,
    heard: Heard,
    stop: &watch::Receiver<bool>,
) -> Result<Then, Close> {
    // The last reply of a connection says that it is.
    if *stop.borrow() {
        return Ok(Then::Answer(heard));
    }
    let Connection { stream, inbox, who } = connection;
    let (mut replies, answered) = match prompt::answer(inbox, who, shared, heard) {
        Prompt::Replies(replies, answered) => (replies, answered),
        Prompt::No(heard) => return Ok(Then::Answer(heard)),
    };
    reply::begin(stream, &mut replies)?;
    answered.answered();
    Ok(if replies.is_empty() { Then::Hear } else { Then::Send(Box::new(replies)) })
}

/// Sends what is in memory, as the peer takes it.
async fn send(stream: &TcpStream, shared: &Shared, replies: Box<SendQueue>) -> Result<(), Close> {
    reply::drive(stream, shared, *replies).await.map(drop)
}

/// Does what a request asks for, and replies.
async fn answer(
    mut connection: Connection,
    shared: &Arc<Shared>,
    request: Request,
    stop: &watch::Receiver<bool>,
) -> Result<Connection, Close> {
    let mut asked = Asked::new(&mut connection.who, request.kind(), request.digest());
    respond(connection, shared, request, &mut asked, stop).await.inspect_err(|close| asked.broke_off(close))
}

async fn respond(
    mut connection: Connection,
    shared: &Arc<Shared>,
    request: Request,
    asked: &mut Asked,
    stop: &watch::Receiver<bool>,
) -> Result<Connection, Close> {
    let Request { intent, door, head_only, framing, version, keep_alive, expects_continue } = request;
    let mut body = Body::new(framing);
    let announced = body.left();
    let mut was_continued = false;
    let (mut found, mut coming) = (None, None);
    let outcome = match intent {
        Err(Refusal::Tls) => return Err(Box::pin(refuse_tls(connection, shared)).await),
        Err(refusal) => Outcome::Refused(refusal),
        Ok(Intent::Read(read)) => {
            let (mut outcome, blob) = look_up(shared, asked, &read, head_only).await?;
            found = blob;
            if read.accepts_zstd && version == Version::Http11 {
                (outcome, coming) = Box::pin(coding::code(shared, outcome, found.as_ref())).await?;
            }
            outcome
        }
        Ok(Intent::Entry(EntryIntent::Find(key))) => {
            let (outcome, blob) = entries::look_up(shared, asked, key, head_only).await?;
            found = blob;
            outcome
        }
        // Apart again: what most ask for, to read a blob, needs less memory than this, and an allocator has that at hand.
        Ok(intent) => {
            let outcome;
            Uploaded { connection, body, outcome, was_continued } =
                Box::pin(act(connection, shared, intent, body, expects_continue).instrument(asked.span()))
                    .await?;
            outcome
        }
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
    let received_len = received_len(&outcome, announced, &body);
    let answer = Voice { request: Some(asked.id), ..shared.voice() }.answer(&outcome);
    let (verdict, status) = (outcome.verdict(), answer.head.status());
    let mut sent_len = if head_only { 0 } else { answer.content.part_len() };
    let answer = if door == Door::Uploads { answer.in_tus() } else { answer };
    let queue = reply::queue(shared, answer, found.as_ref(), manner);
    let size = found.as_ref().map_or(0, Found::size);
    if let Some(Found::Bytes(_)) = found {
        METRICS.sent_from_memory(door, sent_len);
    }
    let delivered = match coming {
        None => reply::deliver(connection, shared, queue, size).await,
        Some(coming) => {
            let delivered = Box::pin(coming.deliver(connection, shared, queue, door)).await;
            delivered.map(|(connection, len)| {
                sent_len = len;
                (connection, Carried::default())
            })
        }
    };
    let delivered = delivered.inspect_err(|close| look_again(shared, close, found.as_ref()));
    let_go(shared, found);
    let carried;
    (connection, carried) = delivered?;
    reply::log_sent(&carried);
    asked.answered(verdict, status.map(|status| status.as_u16()), received_len.max(sent_len));
    if after == After::Drain {
        let mut pace = shared.options.body_pace();
        let drain = discard::drain(&mut connection, body, shared.options.blob_size_max(), &mut pace);
        let drained = Box::pin(drain).await;
        if let Err(close) = drained {
            if let Close::Protocol(_) = close {
                Box::pin(discard::linger(&mut connection, shared.options.deadlines.linger)).await;
            }
            return Err(close);
        }
    }
    if !is_kept {
        // Whoever closes first may lose what the other has not read.
        Box::pin(discard::linger(&mut connection, shared.options.deadlines.linger)).await;
        return Err(Close::Clean);
    }
    Ok(connection)
}

/// How many bytes of a body came, as far as that can be told from what it said of itself or what it became.
fn received_len(outcome: &Outcome, announced: Option<u64>, body: &Body) -> u64 {
    match (announced, body.left(), outcome) {
        (Some(announced), Some(left), _) => announced - left,
        (_, _, Outcome::Stored(published)) => published.size,
        _ => 0,
    }
}

/// Closes a blob that nobody else has open. One that was removed meanwhile frees its space only now, which a filesystem takes
/// time for.
pub(crate) fn let_go(shared: &Shared, found: Option<Found>) {
    if let Some(Found::Open(blob)) = found
        && let Some(file) = blob.into_file()
        && stat(&file).is_ok_and(|stat| stat.link_count == 0)
    {
        shared.writers.leave(move || drop(file));
    }
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
        Outcome::Stored(_)
        | Outcome::Upload(UploadOutcome::Appended { .. })
        | Outcome::Refused(Refusal::EntryExists) => After::Drain,
        _ if is_bounded => After::Drain,
        _ => After::Close,
    }
}

/// Tells a peer that speaks TLS that nobody does here.
async fn refuse_tls(mut connection: Connection, shared: &Shared) -> Close {
    if let Err(close) = reply::say(&mut connection, shared, TLS_ALERT.to_vec()).await {
        return close;
    }
    discard::linger(&mut connection, shared.options.deadlines.linger).await;
    Close::Protocol("a TLS hello")
}

/// What is read and forgotten to keep a connection whose request was refused: beyond, a new connection is cheaper.
const DRAIN_LEN_MAX: u64 = 256 << 10;

/// A record of TLS: alert, fatal, `protocol_version` (RFC 8446 section 6). Clients then say what is wrong in their own words.
pub(crate) const TLS_ALERT: &[u8] = &[0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46];
