//! How a verified blob gets its name, and when that counts.
//!
//! The order is the contract. Under `--sync full`: sync the bytes, give the name, sync the directory, answer. A name that
//! is already taken is no success yet: what it leads to must have the right size, is hashed if it is suspect, and goes to
//! quarantine if it is wrong; and where its directory is not synced yet, the answer waits for that. Everything else that has
//! a name is durable: it was synced by the session that named it, or when the store was opened after that one died.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aqueduct_blob::Digest;

use crate::disk::Linked;
use crate::fault::{Blame, ChangeError, ReadOnly, StorageFault};
use crate::index::Note;
use crate::layout;
use crate::poison::{lock, share};
use crate::quarantine::Damage;
use crate::space::footprint;
use crate::staging::{STAGED, Verified};
use crate::store::Inner;

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

impl Inner {
    pub(crate) fn publish(&self, verified: Verified) -> Result<Published, PublishError> {
        self.begin_changes()?;
        if !self.is_loose() {
            // Every publisher syncs its own bytes, at the same time as the others: a large blob keeps no small one waiting.
            self.disk.sync_data(&verified.file).blame("sync", STAGED)?;
        }
        self.name(verified)
    }

    /// Publishes a blob whose bytes are as durable as the policy asks.
    pub(crate) fn name(&self, verified: Verified) -> Result<Published, PublishError> {
        let verified = Arc::new(verified);
        let published = if self.is_loose() {
            self.place(&verified)?.published
        } else {
            let committer = self.committer(&verified.digest());
            committer.commit(Arc::clone(&verified), |round| self.name_all(&round))?
        };
        self.after(&verified, &published);
        Ok(published)
    }

    /// Publishes many blobs with one directory sync for each directory, instead of one for each blob. Answers in the
    /// order given.
    pub(crate) fn publish_all(&self, verified: Vec<Verified>) -> Vec<Result<Published, PublishError>> {
        // One alone shares the sync with whoever else publishes now.
        if self.is_loose() || verified.len() == 1 {
            return verified.into_iter().map(|verified| self.publish(verified)).collect();
        }
        let synced = verified.into_iter().map(|verified| {
            self.begin_changes()?;
            self.disk.sync_data(&verified.file).blame("sync", STAGED)?;
            Ok(Arc::new(verified))
        });
        let (ready, mut outcomes) = split(synced.collect());
        let published = self.name_all(&ready);
        for (verified, published) in ready.iter().zip(&published) {
            if let Ok(published) = published {
                self.after(verified, published);
            }
        }
        for (slot, published) in outcomes.iter_mut().filter(|slot| slot.is_none()).zip(published) {
            *slot = Some(published);
        }
        outcomes.into_iter().map(|outcome| outcome.expect("every slot was filled")).collect()
    }

    /// Names blobs whose bytes are durable, and makes the names durable, one sync a directory.
    fn name_all(&self, round: &[Arc<Verified>]) -> Vec<Result<Published, PublishError>> {
        let placed: Vec<_> = round.iter().map(|verified| self.place(verified)).collect();
        let mut directories = BTreeMap::new();
        for directory in placed.iter().flatten().filter_map(|placed| placed.unsynced.as_deref()) {
            directories.entry(directory).or_insert_with(|| self.sync_directory(directory));
        }
        let outcomes = placed.iter().map(|placed| {
            let placed = placed.as_ref().map_err(Clone::clone)?;
            if let Some(directory) = &placed.unsynced {
                directories[directory.as_path()].clone()?;
                if placed.published.outcome == Outcome::New {
                    self.name_is_settled(&placed.published.digest);
                }
            }
            Ok(placed.published)
        });
        outcomes.collect()
    }

    /// Gives a blob its name, or finds that what has the name is as good.
    fn place(&self, verified: &Verified) -> Result<Placed, PublishError> {
        let digest = verified.digest();
        let path = layout::blob(&digest);
        let published = |outcome| Published { digest, size: verified.size(), outcome };
        for _ in 0..PLACE_COUNT_MAX {
            if self.link(verified, &path)? == Linked::New {
                let unsynced = (!self.is_loose()).then(|| layout::parent(&path).to_owned());
                return Ok(Placed { published: published(Outcome::New), unsynced });
            }
            let lifted_count = self.doubts.lifted_count();
            let Some(present) = self.disk.open(&path).blame("open", &path)? else {
                if self.disk.stat_path(&path).blame("stat", &path)?.is_some() {
                    let squatter =
                        io::Error::new(io::ErrorKind::AlreadyExists, "something else has the name");
                    return Err(StorageFault::new("link", &path, squatter).into());
                }
                continue;
            };
            let stat = self.disk.stat(&present).blame("stat", &path)?;
            self.doubt_if_written(&digest, &stat);
            let is_good = stat.regular
                && stat.size == verified.size()
                && (!self.is_suspect(&digest, &stat) || self.hash_suspect(&digest, &present, &stat)?);
            if !is_good {
                self.quarantine(&digest, &present, &Damage::whole(stat.size))?;
                continue;
            }
            if self.doubts.lifted_count() != lifted_count {
                continue;
            }
            // Somebody else's publish may be waiting for the same directory.
            let unsynced = self.is_unsynced(&digest).then(|| layout::parent(&path).to_owned());
            return Ok(Placed { published: published(Outcome::AlreadyPresent), unsynced });
        }
        Err(PublishError::Contended { digest })
    }

    /// Gives a blob its name if nothing has it. The index hears of it before anybody can take the name away again.
    fn link(&self, verified: &Verified, path: &Path) -> Result<Linked, PublishError> {
        let digest = verified.digest();
        loop {
            let naming = share(&self.names);
            if !self.is_on_record() {
                // The store was closed meanwhile: a name that is given now belongs to another session.
                drop(naming);
                self.begin_changes()?;
                continue;
            }
            // Before the name can be seen: whoever finds it has to know that it may not last.
            if !self.is_loose() {
                *lock(&self.unsynced).entry(digest).or_default() += 1;
            }
            self.date_back(&verified.file, verified.size());
            let linked = self.disk.link(&verified.file, path).blame("link", path);
            let at = self.disk.now();
            match &linked {
                Ok(Linked::New) => {
                    // It has its name: an error here must not look as if it had none.
                    let stat = self.disk.stat(&verified.file);
                    let allocated = stat.map_or(verified.size(), |stat| footprint(digest.algorithm(), &stat));
                    self.index.note(Note::Named { digest, size: verified.size(), allocated, at });
                    verified.reservation.release();
                }
                // Whoever publishes is about to be told that it is here.
                Ok(Linked::Exists) if self.is_limited() => {
                    self.index.note(Note::Told { digest, at });
                }
                Ok(Linked::Exists) | Err(_) => {}
            }
            if !self.is_loose() && !matches!(linked, Ok(Linked::New)) {
                self.name_is_settled(&digest);
            }
            return Ok(linked?);
        }
    }

    /// Whether somebody gave this name, or is about to, and has not synced its directory yet.
    pub(crate) fn is_unsynced(&self, digest: &Digest) -> bool {
        lock(&self.unsynced).contains_key(digest)
    }

    /// One who was about to give the name has synced its directory, or has not given it after all.
    fn name_is_settled(&self, digest: &Digest) {
        let mut unsynced = lock(&self.unsynced);
        if let Some(count) = unsynced.get_mut(digest) {
            *count -= 1;
            if *count == 0 {
                unsynced.remove(digest);
            }
        }
    }

    /// What follows a publish, and nobody else waits for.
    fn after(&self, verified: &Verified, published: &Published) {
        if published.outcome == Outcome::AlreadyPresent {
            self.index.note(Note::Used { digest: published.digest, at: self.disk.now() });
        } else {
            if self.has_suspects()
                && let Ok(stat) = self.disk.stat(&verified.file)
            {
                self.believe(&published.digest, &stat);
            }
            if verified.has_checkpoints() {
                // Derived: a list that could not be written is computed again when it is asked for.
                drop(self.write_checkpoints(&published.digest, &verified.hashed.checkpoints));
            }
        }
        self.index.write_if_many();
    }
}

/// A blob that has its name.
struct Placed {
    published: Published,
    /// The directory that has to be synced before this counts.
    unsynced: Option<PathBuf>,
}

type Slots = Vec<Option<Result<Published, PublishError>>>;

/// The blobs that are ready, and a slot for every outcome, filled where there is one already.
fn split(synced: Vec<Result<Arc<Verified>, PublishError>>) -> (Vec<Arc<Verified>>, Slots) {
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
