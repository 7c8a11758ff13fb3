//! The files that arms work on: none of them has a name, so nothing is left behind however the program ends.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use aqueduct_blob::{Algorithm, Digest, Hasher};
use aqueduct_flow::uninterrupted;
use aqueduct_sys::{Advice, Errno, cachestat, fadvise, fdatasync, open_unnamed};
use rustix::fs::fstatfs;

use crate::noise;
use crate::pair::stir;

/// A directory in which files without names are made.
#[derive(Debug)]
pub(crate) struct Ground {
    path: PathBuf,
    dir: File,
}

impl Ground {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), dir: File::open(path)? })
    }

    pub(crate) fn dir(&self) -> &File {
        &self.dir
    }

    /// A new empty file. Where the filesystem has no unnamed ones it has a name until this returns.
    pub(crate) fn file(&self) -> io::Result<File> {
        match uninterrupted(|| open_unnamed(&self.dir, 0o600)) {
            Ok(file) => Ok(file.into()),
            // ISDIR and NOENT are what kernels and filesystems without O_TMPFILE say: open(2).
            Err(error) if matches!(error.errno(), Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT) => {
                self.named_for_a_moment()
            }
            Err(error) => Err(error.into()),
        }
    }

    fn named_for_a_moment(&self) -> io::Result<File> {
        let path = self.path.join(format!(".aqueduct-bench-{}", std::process::id()));
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(file)
    }
}

/// The file that is sent, copied and hashed: noise, as long as the longest piece of work so far.
#[derive(Debug)]
pub(crate) struct Source {
    file: Arc<File>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    size: u64,
    /// So much from the start on is in memory.
    warm_len: u64,
}

impl Source {
    pub(crate) fn new(ground: &Ground) -> io::Result<Self> {
        Ok(Self { file: Arc::new(ground.file()?), state: Mutex::default() })
    }

    /// A file of exactly this size, on the disk and in memory.
    pub(crate) fn of_size(ground: &Ground, size: u64) -> io::Result<Self> {
        let source = Self::new(ground)?;
        source.warm(size)?;
        source.file.set_len(size)?;
        // A new size is dirty, too.
        fdatasync(&source.file)?;
        Ok(source)
    }

    pub(crate) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// How many bytes are there.
    pub(crate) fn size(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).size
    }

    /// Makes sure that the first `size` bytes are there, on the disk and in memory.
    pub(crate) fn warm(&self, size: u64) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if size <= state.warm_len {
            return Ok(());
        }
        let mut buffer = vec![0; PIECE_LEN];
        if state.size < size {
            while state.size < size {
                // Always whole pieces, so that the bytes are the same in whatever steps they were asked for.
                noise::fill(&mut buffer, state.size / PIECE_LEN as u64);
                self.file.write_all_at(&buffer, state.size)?;
                state.size += PIECE_LEN as u64;
            }
            // What is dirty would be written back while something else is measured, and could not be dropped.
            fdatasync(&self.file)?;
        }
        let mut offset = state.warm_len;
        while offset < size {
            let len = piece_len(size - offset);
            self.file.read_exact_at(&mut buffer[..len], offset)?;
            offset += len as u64;
        }
        state.warm_len = size;
        Ok(())
    }

    /// Drops the bytes from memory; they are there, and synced. Whoever reads the file next is the first: pages are counted
    /// by cachestat(2), since a read that must not wait (RWF_NOWAIT) has the kernel read ahead before it says no.
    ///
    /// # Errors
    ///
    /// `Unsupported` where they stay, or may stay, as on a filesystem in memory.
    pub(crate) fn cool(&self) -> io::Result<()> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).warm_len = 0;
        if IN_MEMORY.contains(&fstatfs(&self.file)?.f_type.unsigned_abs()) {
            return Err(warm_for_good(KEPT));
        }
        for _ in 0..COOL_COUNT_MAX {
            // All of it: what is read ahead becomes large folios, and one that reaches beyond the range would stay.
            fadvise(&self.file, 0, None, Advice::DontNeed)?;
            match cachestat(&self.file, &WHOLE) {
                Ok(found) if found.cached == 0 => return Ok(()),
                // A connection that has ended may hold them.
                Ok(_) => stir()?,
                Err(error) if matches!(error.errno(), Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => {
                    return Err(warm_for_good(UNTOLD));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(warm_for_good(KEPT))
    }
}

fn warm_for_good(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, reason)
}

/// The digest of `count` times `head` and the first `size` bytes of `file`.
pub(crate) fn digest(
    algorithm: Algorithm,
    file: &File,
    size: u64,
    count: u64,
    head: &[u8],
) -> io::Result<Digest> {
    let mut buffer = vec![0; PIECE_LEN];
    let mut hasher = Hasher::new(algorithm);
    for _ in 0..count {
        hasher.update(head);
        let mut offset = 0;
        while offset < size {
            let len = piece_len(size - offset);
            file.read_exact_at(&mut buffer[..len], offset)?;
            hasher.update(&buffer[..len]);
            offset += len as u64;
        }
    }
    Ok(hasher.finish().digest)
}

fn piece_len(left: u64) -> usize {
    usize::try_from(left).map_or(PIECE_LEN, |left| left.min(PIECE_LEN))
}

const UNTOLD: &str =
    "the kernel does not count the pages in memory (cachestat, Linux 6.5), so nothing is known to be cold";

const KEPT: &str = "the kernel keeps the pages in memory, so nothing is cold";

/// tmpfs and ramfs, whose pages are nowhere else: statfs(2).
const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];

/// As cachestat(2) is asked for all pages of a file.
const WHOLE: Range<u64> = 0..0;

/// A page that is in memory after as many requests to drop it is there to stay.
const COOL_COUNT_MAX: usize = 100;

/// What is written at a time.
const PIECE_LEN: usize = 1 << 20;

#[cfg(test)]
mod tests;
