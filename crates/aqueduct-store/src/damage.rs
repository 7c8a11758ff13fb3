//! Blobs that may not be what their name says: suspects after a power cut, and rot found by verifying.

use std::fs::File;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use aqueduct_blob::parallel::{self, Verdict};
use aqueduct_blob::{CheckpointList, Digest, Lanes};

use crate::blob::Blob;
use crate::database;
use crate::disk::Stat;
use crate::fault::{Blame, ChangeError, StorageFault};
use crate::index::Note;
use crate::layout;
use crate::poison::share;
use crate::quarantine::Damage;
use crate::scrub::{Halt, Leave, ScrubFound, is_shortage};
use crate::space::footprint;
use crate::staging::Told;
use crate::store::{Inner, Store};

/// What verifying a stored blob found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The blob.
    pub digest: Digest,
    /// The size of its file, in bytes.
    pub size: u64,
    /// Where its bytes are wrong, in whole segments where checkpoints can tell; empty where all is well. A blob that is
    /// damaged is in quarantine when this is told.
    pub damage: Vec<Range<u64>>,
    /// Whether its checkpoint list was missing or damaged, and was written anew.
    pub checkpoints_rebuilt: bool,
}

impl Store {
    /// Reads a blob from its start to its end and holds it against its name, on `threads` threads where it has
    /// checkpoints. What is damaged is put in quarantine; a checkpoint list that is missing or wrong is written anew.
    /// `None` where there is no such blob. `told` hears how many bytes were read, again and again, from several threads;
    /// damage is read twice.
    ///
    /// # Errors
    /// Where the blob cannot be read, or the damaged one not be put away.
    pub fn verify(
        &self,
        digest: &Digest,
        threads: NonZeroUsize,
        told: &Told<'_>,
    ) -> Result<Option<Checked>, ChangeError> {
        let inner = &self.inner;
        let path = layout::blob(digest);
        let Some(file) = inner.disk.open(&path).blame("open", &path)? else { return Ok(None) };
        let stat = inner.disk.stat(&file).blame("stat", &path)?;
        if !stat.regular {
            return Ok(None);
        }
        let before = |len| {
            told(len);
            Ok::<_, ChangeError>(())
        };
        inner.check(digest, &file, &stat, threads, before).map(Some)
    }

    /// The checkpoint list of a blob, computed and kept where there was none. `None` where there is no such blob, or it
    /// turns out damaged.
    ///
    /// # Errors
    /// As [`Store::verify`].
    pub fn checkpoints(&self, digest: &Digest) -> Result<Option<CheckpointList>, ChangeError> {
        let inner = &self.inner;
        let Some(blob) = inner.open_blob(digest)? else { return Ok(None) };
        if let Some(list) = self.kept_checkpoints(&blob)? {
            return Ok(Some(list));
        }
        let read = |offset, buffer: &mut [u8]| blob.file().read_exact_at(buffer, offset);
        let hashed = parallel::hash(digest.algorithm(), blob.size(), inner.options.threads, read)
            .blame("read", layout::blob(digest))?;
        if hashed.digest != *digest {
            inner.quarantine(digest, blob.file(), &Damage::whole(blob.size()))?;
            return Ok(None);
        }
        if !hashed.checkpoints.entries().is_empty() {
            inner.rewrite_checkpoints(digest, &hashed.checkpoints);
        }
        Ok(Some(hashed.checkpoints))
    }

    /// The checkpoint list of a blob, if it is kept; `None` where it would have to be computed.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn kept_checkpoints(&self, blob: &Blob) -> Result<Option<CheckpointList>, StorageFault> {
        self.inner.read_checkpoints(&blob.digest(), blob.size())
    }

    /// Hashes every blob that is suspect, and tells of each what was found, of those in which nothing is amiss, too. When this
    /// returns `true` there are none left; `false` says that `leave` wanted no more, or that some could not be read or put
    /// away, which was told: those need not be hashed again in this session that were. Does nothing where there are none.
    ///
    /// # Errors
    /// Where the store takes no changes, or the process is short of descriptors or memory.
    pub fn check_suspects(
        &self,
        leave: &Leave<'_>,
        told: &mut dyn FnMut(&ScrubFound),
    ) -> Result<bool, ChangeError> {
        let inner = &self.inner;
        if !inner.has_suspects() {
            return Ok(true);
        }
        inner.begin_changes()?;
        let mut has_failed = false;
        for (algorithm, first) in layout::shards() {
            let Some(listed) = inner.list_to_hash(algorithm, first, told)? else {
                has_failed = true;
                continue;
            };
            for digest in listed {
                if leave(0).is_break() {
                    return Ok(false);
                }
                match inner.check_if_suspect(&digest, leave) {
                    Ok(checked) => checked.into_iter().for_each(|it| told(&ScrubFound::Checked(it))),
                    Err(Halt::Stopped) => return Ok(false),
                    Err(Halt::Change(ChangeError::Fault(fault)) | Halt::Unread(_, fault))
                        if !is_shortage(&fault) =>
                    {
                        has_failed = true;
                        told(&ScrubFound::Failed { digest: Some(digest), range: None, fault });
                    }
                    Err(Halt::Change(error)) => return Err(error),
                    Err(Halt::Unread(_, fault)) => return Err(fault.into()),
                }
            }
        }
        if has_failed {
            return Ok(false);
        }
        // Of those whose names were taken away meanwhile none was met.
        for digest in inner.doubts.digests() {
            let path = layout::blob(&digest);
            let _naming = share(&inner.names);
            let named = inner.disk.stat_path(&path).blame("stat", &path)?;
            inner.doubts.named(&digest, named.as_ref());
        }
        // A damaged blob whose removal failed halfway must not come back once nobody is suspect any more.
        inner.sync_filesystem()?;
        inner.clear_suspects()?;
        Ok(true)
    }
}

impl Inner {
    /// Hashes the blob that has this name if it is a suspect.
    fn check_if_suspect(&self, digest: &Digest, leave: &Leave<'_>) -> Result<Option<Checked>, Halt> {
        let path = layout::blob(digest);
        let Some(file) = self.disk.open(&path).blame("open", &path)? else { return Ok(None) };
        let stat = self.disk.stat(&file).blame("stat", &path)?;
        if !stat.regular || !self.is_suspect(digest, &stat) {
            return Ok(None);
        }
        self.check_suspect(digest, &file, &stat, |len| Halt::unless(leave(len))).map(Some)
    }

    /// Whether a suspect is right after all. One that is not goes to quarantine.
    pub(crate) fn hash_suspect(
        &self,
        digest: &Digest,
        file: &File,
        stat: &Stat,
    ) -> Result<bool, ChangeError> {
        let checked = self.check_suspect(digest, file, stat, |_| Ok::<_, ChangeError>(()))?;
        Ok(checked.damage.is_empty())
    }

    /// Hashes a suspect as it is on the medium: in the page cache it may be right although it could not be written, since
    /// the kernel takes such pages for clean, and tells nobody twice.
    ///
    /// Whoever comes while another thread does waits for what that finds. `before` is asked before so many bytes are read, from
    /// several threads.
    pub(crate) fn check_suspect<E: From<ChangeError> + Send>(
        &self,
        digest: &Digest,
        file: &File,
        stat: &Stat,
        before: impl Fn(u64) -> Result<(), E> + Sync,
    ) -> Result<Checked, E> {
        let _turn = self.checks.take(*digest);
        if !self.is_suspect(digest, stat) {
            return Ok(Checked {
                digest: *digest,
                size: stat.size,
                damage: Vec::new(),
                checkpoints_rebuilt: false,
            });
        }
        let path = layout::blob(digest);
        // Whoever asks after this one hashes what the medium has; a sync that failed says nothing of what that is.
        self.disk.sync_data(file).blame("sync", &path).map_err(ChangeError::from)?;
        self.disk.drop_cache(file).blame("drop the cache of", &path).map_err(ChangeError::from)?;
        self.check(digest, file, stat, self.options.threads, before)
    }

    fn check<E: From<ChangeError> + Send>(
        &self,
        digest: &Digest,
        file: &File,
        stat: &Stat,
        threads: NonZeroUsize,
        before: impl Fn(u64) -> Result<(), E> + Sync,
    ) -> Result<Checked, E> {
        let read = |offset, buffer: &mut [u8]| {
            before(buffer.len() as u64)?;
            let read = file.read_exact_at(buffer, offset).blame("read", layout::blob(digest));
            Ok(read.map_err(ChangeError::from)?)
        };
        self.examine(digest, file, stat, (threads, Lanes::detect()), read)
    }

    /// Holds a blob against its name, as `read` gives its bytes. Damage is in quarantine when this returns.
    pub(crate) fn examine<E: From<ChangeError> + Send>(
        &self,
        digest: &Digest,
        file: &File,
        stat: &Stat,
        (threads, lanes): (NonZeroUsize, Lanes),
        read: impl Fn(u64, &mut [u8]) -> Result<(), E> + Sync,
    ) -> Result<Checked, E> {
        // One that cannot be read is as good as none.
        let list = self.read_checkpoints(digest, stat.size).unwrap_or_default();
        let verdict = parallel::verify_in(lanes, digest, stat.size, list.as_ref(), threads, read)?;
        let mut checked =
            Checked { digest: *digest, size: stat.size, damage: Vec::new(), checkpoints_rebuilt: false };
        match verdict {
            Verdict::Intact { checkpoints } => {
                self.believe(digest, stat);
                if let Some(list) = checkpoints.filter(|list| !list.entries().is_empty()) {
                    checked.checkpoints_rebuilt = self.rewrite_checkpoints(digest, &list);
                }
            }
            Verdict::Damaged { ranges, .. } => {
                let damage = Damage { size: stat.size, ranges };
                self.quarantine(digest, file, &damage)?;
                checked.damage = damage.ranges;
            }
        }
        Ok(checked)
    }

    /// Takes the name of a damaged blob away and keeps its bytes under `quarantine/`, durably, with a note of where it is
    /// damaged. Does nothing where the name leads to another file by now.
    pub(crate) fn quarantine(
        &self,
        digest: &Digest,
        damaged: &File,
        damage: &Damage,
    ) -> Result<(), ChangeError> {
        let taken = self.take_name(digest, damaged);
        if taken.is_err()
            && let Ok(stat) = self.disk.stat(damaged)
        {
            // It is known to be damaged, and still has its name.
            self.doubt(digest, &stat);
        }
        // Whoever has the damaged file open has to forget it, whether the name still led there or not.
        self.watchers.tell(digest);
        if !taken? {
            return Ok(());
        }
        // Those that stay where that fails are not found any more, and dropped by whoever looks for them.
        drop(self.drop_entries_of(&[*digest]));
        // For a person: the bytes are there without it, and the blob is as damaged.
        drop(self.write_damage(digest, damage));
        self.sync_directory(layout::parent(&layout::quarantined(digest)))?;
        self.sync_directory(layout::parent(&layout::blob(digest)))?;
        // Derived: one that stays is held against the next blob of this name, and found wanting or right.
        drop(self.disk.unlink(&layout::checkpoints(digest)));
        Ok(())
    }

    /// Gives a damaged file another name, and takes away that of the blob; false where that leads to another file by now.
    fn take_name(&self, digest: &Digest, damaged: &File) -> Result<bool, ChangeError> {
        let path = layout::blob(digest);
        let _alone = self.alone_on_record()?;
        let named = self.disk.stat_path(&path).blame("stat", &path)?;
        let examined = self.disk.stat(damaged).blame("stat", &path)?;
        if named.is_none_or(|named| named.inode != examined.inode) {
            self.doubts.named(digest, named.as_ref());
            return Ok(false);
        }
        let kept = layout::quarantined(digest);
        // A name that is taken holds an earlier victim of the same digest: one is enough to look at.
        let _ = self.disk.link(damaged, &kept).blame("link", &kept)?;
        self.disk.unlink(&path).blame("unlink", &path)?;
        let allocated = footprint(digest.algorithm(), &examined);
        self.index.note(Note::Gone { digest: *digest, allocated });
        self.doubts.put_away(digest, &examined);
        Ok(true)
    }

    /// The kept checkpoint list of a blob, if there is one that reads as such.
    pub(crate) fn read_checkpoints(
        &self,
        digest: &Digest,
        size: u64,
    ) -> Result<Option<CheckpointList>, StorageFault> {
        if size <= aqueduct_blob::SEGMENT_LEN {
            return Ok(None);
        }
        let path = layout::checkpoints(digest);
        let Some(file) = self.disk.open(&path).blame("open", &path)? else { return Ok(None) };
        let stat = self.disk.stat(&file).blame("stat", &path)?;
        let len_max = aqueduct_blob::segment_count(size) * 32 + CHECKPOINTS_EXTRA_LEN_MAX;
        if !stat.regular || stat.size > len_max {
            return Ok(None);
        }
        let len = usize::try_from(stat.size).expect("a list of a blob's checkpoints fits in memory");
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, 0).blame("read", &path)?;
        let list = CheckpointList::decode(&bytes).ok();
        Ok(list.filter(|list| list.size() == size && list.algorithm() == digest.algorithm()))
    }

    fn write_damage(&self, digest: &Digest, damage: &Damage) -> Result<(), StorageFault> {
        let path = layout::damage(digest);
        let file = self.disk.stage().blame("stage", &path)?;
        let text = damage.note(self.disk.now());
        database::write_all(&*self.disk, &file, 0, text.as_bytes()).blame("write", &path)?;
        // A name that is taken is beside the bytes of the earlier victim, which stay as well.
        let _ = self.disk.link(&file, &path).blame("link", &path)?;
        Ok(())
    }

    /// Writes the checkpoint list of a blob where there is none. It is not synced: it is derived, and says so itself
    /// where a power cut damages it.
    pub(crate) fn write_checkpoints(
        &self,
        digest: &Digest,
        list: &CheckpointList,
    ) -> Result<(), StorageFault> {
        let path = layout::checkpoints(digest);
        let file = self.disk.stage().blame("stage", &path)?;
        database::write_all(&*self.disk, &file, 0, &list.encode()).blame("write", &path)?;
        let _ = self.disk.link(&file, &path).blame("link", &path)?;
        Ok(())
    }

    /// Puts a list in the place of whatever is there; false where that failed, which costs time and nothing else.
    fn rewrite_checkpoints(&self, digest: &Digest, list: &CheckpointList) -> bool {
        let path = layout::checkpoints(digest);
        let rewrite = || -> Result<(), ChangeError> {
            self.begin_changes()?;
            self.disk.unlink(&path).blame("unlink", &path)?;
            Ok(self.write_checkpoints(digest, list)?)
        };
        rewrite().is_ok()
    }
}

/// More than what a checkpoint file holds beside its entries.
const CHECKPOINTS_EXTRA_LEN_MAX: u64 = 256;
