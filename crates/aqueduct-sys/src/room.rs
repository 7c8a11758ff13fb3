//! fstatvfs(3).

use std::os::fd::AsFd;

use rustix::fs::StatVfsMountFlags;

use crate::Result;
use crate::error::Named;

/// How much room a filesystem has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// All of it, in bytes.
    pub size: u64,
    /// What a user without privileges may still write, in bytes.
    pub available: u64,
    /// How many files it can have; 0 where it makes inodes as they are needed.
    pub inode_count: u64,
    /// How many more a user without privileges may make.
    pub inodes_available: u64,
    /// Whether it takes no changes here.
    pub is_read_only: bool,
}

/// Asks how much room the filesystem of `file` has. See statvfs(3).
///
/// # Errors
///
/// EIO and its like from a filesystem in trouble; ENOSYS from one that cannot say.
pub fn room(file: impl AsFd) -> Result<Room> {
    let found = rustix::fs::fstatvfs(file).named("fstatfs")?;
    Ok(Room {
        size: found.f_blocks.saturating_mul(found.f_frsize),
        available: found.f_bavail.saturating_mul(found.f_frsize),
        inode_count: found.f_files,
        inodes_available: found.f_favail,
        is_read_only: found.f_flag.contains(StatVfsMountFlags::RDONLY),
    })
}
