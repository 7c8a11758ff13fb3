//! A reply on its way out: memory and parts of a blob, in turns, of the reactor as long as no page is cold.

use std::cell::RefCell;
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use aqueduct_flow::{Carried, Extent, SendQueue, Step};
use aqueduct_sys::{Readiness, wait_at_most};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::asked::Door;
use crate::close::Close;
use crate::connection::{Connection, blocked};
use crate::deadline::{Expired, Pace};
use crate::door::{Answer, Content, Piece};
use crate::find::Found;
use crate::metrics::METRICS;
use crate::residency;
use crate::scratch::with_scratch;
use crate::server::Shared;

/// What the connection adds to an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// Leave out what follows the head.
    pub(crate) head_only: bool,
    /// What becomes of the connection, where the peer does not know it from the version it speaks.
    pub(crate) connection: Option<&'static str>,
}

/// Writes down what carried the bytes of a blob that was sent, unless they came from memory.
pub(crate) fn log_sent(carried: &Carried) {
    if carried.total() > 0 {
        tracing::debug!(%carried, "sent");
    }
}

/// Sends bytes as they are.
pub(crate) async fn say(connection: &mut Connection, shared: &Shared, bytes: Vec<u8>) -> Result<(), Close> {
    let mut queue = SendQueue::to_socket(shared.options.send_route);
    queue.push_memory(bytes);
    drive(&connection.stream, shared, queue).await.map(drop)
}

/// An answer as it leaves; `found` is the blob whose parts it names.
pub(crate) fn queue(shared: &Shared, answer: Answer, found: Option<&Found>, manner: Manner) -> SendQueue {
    let Answer { head, content } = answer;
    let head = head.field("Date", Date);
    let head = match manner.connection {
        Some(connection) => head.field("Connection", connection),
        None => head,
    };
    let mut memory = head.finish();
    let mut queue = SendQueue::to_socket(shared.options.send_route_for(content.part_len()));
    if manner.head_only {
        queue.push_memory(memory);
        return queue;
    }
    // What is in memory leaves in one piece, up to the first extent.
    let pieces = match content {
        Content::Nothing => Vec::new(),
        Content::Text(text) => vec![Piece::Memory(text)],
        Content::Pieces(pieces) => pieces,
    };
    for piece in pieces {
        match (piece, found) {
            (Piece::Memory(bytes), _) => memory.extend_from_slice(&bytes),
            (Piece::Part(range), Some(Found::Bytes(bytes))) => {
                let place = |offset| {
                    usize::try_from(offset).expect("a range lies within the blob it was resolved against")
                };
                queue.push_memory(std::mem::take(&mut memory));
                // Shared, so that a thousand peers that do not read cost no more than one.
                queue.push_shared(Arc::clone(bytes), place(range.start)..place(range.end));
            }
            (Piece::Part(range), Some(Found::Open(blob))) => {
                queue.push_memory(std::mem::take(&mut memory));
                queue.push_extent(blob.extent(range));
            }
            (Piece::Part(_), None) => unreachable!("parts are answered only of a blob that was found"),
        }
    }
    queue.push_memory(memory);
    queue
}

/// Sends a queue, all of which is in memory, to its end. Says what carried the extents in it.
pub(crate) async fn drive(
    stream: &TcpStream,
    shared: &Shared,
    mut queue: SendQueue,
) -> Result<Carried, Close> {
    begin(stream, &mut queue)?;
    if queue.is_empty() {
        return Ok(*queue.carried());
    }
    Box::pin(async move {
        let mut pace = shared.options.send_pace();
        loop {
            match queue.step(stream.as_fd(), TURN_LEN).map_err(failed)? {
                Step::End => break,
                Step::Moved(moved) => pace.moved(moved as u64),
                Step::Blocked(_) => {
                    blocked(stream, Interest::WRITABLE);
                    wait_for_room(stream, shared, &mut pace).await?;
                }
            }
            if queue.is_empty() {
                break;
            }
            // A large reply shall never delay a small one.
            tokio::task::yield_now().await;
        }
        Ok(*queue.carried())
    })
    .await
}

/// Sends a queue, all of whose extents are of one file of `size` bytes, to its end. Says what carried it.
pub(crate) async fn deliver(
    connection: Connection,
    shared: &Shared,
    mut queue: SendQueue,
    size: u64,
) -> Result<(Connection, Carried), Close> {
    begin(&connection.stream, &mut queue)?;
    if queue.is_empty() {
        return Ok((connection, *queue.carried()));
    }
    Box::pin(deliver_on(connection, shared, queue, size)).await
}

/// Sends what there is in memory before the first extent, as far as the socket takes it: nearly always that is all of it, and
/// what it takes to wait is not even set up.
pub(crate) fn begin(stream: &TcpStream, queue: &mut SendQueue) -> Result<(), Close> {
    if !queue.is_empty() && queue.next_extent().is_none() {
        let _ = queue.step(stream.as_fd(), TURN_LEN).map_err(failed)?;
    }
    Ok(())
}

/// The reactor sends what is in memory, and workers send what is not: that waits for the disk, reads ahead and makes room for
/// what was read, and a reactor has no time for any of them.
async fn deliver_on(
    mut connection: Connection,
    shared: &Shared,
    mut queue: SendQueue,
    size: u64,
) -> Result<(Connection, Carried), Close> {
    let mut pace = shared.options.send_pace();
    let mut looked = Looked::default();
    let mut told = Carried::default();
    let mut was_told = false;
    while !queue.is_empty() {
        let warm_len = warm_len(&queue, &mut looked, size);
        let step = match warm_len {
            Some(len_max) => queue.step(connection.stream.as_fd(), len_max),
            None => {
                let turn = move || {
                    let step = send_cold(&connection.stream, &mut queue);
                    (connection, queue, step)
                };
                let began = Instant::now();
                let step;
                (connection, queue, step) = shared.cold_readers.run(turn).await?;
                METRICS.cold_wait(began.elapsed());
                step
            }
        };
        METRICS.sent(Door::Blobs, queue.carried(), &mut told);
        match step.map_err(failed)? {
            Step::End => break,
            Step::Moved(moved) => {
                pace.moved(moved as u64);
                was_told = false;
            }
            Step::Blocked(_) => {
                // A socket that said it had room and had none, as where there is no memory for it, is not asked again before
                // it is time for a look.
                if warm_len.is_none() && !was_told {
                    look_for_room(&connection.stream);
                } else {
                    blocked(&connection.stream, Interest::WRITABLE);
                }
                was_told = wait_for_room(&connection.stream, shared, &mut pace).await?;
            }
        }
        // A large reply shall never delay a small one.
        if warm_len.is_some() && !queue.is_empty() {
            tokio::task::yield_now().await;
        }
    }
    Ok((connection, *queue.carried()))
}

/// Sends a window, whatever it has to wait for: for workers. What it reads from the disk are whole blocks, so that their samples
/// go on to stand for them.
pub(crate) fn send_cold(stream: &impl AsFd, queue: &mut SendQueue) -> io::Result<Step> {
    let extent = queue.next_extent().cloned();
    let step = queue.step(stream.as_fd(), WINDOW_LEN);
    if let Some(extent) = extent {
        let start = extent.range().start;
        // What had no room was read all the same, some of it.
        let end = match queue.next_extent().map(|left| left.range()) {
            Some(left) if left.end == extent.range().end => left.start.max(start + 1),
            _ => extent.range().end,
        };
        with_scratch(SCRATCH_LEN, |scratch| residency::complete(extent.file(), &(start..end), scratch));
    }
    step
}

/// A window that was looked at.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    window: Range<u64>,
    is_warm: bool,
}

/// How much the next step may send without waiting for the disk; `None` if that is nothing.
pub(crate) fn warm_len(queue: &SendQueue, looked: &mut Looked, size: u64) -> Option<usize> {
    let Some(extent) = queue.next_extent() else { return Some(TURN_LEN) };
    let Range { start, end } = extent.range();
    // Once, however many steps it takes: a look at what is cold has that read, and is a look at less the next time.
    if !looked.window.contains(&start) {
        let window = residency::window(extent, WINDOW_LEN);
        let is_last = window.end == end;
        let is_read_ahead = !is_last && residency::is_read_ahead(extent.file(), window.end, size);
        let is_warm = !is_read_ahead && residency::is_warm(extent.file(), &window);
        *looked = Looked { window, is_warm };
    }
    if !looked.is_warm {
        return None;
    }
    // Up to where it is warm, unless the extent, and with it the step, ends before. A head beside it would leave the rest to
    // begin in the middle of a page.
    let len = queue.memory_len() + (looked.window.end - start).min(TURN_LEN as u64);
    Some(usize::try_from(len).unwrap_or(TURN_LEN))
}

/// Tells the reactor that a socket has no room if that is still so: a worker found it so, and there may be room since.
fn look_for_room(stream: &TcpStream) {
    let _ = stream.try_io(Interest::WRITABLE, || {
        let has_room = wait_at_most(stream, &[Readiness::Writable], Duration::ZERO)?;
        if has_room { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
    });
}

/// Waits until the peer took something, or until it is worth a try; says whether the socket has told of room.
async fn wait_for_room(stream: &TcpStream, shared: &Shared, pace: &mut Pace) -> Result<bool, Close> {
    // A peer that takes little is asked again before the kernel calls: that waits until a third of the socket's buffer is
    // free, megabytes as it may be.
    let look = shared.options.deadlines.send / LOOK_COUNT;
    match pace.wait(timeout(look, stream.writable())).await {
        Ok(Ok(ready)) => ready.map(|()| true).map_err(Close::PeerGone),
        Ok(Err(_)) => Ok(false),
        Err(Expired) => {
            // Otherwise the kernel would keep what the peer does not take, and go on offering it.
            let _ = stream.set_zero_linger();
            Err(Close::Deadline("taking a reply"))
        }
    }
}

/// Whose fault it is that nothing can be sent.
pub(crate) fn failed(error: io::Error) -> Close {
    match error.kind() {
        // As send(2) and tcp(7) tell of a peer, or of the way to it. All else is of our file: one that ends before its blob
        // does, a disk that fails.
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::ConnectionRefused
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected
        | io::ErrorKind::TimedOut
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown => Close::PeerGone(error),
        _ => Close::Fault(error),
    }
}

/// Reads a window from the disk: for workers.
pub(crate) fn warm(extent: &Extent, window: Range<u64>) -> io::Result<()> {
    with_scratch(SCRATCH_LEN, |scratch| residency::warm(extent.file(), window, scratch))
}

/// The field `Date`, and the end of a head.
pub(crate) fn date_and_end() -> Arc<[u8]> {
    with_date(|_, end| Arc::clone(end))
}

/// The time, as RFC 9110 section 5.6.7 writes it.
struct Date;

impl std::fmt::Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        with_date(|date, _| f.write_str(date))
    }
}

/// Lends the time, and the end of a head that it stands in, which are made once a second.
fn with_date<T>(job: impl FnOnce(&str, &Arc<[u8]>) -> T) -> T {
    let now = SystemTime::now();
    let second = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    DATE.with_borrow_mut(|made| {
        if made.as_ref().is_none_or(|(at, _, _)| *at != second) {
            let date = httpdate::fmt_http_date(now);
            let end = format!("Date: {date}\r\n\r\n").into_bytes().into();
            *made = Some((second, date, end));
        }
        let (_, date, end) = made.as_ref().expect("it was made just now");
        job(date, end)
    })
}

type Made = (u64, String, Arc<[u8]>);

thread_local! {
    static DATE: RefCell<Option<Made>> = const { RefCell::new(None) };
}

/// What one step sends before another connection has its turn: over loopback a GiB takes less than with 1 MiB.
const TURN_LEN: usize = 256 << 10;

/// What is known to be in memory before the first of it is sent: several turns, since asking takes time, too.
pub(crate) const WINDOW_LEN: usize = 1 << 20;

/// How often a reply that is stuck is tried in the time that its peer has.
const LOOK_COUNT: u32 = 8;

/// What a worker reads at once of what is cold.
const SCRATCH_LEN: usize = 256 << 10;

#[cfg(test)]
mod tests;
