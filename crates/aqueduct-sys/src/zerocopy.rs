//! send(2) with `MSG_ZEROCOPY`, and the error queue that tells when the memory is free again.

use std::mem::{MaybeUninit, size_of, zeroed};
use std::ops::{Range, RangeInclusive};
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

use rustix::net::SendFlags;

use crate::error::Named;
use crate::{Errno, Error, ReadMapping, Result, clamped, count};

/// Sends of a socket that the kernel is done with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Which ones, counted from 0 by the calls of [`send_zerocopy`] that took bytes. Wraps at the end of `u32`.
    pub calls: RangeInclusive<u32>,
    /// Whether their bytes were copied after all, as they always are over loopback.
    pub is_copied: bool,
}

/// Lets [`send_zerocopy`] be used on a socket (`SO_ZEROCOPY`, socket(7)).
///
/// # Errors
///
/// EOPNOTSUPP for sockets that cannot. See setsockopt(2).
pub fn set_zerocopy(socket: impl AsFd) -> Result<()> {
    let on: libc::c_int = 1;
    count::add();
    // SAFETY: setsockopt(2) reads `optlen` bytes at `optval`: those of `on`. The descriptor is borrowed, and so open.
    let answer = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ZEROCOPY,
            ptr::from_ref(&on).cast(),
            INT_LEN,
        )
    };
    if answer == 0 { Ok(()) } else { Err(Error::last("setsockopt(SO_ZEROCOPY)")) }
}

/// Sends up to `range.len()` bytes of a mapping without copying them, where the way to the peer allows that; may take
/// fewer.
///
/// The socket keeps the pages until the peer has them, and [`zerocopy_sent`] says when. They are those of a file that never
/// changes again: what is in the mapping when it leaves is what the peer sees.
///
/// # Errors
///
/// ENOBUFS when more sends are under way than net.core.optmem_max has room to note, or more memory than `RLIMIT_MEMLOCK`
/// allows. See send(2), and MSG_ZEROCOPY in the kernel's documentation of networking.
pub fn send_zerocopy(socket: impl AsFd, mapping: &ReadMapping, range: Range<usize>) -> Result<usize> {
    let bytes = &mapping[range];
    let flags = SendFlags::from_bits_retain(libc::MSG_ZEROCOPY.unsigned_abs()) | SendFlags::NOSIGNAL;
    rustix::net::send(socket, &bytes[..clamped(bytes.len())], flags).named("send(MSG_ZEROCOPY)")
}

/// Takes one note off the error queue of a socket: a stretch of sends that the kernel is done with. `None` if there is no
/// note; poll(2) wakes for one as for an error. Never waits.
///
/// # Errors
///
/// See `MSG_ERRQUEUE` in recv(2). EPROTO where the queue holds something else.
pub fn zerocopy_sent(socket: impl AsFd) -> Result<Option<Sent>> {
    let mut control = MaybeUninit::<Control>::zeroed();
    // SAFETY: `zeroed` wants a type for which zeros are a value: msghdr is integers and pointers, for which null is one.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of::<Control>();
    count::add();
    // SAFETY: recvmsg(2) writes `msg_controllen` bytes at `msg_control`, which is `control`, and no others: there is neither
    // a name nor a vector. The descriptor is borrowed, and so open.
    let answer = unsafe { libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut message, libc::MSG_ERRQUEUE) };
    if answer < 0 {
        let error = Error::last(CALL);
        return if error.errno() == Errno::AGAIN { Ok(None) } else { Err(error) };
    }
    // SAFETY: CMSG_FIRSTHDR(3) wants a message that recvmsg(2) has filled: it has.
    let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    if header.is_null() {
        return Err(Error::new(CALL, Errno::PROTO));
    }
    // SAFETY: CMSG_FIRSTHDR(3) returned a pointer into `control`, aligned as `Control` is, with room for a header.
    let header_len = unsafe { (*header).cmsg_len };
    if header_len < NOTE_LEN {
        return Err(Error::new(CALL, Errno::PROTO));
    }
    // SAFETY: CMSG_DATA(3) wants a header: it is one, and `cmsg_len` says that a note follows it.
    let note = unsafe { libc::CMSG_DATA(header) };
    // SAFETY: `read_unaligned` wants so many bytes that are a value: `cmsg_len` says that they are there, and it is integers.
    let note = unsafe { note.cast::<libc::sock_extended_err>().read_unaligned() };
    if note.ee_errno != 0 || note.ee_origin != ORIGIN_ZEROCOPY {
        return Err(Error::new(CALL, Errno::PROTO));
    }
    let is_copied = note.ee_code & COPIED != 0;
    Ok(Some(Sent { calls: note.ee_info..=note.ee_data, is_copied }))
}

/// Room for one note with the address that follows it, aligned as control messages are.
#[repr(C, align(8))]
struct Control([u8; 128]);

/// A header and the note behind it: `CMSG_LEN` in cmsg(3), by whose alignment no byte lies between them.
const NOTE_LEN: usize = size_of::<libc::cmsghdr>() + size_of::<libc::sock_extended_err>();

/// `SO_EE_ORIGIN_ZEROCOPY` in linux/errqueue.h.
const ORIGIN_ZEROCOPY: u8 = 5;

/// `SO_EE_CODE_ZEROCOPY_COPIED`, there.
const COPIED: u8 = 1;

#[expect(clippy::cast_possible_truncation, reason = "it is 4")]
const INT_LEN: libc::socklen_t = size_of::<libc::c_int>() as libc::socklen_t;

const CALL: &str = "recvmsg(MSG_ERRQUEUE)";
