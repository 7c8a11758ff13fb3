//! ioctl(2), for fs-verity: Documentation/filesystems/fsverity.rst of the kernel.

use std::os::fd::AsFd;

use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

use crate::{Errno, Error, Result};

/// Whether fs-verity guards `file`: the kernel then holds every page that it reads from the medium against a tree of
/// hashes. False where the filesystem could, and was not asked to.
///
/// # Errors
///
/// ENOTTY where the filesystem knows no fs-verity; EOPNOTSUPP where it, or the kernel, was made without. See
/// `FS_IOC_MEASURE_VERITY`.
pub fn has_verity(file: impl AsFd) -> Result<bool> {
    let mut digest = Digest { algorithm: 0, len: DIGEST_LEN_MAX, bytes: [0; DIGEST_LEN_MAX as usize] };
    // SAFETY: `Updater::new` wants a valid opcode and the type that the kernel expects for it. FS_IOC_MEASURE_VERITY takes
    // a `struct fsverity_digest` whose `digest_size` says how many bytes follow: `Digest` is `repr(C)`, begins with the
    // same two fields, and has as many bytes behind them as `len` says.
    let measure = unsafe { Updater::<MEASURE_VERITY, Digest>::new(&mut digest) };
    // SAFETY: `ioctl` wants an opcode and an argument that fit, which the lines above show, and no effect that breaks
    // the rules of the language: this one fills the struct that is borrowed for the call, and changes no file.
    match unsafe { ioctl(file, measure) } {
        Ok(()) => Ok(true),
        Err(Errno::NODATA) => Ok(false),
        Err(errno) => Err(Error::new("ioctl(FS_IOC_MEASURE_VERITY)", errno)),
    }
}

/// `struct fsverity_digest` of linux/fsverity.h, with room for the longest digest.
#[repr(C)]
struct Digest {
    algorithm: u16,
    len: u16,
    bytes: [u8; DIGEST_LEN_MAX as usize],
}

/// SHA-512.
const DIGEST_LEN_MAX: u16 = 64;

/// `_IOWR('f', 134, struct fsverity_digest)`: the flexible array at its end counts for nothing.
const MEASURE_VERITY: Opcode = opcode::read_write::<[u16; 2]>(b'f', 134);
