//! readlinkat(2).

use std::os::fd::AsFd;
use std::path::Path;

use crate::Result;
use crate::error::Named;

/// What the symbolic link `name` in `dir` says, whether or not there is such a thing.
///
/// # Errors
///
/// EINVAL for anything but a symbolic link. See readlinkat(2).
pub fn read_link(dir: impl AsFd, name: &Path) -> Result<Vec<u8>> {
    rustix::fs::readlinkat(dir, name, Vec::new()).named("readlinkat").map(std::ffi::CString::into_bytes)
}
