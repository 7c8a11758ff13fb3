//! Through a buffer.

use std::fs::File;
use std::os::fd::BorrowedFd;

use aqueduct_sys::read;

use super::{Fault, Observe};
use crate::buffer::Buffer;
use crate::uninterrupted;
use crate::write_all::write_all_at;

/// One read, as many writes as it takes, and a look at the same bytes while they are hot. 0 is the end of the source.
pub(super) fn receive(
    source: BorrowedFd<'_>,
    target: &File,
    offset: u64,
    len_max: usize,
    observe: &mut Observe<'_>,
) -> Result<usize, Fault> {
    let mut buffer = Buffer::take();
    let len = buffer.len().min(len_max);
    let filled = uninterrupted(|| read(source, &mut buffer[..len]))?;
    let bytes = &buffer[..filled];
    write_all_at(target, bytes, offset).map_err(|error| Fault::Lost(error.into(), filled))?;
    if !bytes.is_empty() {
        observe(bytes);
    }
    Ok(filled)
}
