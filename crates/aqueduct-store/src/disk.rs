//! The seam between the store and the kernel: the few verbs that a store is made of.
//!
//! Everything the store changes on the medium goes through these verbs, and through nothing else. So a test can count
//! them, fail any one of them, stop after any one of them, and rebuild what a power cut at that moment may leave behind
//! (`SimDisk` in the testkit does). The files are real files: sendfile, splice and mappings work on them.
//!
//! Paths are relative to the store's directory. Time is the kernel's own, because the durable mark compares it with the
//! change times that the kernel gives to files.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use aqueduct_flow::{Medium, Step};
use aqueduct_sys::Error;

/// The verbs. Those that change the medium are listed in [`Verb`].
pub trait Disk: fmt::Debug + Send + Sync + 'static {
    /// Makes a directory; false where it was there already.
    fn make_dir(&self, path: &Path) -> io::Result<bool>;

    /// Makes a file without a name in the store's filesystem, readable and writable through this descriptor alone
    /// (`O_TMPFILE`, open(2)). It is gone when the descriptor is closed, unless it was linked before. Once it has a
    /// name, it can be opened for reading only.
    fn stage(&self) -> io::Result<File>;

    /// Like [`Disk::stage`], for a file of the store's own that is opened for writing again (a database).
    fn stage_writable(&self) -> io::Result<File>;

    /// Reserves space for the first `len` bytes of `file` without changing its length (fallocate(2)). A filesystem
    /// that cannot reserve answers `Ok`; one that is full answers `StorageFull`.
    fn reserve(&self, file: &File, len: u64) -> io::Result<()>;

    /// Lets `turn` write to `file` from `offset` on, by whatever route; it says how far it came.
    fn write(
        &self,
        file: &File,
        offset: u64,
        turn: &mut dyn FnMut(&File) -> io::Result<Step>,
    ) -> io::Result<Step>;

    /// Sets the length of `file` (ftruncate(2)); new bytes are zero.
    fn set_len(&self, file: &File, len: u64) -> io::Result<()>;

    /// Makes the bytes and the length of `file` durable (fdatasync(2)). Says nothing about its name.
    fn sync_data(&self, file: &File) -> io::Result<()>;

    /// Takes from everybody the right to open `file` for writing (fchmod(2)), for one that was made by
    /// [`Disk::stage_writable`] and becomes a blob.
    fn seal(&self, file: &File) -> io::Result<()>;

    /// Lets `file` say that it was last written before now (futimens(3)), so that its change time, which the name sets, is later
    /// than that as long as nobody writes to it. Only a hint, which reaches the medium with the name.
    fn date_back(&self, file: &File) -> io::Result<()>;

    /// Gives `file` a name, never replacing another (linkat(2)).
    fn link(&self, file: &File, path: &Path) -> io::Result<Linked>;

    /// Takes a name away; false where there was none.
    fn unlink(&self, path: &Path) -> io::Result<bool>;

    /// Makes the names in a directory durable (fsync(2) of the directory).
    ///
    /// # Errors
    /// [`Unopened`] where the directory could not even be opened: then nobody asked for anything.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Makes everything on the store's filesystem durable (syncfs(2), which reports write-back errors since Linux 5.8).
    fn sync_all(&self) -> io::Result<()>;

    /// Opens a file for reading; `None` where there is none.
    fn open(&self, path: &Path) -> io::Result<Option<File>>;

    /// Opens a file of the store's own for reading and writing; `None` where there is none.
    ///
    /// # Errors
    /// [`Unopened`] where it could not be opened.
    fn open_writable(&self, path: &Path) -> io::Result<Option<File>>;

    /// Forgets what the page cache has of a file that was synced, so that it is read from the medium next
    /// (posix_fadvise(2), `POSIX_FADV_DONTNEED`). Only advice: a filesystem in memory has no medium.
    fn drop_cache(&self, file: &File) -> io::Result<()>;

    /// Brings all data of a file into the page cache, in order and without the holes. Only advice, for who is about to read all of
    /// it here and there.
    fn read_ahead(&self, file: &File) -> io::Result<()>;

    /// Opens a file once more, to read it from its medium and leave the page cache as it is.
    fn medium(&self, file: &File) -> io::Result<Medium>;

    /// The names in a directory, in no order; `None` where there is no such directory.
    fn list(&self, path: &Path) -> io::Result<Option<Vec<String>>>;

    /// What the kernel says of an open file.
    fn stat(&self, file: &File) -> io::Result<Stat>;

    /// What the kernel says of a named file, not following a symbolic link; `None` where there is none.
    fn stat_path(&self, path: &Path) -> io::Result<Option<Stat>>;

    /// Takes the store's lock, which lasts as long as the returned file is open (flock(2)); `None` where another holds it.
    fn lock(&self, path: &Path) -> io::Result<Option<File>>;

    /// The kernel's wall clock, in seconds since 1970: the very clock that change times are read from.
    fn now(&self) -> i64;

    /// Which life of this machine and of the store's mount this is: as long as it is the same, whatever was written is
    /// there to be read, synced or not.
    fn boot(&self) -> io::Result<Boot>;

    /// How much room its filesystem has (statvfs(3)).
    fn room(&self) -> io::Result<Room>;

    /// Where the store lies, for messages.
    fn root(&self) -> PathBuf;
}

/// The verbs that change the medium, for those who count them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// [`Disk::make_dir`].
    MakeDir,
    /// [`Disk::stage`] and [`Disk::stage_writable`].
    Stage,
    /// [`Disk::reserve`].
    Reserve,
    /// [`Disk::write`].
    Write,
    /// [`Disk::set_len`].
    SetLen,
    /// [`Disk::sync_data`].
    SyncData,
    /// [`Disk::seal`].
    Seal,
    /// [`Disk::link`].
    Link,
    /// [`Disk::unlink`].
    Unlink,
    /// [`Disk::sync_dir`].
    SyncDir,
    /// [`Disk::sync_all`].
    SyncAll,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::MakeDir,
        Self::Stage,
        Self::Reserve,
        Self::Write,
        Self::SetLen,
        Self::SyncData,
        Self::Seal,
        Self::Link,
        Self::Unlink,
        Self::SyncDir,
        Self::SyncAll,
    ];
}

/// What became of a [`Disk::link`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linked {
    /// The name is new and leads to the file.
    New,
    /// The name was taken; nothing was changed (EEXIST).
    Exists,
}

/// What could not be opened was not changed, and was not asked to become durable: whoever tries again once there are descriptors or
/// memory loses nothing. It comes inside an [`io::Error`] of the same kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct Unopened(pub Error);

impl From<Unopened> for io::Error {
    fn from(unopened: Unopened) -> Self {
        Self::new(Self::from(unopened.0).kind(), unopened)
    }
}

/// A life of a mount: the same bytes until the machine is started anew or the filesystem is mounted anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boot(pub [u8; 32]);

/// How much room a filesystem has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// All of it, in bytes.
    pub size: u64,
    /// What may still be written, in bytes.
    pub available: u64,
    /// How many files it can have; 0 where it makes inodes as they are needed.
    pub inode_count: u64,
    /// How many more may be made.
    pub inodes_available: u64,
}

/// What the kernel says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Length in bytes.
    pub size: u64,
    /// What its blocks take on the medium, in bytes (`st_blocks`).
    pub allocated: u64,
    /// When the file was last given a name, written or otherwise changed (`st_ctime`), in seconds since 1970. Nobody
    /// can set it back, short of the clock.
    pub changed: i64,
    /// Which change that was: the same time to the nanosecond.
    pub change: i64,
    /// Whether it was written to since [`Disk::date_back`], or may have been: `st_mtime` is no whole second, which the time of
    /// a write is by chance alone, or it is not before `st_ctime`.
    pub written: bool,
    /// Whether it is a regular file.
    pub regular: bool,
    /// The file itself, whatever its name: its number in its filesystem.
    pub inode: u64,
    /// How many names lead to it.
    pub links: u64,
    /// Whether anybody has the right to open it for writing.
    pub writable: bool,
}
