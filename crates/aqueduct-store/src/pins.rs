//! Pins: names that are never evicted.

use std::collections::BTreeSet;
use std::sync::Mutex;

use aqueduct_blob::Digest;

use crate::fault::{ChangeError, StorageFault};
use crate::poison::lock;
use crate::store::{Inner, Store};

/// The pins.
#[derive(Debug, Default)]
pub(crate) struct Pins {
    /// Once they were read.
    names: Mutex<Option<BTreeSet<Digest>>>,
    /// Held while they are changed on the medium, so that those who only look need not wait for that.
    changing: Mutex<()>,
}

/// Why a name was not pinned.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PinError {
    /// There are as many pins as a store takes.
    #[error("there are {limit} pins already; take some away")]
    TooMany {
        /// How many it takes.
        limit: usize,
    },
    /// The store takes no changes, or the disk failed.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

/// How many names may be pinned: they are kept in memory, 40 bytes each.
pub const PIN_COUNT_MAX: usize = 100_000;

impl Store {
    /// Pins a name, whether or not its blob is here: until it is unpinned, the blob is not evicted. It can still be removed.
    /// False where it was pinned. Durable when this returns.
    ///
    /// # Errors
    /// Where there are too many pins, the store is read-only, or the disk fails.
    pub fn pin(&self, digest: &Digest) -> Result<bool, PinError> {
        let inner = &self.inner;
        let _changing = lock(&inner.pins.changing);
        let (is_pinned, count) = inner.with_pins(|pins| (pins.contains(digest), pins.len()))?;
        if is_pinned {
            return Ok(false);
        }
        if count >= PIN_COUNT_MAX {
            return Err(PinError::TooMany { limit: PIN_COUNT_MAX });
        }
        inner.change_pins(|| inner.meta.pin(digest, inner.disk.now()))?;
        Ok(inner.with_pins(|pins| pins.insert(*digest))?)
    }

    /// Takes a pin away; false where there was none. Durable when this returns.
    ///
    /// # Errors
    /// Where the store is read-only, or the disk fails.
    pub fn unpin(&self, digest: &Digest) -> Result<bool, ChangeError> {
        let inner = &self.inner;
        let _changing = lock(&inner.pins.changing);
        if !inner.is_pinned(digest)? {
            return Ok(false);
        }
        inner.change_pins(|| inner.meta.unpin(digest))?;
        inner.with_pins(|pins| pins.remove(digest))?;
        inner.evictor.hopes_again();
        Ok(true)
    }

    /// Up to `limit` pinned names in their order, from the one after `after` on.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn pins(&self, after: Option<&Digest>, limit: usize) -> Result<Vec<Digest>, StorageFault> {
        self.inner.with_pins(|pins| {
            let rest = pins.iter().filter(|digest| after.is_none_or(|after| *digest > after));
            rest.take(limit).copied().collect()
        })
    }
}

impl Inner {
    pub(crate) fn is_pinned(&self, digest: &Digest) -> Result<bool, StorageFault> {
        self.with_pins(|pins| pins.contains(digest))
    }

    /// What the pinned blobs take that are here, in bytes.
    pub(crate) fn pinned_allocated(&self) -> Result<u64, StorageFault> {
        let pins: Vec<_> = self.with_pins(|pins| pins.iter().copied().collect())?;
        if pins.is_empty() {
            return Ok(0);
        }
        let (_, rows) = self.index.rows(&pins)?;
        Ok(rows.iter().flatten().map(|row| row.allocated).sum())
    }

    fn with_pins<T>(&self, work: impl FnOnce(&mut BTreeSet<Digest>) -> T) -> Result<T, StorageFault> {
        let mut pins = lock(&self.pins.names);
        let read = match pins.take() {
            Some(read) => read,
            None => self.meta.pins()?,
        };
        Ok(work(pins.insert(read)))
    }

    /// Changes the pins on the medium. After a failure nobody knows what is there.
    fn change_pins(&self, change: impl FnOnce() -> Result<(), StorageFault>) -> Result<(), ChangeError> {
        self.begin_changes()?;
        Ok(change().map_err(|fault| self.latch(fault))?)
    }
}

impl From<StorageFault> for PinError {
    fn from(fault: StorageFault) -> Self {
        Self::Change(fault.into())
    }
}
