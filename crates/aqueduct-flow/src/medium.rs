//! Reading a file from its medium, without a trace in the page cache.

use std::cell::RefCell;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use aqueduct_sys::{
    Advice, Caching, DONTCACHE, Errno, ReadFlags, cachestat, fadvise, pread, preadv2, reopen,
};

use crate::retry::{is_refusal, uninterrupted};

/// A file that is read from its medium: what was not in the page cache before is not in it after, and what was stays.
///
/// Tries the [ways](MediumWay) in their order, and leaves for good one that is refused. Its descriptors are its own, so that
/// nobody else's reads change.
#[derive(Debug)]
pub struct Medium {
    /// The way it goes by, as its place in [`MediumWay::ALL`]; it only grows.
    way: AtomicUsize,
    first: OwnedFd,
    /// For the other ways, where the first one turns out to be refused.
    cached: OnceLock<OwnedFd>,
}

/// How a file is read from its medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediumWay {
    /// Beside the page cache (`O_DIRECT`): what is in it is not looked at.
    Direct,
    /// Through the page cache, which keeps nothing of it (`RWF_DONTCACHE`). What was there before is read from there.
    Uncached,
    /// Through the page cache, and what came there is dropped. What was there before is read from there.
    Dropped,
}

impl MediumWay {
    /// All of them, the best first.
    pub const ALL: [Self; 3] = [Self::Direct, Self::Uncached, Self::Dropped];
}

impl Medium {
    /// Opens `file` a second time.
    ///
    /// # Errors
    /// Where it cannot be opened again.
    pub fn new(file: impl AsFd) -> io::Result<Self> {
        Self::by(MediumWay::Direct, file)
    }

    /// As [`Medium::new`], beginning with `way`: to try a humbler one.
    ///
    /// # Errors
    /// As [`Medium::new`].
    pub fn by(way: MediumWay, file: impl AsFd) -> io::Result<Self> {
        let (way, first) = match way {
            MediumWay::Direct => match reopen(&file, Caching::Direct) {
                Err(error) if error.errno() == Errno::INVAL => (MediumWay::Uncached, reopen_cached(file)?),
                opened => (way, opened?),
            },
            MediumWay::Uncached | MediumWay::Dropped => (way, reopen_cached(file)?),
        };
        let cached = OnceLock::new();
        Ok(Self { way: AtomicUsize::new(way as usize), first, cached })
    }

    /// How it is read, as far as was tried.
    pub fn way(&self) -> MediumWay {
        MediumWay::ALL[self.way.load(Ordering::Relaxed)]
    }

    /// Fills `buffer` with the bytes from `offset` on. For `Direct` both are best multiples of 4096, or the end of the file:
    /// everything else is read and thrown away.
    ///
    /// # Errors
    /// `UnexpectedEof` where the file ends before, and what the kernel says of a medium that cannot be read.
    pub fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            let way = self.way();
            match self.read(way, &mut buffer[filled..], offset + filled as u64) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => filled += count,
                // EINVAL is also what a device answers whose blocks are larger than ours.
                Err(error) if way != MediumWay::Dropped && is_refusal(error.errno()) => {
                    self.way.fetch_max(way as usize + 1, Ordering::Relaxed);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn read(&self, way: MediumWay, buffer: &mut [u8], offset: u64) -> aqueduct_sys::Result<usize> {
        match way {
            MediumWay::Direct => read_direct(&self.first, buffer, offset),
            MediumWay::Uncached => {
                let file = self.cached()?;
                uninterrupted(|| preadv2(file, buffer, offset, DONTCACHE))
            }
            MediumWay::Dropped => read_dropped(self.cached()?, buffer, offset),
        }
    }

    fn cached(&self) -> aqueduct_sys::Result<&OwnedFd> {
        match self.cached.get() {
            Some(file) => Ok(file),
            None => {
                let file = reopen_cached(&self.first)?;
                Ok(self.cached.get_or_init(|| file))
            }
        }
    }
}

/// What is read ahead would stay in the page cache.
fn reopen_cached(file: impl AsFd) -> aqueduct_sys::Result<OwnedFd> {
    let file = reopen(file, Caching::Cached)?;
    fadvise(&file, 0, None, Advice::Random)?;
    Ok(file)
}

fn read_direct(file: &OwnedFd, buffer: &mut [u8], offset: u64) -> aqueduct_sys::Result<usize> {
    LANDING.with_borrow_mut(|landing| {
        if landing.is_empty() {
            landing.resize(LANDING_LEN + BLOCK_LEN, 0);
        }
        let start = landing.as_ptr().align_offset(BLOCK_LEN);
        let skew = usize::try_from(offset % BLOCK_LEN as u64).expect("it is less than a block");
        let len = buffer.len().min(LANDING_LEN - skew);
        let blocks = &mut landing[start..start + (skew + len).next_multiple_of(BLOCK_LEN)];
        let count = uninterrupted(|| pread(file, blocks, offset - skew as u64))?;
        let bytes = blocks[..count].get(skew..).unwrap_or_default();
        let len = len.min(bytes.len());
        buffer[..len].copy_from_slice(&bytes[..len]);
        Ok(len)
    })
}

fn read_dropped(file: &OwnedFd, buffer: &mut [u8], offset: u64) -> aqueduct_sys::Result<usize> {
    let len = buffer.len().min(LANDING_LEN);
    let was_cold = match cachestat(file, &(offset..offset + len as u64)) {
        Ok(found) => found.cached == 0,
        // Before Linux 6.5. The first byte speaks for the piece.
        Err(_) => uninterrupted(|| preadv2(file, &mut [0], offset, ReadFlags::NOWAIT))
            .is_err_and(|error| error.errno() == Errno::AGAIN),
    };
    let count = uninterrupted(|| pread(file, &mut buffer[..len], offset))?;
    if was_cold {
        fadvise(file, offset, NonZeroU64::new(len as u64), Advice::DontNeed)?;
    }
    Ok(count)
}

thread_local! {
    /// Where direct reads land: they want memory that begins at a block, which nobody else's is sure to do. To copy it from
    /// there costs a twentieth of hashing it.
    static LANDING: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Of one read: small, so that others who want the disk wait for little, and large enough that a disk is worth its while.
const LANDING_LEN: usize = 256 << 10;

/// What every device is content with whose blocks are not larger than a page.
const BLOCK_LEN: usize = 4096;
