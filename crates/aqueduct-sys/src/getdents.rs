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
    while let Some(name) = names.next() {
        each(name.named("getdents64")?.file_name());
        // Otherwise the next turn would be the next call.
        if names.is_buffer_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}
