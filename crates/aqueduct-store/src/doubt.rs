//! Files that this session has a reason to doubt, beside those that a power cut made suspect: they are hashed before they are
//! believed, like those.
//!
//! A blob whose reader found less than there should be; one that is known to be damaged and could not be put away; and one that
//! was written to after it got its name. The last is told by its times: a file is dated back to a whole second before it gets
//! its name; whoever writes to it or truncates it later sets a time that is none.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use aqueduct_blob::Digest;

use crate::blob::Blob;
use crate::disk::Stat;
use crate::fault::{Blame, StorageFault};
use crate::layout;
use crate::poison::{lock, share};
use crate::store::{Inner, Store};

/// A file, under the name of which it is doubted or vouched for.
type Known = (Digest, u64);

#[derive(Debug, Default)]
pub(crate) struct Doubts {
    doubted: Mutex<HashSet<Known>>,
    /// Whether there are any: asked far more often than there are.
    any: AtomicBool,
    /// How many were put away.
    damaged_count: AtomicU64,
    lifted_count: AtomicU64,
    /// Files that look as if they were written to and were hashed since, each with the change after which it was.
    vouched: Mutex<HashMap<Known, i64>>,
}

impl Store {
    /// Has a blob hashed before it is believed again: whoever read it found it otherwise than it should be. Does nothing
    /// where its name leads to another file by now, or to none: then nobody is given this one any more.
    ///
    /// # Errors
    /// Where the kernel says nothing of its file.
    pub fn doubt(&self, blob: &Blob) -> Result<(), StorageFault> {
        let inner = &self.inner;
        let digest = blob.digest();
        let path = layout::blob(&digest);
        let stat = inner.disk.stat(blob.file()).blame("stat", &path)?;
        // Nobody takes the name away between the look at it and the doubt, which would be left over.
        let _naming = share(&inner.names);
        let named = inner.disk.stat_path(&path).blame("stat", &path)?;
        if named.is_some_and(|named| named.inode == stat.inode) {
            inner.doubt(&digest, &stat);
        }
        Ok(())
    }

    /// How many blobs were found damaged and moved to quarantine since the store was opened. Asks no disk.
    #[must_use]
    pub fn damaged_count(&self) -> u64 {
        self.inner.doubts.damaged_count.load(Ordering::Relaxed)
    }
}

impl Doubts {
    /// How often files ceased to be suspect that nobody has found to be right: they had lost their names, and others may have
    /// them open. So whoever finds that a file is no suspect asks for this before the look at it and after: where it has grown,
    /// that file may be one of those, and the name is to be looked at again.
    pub(crate) fn lifted_count(&self) -> u64 {
        self.lifted_count.load(Ordering::Acquire)
    }

    /// Some are about to cease to be suspect, of which none has its name any more but those that are right.
    pub(crate) fn lift(&self) {
        self.lifted_count.fetch_add(1, Ordering::Release);
    }

    /// A damaged file has lost its name.
    pub(crate) fn put_away(&self, digest: &Digest, stat: &Stat) {
        self.damaged_count.fetch_add(1, Ordering::Relaxed);
        self.lift();
        self.clear(digest, stat);
    }

    fn add(&self, digest: &Digest, stat: &Stat) {
        let mut doubted = lock(&self.doubted);
        doubted.insert((*digest, stat.inode));
        self.any.store(true, Ordering::Release);
    }

    pub(crate) fn has(&self, digest: &Digest, stat: &Stat) -> bool {
        self.any() && lock(&self.doubted).contains(&(*digest, stat.inode))
    }

    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// This is the file to which the name leads, if it leads to any: whatever else had it is doubted no more. To be told by
    /// whoever has found out, or has made it so.
    pub(crate) fn named(&self, digest: &Digest, named: Option<&Stat>) {
        if self.any() {
            let mut doubted = lock(&self.doubted);
            let inode = named.map(|stat| stat.inode);
            let count = doubted.len();
            doubted.retain(|(of, file)| of != digest || Some(*file) == inode);
            // Before anybody else can see that it is.
            if doubted.len() < count {
                self.lift();
            }
            self.any.store(!doubted.is_empty(), Ordering::Release);
        }
    }

    /// The blobs that are doubted.
    pub(crate) fn digests(&self) -> Vec<Digest> {
        if self.any() { lock(&self.doubted).iter().map(|(digest, _)| *digest).collect() } else { Vec::new() }
    }

    fn clear(&self, digest: &Digest, stat: &Stat) {
        if self.any() {
            let mut doubted = lock(&self.doubted);
            doubted.remove(&(*digest, stat.inode));
            self.any.store(!doubted.is_empty(), Ordering::Release);
        }
    }

    /// The file was right when `stat` was taken, before it was hashed.
    pub(crate) fn vouch(&self, digest: &Digest, stat: &Stat) {
        self.clear(digest, stat);
        if was_written(stat) {
            let mut vouched = lock(&self.vouched);
            if vouched.len() < VOUCHED_COUNT_MAX {
                vouched.insert((*digest, stat.inode), stat.change);
            }
        }
    }

    fn vouches(&self, digest: &Digest, stat: &Stat) -> bool {
        lock(&self.vouched).get(&(*digest, stat.inode)) == Some(&stat.change)
    }
}

impl Inner {
    /// Has a file hashed before it is believed. Whoever keeps it open has to forget it before the doubt can end, which it does
    /// with the name of a damaged file: so everybody tells who doubts, and before the hash, also where somebody else is about to.
    pub(crate) fn doubt(&self, digest: &Digest, stat: &Stat) {
        self.doubts.add(digest, stat);
        self.doubt_watchers.tell(digest);
    }

    /// Doubts a file that was written to after it got its name, unless it was hashed since. To be asked of every file that is
    /// opened to be believed.
    pub(crate) fn doubt_if_written(&self, digest: &Digest, stat: &Stat) {
        if was_written(stat) && !self.doubts.vouches(digest, stat) {
            self.doubt(digest, stat);
        }
    }

    /// Lets a file tell later whether it was written to. Nothing but a hash depends on it, so that a failure is none.
    pub(crate) fn date_back(&self, file: &std::fs::File, size: u64) {
        if size >= DATED_SIZE_MIN {
            drop(self.disk.date_back(file));
        }
    }
}

fn was_written(stat: &Stat) -> bool {
    stat.written && stat.size >= DATED_SIZE_MIN
}

/// What is smaller is read whole to be served, and hashed then: a call when it is published would cost more than it helps.
const DATED_SIZE_MIN: u64 = 64 << 10;

/// Files of another origin that look written to: 14 MiB. One more is hashed each time that it is opened.
const VOUCHED_COUNT_MAX: usize = 1 << 18;
