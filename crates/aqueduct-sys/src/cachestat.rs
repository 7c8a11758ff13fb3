//! cachestat(2).

use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

use crate::{Error, Result};

/// How many pages of a range of a file are where, as `struct cachestat` of linux/mman.h has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct CacheStat {
    /// In the page cache, or on their way into it: those that are still being read count, too.
    pub cached: u64,
    /// Changed, and not written back yet.
    pub dirty: u64,
    /// Being written back.
    pub writeback: u64,
    /// Were in the page cache once.
    pub evicted: u64,
    /// Evicted so lately that reading them again would show a lack of memory.
    pub evicted_lately: u64,
}

/// Counts the pages of `range` of `file`. An empty range that begins at 0 is the whole file.
///
/// # Errors
///
/// ENOSYS before Linux 6.5; EPERM for a file that this process neither owns nor may write; EOPNOTSUPP for huge pages. See
/// cachestat(2).
pub fn cachestat(file: impl AsFd, range: &Range<u64>) -> Result<CacheStat> {
    let asked = AskedRange { offset: range.start, len: range.end.saturating_sub(range.start) };
    let mut found = CacheStat::default();
    let flags: libc::c_uint = 0;
    // SAFETY: syscall(2) wants the arguments of the call that its number names. cachestat(2) takes a descriptor, which
    // is borrowed and so open; a pointer to a `struct cachestat_range`, which it only reads; a pointer to a `struct
    // cachestat`, which it fills; and flags, which must be 0. Both structs are `repr(C)` with the fields of linux/mman.h,
    // live to the end of this function, and are not kept by the kernel beyond the call.
    let answer = unsafe {
        libc::syscall(
            CACHESTAT,
            file.as_fd().as_raw_fd(),
            ptr::from_ref(&asked),
            ptr::from_mut(&mut found),
            flags,
        )
    };
    if answer == 0 { Ok(found) } else { Err(Error::last("cachestat")) }
}

/// `struct cachestat_range` of linux/mman.h.
#[repr(C)]
struct AskedRange {
    offset: u64,
    len: u64,
}

/// Its number, which the C library does not name yet: calls since 424 have the same one on every architecture that Rust
/// builds for but mips, whose numbers begin at 4000, and which answers ENOSYS to this one.
const CACHESTAT: libc::c_long = 451;
