//! A blob on its way in: turns of workers on a socket that never blocks, and waits of the reactor between them.

use std::io;
use std::sync::Arc;

use aqueduct_flow::Intake;
use aqueduct_store::Staging;
use aqueduct_wire::http1::CONTINUE;

use crate::body::Body;
use crate::close::Close;
use crate::connection::Connection;
use crate::deadline::{Expired, Pace};
use crate::door::{Outcome, Refusal, Write};
use crate::pour::{Stop, pour};
use crate::reply;
use crate::server::Shared;
use crate::work::{self, Begun};

/// What came of an upload; the body may not have been read to its end.
pub(crate) struct Uploaded {
    pub(crate) connection: Connection,
    pub(crate) body: Body,
    pub(crate) outcome: Outcome,
    /// The peer was told to go on, so that what comes is surely the body.
    pub(crate) was_continued: bool,
}

/// Receives a body into the store. `size` is its length, if known; `waits` says that the peer sends nothing before it is
/// told to.
pub(crate) async fn receive(
    connection: Connection,
    shared: &Arc<Shared>,
    write: Write,
    body: Body,
    size: Option<u64>,
    waits: bool,
) -> Result<Uploaded, Close> {
    let limit = shared.options.blob_size_max;
    if size.is_some_and(|size| size > limit) {
        let outcome = Outcome::Refused(Refusal::TooLarge { limit });
        return Ok(Uploaded { connection, body, outcome, was_continued: false });
    }
    // A peer that sends the body all the same waits for nothing (RFC 9110 section 10.1.1).
    let waits = waits && connection.inbox.is_empty() && !body.is_done();
    let mut pace = Pace::new(shared.options.deadlines.body);
    let begin = {
        let shared = Arc::clone(shared);
        move || begin(&shared, write, body, size, connection, waits)
    };
    let mut stage = shared.writers.run(begin).await?;
    let mut was_continued = false;
    loop {
        let turned = match stage {
            Stage::Over(uploaded) => return Ok(Uploaded { was_continued, ..*uploaded }),
            Stage::Gone(error) => return Err(Close::PeerGone(error)),
            Stage::Under(turned) => turned,
        };
        let (upload, mut connection) = *turned;
        match upload.turn {
            Turn::Tired => {}
            Turn::Hungry if waits && !was_continued => {
                was_continued = true;
                if let Err(close) = reply::say(&mut connection, shared, CONTINUE.to_vec()).await {
                    upload.give_up(shared);
                    return Err(close);
                }
            }
            Turn::Hungry => {
                // Nothing else looks at the socket meanwhile, so a look that takes nothing tells when there is more.
                match pace.wait(connection.stream.peek(&mut [0])).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => {
                        upload.give_up(shared);
                        return Err(Close::PeerGone(error));
                    }
                    Err(Expired) => {
                        let body = upload.give_up(shared);
                        let outcome = Outcome::Refused(Refusal::SlowBody);
                        return Ok(Uploaded { connection, body, outcome, was_continued });
                    }
                }
            }
        }
        let before = upload.staging.len();
        stage = shared.writers.run(move || upload.go_on(connection)).await?;
        if let Stage::Under(turned) = &stage {
            pace.moved(turned.0.staging.len() - before);
        }
    }
}

/// Where an upload is, between two turns.
enum Stage {
    Under(Box<(Upload, Connection)>),
    Over(Box<Uploaded>),
    /// The peer went away; what was staged is gone, too.
    Gone(io::Error),
}

struct Upload {
    staging: Staging,
    intake: Intake,
    body: Body,
    write: Write,
    size_max: u64,
    /// Why the last turn ended.
    turn: Turn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// There is nothing to read yet.
    Hungry,
    /// Others shall have theirs.
    Tired,
}

/// Begins an upload, and goes on with it as far as one turn comes, unless the peer waits to be told.
fn begin(
    shared: &Shared,
    write: Write,
    body: Body,
    size: Option<u64>,
    connection: Connection,
    waits: bool,
) -> Stage {
    let over = |connection, body, outcome| {
        Stage::Over(Box::new(Uploaded { connection, body, outcome, was_continued: false }))
    };
    match work::begin(&shared.store, write, size) {
        Err(refusal) => over(connection, body, Outcome::Refused(refusal)),
        Ok(Begun::Present(published)) => over(connection, body, Outcome::Stored(published)),
        Ok(Begun::Staging(staging)) => {
            let upload = Upload {
                staging: *staging,
                intake: Intake::new(shared.options.receive_route),
                body,
                write,
                size_max: shared.options.blob_size_max,
                turn: Turn::Hungry,
            };
            if waits { Stage::Under(Box::new((upload, connection))) } else { upload.go_on(connection) }
        }
    }
}

impl Upload {
    /// Ends it from a reactor. To close a file without a name is to free all its space, which a filesystem takes time for.
    fn give_up(self, shared: &Shared) -> Body {
        let Self { staging, body, .. } = self;
        shared.writers.leave(move || drop(staging));
        body
    }

    /// One turn; after the last byte the blob is verified and published.
    fn go_on(mut self, mut connection: Connection) -> Stage {
        match self.take(&mut connection) {
            Ok(Some(turn)) => {
                self.turn = turn;
                if connection.inbox.is_empty() {
                    connection.inbox.release();
                }
                Stage::Under(Box::new((self, connection)))
            }
            Ok(None) => {
                let carried = *self.intake.carried();
                let outcome = match work::publish(self.staging, self.write) {
                    Ok(published) => {
                        tracing::debug!(digest = %published.digest, size = published.size, %carried, "stored");
                        Outcome::Stored(published)
                    }
                    Err(refusal) => Outcome::Refused(refusal),
                };
                let (body, was_continued) = (self.body, false);
                Stage::Over(Box::new(Uploaded { connection, body, outcome, was_continued }))
            }
            Err(Stop::Gone(error)) => Stage::Gone(error),
            Err(Stop::TakenOver) => unreachable!("a staging is one peer's alone"),
            Err(Stop::Refused(refusal)) => {
                let (body, outcome) = (self.body, Outcome::Refused(refusal));
                Stage::Over(Box::new(Uploaded { connection, body, outcome, was_continued: false }))
            }
        }
    }

    /// Takes what there is, up to one turn's worth; `None` once the body is whole.
    fn take(&mut self, connection: &mut Connection) -> Result<Option<Turn>, Stop> {
        let mut left_of_turn = TURN_LEN;
        while !self.body.is_done() {
            if left_of_turn == 0 {
                return Ok(Some(Turn::Tired));
            }
            let Some(len) = self.expected(connection)? else { return Ok(Some(Turn::Hungry)) };
            if len == 0 {
                continue;
            }
            if self.staging.len().saturating_add(len) > self.size_max {
                return Err(Stop::Refused(Refusal::TooLarge { limit: self.size_max }));
            }
            let len = usize::try_from(len).map_or(left_of_turn, |len| len.min(left_of_turn));
            let Self { staging, intake, .. } = self;
            let Some(moved) = pour(staging, intake, &mut connection.inbox, &connection.stream, len)? else {
                return Ok(Some(Turn::Hungry));
            };
            left_of_turn = left_of_turn.saturating_sub(moved.max(PIECE_LEN_MIN));
            self.body.take(moved as u64);
        }
        Ok(None)
    }

    /// How many bytes of the blob come next, once the framing before them was read; `None` if there is nothing yet.
    fn expected(&mut self, connection: &mut Connection) -> Result<Option<u64>, Stop> {
        loop {
            let next = self.body.next(connection.inbox.bytes());
            let (framing_len, len) = next.map_err(|error| Stop::Refused(Refusal::BadChunk(error)))?;
            connection.inbox.take(framing_len);
            if len > 0 || self.body.is_done() {
                return Ok(Some(len));
            }
            match connection.read_now(READ_AHEAD_LEN) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(Stop::Gone(error)),
            }
        }
    }
}

/// What a worker moves before another connection has its turn: enough that handing over does not count.
const TURN_LEN: usize = 1 << 20;

/// What a piece of any length counts as: a chunk of one byte costs as much as a page.
const PIECE_LEN_MIN: usize = 4 << 10;

/// What is read at once to find the framing of chunks: most clients' chunks fit, and all of a larger one's rest is spliced.
const READ_AHEAD_LEN: usize = 64 << 10;
