//! How a verified blob gets its name, and when that counts.
//!
//! The order is the contract. Under `--sync full`: sync the bytes, give the name, sync the directory, answer. A name that
//! is already taken is no success yet: what it leads to has the right size, was hashed if it is suspect, and is durable,
//! or it goes to quarantine and the blob at hand takes its place.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use aqueduct_blob::Digest;

use crate::disk::Linked;
use crate::fault::{Blame, ChangeError, ReadOnly, StorageFault};
use crate::index::Note;
use crate::layout;
use crate::poison::share;
use crate::staging::{STAGED, Verified};
use crate::store::{Inner, Store};

/// A blob that is in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its name.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Whether it was there before.
    pub outcome: Outcome,
}

/// Whether a publish brought anything new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The blob was not there.
    New,
    /// The same blob was there already, as durable as the policy asks.
    AlreadyPresent,
}

/// Why a verified blob was not published.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PublishError {
    /// Others kept removing the same blob.
    #[error("{digest} was removed {PLACE_COUNT_MAX} times while it was being published; try again")]
    Contended {
        /// The blob.
        digest: Digest,
    },
    /// The store takes no changes, or the disk failed.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl From<ReadOnly> for PublishError {
    fn from(error: ReadOnly) -> Self {
        Self::Change(error.into())
    }
}

impl From<StorageFault> for PublishError {
    fn from(fault: StorageFault) -> Self {
        Self::Change(fault.into())
    }
}

/// How often a name may vanish between finding it taken and looking at what it leads to.
const PLACE_COUNT_MAX: usize = 16;

impl Store {
    /// Publishes many blobs with one directory sync for each directory, instead of one for each blob. Answers in the
    /// order given.
    pub fn publish_all(&self, verified: Vec<Verified>) -> Vec<Result<Published, PublishError>> {
        self.inner.publish_all(verified)
    }
}

impl Inner {
    pub(crate) fn publish(&self, verified: Verified) -> Result<Published, PublishError> {
        self.begin_changes()?;
        if self.may_be_loose() {
            let published = self.place(&verified, Bytes::Loose).map(|placed| placed.published)?;
            self.after(&verified, &published);
            return Ok(published);
        }
        // Every publisher syncs its own bytes, at the same time as the others: a large blob keeps no small one waiting.
        self.disk.sync_data(&verified.file).blame("sync", STAGED)?;
        self.committer.commit(verified, |round| self.name_all(&round))
    }

    fn publish_all(&self, verified: Vec<Verified>) -> Vec<Result<Published, PublishError>> {
        if self.may_be_loose() {
            return verified.into_iter().map(|verified| self.publish(verified)).collect();
        }
        let synced = verified.into_iter().map(|verified| {
            self.begin_changes()?;
            self.disk.sync_data(&verified.file).blame("sync", STAGED)?;
            Ok(verified)
        });
        let (ready, mut outcomes) = split(synced.collect());
        for (slot, outcome) in outcomes.iter_mut().filter(|slot| slot.is_none()).zip(self.name_all(&ready)) {
            *slot = Some(outcome);
        }
        outcomes.into_iter().map(|outcome| outcome.expect("every slot was filled")).collect()
    }

    /// Names blobs whose bytes are durable, and makes the names durable, one sync a directory.
    fn name_all(&self, round: &[Verified]) -> Vec<Result<Published, PublishError>> {
        let placed: Vec<_> = round.iter().map(|verified| self.place(verified, Bytes::Synced)).collect();
        let mut directories = BTreeMap::new();
        for directory in placed.iter().flatten().filter_map(|placed| placed.unsynced.as_deref()) {
            directories.entry(directory).or_insert_with(|| self.sync_directory(directory));
        }
        let outcomes = placed.iter().zip(round).map(|(placed, verified)| {
            let placed = placed.as_ref().map_err(Clone::clone)?;
            if let Some(directory) = &placed.unsynced {
                directories[directory.as_path()].clone()?;
            }
            self.after(verified, &placed.published);
            Ok(placed.published)
        });
        outcomes.collect()
    }

    pub(crate) fn sync_directory(&self, directory: &Path) -> Result<(), ReadOnly> {
        self.disk.sync_dir(directory).blame("sync directory", directory).map_err(|fault| self.latch(fault))
    }

    /// Gives a blob its name, or finds that what has the name is as good.
    fn place(&self, verified: &Verified, bytes: Bytes) -> Result<Placed, PublishError> {
        let digest = verified.digest();
        let path = layout::blob(&digest);
        let published = |outcome| Published { digest, size: verified.size(), outcome };
        for _ in 0..PLACE_COUNT_MAX {
            let linked = {
                let _naming = share(&self.names);
                self.disk.link(&verified.file, &path).blame("link", &path)?
            };
            if linked == Linked::New {
                let unsynced = (bytes == Bytes::Synced).then(|| layout::parent(&path).to_owned());
                return Ok(Placed { published: published(Outcome::New), unsynced });
            }
            let Some(present) = self.disk.open(&path).blame("open", &path)? else { continue };
            match self.examine(verified, &present, bytes)? {
                Present::Good => {
                    return Ok(Placed { published: published(Outcome::AlreadyPresent), unsynced: None });
                }
                Present::NameUnsynced => {
                    let unsynced = Some(layout::parent(&path).to_owned());
                    return Ok(Placed { published: published(Outcome::AlreadyPresent), unsynced });
                }
                Present::Bad => self.quarantine(&digest, &present)?,
            }
        }
        Err(PublishError::Contended { digest })
    }

    /// Looks at the file that has the name already.
    fn examine(&self, verified: &Verified, present: &File, bytes: Bytes) -> Result<Present, PublishError> {
        let digest = verified.digest();
        let path = layout::blob(&digest);
        let stat = self.disk.stat(present).blame("stat", &path)?;
        if !stat.regular || stat.size != verified.size() {
            return Ok(Present::Bad);
        }
        if self.is_suspect(&digest, &stat) && !self.hash_suspect(&digest, present, &stat)? {
            return Ok(Present::Bad);
        }
        if bytes == Bytes::Loose || self.is_durable(&stat) {
            return Ok(Present::Good);
        }
        // Its bytes may be on their way to the medium, or may have failed to get there; ours did not.
        match self.disk.sync_data(present) {
            Ok(()) => Ok(Present::NameUnsynced),
            Err(_) => Ok(Present::Bad),
        }
    }

    /// What follows a publish, and nobody waits for.
    fn after(&self, verified: &Verified, published: &Published) {
        self.believe(&published.digest);
        self.index.note(Note::Used { digest: published.digest, size: published.size, at: self.disk.now() });
        if published.outcome == Outcome::New && verified.has_checkpoints() {
            // Derived: a list that could not be written is computed again when it is asked for.
            drop(self.write_checkpoints(&published.digest, &verified.hashed.checkpoints));
        }
    }
}

/// Whether a blob's bytes were made durable before it is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bytes {
    Synced,
    Loose,
}

/// A blob that has its name.
struct Placed {
    published: Published,
    /// The directory that has to be synced before this counts.
    unsynced: Option<PathBuf>,
}

/// What was found under a name that was taken.
enum Present {
    Good,
    NameUnsynced,
    Bad,
}

type Slots = Vec<Option<Result<Published, PublishError>>>;

/// The blobs that are ready, and a slot for every outcome, filled where there is one already.
fn split(synced: Vec<Result<Verified, PublishError>>) -> (Vec<Verified>, Slots) {
    let mut ready = Vec::new();
    let slots = synced.into_iter().map(|synced| match synced {
        Ok(verified) => {
            ready.push(verified);
            None
        }
        Err(error) => Some(Err(error)),
    });
    let slots = slots.collect();
    (ready, slots)
}
