//! One Linux call, one safe function.
//!
//! Every file here is one system call, or a family too small to part; `allocator.rs` alone asks the C library instead. There
//! are no loops, no policy, no fallbacks and no retry after EINTR: those are decisions, and decisions live in the crates
//! above. What a call reports as its normal course (a name that exists, a lock that is held, a file without further data)
//! is a value; the rest is an [`Error`].
//!
//! Descriptors are borrowed or owned types, never numbers. Offsets are `u64` and refused when they do not fit the
//! kernel's `loff_t`; lengths are `usize` and clamped to [`LEN_MAX`], the most Linux moves in one call.
//!
//! This is the only crate of the workspace with unsafe code: for memory that is mapped ([`ReadMapping`],
//! [`WriteMapping`]) or lent to the kernel for longer than a call ([`vmsplice`], [`send_zerocopy`], [`SendRing`]), and for
//! what rustix does not have.

#![deny(unsafe_code)]

#[allow(unsafe_code, reason = "mallopt(3) has no safe wrapper")]
mod allocator;
mod beneath;
#[allow(unsafe_code, reason = "cachestat(2) is newer than every safe wrapper of it")]
mod cachestat;
mod clock;
mod congestion;
mod copy_file_range;
mod cork;
mod count;
mod error;
mod fadvise;
mod fallocate;
mod flock;
mod getdents;
mod geteuid;
mod hostname;
mod inherit;
#[allow(unsafe_code, reason = "ioprio_set(2) has no safe wrapper")]
mod io_priority;
mod is_listening;
mod local_socket;
#[allow(unsafe_code, reason = "SO_RCVLOWAT has no safe wrapper")]
mod low_water;
mod make;
#[allow(
    unsafe_code,
    reason = "mmap(2) gives an address: turning it into a slice is a promise only we can make"
)]
mod mapping;
mod mode;
mod nice;
mod open;
mod pidfd;
mod pipe;
mod poll;
mod random;
mod read;
mod readlink;
mod recv;
mod reflink;
mod release;
mod rename;
mod reuse_port;
mod rlimit;
mod room;
#[allow(unsafe_code, reason = "rustix has no getrusage(2)")]
mod rusage;
mod seek;
#[allow(
    unsafe_code,
    reason = "a ring's entries name memory and descriptors: only we can promise that both are there when they are used"
)]
mod send_ring;
mod sendfile;
mod set_xattr;
#[allow(unsafe_code, reason = "rustix has no signal(2)")]
mod signal;
mod splice;
mod stat;
mod sync;
#[allow(unsafe_code, reason = "TCP_INFO has no safe wrapper")]
mod tcp_info;
mod tee;
mod times;
mod tmpfile;
mod unlink;
mod unread;
#[allow(unsafe_code, reason = "TCP_ULP has no safe wrapper")]
mod upper_protocol;
#[allow(unsafe_code, reason = "every ioctl(2) is unsafe: its number decides what its argument is")]
mod verity;
#[allow(
    unsafe_code,
    reason = "the pipe keeps pages beyond the call: only we can promise that they stay as they are"
)]
mod vmsplice;
mod write;
mod xattr;
#[allow(unsafe_code, reason = "rustix has neither SO_ZEROCOPY nor what the error queue says of it")]
mod zerocopy;

pub use allocator::{set_arena_count_max, set_mmap_threshold};
pub use beneath::open_directory_beneath;
pub use cachestat::{CacheStat, cachestat};
pub use clock::{monotonic, realtime_coarse};
pub use congestion::{congestion_control, set_congestion_control};
pub use copy_file_range::copy_file_range;
pub use cork::set_cork;
pub use count::calls_made;
pub use error::{Error, Result, errno_of};
pub use fadvise::{Advice, fadvise};
pub use fallocate::{Reserve, fallocate, punch_hole};
pub use flock::{Lock, try_lock_exclusive};
pub use getdents::getdents;
pub use geteuid::effective_user;
pub use hostname::hostname;
pub use inherit::inheritable;
pub use io_priority::set_thread_io_idle;
pub use is_listening::is_listening;
pub use local_socket::{bind_local, connect_local, listen, local_socket};
pub use low_water::set_receive_low_water;
pub use make::{create_file, make_directory, make_link, make_symlink};
pub use mapping::{MapError, ReadMapping, WriteMapping};
pub use mode::{set_mode, set_mode_in, set_owner, set_owner_in};
pub use nice::set_thread_nice;
pub use open::{
    Access, Caching, Symlinks, locate, open_directory, open_directory_at, open_file, open_untouched, reopen,
};
pub use pidfd::pidfd;
pub use pipe::{pipe, pipe_len, set_pipe_len};
pub use poll::{Readiness, wait_at_most, wait_until};
pub use random::random_bytes;
pub use read::{DONTCACHE, ReadFlags, pread, preadv2, read};
pub use readlink::read_link;
pub use recv::recv_discard;
pub use reflink::reflink;
pub use release::kernel_release;
pub use rename::{rename_noreplace, rename_over};
pub use reuse_port::set_reuse_port;
pub use rlimit::{DescriptorLimit, Memory, descriptor_limit, memory_limit, set_descriptor_limit};
pub use room::{Room, room};
pub use rusage::{Usage, process_usage, thread_usage};
pub use rustix::fs::{CWD, FileType};
pub use rustix::io::Errno;
pub use seek::{seek_data, seek_hole, seek_to};
pub use send_ring::{SendRing, Told};
pub use sendfile::sendfile;
pub use set_xattr::set_xattr;
pub use signal::{default_signal, ignore_signal};
pub use splice::{SpliceFlags, splice};
pub use stat::{MountId, Stat, Timestamp, stat, stat_at};
pub use sync::{fdatasync, fsync, syncfs};
pub use tcp_info::{TcpInfo, tcp_info};
pub use tee::tee;
pub use times::{set_mtime, set_mtime_in, set_written};
pub use tmpfile::{Placed, link_unnamed, open_unnamed};
pub use unlink::{remove_directory, remove_file};
pub use unread::unread_len;
pub use upper_protocol::set_upper_protocol;
pub use verity::has_verity;
pub use vmsplice::vmsplice;
pub use write::{SendFlags, pwrite, send, sendmsg, write, writev};
pub use xattr::{Xattr, list_xattrs, read_xattr};
pub use zerocopy::{Sent, send_zerocopy, set_zerocopy, zerocopy_sent};

/// The most bytes that Linux moves in one call; longer requests are clamped to it.
///
/// read(2): "On Linux, read() (and similar system calls) will transfer at most 0x7ffff000 (2,147,479,552) bytes,
/// returning the number of bytes actually transferred."
pub const LEN_MAX: usize = 0x7fff_f000;

fn clamped(len: usize) -> usize {
    len.min(LEN_MAX)
}

/// Refuses an offset that `loff_t`, which is signed, cannot hold.
fn checked(call: &'static str, offset: u64) -> Result<u64> {
    match i64::try_from(offset) {
        Ok(_) => Ok(offset),
        Err(_) => Err(Error::new(call, Errno::OVERFLOW)),
    }
}
