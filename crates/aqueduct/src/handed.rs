//! Sockets that one program hands to the next: a supervisor to this one (systemd.socket(5)), or this one to the program that
//! it becomes. Either says how many in `LISTEN_FDS`, and to whom in `LISTEN_PID`: sd_listen_fds(3).

use std::env;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::process::{self, Command};

use aqueduct_sys::inheritable;
use listenfd::ListenFd;

use crate::fault::Fault;

/// What was handed to this process.
#[derive(Debug, Default)]
pub(crate) struct Handed {
    /// Sockets for clients on a network.
    pub(crate) tcp: Vec<TcpListener>,
    /// Sockets for ccache on this machine.
    pub(crate) local: Vec<UnixListener>,
}

/// Takes what was handed to this process, once, and forgets that it was. There may be nothing.
pub(crate) fn take() -> Result<Handed, Fault> {
    // Whoever does not say for whom they are may mean a parent of this process, or somebody else.
    if env::var_os(PID).is_none_or(|pid| pid.is_empty()) {
        return Ok(Handed::default());
    }
    let mut descriptors = ListenFd::from_env();
    let mut handed = Handed::default();
    for index in 0..descriptors.len() {
        // One of another kind stays in its place.
        match descriptors.take_unix_listener(index) {
            Ok(socket) => handed.local.extend(socket),
            Err(_) => {
                let doing = format!(
                    "serve what was handed in as number {index}; hand in sockets that listen for TCP, or at a path for ccache"
                );
                handed.tcp.extend(descriptors.take_tcp_listener(index).map_err(Fault::local(doing))?);
            }
        }
    }
    Ok(handed)
}

/// Lets `successor` take `sockets` when this process becomes it. What is returned must be open then.
pub(crate) fn give(sockets: &[OwnedFd], successor: &mut Command) -> io::Result<Vec<OwnedFd>> {
    let row = in_a_row(sockets)?;
    forget(successor);
    if let Some(first) = row.first() {
        successor
            .env(PID, process::id().to_string())
            .env(COUNT, row.len().to_string())
            .env(FIRST, first.as_raw_fd().to_string());
    }
    Ok(row)
}

/// Tells `command` of no sockets.
pub(crate) fn forget(command: &mut Command) {
    for variable in [PID, COUNT, FIRST, NAMES] {
        command.env_remove(variable);
    }
}

/// Duplicates whose numbers follow each other, wherever there is room for that.
fn in_a_row(sockets: &[OwnedFd]) -> io::Result<Vec<OwnedFd>> {
    let mut first = FIRST_USUAL;
    'rows: loop {
        let mut row = Vec::new();
        for (socket, number) in sockets.iter().zip(first..) {
            let duplicate = inheritable(socket, number)?;
            if duplicate.as_raw_fd() != number {
                first = duplicate.as_raw_fd();
                continue 'rows;
            }
            row.push(duplicate);
        }
        return Ok(row);
    }
}

const PID: &str = "LISTEN_PID";
const COUNT: &str = "LISTEN_FDS";
const NAMES: &str = "LISTEN_FDNAMES";

/// Which descriptor is the first: an addition of the crate `listenfd`. The standard ones follow 2, where a program that runs
/// has others open.
const FIRST: &str = "LISTEN_FDS_FIRST_FD";

/// `SD_LISTEN_FDS_START`.
const FIRST_USUAL: i32 = 3;
