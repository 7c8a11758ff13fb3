//! What the supervisor of this process is told, if it has one that listens: sd_notify(3). Where it has none, nothing is said.
//!
//! The crate `sd-notify` knows no socket in the abstract namespace (unix(7)), which systemd and containers may use.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::net;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use aqueduct_server::Control;
use aqueduct_sys::monotonic;
use tracing::{error, warn};

/// The store is about to be opened, which after an unclean stop may take longer than a supervisor waits.
pub(crate) fn opening() {
    if patience().is_some() {
        // Nobody else does before there are reactors; a process that begins anew is watched all the time. Said first: each
        // beat sets the watchdog to its usual time again, and the next line is to lengthen it.
        tell(ALIVE);
    }
    tell(&format!("STATUS=Opening the store\n{}", extension(OPENING_MAX)));
}

/// Clients are served, at these addresses.
pub(crate) fn serving(addresses: &[net::SocketAddr]) {
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    tell(&format!("READY=1\nSTATUS=Serving {}\n", addresses.join(", ")));
}

/// Files are read again. [`serving`] says when that is over.
pub(crate) fn reloading() {
    tell(&format!("{}STATUS=Reading files again\n", reload()));
}

/// What is in flight is finished, for `grace` at most, and then this process begins anew and says that it is
/// [`serving`].
pub(crate) fn restarting(grace: Duration) {
    let words = "STATUS=Finishing what is in flight, to begin anew";
    tell(&format!("{}{words}\n{}", reload(), extension(grace + CLOSING_MAX)));
}

/// What is in flight is finished, for `grace` at most, and then this process ends.
pub(crate) fn stopping(grace: Duration) {
    tell(&format!("STOPPING=1\nSTATUS=Finishing what is in flight\n{}", extension(grace + CLOSING_MAX)));
}

/// Says again and again that the server is alive, as long as it is, if the supervisor wants to hear of it; until what is
/// returned is dropped.
pub(crate) fn watch(control: &Control) -> Option<Sender<()>> {
    let patience = patience()?;
    let control = control.clone();
    let (watched, over) = mpsc::channel();
    // "Half of the time" or more often, sd_watchdog_enabled(3): one beat that is missed for a moment leaves time for others,
    // so that a reactor may stand still for three quarters of the time.
    let every = patience / 4;
    thread::spawn(move || {
        while over.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
            if control.is_alive() {
                tell(ALIVE);
            } else {
                error!(
                    "a reactor has made no round for {every:?}; the supervisor is not told that all is well"
                );
            }
        }
    });
    Some(watched)
}

/// How long the supervisor waits to hear that this process is alive, if it does: sd_watchdog_enabled(3).
fn patience() -> Option<Duration> {
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let is_meant =
        env::var_os("WATCHDOG_PID").is_none() || number("WATCHDOG_PID") == Some(process::id().into());
    number("WATCHDOG_USEC").filter(|micros| is_meant && *micros > 0).map(Duration::from_micros)
}

/// A service of systemd's type notify-reload says when it began to reload, so that no older word is mistaken for its end.
fn reload() -> String {
    format!("RELOADING=1\nMONOTONIC_USEC={}\n", monotonic().as_micros())
}

fn extension(time: Duration) -> String {
    format!("EXTEND_TIMEOUT_USEC={}\n", time.as_micros())
}

fn tell(words: &str) {
    let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else { return };
    if let Err(error) = send(&name, words) {
        warn!(%error, "cannot tell the supervisor at {name:?} (NOTIFY_SOCKET) how things are");
    }
}

fn send(name: &OsStr, words: &str) -> io::Result<()> {
    // A name that begins with @ is no path.
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        path => SocketAddr::from_pathname(OsStr::from_bytes(path))?,
    };
    UnixDatagram::unbound()?.send_to_addr(words.as_bytes(), &address).map(drop)
}

const ALIVE: &str = "WATCHDOG=1\n";

/// To go through a store of millions of blobs on a disk that seeks.
const OPENING_MAX: Duration = Duration::from_secs(10 * 60);

/// To close the store on a busy disk, and to let go of jobs that nobody waits for any more.
const CLOSING_MAX: Duration = Duration::from_secs(60);
