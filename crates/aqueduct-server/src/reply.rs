//! A reply on its way out: memory and parts of a blob, in turns, never waiting for a cold page.

use std::cell::RefCell;
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::SystemTime;

use aqueduct_flow::{Carried, Extent, SendQueue, Step};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::close::Close;
use crate::connection::{Connection, blocked};
use crate::deadline::{Expired, Pace};
use crate::door::{Answer, Content, Piece};
use crate::find::Found;
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
    drive(&connection.stream, shared, queue, 0..0).await.map(drop)
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

/// Sends a queue, all of whose extents are of one file, to its end, and has what is cold read before. `warm` is what is known
/// to be in memory. Says what carried it.
pub(crate) async fn drive(
    stream: &TcpStream,
    shared: &Shared,
    mut queue: SendQueue,
    warm: Range<u64>,
) -> Result<Carried, Close> {
    begin(stream, &mut queue)?;
    if queue.is_empty() {
        return Ok(*queue.carried());
    }
    Box::pin(drive_on(stream, shared, queue, warm)).await
}

/// Sends what there is in memory before the first extent, as far as the socket takes it: nearly always that is all of it, and
/// what it takes to wait is not even set up.
pub(crate) fn begin(stream: &TcpStream, queue: &mut SendQueue) -> Result<(), Close> {
    if !queue.is_empty() && queue.next_extent().is_none() {
        let _ = queue.step(stream.as_fd(), TURN_LEN).map_err(failed)?;
    }
    Ok(())
}

async fn drive_on(
    stream: &TcpStream,
    shared: &Shared,
    mut queue: SendQueue,
    mut warm: Range<u64>,
) -> Result<Carried, Close> {
    let mut pace = Pace::new(shared.options.deadlines.send);
    loop {
        let mut len_max = TURN_LEN;
        if let Some(extent) = queue.next_extent() {
            let start = extent.range().start;
            // A window is asked for once, however many steps it takes.
            if !warm.contains(&start) {
                warm = warm_up(shared, extent.clone()).await?;
            }
            // Up to where it is warm, unless the extent, and with it the step, ends before. A head beside it would leave the rest
            // to begin in the middle of a page.
            let len = queue.memory_len() + (warm.end - start).min(TURN_LEN as u64);
            len_max = usize::try_from(len).unwrap_or(TURN_LEN);
        }
        match queue.step(stream.as_fd(), len_max) {
            Ok(Step::End) => break,
            Ok(Step::Moved(moved)) => pace.moved(moved as u64),
            Ok(Step::Blocked(_)) => {
                blocked(stream, Interest::WRITABLE);
                // A peer that takes little is asked again before the kernel calls: that waits until a third of the socket's
                // buffer is free, megabytes as it may be.
                let look = shared.options.deadlines.send / LOOK_COUNT;
                match pace.wait(timeout(look, stream.writable())).await {
                    Ok(Ok(ready)) => ready.map_err(Close::PeerGone)?,
                    Ok(Err(_)) => {}
                    Err(Expired) => {
                        // Otherwise the kernel would keep what the peer does not take, and go on offering it.
                        let _ = stream.set_zero_linger();
                        return Err(Close::Deadline("taking a reply"));
                    }
                }
            }
            Err(error) => return Err(failed(error)),
        }
        if queue.is_empty() {
            break;
        }
        // A large reply shall never delay a small one.
        tokio::task::yield_now().await;
    }
    Ok(*queue.carried())
}

fn failed(error: io::Error) -> Close {
    match error.kind() {
        // A file that ends before its blob does.
        io::ErrorKind::UnexpectedEof => Close::Fault(error),
        _ => Close::PeerGone(error),
    }
}

/// Has a worker read what the next turns will send, unless it is in memory; says what that is.
async fn warm_up(shared: &Shared, extent: Extent) -> Result<Range<u64>, Close> {
    let window = residency::window(&extent, WINDOW_LEN);
    if !residency::is_warm(extent.file(), &window) {
        let cold = window.clone();
        let read = shared.cold_readers.run(move || warm(&extent, cold));
        read.await?.map_err(Close::Fault)?;
    }
    Ok(window)
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
