//! Whether a read can leave the page cache as it was (`RWF_DONTCACHE`, Linux 6.14).

use std::fs::File;

use aqueduct_sys::{ReadFlags, preadv2};

use super::Tried;
use crate::uninterrupted;

pub(super) fn read_uncached(source: &File) -> Tried {
    Tried::of(uninterrupted(|| preadv2(source, &mut [0], 0, DONTCACHE)), |len| len == 1)
}

/// linux/fs.h; not yet named by rustix.
const DONTCACHE: ReadFlags = ReadFlags::from_bits_retain(0x80);
