//! mmap(2), munmap(2) and msync(2): files as memory.
//!
//! A mapping is sound to show as a slice only while nobody truncates the file under it (a touch beyond the end is
//! SIGBUS) and nobody writes the bytes that a slice shows. The kernel promises neither, so a mapping is made only of
//! files whose state promises both, and the constructors check that state:
//!
//! - an *unnamed* file (no links: an `O_TMPFILE` staging, a memfd): no other process can open it by a name, so only
//!   holders of its descriptor can write it. Whoever maps it must not write the mapped range by other ways, nor truncate
//!   below it, while the mapping lives;
//! - a *read-only* file (no write permission for anyone: a published blob): the project's invariant is that such a file
//!   is never written or truncated, only unlinked.
//!
//! Everything else is refused as [`MapError::Writable`], and bytes beyond the end as [`MapError::BeyondEnd`].

use std::ffi::c_void;
use std::fmt;
use std::ops::{Deref, DerefMut, Range};
use std::os::fd::AsFd;
use std::ptr::{self, NonNull};
use std::slice;

use rustix::fs::FileType;
use rustix::mm::{Advice, MapFlags, MsyncFlags, ProtFlags};
use rustix::param::page_size;

use crate::{Errno, Error, Stat, count, stat};

/// A range of a file as memory that is only read.
#[derive(Debug)]
pub struct ReadMapping(Region);

/// A range of a file as memory, written through to the file (`MAP_SHARED`).
#[derive(Debug)]
pub struct WriteMapping(Region);

/// Why a range of a file was not mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// Only regular files are mapped.
    #[error("mmap refused: not a regular file")]
    NotRegular,
    /// The file has a name and write permissions, so another process may change or truncate it.
    #[error("mmap refused: the file has {link_count} name(s) and mode {mode:o}, so others may change it")]
    Writable {
        /// How many names it has.
        link_count: u32,
        /// Its type and permission bits.
        mode: u16,
    },
    /// The range reaches beyond the end of the file, where a touch would be SIGBUS.
    #[error("mmap refused: the file ends at {size}, the range at {end}")]
    BeyondEnd {
        /// The size of the file.
        size: u64,
        /// The end of the range asked for.
        end: u64,
    },
    /// A call failed.
    #[error(transparent)]
    Call(#[from] Error),
}

impl ReadMapping {
    /// Maps exactly `range` of `file` for reading: the slice is `range` long and not a byte longer. An empty range needs
    /// no memory and is always mapped. See mmap(2).
    ///
    /// # Errors
    ///
    /// [`MapError`] names what the file lacks; EACCES if `file` is not open for reading; ENOMEM at the limit on mappings.
    pub fn new(file: impl AsFd, range: Range<u64>) -> Result<Self, MapError> {
        let found = stat(&file)?;
        if !(is_unnamed(&found) || is_read_only(&found)) {
            return Err(MapError::Writable { link_count: found.link_count, mode: found.mode });
        }
        Region::new(file, &found, range, ProtFlags::READ).map(Self)
    }
}

impl WriteMapping {
    /// Maps exactly `range` of the unnamed `file` for reading and writing.
    ///
    /// Space for the range must have been reserved (fallocate(2)): else a full disk is SIGBUS at the first touch.
    ///
    /// # Errors
    ///
    /// As for [`ReadMapping::new`], and a named file is refused even if it is read-only.
    pub fn new(file: impl AsFd, range: Range<u64>) -> Result<Self, MapError> {
        let found = stat(&file)?;
        if !is_unnamed(&found) {
            return Err(MapError::Writable { link_count: found.link_count, mode: found.mode });
        }
        Region::new(file, &found, range, ProtFlags::READ | ProtFlags::WRITE).map(Self)
    }

    /// Makes what was written through the mapping durable, and waits for it. See `MS_SYNC` in msync(2).
    ///
    /// # Errors
    ///
    /// EIO when write-back failed; as after fsync(2), a second try proves nothing.
    pub fn sync(&self) -> crate::Result<()> {
        self.0.sync()
    }

    /// Brings the pages of `range`, which lies within the mapping, into memory, writable, in one call instead of a fault
    /// for each. What is in them stays. See `MADV_POPULATE_WRITE` in madvise(2).
    ///
    /// # Errors
    ///
    /// EINVAL before Linux 5.14; EFAULT where a page cannot be had, as on a full disk.
    pub fn populate(&self, range: Range<usize>) -> crate::Result<()> {
        self.0.populate(range)
    }
}

impl Deref for ReadMapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl Deref for WriteMapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl DerefMut for WriteMapping {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: `slice::from_raw_parts_mut` wants `start` valid for reads and writes of `len` bytes: `Region::new`
        // mapped them with PROT_READ | PROT_WRITE (the only constructor of `WriteMapping`), they lie inside the file, and
        // the mapping lives as long as `self`. Aligned and initialised: they are bytes. Exclusive: `&mut self`, and an
        // unnamed file has no other writer (see the module's first lines). At most isize::MAX: `Region::new` checked.
        unsafe { slice::from_raw_parts_mut(self.0.start.as_ptr(), self.0.len) }
    }
}

/// Mapped pages, and the bytes of them that were asked for.
struct Region {
    /// Where the mapped pages begin: what munmap(2) wants. Dangling if `len` is 0.
    pages: NonNull<c_void>,
    /// From `pages` to the end of what was asked for.
    /// Invariant: `pages_len == start - pages + len`, and 0 exactly if nothing is mapped.
    pages_len: usize,
    /// The first byte asked for, less than a page after `pages`.
    start: NonNull<u8>,
    /// How many bytes were asked for.
    len: usize,
}

impl Region {
    fn new(file: impl AsFd, found: &Stat, range: Range<u64>, access: ProtFlags) -> Result<Self, MapError> {
        if found.file_type() != FileType::RegularFile {
            return Err(MapError::NotRegular);
        }
        if range.is_empty() {
            return Ok(Self::empty());
        }
        if range.end > found.size {
            return Err(MapError::BeyondEnd { size: found.size, end: range.end });
        }
        // mmap(2): "offset must be a multiple of the page size".
        let skew = range.start % page_size() as u64;
        let offset = range.start - skew;
        let (Ok(skew), Ok(pages_len)) = (usize::try_from(skew), isize::try_from(range.end - offset)) else {
            return Err(Error::new(MMAP, Errno::OVERFLOW).into());
        };
        let pages_len = pages_len.unsigned_abs();

        count::add();
        // SAFETY: rustix asks that `ptr` and `len` name no memory that others rely on: a null hint without MAP_FIXED lets
        // the kernel choose, and mmap(2) says that it then picks a place that is free. The result is only used through
        // `Region`, which unmaps it when dropped.
        let mapped =
            unsafe { rustix::mm::mmap(ptr::null_mut(), pages_len, access, MapFlags::SHARED, file, offset) };
        let pages = mapped.map_err(|errno| Error::new(MMAP, errno))?;
        let pages = NonNull::new(pages).expect("mmap without MAP_FIXED never maps address 0");
        // SAFETY: `NonNull::add` wants the result inside the same allocation and no overflow: `skew` is less than
        // `pages_len`, because the range is not empty and starts `skew` bytes after `offset`.
        let start = unsafe { pages.cast::<u8>().add(skew) };
        Ok(Self { pages, pages_len, start, len: pages_len - skew })
    }

    fn empty() -> Self {
        Self { pages: NonNull::dangling(), pages_len: 0, start: NonNull::dangling(), len: 0 }
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: `slice::from_raw_parts` wants `start` valid for reads of `len` bytes: they were mapped with PROT_READ and
        // inside the file by `Region::new`, and stay so until `self` is dropped, because nobody truncates an unnamed or a
        // read-only file (see the module's first lines). If `len` is 0 a dangling pointer is allowed. Not written
        // meanwhile: the same lines, and `deref_mut` takes `&mut self`. At most isize::MAX: `Region::new` checked.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    fn populate(&self, range: Range<usize>) -> crate::Result<()> {
        assert!(range.start <= range.end && range.end <= self.len, "a range lies within its mapping");
        if range.is_empty() {
            return Ok(());
        }
        let skew = self.pages_len - self.len;
        // madvise(2) wants whole pages; both ends stay inside the mapped ones.
        let first = (skew + range.start) / page_size() * page_size();
        let len = skew + range.end - first;
        // SAFETY: `NonNull::add` wants the result inside the same allocation: `first` is less than `skew + range.end`, which
        // is at most `pages_len`.
        let start = unsafe { self.pages.cast::<u8>().add(first) };
        count::add();
        // SAFETY: rustix asks that `ptr` and `len` be memory that the advice may apply to: they lie within the mapping, which
        // is ours until dropped. madvise(2): MADV_POPULATE_WRITE "triggers write faults" and "does not modify" anything.
        let populated =
            unsafe { rustix::mm::madvise(start.as_ptr().cast(), len, Advice::LinuxPopulateWrite) };
        populated.map_err(|errno| Error::new("madvise", errno))
    }

    fn sync(&self) -> crate::Result<()> {
        if self.pages_len == 0 {
            return Ok(());
        }
        count::add();
        // SAFETY: rustix asks that the range be a valid mapping: it is ours until dropped. msync(2) only flushes "changes
        // made to the in-core copy of a file", and changes no memory without MS_INVALIDATE.
        let synced = unsafe { rustix::mm::msync(self.pages.as_ptr(), self.pages_len, MsyncFlags::SYNC) };
        synced.map_err(|errno| Error::new("msync", errno))
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if self.pages_len == 0 {
            return;
        }
        count::add();
        // SAFETY: rustix asks that nothing uses the range afterwards: `self` is being dropped, and every slice borrowed
        // from it has ended. `pages` and `pages_len` are what mmap(2) was given and gave.
        let unmapped = unsafe { rustix::mm::munmap(self.pages.as_ptr(), self.pages_len) };
        // ENOMEM, "the process's maximum number of mappings would have been exceeded", is the one that can happen: the
        // address range stays taken, which harms nobody.
        debug_assert!(
            matches!(unmapped, Ok(()) | Err(Errno::NOMEM)),
            "munmap of our own mapping: {unmapped:?}"
        );
    }
}

// SAFETY: `Send` wants that another thread may own the value: a mapping belongs to the process, not to a thread, and
// mmap(2), msync(2) and munmap(2) may be called from any.
unsafe impl Send for Region {}

// SAFETY: `Sync` wants that `&Region` may be used by many threads: through it the bytes are only read, and writing takes
// `&mut WriteMapping`.
unsafe impl Sync for Region {}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region").field("start", &self.start).field("len", &self.len).finish()
    }
}

fn is_unnamed(found: &Stat) -> bool {
    found.link_count == 0
}

fn is_read_only(found: &Stat) -> bool {
    found.mode & WRITE_BITS == 0
}

/// Write permission for owner, group and others: inode(7).
const WRITE_BITS: u16 = 0o222;

const MMAP: &str = "mmap";
