//! signal(2).

use crate::{Error, Result, count};

/// Lets a signal do nothing, whatever it did before. A program that this process becomes ignores it, too, until it says
/// otherwise.
///
/// # Errors
///
/// EINVAL where there is no such signal, or it cannot be ignored. See signal(2).
pub fn ignore_signal(signal: i32) -> Result<()> {
    dispose(signal, libc::SIG_IGN)
}

/// Lets a signal do what it does to a program that says nothing about it, whatever it did before.
///
/// # Errors
///
/// EINVAL where there is no such signal, or it always does that. See signal(2).
pub fn default_signal(signal: i32) -> Result<()> {
    dispose(signal, libc::SIG_DFL)
}

/// `disposition` is `SIG_IGN` or `SIG_DFL`.
fn dispose(signal: i32, disposition: libc::sighandler_t) -> Result<()> {
    debug_assert!([libc::SIG_IGN, libc::SIG_DFL].contains(&disposition));
    count::add();
    // SAFETY: both are no functions that could run at an unsafe moment, and signal(2) touches no memory of this process.
    let before = unsafe { libc::signal(signal, disposition) };
    if before == libc::SIG_ERR { Err(Error::last("signal")) } else { Ok(()) }
}
