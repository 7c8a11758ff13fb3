//! What is kept under the keys of build caches: found, put and removed.

mod kept;
mod value;

use std::num::NonZeroUsize;
use std::sync::Arc;

use aqueduct_blob::{Algorithm, Digest};
use aqueduct_store::{
    Entry, EntryError, EntryOutcome as PutOutcome, Key, Outcome as PublishOutcome, Overwrite, Published,
    Store,
};
use tracing::Instrument;

use crate::asked::{Asked, Door};
use crate::body::Body;
use crate::close::Close;
use crate::collect::collect;
use crate::connection::Connection;
use crate::door::{
    EntryIntent, EntryOutcome, EntryPage, EntryPut, MISSING_BODY_LEN_MAX, Name, Outcome, Refusal, Shape,
    Write, ZstdBody, page_text, parse_hashes, told_to_reader,
};
use crate::find::{self, Found};
use crate::line::Purpose;
use crate::server::Shared;
use crate::upload::{self, Uploaded};
use crate::{act, coding, staged};

pub(crate) use kept::{KeptEntries, KeptEntry};
pub(crate) use value::store;

/// Looks for what an entry leads to. `is_asked`: the peer only wants to know whether it is here. Of a key under which there is
/// surely nothing, and of one that was asked for a moment ago, no worker is asked.
pub(crate) async fn look_up(
    shared: &Arc<Shared>,
    asked: &Asked,
    key: Key,
    is_asked: bool,
) -> Result<(Outcome, Option<Found>), Close> {
    if shared.store.may_have_entry(&key) == Some(false) {
        return Ok((Outcome::Refused(Refusal::NoSuchEntry), None));
    }
    let found = match at_hand(shared, &key) {
        Some(found) => Ok(Some(found)),
        None => {
            let found = Box::pin(look_for(shared, key.clone(), is_asked).instrument(asked.span())).await?;
            found.map_err(|refusal| told_to_reader(&key, refusal))
        }
    };
    Ok(match found {
        Err(refusal) => (Outcome::Refused(refusal), None),
        Ok(None) => (Outcome::Refused(Refusal::NoSuchEntry), None),
        Ok(Some((entry, found))) => (Outcome::Entry(entry), Some(found)),
    })
}

/// What was asked for a moment ago.
fn at_hand(shared: &Shared, key: &Key) -> Option<(EntryOutcome, Found)> {
    let KeptEntry { value, fields, kept, .. } = shared.entries.find(key)?;
    let found = match kept {
        Some(kept) => Found::Bytes(Arc::clone(kept.bytes())),
        None => find::at_hand(&shared.store, &shared.cache, &value)?,
    };
    Some((EntryOutcome::Found { fields: fields.to_vec(), value, size: found.size() }, found))
}

/// Has workers look for it, and hash a large value that nobody has hashed.
async fn look_for(
    shared: &Arc<Shared>,
    key: Key,
    is_asked: bool,
) -> Result<Result<Option<(EntryOutcome, Found)>, Refusal>, Close> {
    if shared.are_overloaded(shared.lookers()) {
        return Ok(Err(Refusal::Overloaded));
    }
    let ticket = shared.entries.ticket();
    let (job, wanted) = (Arc::clone(shared), key.clone());
    let (entry, found) = match shared.lookers().run(move || find(&job, &wanted)).await? {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(Ok(None)),
        Err(refusal) => return Ok(Err(refusal)),
    };
    let is_right = match found {
        Found::Bytes(_) => true,
        Found::Open(_) if is_asked || shared.entries.is_verified(&entry.value) => true,
        Found::Open(_) if shared.are_overloaded(&shared.checkers) => return Ok(Err(Refusal::Overloaded)),
        Found::Open(_) => {
            let (job, value) = (Arc::clone(shared), entry.value);
            match shared.checkers.run(move || verify(&job, &value)).await? {
                Ok(is_right) => is_right,
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
    };
    if !is_right {
        return Ok(Ok(None));
    }
    if !is_asked {
        shared.entries.put(ticket, &key, &entry, &found, shared.store.limits().lease);
    }
    let Entry { fields, value, .. } = entry;
    Ok(Ok(Some((EntryOutcome::Found { fields, value, size: found.size() }, found))))
}

fn find(shared: &Shared, key: &Key) -> Result<Option<(Entry, Found)>, Refusal> {
    let Some(entry) = shared.store.entry(key)? else { return Ok(None) };
    Ok(find::find(&shared.store, &shared.cache, &entry.value)?.map(|found| (entry, found)))
}

/// Hashes a large value before it is first sent. Its client knows no digest of it and believes what comes, so it must be a miss
/// where it is damaged. Small ones are hashed on their way into memory.
fn verify(shared: &Shared, value: &Digest) -> Result<bool, Refusal> {
    if shared.entries.is_verified(value) {
        return Ok(true);
    }
    let checked = shared.store.verify(value, NonZeroUsize::MIN, &|_| {})?;
    let is_right = checked.is_some_and(|checked| checked.damage.is_empty());
    if is_right {
        shared.entries.verified(*value);
    }
    Ok(is_right)
}

/// Does what is asked for, other than to find an entry.
pub(crate) async fn serve(
    connection: Connection,
    shared: &Arc<Shared>,
    intent: EntryIntent,
    body: Body,
    expects_continue: bool,
) -> Result<Uploaded, Close> {
    let outcome = match intent {
        EntryIntent::Put(put) => {
            let manner = put.manner;
            let uploaded = put_entry(connection, shared, *put, body, expects_continue).await?;
            return Ok(Uploaded { outcome: manner.told(uploaded.outcome), ..uploaded });
        }
        EntryIntent::Query { namespace } => {
            return query(connection, shared, namespace, body, expects_continue).await;
        }
        EntryIntent::Remove(key) => {
            let store = shared.store.clone();
            match shared.writers.run(move || store.remove_entry(&key)).await? {
                Ok(true) => Outcome::Removed,
                Ok(false) => Outcome::Refused(Refusal::NoSuchEntry),
                Err(error) => Outcome::Refused(error.into()),
            }
        }
        EntryIntent::List(page) => {
            let store = shared.store.clone();
            shared.lookers().run(move || list(&store, &page)).await?.unwrap_or_else(Outcome::Refused)
        }
        EntryIntent::Courtesy(courtesy) => Outcome::Entry(EntryOutcome::Courtesy(courtesy)),
        EntryIntent::Find(_) => unreachable!("that has a way of its own"),
    };
    Ok(Uploaded { connection, body, outcome, was_continued: false })
}

/// A page, which ends early where its entries refer to many blobs.
fn list(store: &Store, asked: &EntryPage) -> Result<Outcome, Refusal> {
    let mut page: Vec<(Key, Entry)> = Vec::new();
    let mut reference_count = 0;
    loop {
        let after = page.last().map(|(key, _)| key).or(asked.after.as_ref());
        let limit = LISTED_AT_ONCE.min(asked.limit - page.len());
        let some = store.entries(asked.namespace.as_deref(), after, limit)?;
        let is_end = some.len() < limit;
        for (key, entry) in some {
            reference_count += entry.references.len();
            page.push((key, entry));
            if page.len() == asked.limit || reference_count >= LISTED_REFERENCE_COUNT {
                let text = page_text(&page, page.last().map(|(key, _)| key));
                return Ok(Outcome::Entry(EntryOutcome::Listed(text)));
            }
        }
        if is_end {
            return Ok(Outcome::Entry(EntryOutcome::Listed(page_text(&page, None))));
        }
    }
}

/// Takes a body for the value of an entry.
async fn put_entry(
    mut connection: Connection,
    shared: &Arc<Shared>,
    put: EntryPut,
    mut body: Body,
    expects_continue: bool,
) -> Result<Uploaded, Close> {
    if put.overwrite == Overwrite::Keep {
        let (store, key) = (shared.store.clone(), put.key.clone());
        let outcome = match shared.lookers().run(move || store.entry(&key)).await? {
            Ok(None) => None,
            Ok(Some(_)) => Some(Refusal::EntryExists),
            Err(fault) => Some(fault.into()),
        };
        if let Some(refusal) = outcome {
            let outcome = Outcome::Refused(refusal);
            return Ok(Uploaded { connection, body, outcome, was_continued: false });
        }
    }
    let write = Write::unconditional(Name::Found(Algorithm::Sha256), Door::BuildCache);
    if put.coding.is_none()
        && let Some(bytes) = act::take_small(&mut connection.inbox, &mut body, write, shared)
    {
        let outcome = shared.line.store(write, bytes, Some(purpose(shared, put))).await?;
        return Ok(Uploaded { connection, body, outcome, was_continued: false });
    }
    if put.shape == Shape::Opaque {
        let size = body.left();
        let begin = move |shared: &Shared| staged::begin(shared, write, size);
        let uploaded = upload::receive(connection, shared, body, expects_continue, begin).await?;
        let Outcome::Stored(published) = uploaded.outcome else { return Ok(uploaded) };
        let job = Arc::clone(shared);
        let enter = move || enter(&job, put, &published, Vec::new());
        let outcome = shared.writers.run(enter).await?.unwrap_or_else(Outcome::Refused);
        return Ok(Uploaded { outcome, ..uploaded });
    }
    let blob_len_max = usize::try_from(shared.options.blob_size_max()).unwrap_or(usize::MAX);
    let len_max = ACTION_LEN_MAX.min(blob_len_max);
    let (collected, was_continued) =
        collect(&mut connection, shared, &mut body, expects_continue, len_max).await?;
    let mut value = match collected {
        Ok(value) => value,
        Err(refusal) => {
            let outcome = Outcome::Refused(refusal);
            return Ok(Uploaded { connection, body, outcome, was_continued });
        }
    };
    let job = Arc::clone(shared);
    let put_whole = move || {
        if let Some(ZstdBody { size }) = put.coding {
            value.bytes = coding::decode_all(&value.bytes, size, ACTION_LEN_MAX as u64)?;
        }
        let references = value::references(&job, &value.bytes, put.shape)?;
        let published = store(&job.store, &value.bytes, write.door)?;
        // Until here its place is taken.
        drop(value);
        enter(&job, put, &published, references)
    };
    let outcome = shared.writers.run(put_whole).await?.unwrap_or_else(Outcome::Refused);
    Ok(Uploaded { connection, body, outcome, was_continued })
}

/// What a value in the line is for.
fn purpose(shared: &Arc<Shared>, put: EntryPut) -> Purpose {
    let shared = Arc::clone(shared);
    Box::new(move |bytes| {
        let references = value::references(&shared, bytes, put.shape)?;
        Ok(Box::new(move |published| enter(&shared, put, &published, references)))
    })
}

/// [`lead`], for a body that came over HTTP.
fn enter(
    shared: &Shared,
    put: EntryPut,
    published: &Published,
    references: Vec<Digest>,
) -> Result<Outcome, Refusal> {
    let EntryPut { key, fields, overwrite, manner, .. } = put;
    match lead(shared, &key, published, references, fields, overwrite)? {
        PutOutcome::Kept => Err(Refusal::EntryExists),
        outcome => Ok(Outcome::Entry(EntryOutcome::Put(outcome, manner))),
    }
}

/// Has an entry lead to a blob that was stored for it, by whatever door that came. For workers.
pub(crate) fn lead(
    shared: &Shared,
    key: &Key,
    published: &Published,
    references: Vec<Digest>,
    fields: Vec<(String, String)>,
    overwrite: Overwrite,
) -> Result<PutOutcome, Refusal> {
    let entry = Entry { value: published.digest, size: published.size, references, fields, written: 0 };
    if published.outcome == PublishOutcome::New {
        shared.entries.verified(published.digest);
    }
    Ok(shared.store.put_entry(key, entry, overwrite)?)
}

/// Finds which artifacts of those named in a body there are.
async fn query(
    mut connection: Connection,
    shared: &Arc<Shared>,
    namespace: String,
    mut body: Body,
    expects_continue: bool,
) -> Result<Uploaded, Close> {
    let (collected, was_continued) =
        collect(&mut connection, shared, &mut body, expects_continue, MISSING_BODY_LEN_MAX).await?;
    let outcome = match collected {
        Err(refusal) => Err(refusal),
        Ok(collected) => {
            let store = shared.store.clone();
            let find = move || find_each(&store, &namespace, parse_hashes(&collected.bytes)?);
            shared.lookers().run(find).await?
        }
    };
    let outcome = outcome.map_or_else(Outcome::Refused, |found| Outcome::Entry(EntryOutcome::Queried(found)));
    Ok(Uploaded { connection, body, outcome, was_continued })
}

fn find_each(
    store: &Store,
    namespace: &str,
    hashes: Vec<String>,
) -> Result<Vec<(String, Option<Entry>)>, Refusal> {
    let find = |hash: String| {
        // What cannot be a key is none.
        let Ok(key) = Key::new(namespace, &hash) else { return Ok((hash, None)) };
        Ok((hash, store.entry(&key)?))
    };
    hashes.into_iter().map(find).collect()
}

impl From<EntryError> for Refusal {
    fn from(error: EntryError) -> Self {
        match error {
            EntryError::Incomplete { digest } => Self::Incomplete { digest },
            EntryError::TooMany { limit } => {
                tracing::warn!("{error}");
                Self::TooManyEntries { limit }
            }
            EntryError::Change(error) => error.into(),
            error => Self::BadKey { detail: error.to_string() },
        }
    }
}

/// What is read of the list at once: each may have as many references as an entry may.
const LISTED_AT_ONCE: usize = 64;

/// References on a page, about: less than a megabyte of text.
const LISTED_REFERENCE_COUNT: usize = 10_000;

/// Ten thousand outputs with long paths. All of it is held in memory while it is read.
const ACTION_LEN_MAX: usize = 4 << 20;
