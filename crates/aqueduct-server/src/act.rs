//! What a request asks for, done: from an intent to an outcome.

use std::sync::Arc;

use aqueduct_blob::Digest;
use aqueduct_wire::http1::resolve_ranges;
use tracing::Instrument;

use crate::asked::{Asked, Door};
use crate::body::Body;
use crate::close::Close;
use crate::collect::{collect, gather};
use crate::connection::Connection;
use crate::door::{
    Condition, EntryIntent, Intent, MISSING_BODY_LEN_MAX, Name, Outcome, PinIntent, Read, Refusal, Write,
    ZstdBody, parse_digests,
};
use crate::find::{self, Found};
use crate::inbox::Inbox;
use crate::line::SMALL_LEN_MAX;
use crate::server::Shared;
use crate::upload::Uploaded;
use crate::{coding, entries, figures, metrics, pins, resumed, staged, status, upload, work};

/// Looks for a blob that is asked for. `is_asked`: the peer only wants to know whether it is here, and relies on the answer.
pub(crate) async fn look_up(
    shared: &Arc<Shared>,
    asked: &Asked,
    read: &Read,
    is_asked: bool,
) -> Result<(Outcome, Option<Found>), Close> {
    let digest = read.digest;
    let is_promised = is_asked && shared.store.evicts();
    let at_hand = || find::at_hand(&shared.store, &shared.cache, &digest);
    let found = match (!is_promised).then(at_hand).flatten() {
        Some(found) => Ok(Some(found)),
        None if read.door == Door::BuildCache && find::is_nothing(&digest) => Ok(Some(find::nothing())),
        None if shared.are_overloaded(&shared.readers) => Err(Refusal::Overloaded),
        None => Box::pin(look_for(shared, digest, is_promised).instrument(asked.span())).await?,
    };
    Ok(match found {
        Err(refusal) => (Outcome::Refused(refusal), None),
        Ok(None) => (Outcome::Refused(Refusal::Absent { digest }), None),
        Ok(Some(_)) if read.condition == Condition::Failed => {
            (Outcome::Refused(Refusal::PreconditionFailed { digest }), None)
        }
        Ok(Some(_)) if read.condition == Condition::NotModified => (Outcome::NotModified { digest }, None),
        Ok(Some(found)) => {
            let size = found.size();
            let ranges = resolve_ranges(read.ranges.as_deref(), size);
            (Outcome::Blob { digest, size, ranges }, Some(found))
        }
    })
}

/// Looks for a blob that is not in memory.
async fn look_for(
    shared: &Arc<Shared>,
    digest: Digest,
    is_promised: bool,
) -> Result<Result<Option<Found>, Refusal>, Close> {
    shared.clear_doubt(digest).await?;
    let job = Arc::clone(shared);
    let look = move || match is_promised && !job.store.has(&digest)? {
        true => Ok(None),
        false => find::find(&job.store, &job.cache, &digest),
    };
    shared.readers.run(look).await
}

/// Does what is asked for, other than to read a blob.
pub(crate) async fn act(
    mut connection: Connection,
    shared: &Arc<Shared>,
    intent: Intent,
    mut body: Body,
    expects_continue: bool,
) -> Result<Uploaded, Close> {
    let may_be_small = match &intent {
        Intent::Write(write) => write.if_absent,
        Intent::Entry(EntryIntent::Put(put)) => put.coding.is_none(),
        _ => false,
    };
    let _room =
        if may_be_small { gather(&mut connection, shared, &body, expects_continue).await } else { None };
    let begins_work = match &intent {
        // What waits in the line is counted there.
        Intent::Write(write) if is_small(&connection.inbox, &body, *write, shared) => None,
        Intent::Write(_)
        | Intent::WriteCoded(..)
        | Intent::Upload(_)
        | Intent::Remove { .. }
        | Intent::Pin(_) => Some(&shared.writers),
        Intent::Entry(EntryIntent::Put(_) | EntryIntent::Remove(_)) => Some(&shared.writers),
        Intent::List { .. }
        | Intent::Missing
        | Intent::Entry(EntryIntent::List(_) | EntryIntent::Query { .. }) => Some(shared.lookers()),
        Intent::Health
        | Intent::Metrics
        | Intent::Status
        | Intent::Ui(_)
        | Intent::Front { .. }
        | Intent::Entry(EntryIntent::Find(_) | EntryIntent::Courtesy(_))
        | Intent::Read(_) => None,
    };
    if begins_work.is_some_and(|workers| shared.are_overloaded(workers)) {
        let outcome = Outcome::Refused(Refusal::Overloaded);
        return Ok(Uploaded { connection, body, outcome, was_continued: false });
    }
    let outcome = match intent {
        Intent::Write(write) => {
            if let Name::Given(digest) = write.name {
                shared.clear_doubt(digest).await?;
            }
            if let Some(bytes) = take_small(&mut connection.inbox, &mut body, write, shared) {
                let outcome = shared.line.store(write, bytes, None).await?;
                return Ok(Uploaded { connection, body, outcome, was_continued: false });
            }
            let size = body.left();
            let begin = move |shared: &Shared| staged::begin(shared, write, size);
            return upload::receive(connection, shared, body, expects_continue, begin).await;
        }
        Intent::WriteCoded(write, ZstdBody { size }) => {
            if let Name::Given(digest) = write.name {
                shared.clear_doubt(digest).await?;
            }
            let begin = move |shared: &Shared| coding::begin(shared, write, size);
            return upload::receive(connection, shared, body, expects_continue, begin).await;
        }
        Intent::Upload(intent) => {
            return resumed::serve(connection, shared, intent, body, expects_continue).await;
        }
        Intent::Entry(intent) => {
            return entries::serve(connection, shared, intent, body, expects_continue).await;
        }
        Intent::Missing => return missing(connection, shared, body, expects_continue).await,
        Intent::Remove { digest, if_present } => {
            let job = Arc::clone(shared);
            let remove = move || work::remove(&job.store, &digest, if_present);
            match shared.writers.run(remove).await? {
                Ok(true) => Outcome::Removed,
                Ok(false) => Outcome::Refused(Refusal::Absent { digest }),
                Err(refusal) => Outcome::Refused(refusal),
            }
        }
        Intent::Pin(intent) => {
            if let PinIntent::Pin(digest) = intent {
                shared.clear_doubt(digest).await?;
            }
            let store = shared.store.clone();
            shared.writers.run(move || pins::serve(&store, intent)).await?
        }
        Intent::List { after, limit } => {
            let store = shared.store.clone();
            match shared.lookers().run(move || work::list(&store, after, limit)).await? {
                Ok((page, next)) => Outcome::Listed { page, next },
                Err(refusal) => Outcome::Refused(refusal),
            }
        }
        Intent::Health if shared.store.is_read_only() => Outcome::Refused(Refusal::ReadOnly),
        Intent::Health => Outcome::Healthy,
        Intent::Metrics => Outcome::Metrics(metrics::page(shared, &*figures::look(shared).await)),
        Intent::Status => Outcome::Status(status::status(shared, &*figures::look(shared).await)),
        Intent::Ui(part) => Outcome::Ui(part),
        Intent::Front { html, host } => Outcome::Front { html, host },
        Intent::Read(_) => unreachable!("that has a way of its own"),
    };
    Ok(Uploaded { connection, body, outcome, was_continued: false })
}

/// Whether this is a small blob all of which is in the inbox.
fn is_small(inbox: &Inbox, body: &Body, write: Write, shared: &Shared) -> bool {
    let size_max = SMALL_LEN_MAX.min(shared.options.blob_size_max()).min(inbox.bytes().len() as u64);
    write.if_absent && body.left().is_some_and(|size| size <= size_max)
}

/// The body of a small blob, if all of it is in the inbox.
pub(crate) fn take_small(
    inbox: &mut Inbox,
    body: &mut Body,
    write: Write,
    shared: &Shared,
) -> Option<Vec<u8>> {
    if !is_small(inbox, body, write, shared) {
        return None;
    }
    let size = body.left()?;
    let len = usize::try_from(size).ok()?;
    let bytes = inbox.bytes()[..len].to_vec();
    inbox.take(len);
    if inbox.is_empty() {
        // Or it would be held twice while it waits.
        inbox.release();
    }
    body.take(size);
    Some(bytes)
}

/// Finds which of the digests in a body are not here.
async fn missing(
    mut connection: Connection,
    shared: &Arc<Shared>,
    mut body: Body,
    expects_continue: bool,
) -> Result<Uploaded, Close> {
    let (collected, was_continued) =
        collect(&mut connection, shared, &mut body, expects_continue, MISSING_BODY_LEN_MAX).await?;
    let outcome = match collected {
        Err(refusal) => Outcome::Refused(refusal),
        Ok(collected) => {
            let store = shared.store.clone();
            let missing = move || work::missing(&store, parse_digests(&collected.bytes)?);
            shared.lookers().run(missing).await?.map_or_else(Outcome::Refused, Outcome::Missing)
        }
    };
    Ok(Uploaded { connection, body, outcome, was_continued })
}
