//! A coded reply: workers code a piece, the reactor sends it as a chunk.

use std::sync::Arc;

use aqueduct_flow::{Carried, SendQueue};
use aqueduct_wire::http1::{CHUNK_END, LAST_CHUNK, Ranges, chunk_head};

use super::{Coded, Coding};
use crate::asked::Door;
use crate::close::Close;
use crate::connection::Connection;
use crate::door::Outcome;
use crate::find::Found;
use crate::metrics::METRICS;
use crate::reply;
use crate::server::Shared;

/// Codes the first of a blob that is to leave whole, where that is worth it. It leaves coded then.
pub(crate) async fn code(
    shared: &Arc<Shared>,
    outcome: Outcome,
    found: Option<&Found>,
) -> Result<(Outcome, Option<Coming>), Close> {
    let (Outcome::Blob { digest, ranges: Ranges::Whole, .. }, Some(found)) = (&outcome, found) else {
        return Ok((outcome, None));
    };
    Ok(match Coming::begin(shared, found).await? {
        None => (outcome, None),
        Some(coming) => (Outcome::Coded { digest: *digest, len: coming.len() }, Some(coming)),
    })
}

/// What of a coded blob follows a head.
pub(crate) enum Coming {
    Whole(Vec<u8>),
    /// In chunks, of which this is the first.
    Chunks(Vec<u8>, Box<Coding>),
}

impl Coming {
    /// Codes the first of a blob. `None` where it is better sent as it is.
    async fn begin(shared: &Arc<Shared>, found: &Found) -> Result<Option<Self>, Close> {
        // They wait for what is cold, and go after everybody else.
        if !super::is_worth_it(found.size()) || shared.are_overloaded(&shared.cold_readers) {
            return Ok(None);
        }
        let found = found.clone();
        let begun = shared.cold_readers.run(move || Coded::begin(&found)).await?;
        Ok(match begun.map_err(Close::Fault)? {
            Coded::Never => None,
            Coded::Whole(bytes) => Some(Self::Whole(bytes)),
            Coded::Begun(piece, coding) => Some(Self::Chunks(piece, coding)),
        })
    }

    /// How much there is, if that is known.
    fn len(&self) -> Option<u64> {
        match self {
            Self::Whole(bytes) => Some(bytes.len() as u64),
            Self::Chunks(..) => None,
        }
    }

    /// Sends it behind a head. Says how much of it there was.
    pub(crate) async fn deliver(
        self,
        connection: Connection,
        shared: &Shared,
        mut queue: SendQueue,
        door: Door,
    ) -> Result<(Connection, u64), Close> {
        let mut sent_len = 0;
        let mut next = match self {
            Self::Whole(bytes) => {
                sent_len += bytes.len() as u64;
                queue.push_memory(bytes);
                None
            }
            Self::Chunks(piece, coding) => {
                sent_len += piece.len() as u64;
                push_chunk(&mut queue, piece);
                Some(coding)
            }
        };
        loop {
            let _: Carried = reply::drive(&connection.stream, shared, queue).await?;
            let Some(mut coding) = next else {
                METRICS.sent_from_memory(door, sent_len);
                return Ok((connection, sent_len));
            };
            let job = move || coding.next_piece().map(|piece| (piece, coding));
            let (piece, coding) = shared.cold_readers.run(job).await?.map_err(Close::Fault)?;
            queue = SendQueue::to_socket(shared.options.send_route);
            sent_len += piece.len() as u64;
            push_chunk(&mut queue, piece);
            next = if coding.is_done() {
                queue.push_memory(LAST_CHUNK.to_vec());
                None
            } else {
                Some(coding)
            };
        }
    }
}

/// Pieces are never empty: each ends a block.
fn push_chunk(queue: &mut SendQueue, piece: Vec<u8>) {
    queue.push_memory(chunk_head(piece.len() as u64).into_bytes());
    queue.push_memory(piece);
    queue.push_memory(CHUNK_END.to_vec());
}
