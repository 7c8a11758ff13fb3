//! A body on its way in: turns of workers on a socket that never blocks, and waits of the reactor between them.

use std::io;
use std::mem;
use std::os::fd::AsFd;
use std::sync::Arc;

use aqueduct_wire::http1::CONTINUE;
use tokio::runtime::Handle;

use crate::aside::{Aside, Source};
use crate::body::Body;
use crate::close::Close;
use crate::connection::Connection;
use crate::deadline::Expired;
use crate::door::{Outcome, Refusal};
use crate::inbox::Inbox;
use crate::pour::Stop;
use crate::reply;
use crate::server::Shared;

/// Where the bytes of a body go. All of it is for workers.
pub(crate) trait Sink: Send + Sized + 'static {
    /// Whether there is room for `len` bytes more.
    fn admit(&self, len: u64) -> Result<(), Refusal>;

    /// Takes some of what there is, up to `len_max` bytes; `None` if there is nothing yet.
    fn pour(&mut self, inbox: &mut Inbox, stream: &impl AsFd, len_max: usize) -> Result<Option<usize>, Stop>;

    /// How much of a turn the last `pour` was, which moved so many bytes.
    fn effort(&self, moved: usize) -> usize {
        moved
    }

    /// How many bytes the socket gave to a `pour` that failed.
    fn lost(&self) -> u64;

    /// All of the body has come.
    fn finish(self) -> Outcome;

    /// No more of the body comes.
    fn give_up(self);
}

/// What a body begins with.
pub(crate) enum Begun<S> {
    /// Nobody needs it.
    Over(Outcome),
    Under(S),
}

/// What came of a body; it may not have been read to its end.
pub(crate) struct Uploaded {
    pub(crate) connection: Connection,
    pub(crate) body: Body,
    pub(crate) outcome: Outcome,
    /// The peer was told to go on, so that what comes is surely the body.
    pub(crate) was_continued: bool,
}

/// Receives a body into what `begin` finds for it. `waits` says that the peer sends nothing before it is told to.
pub(crate) async fn receive<S: Sink>(
    connection: Connection,
    shared: &Arc<Shared>,
    body: Body,
    waits: bool,
    begin: impl FnOnce(&Shared) -> Begun<S> + Send + 'static,
) -> Result<Uploaded, Close> {
    // A peer that sends the body all the same waits for nothing (RFC 9110 section 10.1.1).
    let waits = waits && connection.inbox.is_empty() && !body.is_done();
    let mut pace = shared.options.body_pace();
    let reactor = Handle::current();
    let begin = {
        let shared = Arc::clone(shared);
        move || match begin(&shared) {
            Begun::Over(outcome) => Stage::over(connection, body, outcome),
            Begun::Under(sink) => {
                let upload = Upload::new(sink, body, reactor);
                if waits { Stage::Under(Box::new((upload, connection))) } else { upload.go_on(connection) }
            }
        }
    };
    let mut stage = shared.writers.run(begin).await?;
    let mut was_continued = false;
    loop {
        let turned = match stage {
            Stage::Over(uploaded) => return Ok(Uploaded { was_continued, ..*uploaded }),
            Stage::Gone(error) => return Err(Close::PeerGone(error)),
            Stage::Under(turned) => turned,
        };
        let (mut upload, mut connection) = *turned;
        pace.moved(upload.moved);
        match upload.turn {
            Turn::Tired => {}
            Turn::Hungry if waits && !was_continued => {
                was_continued = true;
                if let Err(close) = reply::say(&mut connection, shared, CONTINUE.to_vec()).await {
                    shared.writers.leave(move || upload.sink.give_up());
                    return Err(close);
                }
            }
            Turn::Hungry => {
                // Nothing else looks at the socket meanwhile, so a look that takes nothing tells when there is more.
                match pace.wait(connection.stream.peek(&mut [0])).await {
                    Ok(Ok(_)) => upload.is_promised = true,
                    Ok(Err(error)) => {
                        shared.writers.leave(move || upload.sink.give_up());
                        return Err(Close::PeerGone(error));
                    }
                    Err(Expired) => {
                        let Upload { sink, body, .. } = upload;
                        // Before the peer hears of it, and asks what was kept.
                        shared.writers.run(move || sink.give_up()).await?;
                        let outcome = Outcome::Refused(Refusal::SlowBody);
                        return Ok(Uploaded { connection, body, outcome, was_continued });
                    }
                }
            }
        }
        stage = shared.writers.run(move || upload.go_on(connection)).await?;
    }
}

/// Where a body is, between two turns.
enum Stage<S> {
    Under(Box<(Upload<S>, Connection)>),
    Over(Box<Uploaded>),
    /// The peer went away.
    Gone(io::Error),
}

struct Upload<S> {
    sink: S,
    body: Body,
    /// How many bytes the last turn took.
    moved: u64,
    /// Why it ended.
    turn: Turn,
    /// Whether its worker may wait for the peer: a slow one shall keep none.
    is_quick: bool,
    /// Whether the reactor saw something to read.
    is_promised: bool,
    /// Who looks after the socket between turns.
    reactor: Handle,
}

/// Why a turn ended; `None` where the body did.
type Taken = Result<Option<Turn>, Stop>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// There is nothing to read yet.
    Hungry,
    /// Others shall have theirs.
    Tired,
}

impl<S> Stage<S> {
    fn over(connection: Connection, body: Body, outcome: Outcome) -> Self {
        Self::Over(Box::new(Uploaded { connection, body, outcome, was_continued: false }))
    }
}

impl<S: Sink> Upload<S> {
    fn new(sink: S, body: Body, reactor: Handle) -> Self {
        Self { sink, body, moved: 0, turn: Turn::Hungry, is_quick: true, is_promised: false, reactor }
    }

    /// One turn, and the end of the body after its last byte.
    fn go_on(mut self, connection: Connection) -> Stage<S> {
        self.moved = 0;
        let (taken, connection) = self.take_from(connection);
        let mut connection = match connection {
            Ok(connection) => connection,
            Err(error) => {
                match taken {
                    // It came whole, even if nobody can be told any more.
                    Ok(None) => drop(self.sink.finish()),
                    _ => self.sink.give_up(),
                }
                return Stage::Gone(error);
            }
        };
        match taken {
            Ok(Some(turn)) => {
                self.turn = turn;
                if connection.inbox.is_empty() {
                    connection.inbox.release();
                }
                Stage::Under(Box::new((self, connection)))
            }
            Ok(None) => {
                let outcome = self.sink.finish();
                Stage::over(connection, self.body, outcome)
            }
            Err(stop) => {
                self.sink.give_up();
                match stop {
                    Stop::Gone(error) => Stage::Gone(error),
                    Stop::TakenOver => {
                        Stage::over(connection, self.body, Outcome::Refused(Refusal::TakenOver))
                    }
                    Stop::Refused(refusal) => Stage::over(connection, self.body, Outcome::Refused(refusal)),
                }
            }
        }
    }

    /// [`Self::take`], with the connection aside where that is worth it. There may be no connection any more after that.
    fn take_from(&mut self, mut connection: Connection) -> (Taken, io::Result<Connection>) {
        let is_large = self.body.left().is_some_and(|left| left >= LARGE_LEN);
        if !(is_large && self.is_quick) {
            let taken = self.take(&mut connection.stream, &mut connection.inbox);
            self.is_quick |= self.moved >= QUICK_LEN;
            return (taken, Ok(connection));
        }
        let Connection { stream, mut inbox, who } = connection;
        let mut aside = match Aside::new(stream) {
            Ok(aside) => aside,
            Err(error) => return (Ok(Some(Turn::Hungry)), Err(error)),
        };
        let taken = self.take(&mut aside, &mut inbox);
        // Whoever was waited for in vain is not waited for again.
        self.is_quick = !matches!(taken, Ok(Some(Turn::Hungry)));
        let stream = aside.back(&self.reactor);
        (taken, stream.map(|stream| Connection { stream, inbox, who }))
    }

    /// Takes what there is, up to one turn's worth; `None` once the body is whole.
    fn take(&mut self, stream: &mut impl Source, inbox: &mut Inbox) -> Taken {
        let mut left_of_turn = TURN_LEN;
        let mut is_promised = mem::take(&mut self.is_promised);
        while !self.body.is_done() {
            if left_of_turn == 0 {
                return Ok(Some(Turn::Tired));
            }
            let Some(len) = self.expected(stream, inbox)? else { return Ok(Some(Turn::Hungry)) };
            if len == 0 {
                continue;
            }
            self.sink.admit(len).map_err(Stop::Refused)?;
            let at_once = left_of_turn - (left_of_turn - 1) / PIECE_LEN_MAX * PIECE_LEN_MAX;
            let len = usize::try_from(len).map_or(at_once, |len| len.min(at_once));
            let poured = self.sink.pour(inbox, stream, len);
            // What is lost is of the body all the same: the next request begins behind it.
            self.body.take(self.sink.lost());
            let Some(moved) = poured? else {
                let is_hungry = if mem::take(&mut is_promised) {
                    // splice(2) finds nothing before an urgent byte, however often it is tried. read(2) skips it, as it is
                    // out of band: tcp(7).
                    !read_ahead(stream, inbox, len.min(READ_AHEAD_LEN))?
                } else {
                    is_promised = stream.wait(len);
                    !is_promised
                };
                if is_hungry {
                    return Ok(Some(Turn::Hungry));
                }
                continue;
            };
            is_promised = false;
            left_of_turn = left_of_turn.saturating_sub(self.sink.effort(moved).max(PIECE_LEN_MIN));
            self.moved += moved as u64;
            self.body.take(moved as u64);
        }
        Ok(None)
    }

    /// How many bytes of the blob come next, once the framing before them was read; `None` if there is nothing yet.
    fn expected(&mut self, stream: &impl AsFd, inbox: &mut Inbox) -> Result<Option<u64>, Stop> {
        loop {
            let next = self.body.next(inbox.bytes());
            let (framing_len, len) = next.map_err(|error| Stop::Refused(Refusal::BadChunk(error)))?;
            inbox.take(framing_len);
            if len > 0 || self.body.is_done() {
                return Ok(Some(len));
            }
            if !read_ahead(stream, inbox, READ_AHEAD_LEN)? {
                return Ok(None);
            }
        }
    }
}

/// Whether there was something to read.
fn read_ahead(stream: &impl AsFd, inbox: &mut Inbox, len_max: usize) -> Result<bool, Stop> {
    match inbox.read_now(stream, len_max) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(Stop::Gone(error)),
    }
}

/// What a worker moves before another connection has its turn: enough that handing over does not count.
const TURN_LEN: usize = 4 << 20;

/// While so much of a body is still to come, its connection is taken aside.
const LARGE_LEN: u64 = 1 << 20;

/// What a slow peer has to bring in one turn to be quick again: more than a fast network brings while a connection is handed
/// over.
const QUICK_LEN: u64 = 256 << 10;

/// What is taken at once: what the largest pipe holds, up to the next multiple of it. What a mapping reserves of a disk that is
/// nearly full then adds up to all that it has room for.
const PIECE_LEN_MAX: usize = 1 << 20;

/// What a piece of any length counts as: a chunk of one byte costs as much as a page.
const PIECE_LEN_MIN: usize = 4 << 10;

/// What is read at once to find the framing of chunks, or to get over what a splice does not: most clients' chunks fit, and all of
/// a larger one's rest is spliced.
const READ_AHEAD_LEN: usize = 64 << 10;

#[cfg(test)]
mod tests;
