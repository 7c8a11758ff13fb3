//! Into a mapping whose pages are there before the bytes are.

use std::fs::File;
use std::io;
use std::net::TcpStream;

use aqueduct_flow::uninterrupted;
use aqueduct_sys::{Reserve, WriteMapping, fallocate, read};

use super::Heard;

/// Like the product's route mmap, but for the faults: pages are asked for by [`AHEAD_LEN`].
pub(super) fn receive(socket: &TcpStream, target: &File, size: u64, heard: &mut Heard<'_>) -> io::Result<()> {
    let mut offset = 0;
    while offset < size {
        let end = size.min(offset + WINDOW_LEN);
        uninterrupted(|| fallocate(target, Reserve::Grow, offset, end - offset))?;
        let mut mapping = WriteMapping::new(target, offset..end).map_err(io::Error::other)?;
        fill(socket, &mut mapping, offset, heard)?;
        offset = end;
    }
    Ok(())
}

fn fill(
    socket: &TcpStream,
    mapping: &mut WriteMapping,
    offset: u64,
    heard: &mut Heard<'_>,
) -> io::Result<()> {
    let mut filled = 0;
    let mut populated = 0;
    while filled < mapping.len() {
        if filled == populated {
            populated = mapping.len().min(filled + AHEAD_LEN);
            uninterrupted(|| mapping.populate(filled..populated))?;
        }
        let end = populated.min(filled + TURN_LEN);
        let len = uninterrupted(|| read(socket, &mut mapping[filled..end]))?;
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        heard(offset + filled as u64, &mapping[filled..filled + len])?;
        filled += len;
    }
    Ok(())
}

/// As long as those of the product's route mmap.
const WINDOW_LEN: u64 = 8 << 20;

const AHEAD_LEN: usize = 2 << 20;

const TURN_LEN: usize = 1 << 20;
