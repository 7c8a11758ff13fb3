//! getdents64(2).

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;

use rustix::fs::RawDir;

use crate::Result;
use crate::error::Named;

/// Calls `each` with the next names in `dir`, as many as `buffer` holds, `.` and `..` among them, in the order of the
/// filesystem. False is the end. Moves the position in the directory, which every duplicate of the descriptor shares.
///
/// # Errors
///
/// EINVAL for a buffer that is too small for one name; ENOENT where the directory was removed. See getdents64(2).
pub fn getdents(dir: impl AsFd, buffer: &mut [MaybeUninit<u8>], mut each: impl FnMut(&CStr)) -> Result<bool> {
    let mut names = RawDir::new(dir, buffer);
    // The first makes the call, and as many follow as it filled the buffer with: the next would be another call.
    let Some(first) = names.next().transpose().named("getdents64")? else { return Ok(false) };
    each(first.file_name());
    while !names.is_buffer_empty() {
        let name = names.next().expect("the buffer holds another").expect("nothing is asked of the kernel");
        each(name.file_name());
    }
    Ok(true)
}
