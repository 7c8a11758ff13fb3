//! Bodies that are no blobs: short, and whole in memory.

use crate::body::Body;
use crate::close::Close;
use crate::connection::Connection;
use crate::deadline::Pace;
use crate::door::{MISSING_BODY_LEN_MAX, Refusal};
use crate::server::Shared;

/// A body that is no blob, whole in memory: it is short, or refused.
pub(crate) async fn collect(
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
            match pace.wait(connection.read_more(READ_LEN)).await {
                Err(_) => return Ok(Err(Refusal::SlowBody)),
                Ok(read) => pace.moved(read.map_err(Close::PeerGone)? as u64),
            }
        }
    }
    Ok(Ok(collected))
}

/// What is read at once: most such bodies are no longer.
const READ_LEN: usize = 16 << 10;
