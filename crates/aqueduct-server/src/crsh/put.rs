//! Values on their way in: small ones in memory, others in turns of workers, as bodies over HTTP come.

use std::io;
use std::mem;
use std::sync::Arc;

use aqueduct_blob::Algorithm;
use aqueduct_store::{EntryOutcome, Key, Overwrite};
use tracing::Instrument;

use crate::asked::{Asked, Door};
use crate::close::Close;
use crate::deadline::Expired;
use crate::door::{Name, Outcome, Refusal, Write};
use crate::pour::Stop;
use crate::server::Shared;
use crate::staged::{self, Staged};
use crate::upload::{Begun, Sink};

use super::call::{Call, wait_readable};
use super::entry;

/// What came of a put.
pub(super) struct Put {
    pub(super) call: Call,
    pub(super) outcome: Result<EntryOutcome, Refusal>,
    /// Whether all of the value was read: the next byte is of the next request.
    pub(super) is_whole: bool,
    pub(super) received_len: u64,
}

/// Takes a value of `size` bytes for a key.
pub(super) async fn put(
    mut call: Call,
    shared: &Arc<Shared>,
    asked: &Asked,
    key: Key,
    overwrite: Overwrite,
    size: u64,
) -> Result<Put, Close> {
    let refused = |call, refusal| Ok(Put { call, outcome: Err(refusal), is_whole: false, received_len: 0 });
    let limit = shared.options.blob_size_max();
    if size > limit {
        return refused(call, Refusal::TooLarge { limit });
    }
    if shared.are_overloaded(&shared.writers) {
        return refused(call, Refusal::Overloaded);
    }
    if overwrite == Overwrite::Keep {
        match entry::exists(shared, asked, key.clone()).await? {
            Ok(false) => {}
            Ok(true) => {
                call.skip(size, &mut shared.options.body_pace()).await?;
                let outcome = Ok(EntryOutcome::Kept);
                return Ok(Put { call, outcome, is_whole: true, received_len: 0 });
            }
            Err(refusal) => return refused(call, refusal),
        }
    }
    if size > SMALL_LEN_MAX {
        return receive(call, shared, key, overwrite, size).instrument(asked.span()).await;
    }
    let len = usize::try_from(size).expect("it is small");
    let mut pace = shared.options.body_pace();
    while call.inbox.bytes().len() < len {
        let left = len - call.inbox.bytes().len();
        let read = pace.wait(call.read_more(left)).await.map_err(|Expired| Close::Deadline("a value"))?;
        pace.moved(read.map_err(Close::PeerGone)? as u64);
    }
    let bytes = call.inbox.bytes()[..len].to_vec();
    call.inbox.take(len);
    let job = Arc::clone(shared);
    let keep = move || entry::keep(&job, &key, &bytes, overwrite);
    let outcome = shared.writers.run(keep).instrument(asked.span()).await?;
    Ok(Put { call, outcome, is_whole: true, received_len: size })
}

/// Receives a large value.
async fn receive(
    call: Call,
    shared: &Arc<Shared>,
    key: Key,
    overwrite: Overwrite,
    size: u64,
) -> Result<Put, Close> {
    let mut pace = shared.options.body_pace();
    let job = Arc::clone(shared);
    let mut stage = shared.writers.run(move || begin(call, job, key, overwrite, size)).await?;
    loop {
        let mut incoming = match stage {
            Stage::Over(put) => return Ok(*put),
            Stage::Gone(error) => return Err(Close::PeerGone(error)),
            Stage::Under(incoming) => incoming,
        };
        pace.moved(incoming.moved);
        if incoming.is_hungry {
            if let Err(close) = wait_readable(&incoming.call.stream, &mut pace).await {
                shared.writers.leave(move || incoming.sink.give_up());
                return Err(close);
            }
            incoming.is_promised = true;
        }
        stage = shared.writers.run(move || incoming.go_on()).await?;
    }
}

/// Begins to receive: for workers.
fn begin(call: Call, shared: Arc<Shared>, key: Key, overwrite: Overwrite, size: u64) -> Stage {
    let write = Write::unconditional(Name::Found(Algorithm::Sha256), Door::BuildCache);
    match staged::begin(&shared, write, Some(size)) {
        Begun::Under(sink) => Stage::Under(Box::new(Incoming {
            call,
            sink,
            shared,
            key,
            overwrite,
            size,
            left: size,
            moved: 0,
            is_hungry: false,
            is_promised: false,
            lull_count: 0,
        })),
        Begun::Over(outcome) => {
            let outcome = Err(refusal(outcome));
            Stage::Over(Box::new(Put { call, outcome, is_whole: false, received_len: 0 }))
        }
    }
}

fn refusal(outcome: Outcome) -> Refusal {
    match outcome {
        Outcome::Refused(refusal) => refusal,
        outcome => unreachable!("a value is stored or refused: {outcome:?}"),
    }
}

/// Where a value is, between two turns.
enum Stage {
    Under(Box<Incoming>),
    Over(Box<Put>),
    /// The peer went away.
    Gone(io::Error),
}

/// A large value that comes.
struct Incoming {
    call: Call,
    sink: Staged,
    shared: Arc<Shared>,
    key: Key,
    overwrite: Overwrite,
    size: u64,
    left: u64,
    /// How many bytes the last turn took.
    moved: u64,
    /// It ended because there was nothing to read.
    is_hungry: bool,
    /// The reactor saw something to read.
    is_promised: bool,
    /// How often in a row there was nothing all the same.
    lull_count: u32,
}

impl Incoming {
    /// One turn, and the end of the value after its last byte. For workers.
    fn go_on(mut self: Box<Self>) -> Stage {
        self.moved = 0;
        self.is_hungry = false;
        while self.left > 0 {
            if self.moved >= TURN_LEN {
                return Stage::Under(self);
            }
            match self.pour() {
                Ok(Some(moved)) => {
                    self.moved += moved as u64;
                    self.left -= moved as u64;
                    self.lull_count = 0;
                }
                Ok(None) => {
                    self.is_hungry = true;
                    if self.call.inbox.is_empty() {
                        self.call.inbox.release();
                    }
                    return Stage::Under(self);
                }
                Err(stop) => return self.stop(stop),
            }
        }
        let Self { call, sink, shared, key, overwrite, size, .. } = *self;
        let outcome = match sink.finish() {
            Outcome::Stored(published) => entry::enter(&shared, &key, &published, overwrite),
            outcome => Err(refusal(outcome)),
        };
        Stage::Over(Box::new(Put { call, outcome, is_whole: true, received_len: size }))
    }

    /// Takes some of what there is; `None` if there is nothing.
    fn pour(&mut self) -> Result<Option<usize>, Stop> {
        let Self { call: Call { stream, inbox, .. }, sink, .. } = self;
        let len = usize::try_from(self.left).map_or(PIECE_LEN_MAX, |left| left.min(PIECE_LEN_MAX));
        let poured = sink.pour(inbox, stream, len)?;
        if poured.is_some() || !mem::take(&mut self.is_promised) {
            return Ok(poured);
        }
        // splice(2) finds nothing before a byte that is out of band, and read(2) may get over it.
        match inbox.read_now(stream, len.min(READ_AHEAD_LEN)) {
            Ok(_) => sink.pour(inbox, stream, len),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(Stop::Gone(error)),
            Err(_) if self.lull_count >= LULL_COUNT_MAX => {
                Err(Stop::Gone(io::Error::other("there is something to read that cannot be read")))
            }
            Err(_) => {
                self.lull_count += 1;
                Ok(None)
            }
        }
    }

    fn stop(self: Box<Self>, stop: Stop) -> Stage {
        let Self { call, sink, size, left, .. } = *self;
        sink.give_up();
        let refusal = match stop {
            Stop::Gone(error) => return Stage::Gone(error),
            Stop::Refused(refusal) => refusal,
            Stop::TakenOver => Refusal::TakenOver,
        };
        let put = Put { call, outcome: Err(refusal), is_whole: false, received_len: size - left };
        Stage::Over(Box::new(put))
    }
}

/// Up to here a value is held in memory: as much as comes with its head. Most of what ccache keeps is larger than a manifest, of
/// 1 KiB, and smaller than this.
const SMALL_LEN_MAX: u64 = 16 << 10;

/// What a worker moves before another connection has its turn.
const TURN_LEN: u64 = 4 << 20;

/// What is taken at once: what the largest pipe holds.
const PIECE_LEN_MAX: usize = 1 << 20;

/// Enough to get over what a splice does not.
const READ_AHEAD_LEN: usize = 64 << 10;

/// No peer that sends a value gets so far.
const LULL_COUNT_MAX: u32 = 16;
