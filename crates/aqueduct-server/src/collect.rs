//! Bodies that are no blobs: short, and whole in memory.

use std::io;

use tokio::time::timeout;

use crate::body::Body;
use crate::close::Close;
use crate::connection::Connection;
use crate::door::{MISSING_BODY_LEN_MAX, Refusal};
use crate::server::Shared;

/// Reads such a body. All of it has the time that few KiB of a blob have, and only so many are read at once: what is held
/// in memory is bounded, however many peers there are.
pub(crate) async fn collect(
    connection: &mut Connection,
    shared: &Shared,
    body: &mut Body,
) -> Result<Result<Vec<u8>, Refusal>, Close> {
    let collected = async {
        let _permit = shared.collecting.acquire().await.expect("nobody closes it");
        read_whole(connection, body).await
    };
    match timeout(shared.options.deadlines.body, collected).await {
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

/// How many are read at once: 16 MiB in all.
pub(crate) const COLLECTING_COUNT_MAX: usize = 16;

/// What is read at once: most such bodies are no longer.
const READ_LEN: usize = 16 << 10;
