//! A stored blob, open for reading.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use aqueduct_blob::Digest;
use aqueduct_flow::Extent;

use crate::fault::{Blame, ChangeError, StorageFault};
use crate::index::Note;
use crate::layout;
use crate::store::{Inner, Store};

/// A blob, for as long as this is held: removing it meanwhile takes only its name away.
///
/// Its file is never written or truncated, which is what makes it safe to send by reference and to map.
#[derive(Clone, Debug)]
pub struct Blob {
    digest: Digest,
    size: u64,
    published: i64,
    file: Arc<File>,
}

impl Store {
    /// Opens a blob; `None` where there is none. One that a power cut made suspect is hashed first, and is none if it is
    /// damaged.
    ///
    /// # Errors
    /// Where it cannot be opened, or a damaged one not be put in quarantine.
    pub fn blob(&self, digest: &Digest) -> Result<Option<Blob>, ChangeError> {
        let inner = &self.inner;
        let Some(blob) = inner.open_blob(digest)? else { return Ok(None) };
        let at = inner.disk.now();
        // A clock that was set back makes it no newer.
        if !(0..NEW_TIME).contains(&at.saturating_sub(blob.published)) {
            inner.index.note(Note::Used { digest: *digest, at });
            inner.index.write_if_many();
        }
        inner.keep_in_flight(&blob);
        Ok(Some(blob))
    }

    /// Whether opening a blob, or asking for it, would hash it first, which takes as long as it is large.
    ///
    /// # Errors
    /// Where it cannot be looked at.
    pub fn is_suspect(&self, digest: &Digest) -> Result<bool, StorageFault> {
        Ok(self.suspect_size(digest)?.is_some())
    }

    /// The size of the suspect that has this name, if there is one. Publishing another blob of this name would hash it first
    /// if that is as large.
    ///
    /// # Errors
    /// As [`Store::is_suspect`].
    pub fn suspect_size(&self, digest: &Digest) -> Result<Option<u64>, StorageFault> {
        let inner = &self.inner;
        if !inner.has_suspects() {
            return Ok(None);
        }
        let path = layout::blob(digest);
        let stat = inner.disk.stat_path(&path).blame("stat", &path)?;
        let suspect = stat.filter(|stat| stat.regular && inner.is_suspect(digest, stat));
        Ok(suspect.map(|stat| stat.size))
    }

    /// Whether a blob is there, as durable as the policy asks: what may be answered to somebody who then need not send it.
    /// In a store that evicts it counts as a use, and the blob stays for a lease.
    ///
    /// # Errors
    /// As [`Store::blob`], and where the blob's name cannot be made durable.
    pub fn has(&self, digest: &Digest) -> Result<bool, ChangeError> {
        let inner = &self.inner;
        if inner.open_blob(digest)?.is_none() || !inner.promise(digest)? {
            return Ok(false);
        }
        inner.index.write_if_many();
        // Its publisher has not synced the directory yet, and may not live to.
        if inner.is_unsynced(digest) {
            inner.sync_directory(layout::parent(&layout::blob(digest)))?;
        }
        Ok(true)
    }
}

impl Inner {
    pub(crate) fn open_blob(&self, digest: &Digest) -> Result<Option<Blob>, ChangeError> {
        let path = layout::blob(digest);
        loop {
            let lifted_count = self.doubts.lifted_count();
            let Some(file) = self.disk.open(&path).blame("open", &path)? else {
                self.doubts.named(digest, None);
                return Ok(None);
            };
            let stat = self.disk.stat(&file).blame("stat", &path)?;
            self.doubt_if_written(digest, &stat);
            if !stat.regular
                || (self.is_suspect(digest, &stat) && !self.hash_suspect(digest, &file, &stat)?)
            {
                return Ok(None);
            }
            if self.doubts.lifted_count() == lifted_count {
                let file = Arc::new(file);
                return Ok(Some(Blob { digest: *digest, size: stat.size, published: stat.changed, file }));
            }
        }
    }
}

impl Blob {
    /// Its name.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// When it was given its name, in seconds since 1970.
    pub fn published(&self) -> i64 {
        self.published
    }

    /// Its file, open for reading.
    pub fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn shared_file(&self) -> &Arc<File> {
        &self.file
    }

    /// Lets go of it, and gives its file to the last who does, since closing one that has no name any more takes time.
    #[must_use]
    pub fn into_file(self) -> Option<File> {
        Arc::into_inner(self.file)
    }

    /// A part of it, ready to be sent. `range` lies within the blob.
    pub fn extent(&self, range: Range<u64>) -> Extent {
        assert!(
            range.start <= range.end && range.end <= self.size,
            "a range is resolved against the blob's size"
        );
        Extent::new(Arc::clone(&self.file), range)
    }
}

/// How long a blob is new, in seconds: that it was published is noted, and a use meanwhile tells nothing more of how long
/// nobody has used it.
const NEW_TIME: i64 = 60;
