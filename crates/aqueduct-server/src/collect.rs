//! Bodies that are no blobs: short, and whole in memory.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use aqueduct_wire::http1::CONTINUE;
use tokio::sync::{OwnedSemaphorePermit, SemaphorePermit};
use tokio::time::timeout;

use crate::body::Body;
use crate::close::Close;
use crate::connection::Connection;
use crate::door::Refusal;
use crate::line::SMALL_LEN_MAX;
use crate::reply;
use crate::server::Shared;

/// Such a body. Whoever has it has its place, too.
pub(crate) struct Collected {
    pub(crate) bytes: Vec<u8>,
    _place: Option<OwnedSemaphorePermit>,
}

/// Reads such a body of at most `len_max` bytes, and says whether the peer had to be told to send it. All of it has the time that
/// a part of a blob has. Only so many that may be long are read at once: what is held in memory is bounded, however many peers
/// there are. Those that are short need no place, so that nobody keeps them from being answered by holding all places with
/// bodies that do not come.
pub(crate) async fn collect(
    connection: &mut Connection,
    shared: &Shared,
    body: &mut Body,
    expects_continue: bool,
    len_max: usize,
) -> Result<(Result<Collected, Refusal>, bool), Close> {
    if body.left().is_some_and(|left| left > len_max as u64) {
        return Ok((Err(Refusal::TooLarge { limit: len_max as u64 }), false));
    }
    let was_continued = expects_continue && connection.inbox.is_empty();
    if was_continued {
        reply::say(connection, shared, CONTINUE.to_vec()).await?;
    }
    let is_short = body.left().is_some_and(|left| left <= SHORT_LEN_MAX);
    let place = if is_short {
        None
    } else {
        let Ok(place) = timeout(PLACE_TIME, Arc::clone(&shared.collecting).acquire_owned()).await else {
            return Ok((Err(Refusal::Overloaded), was_continued));
        };
        Some(place.expect("nobody closes it"))
    };
    match timeout(shared.options.deadlines.body, read_whole(connection, body, len_max)).await {
        Err(_) => Ok((Err(Refusal::SlowBody), was_continued)),
        Ok(Ok(read)) => Ok((read.map(|bytes| Collected { bytes, _place: place }), was_continued)),
        Ok(Err(error)) => Err(Close::PeerGone(error)),
    }
}

/// Reads the rest of a small body, if it comes right behind its head, as most clients send it: what is in memory whole is stored
/// for half of what it takes to receive it into a file. What comes later than that is received as a large one is. Whoever has the
/// permit has room for such a body in memory until it is stored.
pub(crate) async fn gather<'a>(
    connection: &mut Connection,
    shared: &'a Shared,
    body: &Body,
    expects_continue: bool,
) -> Option<SemaphorePermit<'a>> {
    let here = connection.inbox.bytes().len();
    let len = usize::try_from(body.left()?).ok()?;
    let may_wait = expects_continue && here == 0;
    if may_wait || len <= here || len as u64 > SMALL_LEN_MAX.min(shared.options.blob_size_max()) {
        return None;
    }
    let room = shared.gathered.try_acquire().ok()?;
    let rest = async {
        while let Some(missing) =
            len.checked_sub(connection.inbox.bytes().len()).filter(|missing| *missing > 0)
        {
            // Whoever goes on meets the same.
            if connection.read_more(missing).await.is_err() {
                break;
            }
        }
    };
    // That it did not come in time is no mistake.
    let _ = timeout(GATHER_TIME, rest).await;
    Some(room)
}

async fn read_whole(
    connection: &mut Connection,
    body: &mut Body,
    len_max: usize,
) -> io::Result<Result<Vec<u8>, Refusal>> {
    let mut collected = Vec::new();
    while !body.is_done() {
        let len = match body.next(connection.inbox.bytes()) {
            Err(error) => return Ok(Err(Refusal::BadChunk(error))),
            Ok((framing_len, len)) => {
                connection.inbox.take(framing_len);
                len
            }
        };
        let ahead = connection.inbox.bytes().len();
        let len = usize::try_from(len).map_or(ahead, |len| len.min(ahead));
        if len > 0 {
            if collected.len() + len > len_max {
                return Ok(Err(Refusal::TooLarge { limit: len_max as u64 }));
            }
            collected.extend_from_slice(&connection.inbox.bytes()[..len]);
            connection.inbox.take(len);
            body.take(len as u64);
        } else if !body.is_done() {
            connection.read_more(READ_LEN).await?;
        }
    }
    Ok(Ok(collected))
}

/// Longer than a packet takes within a building, and shorter than anybody notices.
const GATHER_TIME: Duration = Duration::from_millis(5);

/// A connection may hold as much for a head. Some two hundred digests.
const SHORT_LEN_MAX: u64 = 16 << 10;

/// Those that are read and used take less, unless their peers are slow or mean no good.
const PLACE_TIME: Duration = Duration::from_secs(1);

/// How many long ones are read at once: 16 lists of digests, or results of actions, of some MiB each.
pub(crate) const COLLECTING_COUNT_MAX: usize = 16;

/// What is read at once: most such bodies are no longer.
const READ_LEN: usize = 16 << 10;
