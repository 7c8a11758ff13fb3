//! What ccache asks for, with keys that the store understands.

use aqueduct_store::{Key, KeyError, Overwrite};
use aqueduct_wire::crsh::{self, Request};

use crate::asked::Kind;

/// A request.
#[derive(Debug)]
pub(super) enum Intent {
    Get(Key),
    /// So many bytes follow.
    Put {
        key: Key,
        overwrite: Overwrite,
        size: u64,
    },
    Remove(Key),
    Exists(Key),
    Info,
    Stop,
}

impl Intent {
    pub(super) fn of(request: &Request<'_>) -> Result<Self, KeyError> {
        Ok(match *request {
            Request::Get { key } => Self::Get(entry_key(key)?),
            Request::Put { key, overwrite, size } => {
                let overwrite = if overwrite { Overwrite::Replace } else { Overwrite::Keep };
                Self::Put { key: entry_key(key)?, overwrite, size }
            }
            Request::Remove { key } => Self::Remove(entry_key(key)?),
            Request::Exists { key } => Self::Exists(entry_key(key)?),
            Request::Info => Self::Info,
            Request::Stop => Self::Stop,
        })
    }

    /// What it is counted as.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Get(_) => Kind::CacheGet,
            Self::Put { .. } => Kind::CachePut,
            Self::Remove(_) => Kind::CacheRemove,
            Self::Exists(_) => Kind::CacheHead,
            Self::Info | Self::Stop => Kind::CacheOther,
        }
    }
}

/// The key under which ccache's requests over HTTP have the same entry.
fn entry_key(key: crsh::Key<'_>) -> Result<Key, KeyError> {
    Key::new(NAMESPACE, &key.hex())
}

/// That of ccache over HTTP, where there is nothing before the key in the path.
const NAMESPACE: &str = "ccache";

#[cfg(test)]
mod tests;
