//! What build caches keep, in a store or on a server. A server has words for it over HTTP alone, on the same port.

use aqueduct_client::{Client, EntryKey, EntryListed, EntryPage};
use aqueduct_store::{Entry, Key, Store};

use crate::fault::Fault;
use crate::flags::Place;
use crate::opened::{Opening, with_store};
use crate::remote;
use crate::voice::Voice;

/// Where the entries are.
#[derive(Debug)]
pub(crate) enum Caches<'a> {
    Store(&'a Store),
    Server(&'a Client),
}

/// Lets `work` use the entries of a place. A store is opened for that, and closed whatever came of it.
pub(crate) fn with_caches<T>(
    place: &Place,
    opening: Opening,
    voice: &Voice,
    work: impl FnOnce(&Caches<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    match place {
        Place::Store(directory) => with_store(directory, opening, voice, |store| work(&Caches::Store(store))),
        Place::Server(server) => work(&Caches::Server(&remote::http_client(server)?)),
    }
}

impl Caches<'_> {
    /// The entries behind `after`, of all namespaces or of one, up to `limit` at a time.
    pub(crate) fn pages<'a>(
        &'a self,
        namespace: Option<&'a str>,
        after: Option<EntryKey>,
        limit: usize,
    ) -> impl Iterator<Item = Result<Vec<EntryListed>, Fault>> + 'a {
        let limit = limit.min(PAGE_COUNT);
        let (mut after, mut is_over) = (after, false);
        std::iter::from_fn(move || {
            if is_over {
                return None;
            }
            let page = self.page(namespace, after.as_ref(), limit);
            after = page.as_ref().ok().and_then(|page| page.next.clone());
            is_over = after.is_none();
            Some(page.map(|page| page.entries))
        })
    }

    fn page(
        &self,
        namespace: Option<&str>,
        after: Option<&EntryKey>,
        limit: usize,
    ) -> Result<EntryPage, Fault> {
        match self {
            Self::Server(client) => Ok(client.entries(namespace, after, limit)?),
            Self::Store(store) => {
                let listed = store.entries(namespace, after.map(key).transpose()?.as_ref(), limit)?;
                let next = listed.last().filter(|_| listed.len() == limit).map(|(key, _)| name(key));
                Ok(EntryPage { entries: listed.into_iter().map(entry).collect(), next })
            }
        }
    }

    /// Removes entries, and says of each whether it was there.
    pub(crate) fn remove_all(&self, names: &[EntryKey]) -> Vec<Result<bool, Fault>> {
        match self {
            Self::Server(client) => {
                client.remove_entries(names).into_iter().map(|removed| Ok(removed?)).collect()
            }
            Self::Store(store) => names.iter().map(|name| Ok(store.remove_entry(&key(name)?)?)).collect(),
        }
    }
}

/// The key of a name, unless it cannot be one.
pub(crate) fn key(name: &EntryKey) -> Result<Key, Fault> {
    Key::new(&name.namespace, &name.key).map_err(|error| Fault::Usage(error.to_string()))
}

fn name(key: &Key) -> EntryKey {
    EntryKey { namespace: key.namespace().to_owned(), key: key.key().to_owned() }
}

fn entry((key, entry): (Key, Entry)) -> EntryListed {
    let Entry { value, size, references, written, .. } = entry;
    EntryListed { name: name(&key), digest: value, size, references, written }
}

/// As many as a server gives where nobody says how many.
const PAGE_COUNT: usize = 1000;
