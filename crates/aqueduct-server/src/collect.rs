//! Bodies that are no blobs: short, and whole in memory.

use std::io;
use std::time::Duration;

use tokio::time::timeout;

use crate::body::Body;
use crate::close::Close;
use crate::connection::Connection;
use crate::door::{MISSING_BODY_LEN_MAX, Refusal};
use crate::server::Shared;

/// Reads such a body. All of it has the time that a part of a blob has. Only so many that may be long are read at once: what is
/// held in memory is bounded, however many peers there are. Those that are short need no place, so that nobody keeps them from
/// being answered by holding all places with bodies that do not come.
pub(crate) async fn collect(
    connection: &mut Connection,
    shared: &Shared,
    body: &mut Body,
) -> Result<Result<Vec<u8>, Refusal>, Close> {
    let is_short = body.left().is_some_and(|left| left <= SHORT_LEN_MAX);
    let _place = if is_short {
        None
    } else {
        let Ok(place) = timeout(PLACE_TIME, shared.collecting.acquire()).await else {
            return Ok(Err(Refusal::Overloaded));
        };
        Some(place.expect("nobody closes it"))
    };
    match timeout(shared.options.deadlines.body, read_whole(connection, body)).await {
        Err(_) => Ok(Err(Refusal::SlowBody)),
        Ok(Ok(read)) => Ok(read),
        Ok(Err(error)) => Err(Close::PeerGone(error)),
    }
}

async fn read_whole(connection: &mut Connection, body: &mut Body) -> io::Result<Result<Vec<u8>, Refusal>> {
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
            if collected.len() + len > MISSING_BODY_LEN_MAX {
                return Ok(Err(Refusal::TooLarge { limit: MISSING_BODY_LEN_MAX as u64 }));
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

/// A connection may hold as much for a head. Some two hundred digests.
const SHORT_LEN_MAX: u64 = 16 << 10;

/// Those that are read take less, unless their peers are slow or mean no good.
const PLACE_TIME: Duration = Duration::from_secs(1);

/// How many long ones are read at once: 16 MiB in all.
pub(crate) const COLLECTING_COUNT_MAX: usize = 16;

/// What is read at once: most such bodies are no longer.
const READ_LEN: usize = 16 << 10;
