//! statx(2).

use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Statx, StatxFlags, makedev};

use crate::error::Named;
use crate::{Result, Symlinks};

/// What the kernel knows of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Size in bytes; 0 for what has none, as pipes, sockets, and many files of /proc.
    pub size: u64,
    /// How many names the file has; 0 for an unnamed one.
    pub link_count: u32,
    /// Type and permission bits, as in inode(7).
    pub mode: u16,
    /// Whose it is, by number.
    pub user: u32,
    /// Of which group it is, by number.
    pub group: u32,
    /// Last change of content or inode.
    pub ctime: Timestamp,
    /// Last change of content.
    pub mtime: Timestamp,
    /// The device of the filesystem, as `st_dev` in stat(2).
    pub device: u64,
    /// The inode number, unique in its filesystem.
    pub inode: u64,
    /// Allocated blocks of 512 bytes; a file with fewer than its size needs has holes (or is compressed).
    pub block_count: u64,
    /// Which mount the file was opened through; `None` before Linux 5.8.
    pub mount: Option<MountId>,
}

/// Seconds and nanoseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Whole seconds; negative before 1970.
    pub seconds: i64,
    /// 0 to 999,999,999, counted forward from `seconds`.
    pub nanoseconds: u32,
}

/// A mount of this boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MountId {
    /// Never given to another mount until the next boot (`STATX_MNT_ID_UNIQUE`, Linux 6.8).
    Unique(u64),
    /// May be given to another mount once this one is gone (`STATX_MNT_ID`).
    Reused(u64),
}

impl Stat {
    /// What kind of file this is.
    #[must_use]
    pub fn file_type(&self) -> FileType {
        FileType::from_raw_mode(u32::from(self.mode))
    }

    /// Whether `other` is the same file.
    #[must_use]
    pub fn same_file(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// Asks about an open file of any kind. See statx(2).
///
/// # Errors
///
/// EIO and its like from a filesystem in trouble.
pub fn stat(file: impl AsFd) -> Result<Stat> {
    rustix::fs::statx(file, "", AtFlags::EMPTY_PATH, wanted()).named("statx").map(|found| understand(&found))
}

/// Asks about `name`, seen from `dir`, without opening it.
///
/// # Errors
///
/// ENOENT where there is none. See statx(2).
pub fn stat_at(dir: impl AsFd, name: &Path, symlinks: Symlinks) -> Result<Stat> {
    let flags = match symlinks {
        Symlinks::Follow => AtFlags::empty(),
        Symlinks::Keep => AtFlags::SYMLINK_NOFOLLOW,
    };
    rustix::fs::statx(dir, name, flags, wanted()).named("statx").map(|found| understand(&found))
}

fn wanted() -> StatxFlags {
    StatxFlags::BASIC_STATS | StatxFlags::MNT_ID | MNT_ID_UNIQUE
}

fn understand(found: &Statx) -> Stat {
    let given = StatxFlags::from_bits_retain(found.stx_mask);
    let mount = if given.contains(MNT_ID_UNIQUE) {
        Some(MountId::Unique(found.stx_mnt_id))
    } else if given.contains(StatxFlags::MNT_ID) {
        Some(MountId::Reused(found.stx_mnt_id))
    } else {
        None
    };
    Stat {
        size: found.stx_size,
        link_count: found.stx_nlink,
        mode: found.stx_mode,
        user: found.stx_uid,
        group: found.stx_gid,
        ctime: Timestamp { seconds: found.stx_ctime.tv_sec, nanoseconds: found.stx_ctime.tv_nsec },
        mtime: Timestamp { seconds: found.stx_mtime.tv_sec, nanoseconds: found.stx_mtime.tv_nsec },
        device: makedev(found.stx_dev_major, found.stx_dev_minor),
        inode: found.stx_ino,
        block_count: found.stx_blocks,
        mount,
    }
}

/// linux/stat.h; not yet named by rustix.
const MNT_ID_UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000);
