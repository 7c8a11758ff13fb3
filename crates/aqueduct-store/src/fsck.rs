//! Checking a store that nobody has open, and mending what can be mended.
//!
//! What is derived is made anew where it is missing, damaged, or not what the tree says. What is truth is never discarded:
//! `meta.redb` is checked on a copy of which nothing reaches the medium, and where it is damaged there is advice and no more.
//! What is foreign is named and left alone. Blobs are not hashed, unless something about one is amiss; that is what a scrub
//! is for.

mod entries;
mod finding;
mod tree;

use std::collections::BTreeSet;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::damage::Checked;
use crate::database;
use crate::disk::Disk;
use crate::fault::{Blame, ChangeError, ReadOnly, StorageFault};
use crate::index::Index;
use crate::layout;
use crate::mark::State;
use crate::meta::Meta;
use crate::open::{OpenError, is_made};
use crate::quarantine;
use crate::real_disk::RealDisk;
use crate::scrub::ScrubFound;
use crate::staging::Told;
use crate::store::{Inner, Options, Store};

pub use finding::{Fate, Finding, Trouble};

/// Whether what is wrong is mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FsckMode {
    /// It is.
    Mend,
    /// It is only told; not a byte of the store changes.
    DryRun,
}

/// What a check came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fscked {
    /// Blobs in the tree.
    pub count: u64,
    /// The sum of their sizes, in bytes.
    pub size: u64,
    /// Whether all of the store was looked at: not where `meta.redb` is damaged, or something is in the place of a directory.
    pub is_complete: bool,
}

/// Why a store could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum FsckError {
    /// It is none, or is in use, or cannot be opened even after what could be mended was.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What is wrong could not be mended.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl From<StorageFault> for FsckError {
    fn from(fault: StorageFault) -> Self {
        Self::Change(fault.into())
    }
}

impl From<ReadOnly> for FsckError {
    fn from(error: ReadOnly) -> Self {
        Self::Change(error.into())
    }
}

impl Store {
    /// Checks the store in the directory `root`, and tells of all that is not as it should be. `read` hears how many bytes
    /// were hashed, again and again, from several threads.
    ///
    /// # Errors
    /// Where there is no store, or somebody has it open; where the disk fails.
    pub fn fsck(
        root: &Path,
        mode: FsckMode,
        read: &Told<'_>,
        told: &mut dyn FnMut(&Finding),
    ) -> Result<Fscked, FsckError> {
        let disk = RealDisk::open(root).blame("open", root)?;
        let missing = || OpenError::Missing { path: root.to_owned() };
        let disk: Arc<dyn Disk> = Arc::new(disk.ok_or_else(missing)?);
        Self::fsck_on(&disk, mode, read, told)
    }

    /// Checks the store on a disk of the caller's choice.
    ///
    /// # Errors
    /// As [`Store::fsck`].
    pub fn fsck_on(
        disk: &Arc<dyn Disk>,
        mode: FsckMode,
        read: &Told<'_>,
        told: &mut dyn FnMut(&Finding),
    ) -> Result<Fscked, FsckError> {
        if !is_made(&**disk)? {
            return Err(OpenError::Missing { path: disk.root() }.into());
        }
        let mut check = Check { disk, mode, read, told, has_changed: false };
        let lock = check.lock()?;
        if !check.layout()? {
            return Ok(Fscked::default());
        }
        let Some(state) = check.meta()? else { return Ok(Fscked::default()) };
        let indexed = check.index(state.index_stale || state.is_open)?;
        let store = match mode {
            FsckMode::Mend => Self::open_locked(Arc::clone(disk), lock, Options::default())?,
            // As it would be opened, without a word of that on the medium.
            FsckMode::DryRun => {
                let meta = Meta::unopened(disk);
                let inner = Inner::new(Arc::clone(disk), Options::default(), meta, state.recovered(), lock);
                Self { inner: Arc::new(inner) }
            }
        };
        let found = check.all(&store, indexed)?;
        if mode == FsckMode::Mend {
            if check.has_changed {
                store.settle()?;
            }
            store.close()?;
        }
        Ok(found)
    }
}

/// A check on its way.
struct Check<'a> {
    disk: &'a Arc<dyn Disk>,
    mode: FsckMode,
    read: &'a Told<'a>,
    told: &'a mut dyn FnMut(&Finding),
    has_changed: bool,
}

/// What the index is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Indexed {
    /// It says this much, and may be held to it.
    Says(u64, u64),
    /// It is to be made to match the tree in any case.
    Doubtful,
}

impl Check<'_> {
    fn tell(&mut self, path: impl Into<PathBuf>, trouble: Trouble, fate: Fate) {
        (self.told)(&Finding { path: path.into(), trouble, fate });
    }

    /// Tells of what can be mended, and mends it if that is wanted.
    fn mend(
        &mut self,
        path: impl Into<PathBuf>,
        trouble: Trouble,
        mend: impl FnOnce() -> Result<(), FsckError>,
    ) -> Result<(), FsckError> {
        let fate = match self.mode {
            FsckMode::Mend => {
                mend()?;
                self.has_changed = true;
                Fate::Mended
            }
            FsckMode::DryRun => Fate::ToMend,
        };
        self.tell(path, trouble, fate);
        Ok(())
    }

    /// Nobody else has the store open. The file itself is no more than a place for that.
    fn lock(&mut self) -> Result<File, FsckError> {
        let path = Path::new(layout::LOCK);
        let is_there = self.disk.stat_path(path).blame("stat", path)?.is_some();
        if !is_there && self.mode == FsckMode::DryRun {
            self.tell(path, Trouble::Missing, Fate::ToMend);
            // Without it nobody can have the store open.
            let marker = Path::new(layout::MARKER);
            let marker = self.disk.open(marker).blame("open", marker)?;
            return Ok(marker.ok_or_else(|| OpenError::Missing { path: self.disk.root() })?);
        }
        let locked = self.disk.lock(path).blame("lock", path)?;
        if !is_there {
            self.tell(path, Trouble::Missing, Fate::Mended);
        }
        Ok(locked.ok_or_else(|| OpenError::Locked { path: self.disk.root() })?)
    }

    /// Directories that are missing, and names that no store has. False where a directory is none.
    fn layout(&mut self) -> Result<bool, FsckError> {
        let mut is_sound = true;
        let disk = Arc::clone(self.disk);
        let mut known: BTreeSet<PathBuf> = layout::directories().collect();
        for path in layout::directories() {
            let is_there = match disk.list(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                    self.tell(path, Trouble::NotADirectory, Fate::Unmended);
                    is_sound = false;
                    continue;
                }
                listed => listed.blame("list", &path)?.is_some(),
            };
            if !is_there {
                self.mend(path.clone(), Trouble::Missing, || {
                    disk.make_dir(&path).blame("make directory", &path)?;
                    Ok(disk.sync_dir(layout::parent(&path)).blame("sync directory", layout::parent(&path))?)
                })?;
            }
        }
        known.extend(OWN_FILES.map(PathBuf::from));
        for parent in layout::parents() {
            for name in names(&*disk, &parent)? {
                let path = if parent == Path::new(layout::ROOT) { name.into() } else { parent.join(name) };
                if !known.contains(&path) {
                    self.tell(path, Trouble::Foreign, Fate::Left);
                }
            }
        }
        Ok(is_sound)
    }

    /// What `meta.redb` says; `None` where it is damaged, and nothing more can be told.
    fn meta(&mut self) -> Result<Option<State>, FsckError> {
        match Meta::inspect(self.disk) {
            Ok(Some((state, foreign_pins))) => {
                for name in foreign_pins {
                    self.tell(layout::META, Trouble::PinOfNone(name), Fate::Left);
                }
                Ok(Some(state))
            }
            Ok(None) => {
                // To open the store makes it anew.
                self.mend(layout::META, Trouble::MetaMissing, || Ok(()))?;
                Ok(Some(State::unknown()))
            }
            Err(fault) if database::is_damage(&fault) => {
                self.tell(layout::META, Trouble::MetaDamaged(fault), Fate::Unmended);
                Ok(None)
            }
            Err(fault) => Err(fault.into()),
        }
    }

    fn index(&mut self, is_stale: bool) -> Result<Indexed, FsckError> {
        // What is made anew is made when the store is asked how much it holds.
        match Index::inspect(self.disk) {
            Ok(Some(_)) if is_stale => Ok(Indexed::Doubtful),
            Ok(Some(usage)) => Ok(Indexed::Says(usage.count, usage.size)),
            Ok(None) => {
                self.mend(layout::INDEX, Trouble::Missing, || Ok(()))?;
                Ok(Indexed::Doubtful)
            }
            Err(fault) if database::is_lost(&fault) => {
                let disk = Arc::clone(self.disk);
                let index = Path::new(layout::INDEX);
                self.mend(layout::INDEX, Trouble::IndexDamaged(fault), || {
                    disk.unlink(index).blame("unlink", index)?;
                    Ok(())
                })?;
                Ok(Indexed::Doubtful)
            }
            Err(fault) => Err(fault.into()),
        }
    }

    /// All that lies in the store's directories.
    fn all(&mut self, store: &Store, indexed: Indexed) -> Result<Fscked, FsckError> {
        // Before those go whose blobs are put away.
        self.entries(store)?;
        let (mut gone_count, mut gone_size) = (0, 0_u64);
        if self.mode == FsckMode::Mend {
            let read = self.read;
            let leave = |len| {
                read(len);
                ControlFlow::Continue(())
            };
            store.check_suspects(&leave, &mut |found| match found {
                ScrubFound::Checked(checked) if checked.damage.is_empty() => {}
                ScrubFound::Checked(Checked { digest, size, damage, .. }) => {
                    (gone_count, gone_size) = (gone_count + 1, gone_size.saturating_add(*size));
                    let trouble = Trouble::BlobDamaged { size: *size, ranges: damage.clone() };
                    self.tell(layout::blob(digest), trouble, Fate::Mended);
                }
                ScrubFound::Failed { digest, fault, .. } => {
                    let path = digest.map_or_else(PathBuf::new, |digest| layout::blob(&digest));
                    self.tell(path, Trouble::Unreadable(fault.clone()), Fate::Unmended);
                }
            })?;
        }
        let (count, size) = self.tree(store)?;
        self.uploads(store)?;
        self.quarantine()?;
        // What it said was read before those were put away.
        if let Indexed::Says(says_count, says_size) = indexed
            && (says_count, says_size) != (count + gone_count, size.saturating_add(gone_size))
        {
            let trouble = Trouble::IndexDiffers { says_count, says_size, count, size };
            self.mend(layout::INDEX, trouble, || Ok(()))?;
        }
        if self.mode == FsckMode::Mend {
            // Row by row, even where the sums agree.
            store.inner.index.doubt();
            store.usage()?;
        }
        Ok(Fscked { count, size, is_complete: true })
    }

    fn uploads(&mut self, store: &Store) -> Result<(), FsckError> {
        for name in names(&**self.disk, Path::new(layout::UPLOADS))? {
            if layout::upload_at(&name).is_none() {
                self.tell(Path::new(layout::UPLOADS).join(name), Trouble::Foreign, Fate::Left);
            }
        }
        for (id, lacks) in store.inner.rubbish_uploads()? {
            self.mend(layout::upload(id), Trouble::UploadLacks(lacks), || {
                store.drop_upload(id)?;
                Ok(())
            })?;
        }
        Ok(())
    }

    fn quarantine(&mut self) -> Result<(), FsckError> {
        for name in names(&**self.disk, Path::new(layout::QUARANTINE))? {
            if layout::quarantined_at(&name).is_none() {
                self.tell(Path::new(layout::QUARANTINE).join(name), Trouble::Foreign, Fate::Left);
            }
        }
        for kept in quarantine::list(&**self.disk)? {
            let trouble = Trouble::Quarantined { size: kept.size, ranges: kept.damage };
            self.tell(layout::quarantined(&kept.digest), trouble, Fate::Left);
        }
        Ok(())
    }
}

/// The names in a directory, in order; none where there is none.
fn names(disk: &dyn Disk, path: &Path) -> Result<Vec<String>, StorageFault> {
    let mut names = match disk.list(path) {
        // That was told already.
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => Vec::new(),
        listed => listed.blame("list", path)?.unwrap_or_default(),
    };
    names.sort_unstable();
    Ok(names)
}

/// Files in the root of a store, and what a filesystem has there.
const OWN_FILES: [&str; 6] =
    [layout::MARKER, layout::LOCK, layout::INDEX, layout::META, layout::CALIBRATION, "lost+found"];
