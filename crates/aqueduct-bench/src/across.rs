//! What a file costs from one host to another where nothing is promised: no digest, no other streams, nobody who goes on.
//!
//! Two processes, one at each end: sendfile(2) out, splice(2) by way of a pipe in.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use aqueduct_flow::uninterrupted;
use aqueduct_sys::{Reserve, SpliceFlags, fallocate, pipe, sendfile, set_pipe_len, splice};

use crate::stopwatch::Stopwatch;

/// Sends all of a file to whoever listens there.
pub(crate) fn send(path: &Path, to: SocketAddr) -> Result<()> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let size = file.metadata()?.len();
    let socket = TcpStream::connect(to)?;
    let stopwatch = Stopwatch::start();
    let mut offset = 0;
    while offset < size {
        let len = usize::try_from(size - offset)?;
        let sent = uninterrupted(|| sendfile(&socket, &file, offset, len))?;
        ensure!(sent > 0, "{} ends at {offset}", path.display());
        offset += sent as u64;
    }
    println!("bytes={size} {}", stopwatch.stop());
    Ok(())
}

/// Waits for one connection and makes a file of all that comes, whose space is reserved before.
pub(crate) fn receive(listen: SocketAddr, path: &Path, size: u64) -> Result<()> {
    let listener = TcpListener::bind(listen)?;
    let (socket, _) = listener.accept()?;
    let stopwatch = Stopwatch::start();
    let file = File::create(path).with_context(|| path.display().to_string())?;
    if size > 0 {
        fallocate(&file, Reserve::Grow, 0, size)?;
    }
    let (read_end, write_end) = pipe()?;
    set_pipe_len(&write_end, PIPE_LEN)?;
    let mut offset = 0;
    loop {
        let filled =
            uninterrupted(|| splice(&socket, None, &write_end, None, PIPE_LEN, SpliceFlags::empty()))?;
        if filled == 0 {
            break;
        }
        let mut drained = 0;
        while drained < filled {
            let (at, left) = (offset + drained as u64, filled - drained);
            drained +=
                uninterrupted(|| splice(&read_end, None, &file, Some(at), left, SpliceFlags::empty()))?;
        }
        offset += filled as u64;
    }
    ensure!(offset == size, "{offset} bytes came, and not {size}");
    println!("bytes={size} {}", stopwatch.stop());
    Ok(())
}

/// What the largest pipe holds of a user without privileges: pipe(7).
const PIPE_LEN: usize = 1 << 20;
