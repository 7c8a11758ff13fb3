//! Writing until all is written.

use std::fs::File;

use aqueduct_sys::{Errno, Error, pwrite};

use crate::uninterrupted;

/// Writes all of `bytes` to `file` at `offset`, however many writes that takes.
///
/// # Errors
///
/// Those of pwrite(2); EIO from a filesystem that takes nothing and says nothing.
pub(crate) fn write_all_at(file: &File, mut bytes: &[u8], mut offset: u64) -> Result<(), Error> {
    while !bytes.is_empty() {
        let written = uninterrupted(|| pwrite(file, bytes, offset))?;
        if written == 0 {
            return Err(Error::new("pwrite", Errno::IO));
        }
        bytes = &bytes[written..];
        offset += written as u64;
    }
    Ok(())
}
