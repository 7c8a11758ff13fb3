//! getrandom(2).

use rustix::rand::{GetRandomFlags, getrandom};

use crate::Result;
use crate::error::Named;

/// `LEN` bytes that nobody can guess. Waits for the kernel's generator where the machine has only just started.
///
/// # Errors
///
/// EINTR where a signal came while it waited. Up to 256 bytes come all at once and without interruption afterwards, which
/// is why it takes no more. See getrandom(2).
pub fn random_bytes<const LEN: usize>() -> Result<[u8; LEN]> {
    const { assert!(LEN <= 256, "more may come short") }
    let mut bytes = [0; LEN];
    let filled = getrandom(&mut bytes, GetRandomFlags::empty()).named("getrandom")?;
    assert_eq!(filled, LEN, "up to 256 bytes come all at once");
    Ok(bytes)
}
