//! setsockopt(2), for `TCP_ULP`.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd};

use crate::{Errno, Error, Result};

/// Puts a protocol of the kernel's on top of a TCP connection for good: `c"tls"` is kTLS, which then waits for its keys.
///
/// # Errors
///
/// ENOENT where the kernel has no such protocol, or its module is not loaded: without CAP_NET_ADMIN it is not loaded for
/// this. ENOTCONN where nobody is connected. See Documentation/networking/tls.rst of the kernel.
pub fn set_upper_protocol(socket: impl AsFd, name: &CStr) -> Result<()> {
    let bytes = name.to_bytes();
    let len = libc::socklen_t::try_from(bytes.len()).map_err(|_| Error::new(CALL, Errno::INVAL))?;
    // SAFETY: setsockopt(2) wants a descriptor, which is borrowed and so open, and a pointer to as many bytes as it is told,
    // which it only reads: `bytes` lives to the end of this function.
    let answer = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_ULP,
            bytes.as_ptr().cast(),
            len,
        )
    };
    if answer == 0 { Ok(()) } else { Err(Error::last(CALL)) }
}

const CALL: &str = "setsockopt(TCP_ULP)";
