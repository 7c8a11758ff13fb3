//! Reading a database's file before redb does.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use aqueduct_flow::uninterrupted;
use aqueduct_sys::{seek_data, seek_hole};

/// Brings all data of the file into the page cache, in order and without the holes.
///
/// Who is about to check every page follows pointers: on a cold medium one small read waits for the other, which takes many times
/// as long. An error is no reason to stop there: whoever checks meets it again.
pub(super) fn read_ahead(file: &File) -> io::Result<()> {
    let size = file.metadata()?.len();
    let mut buffer = vec![0; BUFFER_LEN];
    let mut position = 0;
    while let Some(start) = uninterrupted(|| seek_data(file, position))?.filter(|&start| start < size) {
        let end = uninterrupted(|| seek_hole(file, start))?.unwrap_or(size).min(size);
        position = start;
        while position < end {
            let wanted = usize::try_from(end - position).map_or(BUFFER_LEN, |left| left.min(BUFFER_LEN));
            match file.read_at(&mut buffer[..wanted], position) {
                Ok(0) => return Ok(()),
                Ok(len) => position += len as u64,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

const BUFFER_LEN: usize = 1 << 20;

#[cfg(test)]
mod tests;
