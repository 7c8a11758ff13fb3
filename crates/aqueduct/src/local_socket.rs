//! A socket that programs on this machine find by a path. Whoever may open its file may connect, which is this user alone.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use aqueduct_sys::{Errno, bind_local, connect_local, local_socket, set_mode};

use crate::fault::Fault;
use crate::text::shown;

/// Listens at `path`. A file that a server left there which is gone is replaced.
pub(crate) fn listen(path: &Path) -> Result<UnixListener, Fault> {
    let local = |error: io::Error| Fault::local(format!("listen at {}", shown(path)))(error);
    let socket = local_socket().map_err(|error| local(error.into()))?;
    // Before there is a file: nobody else can connect in between.
    set_mode(&socket, MODE).map_err(|error| local(error.into()))?;
    if !bind_local(&socket, path).map_err(|error| local(error.into()))? {
        if is_live(path).map_err(local)? {
            return Err(Fault::PathTaken { path: shown(path) });
        }
        fs::remove_file(path).map_err(local)?;
        let is_bound = bind_local(&socket, path).map_err(|error| local(error.into()))?;
        if !is_bound {
            // Somebody else was quicker.
            return Err(Fault::PathTaken { path: shown(path) });
        }
    }
    aqueduct_sys::listen(&socket, BACKLOG).map_err(|error| local(error.into()))?;
    Ok(socket.into())
}

/// Takes the file away, which nobody listens at any more. A server may be confined so that it cannot: then whoever listens there
/// next replaces it.
pub(crate) fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}

/// Whether somebody listens at `path`, where something is.
fn is_live(path: &Path) -> io::Result<bool> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something that is no socket is there"));
    }
    match connect_local(local_socket()?, path) {
        // More wait there than have room.
        Err(error) if error.errno() == Errno::AGAIN => Ok(true),
        connected => Ok(connected?),
    }
}

/// What is stored there decides what others run: this user alone may read and write.
const MODE: u32 = 0o600;

/// A build starts a compiler for each core, or several, at once; the kernel lowers this to net.core.somaxconn.
const BACKLOG: u16 = 4096;

#[cfg(test)]
mod tests;
