//! The disk that is one: every verb a Linux call or two on a directory.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aqueduct_blob::{Algorithm, Hasher};
use aqueduct_flow::{Medium, Step, uninterrupted};
use aqueduct_sys as sys;

use crate::disk::{Boot, Disk, Linked, Room, Stat, Unopened};
use crate::syncs::counted;

/// A directory on a filesystem of this machine.
#[derive(Debug)]
pub struct RealDisk {
    root: PathBuf,
    directory: File,
}

/// Published blobs are read-only to everybody: nothing that opens one by its name can change it.
const BLOB_MODE: u32 = 0o444;
/// Permissions to write, of owner, group and others: inode(7).
const WRITE_BITS: u32 = 0o222;
/// The store's own files.
const OWN_MODE: u32 = 0o644;
/// Of this start of the machine (random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// In a second.
const NANOS: i64 = 1_000_000_000;
/// Directories, narrowed by the umask as everywhere.
const DIRECTORY_MODE: u32 = 0o755;

impl RealDisk {
    /// The disk at `root`; `None` where there is no such directory.
    ///
    /// # Errors
    /// Where it cannot be opened, or is no directory.
    pub fn open(root: &Path) -> io::Result<Option<Self>> {
        let directory = match sys::open_directory(root) {
            Ok(directory) => File::from(directory),
            Err(error) if error.errno() == sys::Errno::NOENT => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // Messages name it, whatever directory they are read in.
        let root = fs::canonicalize(root)?;
        Ok(Some(Self { root, directory }))
    }

    /// The disk at `root`, which is made where it is not, durably.
    ///
    /// # Errors
    /// As [`RealDisk::open`], and where it cannot be made.
    pub fn make(root: &Path) -> io::Result<Self> {
        let absolute = std::path::absolute(root)?;
        for path in missing(&absolute)?.into_iter().rev() {
            match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => made?,
            }
            sync_parent(path)?;
        }
        // Whoever made the directory may not have synced its name.
        sync_parent(&absolute)?;
        Self::open(root)?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Whether [`RealDisk::make`] has all names free that it needs: a symbolic link to nothing takes one. Makes nothing.
    ///
    /// # Errors
    /// EEXIST where one is taken.
    pub(crate) fn check_makeable(root: &Path) -> io::Result<()> {
        missing(&std::path::absolute(root)?).map(drop)
    }

    fn at(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }
}

/// The directories that are to be made on the way to `path`, the last one first.
fn missing(path: &Path) -> io::Result<Vec<&Path>> {
    let missing: Vec<_> = path.ancestors().take_while(|path| !path.exists()).collect();
    match missing.iter().find(|path| path.is_symlink()) {
        Some(link) => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("{} is a symbolic link to nothing", link.display()),
        )),
        None => Ok(missing),
    }
}

impl Disk for RealDisk {
    fn make_dir(&self, path: &Path) -> io::Result<bool> {
        present(DirBuilder::new().mode(DIRECTORY_MODE).create(self.at(path)), io::ErrorKind::AlreadyExists)
    }

    fn stage(&self) -> io::Result<File> {
        Ok(uninterrupted(|| sys::open_unnamed(&self.directory, BLOB_MODE))?.into())
    }

    fn stage_writable(&self) -> io::Result<File> {
        Ok(uninterrupted(|| sys::open_unnamed(&self.directory, OWN_MODE))?.into())
    }

    fn reserve(&self, file: &File, len: u64) -> io::Result<()> {
        match uninterrupted(|| sys::fallocate(file, sys::Reserve::KeepSize, 0, len)) {
            // Only a kindness: a filesystem that cannot reserve says so later, when it is full.
            Err(error) if error.errno() == sys::Errno::OPNOTSUPP => Ok(()),
            reserved => Ok(reserved?),
        }
    }

    fn write(
        &self,
        file: &File,
        _offset: u64,
        turn: &mut dyn FnMut(&File) -> io::Result<Step>,
    ) -> io::Result<Step> {
        turn(file)
    }

    fn set_len(&self, file: &File, len: u64) -> io::Result<()> {
        file.set_len(len)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        // A sync that was interrupted told of no failure, so that to ask again hides none.
        Ok(counted(|| uninterrupted(|| sys::fdatasync(file)))?)
    }

    fn seal(&self, file: &File) -> io::Result<()> {
        // The umask was taken off when the file was made, and stays off.
        let mode = file.metadata()?.permissions().mode() & BLOB_MODE;
        file.set_permissions(Permissions::from_mode(mode))
    }

    fn date_back(&self, file: &File) -> io::Result<()> {
        Ok(sys::set_written(file, self.now() - 1)?)
    }

    fn link(&self, file: &File, path: &Path) -> io::Result<Linked> {
        Ok(match uninterrupted(|| sys::link_unnamed(file, &self.directory, path))? {
            sys::Placed::New => Linked::New,
            sys::Placed::NameTaken => Linked::Exists,
        })
    }

    fn unlink(&self, path: &Path) -> io::Result<bool> {
        present(fs::remove_file(self.at(path)), io::ErrorKind::NotFound)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let directory = uninterrupted(|| sys::open_directory(&self.at(path))).map_err(Unopened)?;
        Ok(counted(|| uninterrupted(|| sys::fsync(&directory)))?)
    }

    fn sync_all(&self) -> io::Result<()> {
        Ok(counted(|| uninterrupted(|| sys::syncfs(&self.directory)))?)
    }

    fn open(&self, path: &Path) -> io::Result<Option<File>> {
        Ok(found(uninterrupted(|| sys::open_untouched(&self.directory, path)))?)
    }

    fn open_writable(&self, path: &Path) -> io::Result<Option<File>> {
        let opened = uninterrupted(|| sys::open_file(&self.directory, path, sys::Access::ReadWrite));
        Ok(found(opened).map_err(Unopened)?)
    }

    fn drop_cache(&self, file: &File) -> io::Result<()> {
        Ok(sys::fadvise(file, 0, None, sys::Advice::DontNeed)?)
    }

    fn read_ahead(&self, file: &File) -> io::Result<()> {
        let size = file.metadata()?.len();
        let mut buffer = vec![0; AHEAD_LEN];
        let mut position = 0;
        while let Some(start) =
            uninterrupted(|| sys::seek_data(file, position))?.filter(|&start| start < size)
        {
            let end = uninterrupted(|| sys::seek_hole(file, start))?.unwrap_or(size).min(size);
            position = start;
            while position < end {
                let len = usize::try_from(end - position).map_or(AHEAD_LEN, |left| left.min(AHEAD_LEN));
                match uninterrupted(|| sys::pread(file, &mut buffer[..len], position))? {
                    // It became shorter.
                    0 => return Ok(()),
                    read => position += read as u64,
                }
            }
        }
        Ok(())
    }

    fn medium(&self, file: &File) -> io::Result<Medium> {
        Medium::new(file)
    }

    fn list(&self, path: &Path) -> io::Result<Option<Vec<String>>> {
        let entries = match fs::read_dir(self.at(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            // A name that is no UTF-8 is none of ours.
            names.extend(entry?.file_name().into_string());
        }
        Ok(Some(names))
    }

    fn stat(&self, file: &File) -> io::Result<Stat> {
        file.metadata().map(|metadata| from_metadata(&metadata))
    }

    fn stat_path(&self, path: &Path) -> io::Result<Option<Stat>> {
        match fs::symlink_metadata(self.at(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            metadata => Ok(Some(from_metadata(&metadata?))),
        }
    }

    fn lock(&self, path: &Path) -> io::Result<Option<File>> {
        let file = File::options().create(true).truncate(false).read(true).write(true).open(self.at(path))?;
        Ok(match sys::try_lock_exclusive(&file)? {
            sys::Lock::Acquired => Some(file),
            sys::Lock::Taken => None,
        })
    }

    fn now(&self) -> i64 {
        sys::realtime_coarse().seconds
    }

    fn boot(&self) -> io::Result<Boot> {
        let boot = fs::read_to_string(BOOT_ID)?;
        let stat = sys::stat(&self.directory)?;
        let mut hasher = Hasher::new(Algorithm::Blake3);
        hasher.update(format!("{} {:?} {}", boot.trim(), stat.mount, stat.device).as_bytes());
        Ok(Boot(*hasher.finish().digest.as_bytes()))
    }

    fn room(&self) -> io::Result<Room> {
        let sys::Room { size, available, inode_count, inodes_available, .. } = sys::room(&self.directory)?;
        Ok(Room { size, available, inode_count, inodes_available })
    }

    fn root(&self) -> PathBuf {
        self.root.clone()
    }
}

/// What `st_blocks` counts in, whatever the filesystem's blocks are (stat(2)).
const BLOCK_UNIT: u64 = 512;

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| Ok(sys::fsync(sys::open_directory(parent)?)?))
}

fn from_metadata(metadata: &fs::Metadata) -> Stat {
    Stat {
        size: metadata.len(),
        allocated: metadata.blocks() * BLOCK_UNIT,
        changed: metadata.ctime(),
        change: metadata.ctime().saturating_mul(NANOS).saturating_add(metadata.ctime_nsec()),
        // Where a filesystem keeps whole seconds alone, the second half is what tells.
        written: metadata.mtime_nsec() != 0
            || (metadata.mtime(), 0) >= (metadata.ctime(), metadata.ctime_nsec()),
        regular: metadata.is_file(),
        inode: metadata.ino(),
        links: metadata.nlink(),
        writable: metadata.mode() & WRITE_BITS != 0,
    }
}

/// Whether a call did something; false where it met `exception`, which means there was nothing to do.
fn present(done: io::Result<()>, exception: io::ErrorKind) -> io::Result<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == exception => Ok(false),
        Err(error) => Err(error),
    }
}

fn found(opened: sys::Result<std::os::fd::OwnedFd>) -> sys::Result<Option<File>> {
    match opened {
        Ok(file) => Ok(Some(file.into())),
        Err(error) if error.errno() == sys::Errno::NOENT => Ok(None),
        // A symbolic link: not ours, and never followed.
        Err(error) if error.errno() == sys::Errno::LOOP => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is read at once of a file that is read ahead.
const AHEAD_LEN: usize = 1 << 20;

#[cfg(test)]
mod tests;
