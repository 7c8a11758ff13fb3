//! What to do about EINTR, in one visible place.

use aqueduct_sys::{Errno, Result};

/// Calls until the answer is something other than EINTR.
///
/// A signal before the first byte moved is EINTR; after it, a short count (signal(7)). So nothing is lost or done twice
/// by calling again.
///
/// # Errors
///
/// Whatever `call` fails with but EINTR.
pub fn uninterrupted<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(error) if error.errno() == Errno::INTR => {}
            answer => return answer,
        }
    }
}

/// Whether `errno` says that this way of moving bytes does not work between these two descriptors, so that another one
/// should be tried. It is never the answer once bytes have moved.
pub(crate) fn is_refusal(errno: Errno) -> bool {
    matches!(errno, Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP)
}

#[cfg(test)]
mod tests;
