//! Entries of ccache: looked for, put and removed.

use std::sync::Arc;

use aqueduct_store::{EntryOutcome, Key, Overwrite, Published};
use tracing::Instrument;

use crate::asked::{Asked, Door};
use crate::close::Close;
use crate::door::{Outcome, Refusal};
use crate::entries;
use crate::find::Found;
use crate::server::Shared;

/// Looks for the value of a key.
pub(super) async fn find(
    shared: &Arc<Shared>,
    asked: &Asked,
    key: Key,
) -> Result<Result<Option<Found>, Refusal>, Close> {
    Ok(match entries::look_up(shared, asked, key, false).await? {
        (_, Some(found)) => Ok(Some(found)),
        (Outcome::Refused(Refusal::NoSuchEntry), None) => Ok(None),
        (Outcome::Refused(refusal), None) => Err(refusal),
        (outcome, None) => unreachable!("an entry is found or refused: {outcome:?}"),
    })
}

/// Whether a key has a value. Of one that has surely none nobody asks a disk.
pub(super) async fn exists(
    shared: &Arc<Shared>,
    asked: &Asked,
    key: Key,
) -> Result<Result<bool, Refusal>, Close> {
    if shared.store.may_have_entry(&key) == Some(false) {
        return Ok(Ok(false));
    }
    if shared.are_overloaded(shared.lookers()) {
        return Ok(Err(Refusal::Overloaded));
    }
    let store = shared.store.clone();
    let look = move || Ok(store.entry(&key)?.is_some());
    shared.lookers().run(look).instrument(asked.span()).await
}

/// Forgets a key; false where it had no value.
pub(super) async fn remove(
    shared: &Arc<Shared>,
    asked: &Asked,
    key: Key,
) -> Result<Result<bool, Refusal>, Close> {
    if shared.are_overloaded(&shared.writers) {
        return Ok(Err(Refusal::Overloaded));
    }
    let store = shared.store.clone();
    let remove = move || Ok(store.remove_entry(&key)?);
    shared.writers.run(remove).instrument(asked.span()).await
}

/// Stores a value that is in memory, and has a key lead to it. For workers.
pub(super) fn keep(
    shared: &Shared,
    key: &Key,
    bytes: &[u8],
    overwrite: Overwrite,
) -> Result<EntryOutcome, Refusal> {
    let published = entries::store(&shared.store, bytes, Door::BuildCache)?;
    enter(shared, key, &published, overwrite)
}

/// Has a key lead to a blob that was stored for it. For workers.
pub(super) fn enter(
    shared: &Shared,
    key: &Key,
    published: &Published,
    overwrite: Overwrite,
) -> Result<EntryOutcome, Refusal> {
    entries::lead(shared, key, published, Vec::new(), Vec::new(), overwrite)
}
