//! vmsplice(2).

use std::io::IoSlice;
use std::ops::Range;
use std::os::fd::AsFd;

use rustix::pipe::{IoSliceRaw, SpliceFlags};

use crate::error::Named;
use crate::{ReadMapping, Result, clamped};

/// Puts up to `range.len()` bytes of a mapping into a pipe by reference; may take fewer, as the pipe has room.
///
/// The pipe keeps the pages beyond this call, and beyond the mapping. So they are those of a file that never changes again,
/// which is what a [`ReadMapping`] is made of: whoever reads the pipe sees the bytes that the file has then.
///
/// # Errors
///
/// EBADF if `pipe` is not the write end of one. See vmsplice(2).
pub fn vmsplice(pipe: impl AsFd, mapping: &ReadMapping, range: Range<usize>) -> Result<usize> {
    let bytes = &mapping[range];
    let bytes = &bytes[..clamped(bytes.len())];
    let piece = IoSlice::new(bytes);
    // SAFETY: rustix asks that the memory not be changed while the pipe holds it, and not be freed: the pages belong to a
    // file and not to an allocator, the pipe holds a reference to each, and the state of the file that `ReadMapping` checks
    // promises that nobody writes it. Without SPLICE_F_GIFT nothing is asked of the alignment.
    unsafe { rustix::pipe::vmsplice(pipe, &[IoSliceRaw::from_slice(&piece)], SpliceFlags::empty()) }
        .named("vmsplice")
}
