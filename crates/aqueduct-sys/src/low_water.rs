//! setsockopt(2), for `SO_RCVLOWAT`.

use std::os::fd::{AsFd, AsRawFd};

use crate::{Error, Result};

/// Whoever polls or waits for a TCP socket hears of it once it has `len` bytes (`SO_RCVLOWAT`, socket(7)), and before that only
/// at its end, at an error, and where no more fits into its buffer. A call that does not wait takes what there is. One is what a
/// socket begins with; of more than half of the largest buffer that a socket may have, the kernel makes that half.
///
/// # Errors
///
/// See setsockopt(2).
pub fn set_receive_low_water(socket: impl AsFd, len: usize) -> Result<()> {
    let bytes = libc::c_int::try_from(len).unwrap_or(libc::c_int::MAX).to_ne_bytes();
    let bytes_len = libc::socklen_t::try_from(bytes.len()).expect("an int is short");
    // SAFETY: setsockopt(2) wants a descriptor, which is borrowed and so open, and a pointer to as many bytes as it is told,
    // which it only reads: `bytes` lives to the end of this function, and holds a C int.
    let answer = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVLOWAT,
            bytes.as_ptr().cast(),
            bytes_len,
        )
    };
    if answer == 0 { Ok(()) } else { Err(Error::last(CALL)) }
}

const CALL: &str = "setsockopt(SO_RCVLOWAT)";
