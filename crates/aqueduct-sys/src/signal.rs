//! signal(2).

use crate::{Error, Result, count};

/// Lets a signal do nothing, whatever it did before. A program that this process becomes ignores it, too, until it says
/// otherwise.
///
/// # Errors
///
/// EINVAL where there is no such signal, or it cannot be ignored. See signal(2).
pub fn ignore_signal(signal: i32) -> Result<()> {
    count::add();
    // SAFETY: SIG_IGN is no function that could run at an unsafe moment, and signal(2) touches no memory of this process.
    let before = unsafe { libc::signal(signal, libc::SIG_IGN) };
    if before == libc::SIG_ERR { Err(Error::last("signal")) } else { Ok(()) }
}
