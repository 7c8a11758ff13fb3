//! io_uring(7), as far as sending without a copy goes.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::mem;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

use io_uring::opcode::SendZc;
use io_uring::types::Fd;
use io_uring::{IoUring, Probe, cqueue};

use crate::{Errno, Error, ReadMapping, Result, clamped, count};

/// A ring for `IORING_OP_SEND_ZC`: what is sent is read where it lies, and the kernel says when it is done with it.
pub struct SendRing {
    ring: IoUring,
    /// What the kernel may still read, by the number of the send.
    under_way: BTreeMap<u64, Arc<ReadMapping>>,
    /// The number of the next send.
    next: u64,
    /// Whether an entry lies in the ring that the kernel did not take. Nothing may make it take it later, when the
    /// descriptor in it may be another file.
    is_stuck: bool,
}

/// What the kernel says of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It took bytes, or failed.
    Taken {
        /// Which send.
        number: u64,
        /// How many bytes it took; EINVAL before Linux 6.2, which does not say whether it copies.
        len: Result<usize>,
        /// Whether it keeps the memory, and will tell when it is done with it.
        is_kept: bool,
    },
    /// It is done with the memory.
    Freed {
        /// Of which send.
        number: u64,
        /// Whether the bytes were copied after all, as they always are over loopback.
        is_copied: bool,
    },
}

impl SendRing {
    /// Opens a ring of at least `entry_count` entries, gone when it is dropped.
    ///
    /// # Errors
    ///
    /// EPERM where /proc/sys/kernel/io_uring_disabled or a filter (seccomp(2)) forbids it; ENOSYS where the kernel was made
    /// without; ENOMEM at `RLIMIT_MEMLOCK` before Linux 5.12; EOPNOTSUPP before Linux 6.0, which has rings but no such
    /// send. See io_uring_setup(2).
    pub fn open(entry_count: u32) -> Result<Self> {
        count::add();
        let ring = IoUring::new(entry_count).map_err(|error| named("io_uring_setup", &error))?;
        let mut probe = Probe::new();
        count::add();
        // EINVAL before Linux 5.6: it knows of no operation that is as new.
        let is_probed = ring.submitter().register_probe(&mut probe).is_ok();
        if !(is_probed && probe.is_supported(SendZc::CODE)) {
            return Err(Error::new(SEND, Errno::OPNOTSUPP));
        }
        Ok(Self { ring, under_way: BTreeMap::new(), next: 0, is_stuck: false })
    }

    /// Begins to send up to 2 GiB of a mapping, waits until the kernel has something to tell of any send, and gives the
    /// number of this one: they are counted from 0.
    ///
    /// The mapping stays until the kernel is done with it. Its pages are those of a file that never changes again: what is
    /// in it when it leaves is what the peer sees.
    ///
    /// # Errors
    ///
    /// EAGAIN or ENOMEM when the kernel has no memory for another send, and then ECANCELED for each that follows: the ring
    /// is of no more use. What becomes of the bytes is told. See io_uring_enter(2).
    pub fn send(
        &mut self,
        socket: impl AsFd,
        mapping: &Arc<ReadMapping>,
        range: Range<usize>,
    ) -> Result<u64> {
        if self.is_stuck {
            return Err(Error::new(ENTER, Errno::CANCELED));
        }
        let bytes = &mapping[range];
        let len = u32::try_from(clamped(bytes.len())).expect("what one call moves is less than 2 GiB");
        let number = self.next;
        let entry = SendZc::new(Fd(socket.as_fd().as_raw_fd()), bytes.as_ptr(), len)
            .flags(libc::MSG_NOSIGNAL)
            .zc_flags(REPORT_USAGE)
            .build()
            .user_data(number);
        self.next += 1;
        self.under_way.insert(number, Arc::clone(mapping));
        // SAFETY: `push` wants what the entry names to be valid for the whole operation. The memory: `under_way` holds the
        // mapping until the kernel says that the operation has ended and that it is done with the memory, and `drop` leaks
        // what it has not said that of; nobody writes it, as `ReadMapping` checks. The descriptor: the kernel takes the
        // entry, and its own reference to the file, in the call below, during which `socket` is borrowed; where it does
        // not, `is_stuck` keeps every later call from offering it.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        pushed.expect("a ring has an entry, and the kernel has taken those before");
        count::add();
        match self.ring.submit_and_wait(1) {
            Ok(1) => Ok(number),
            Ok(_) => Err(self.stuck(Errno::AGAIN)),
            Err(error) => Err(self.stuck(named(ENTER, &error).errno())),
        }
    }

    /// Takes what the kernel has to tell, which is no call. `None` if it is nothing.
    pub fn told(&mut self) -> Option<Told> {
        let entry = self.ring.completion().next()?;
        let number = entry.user_data();
        if cqueue::notif(entry.flags()) {
            self.under_way.remove(&number);
            return Some(Told::Freed { number, is_copied: entry.result() & COPIED != 0 });
        }
        let is_kept = cqueue::more(entry.flags());
        if !is_kept {
            self.under_way.remove(&number);
        }
        let errno = |_| Error::new(SEND, Errno::from_raw_os_error(-entry.result()));
        let len = usize::try_from(entry.result()).map_err(errno);
        Some(Told::Taken { number, len, is_kept })
    }

    /// Waits until there is something to tell; for ever, if nothing is under way.
    ///
    /// # Errors
    ///
    /// EINTR when a signal came first, and ECANCELED as for [`send`](Self::send). See io_uring_enter(2).
    pub fn wait(&mut self) -> Result<()> {
        if self.is_stuck {
            return Err(Error::new(ENTER, Errno::CANCELED));
        }
        count::add();
        self.ring.submit_and_wait(1).map(drop).map_err(|error| named(ENTER, &error))
    }

    fn stuck(&mut self, errno: Errno) -> Error {
        self.is_stuck = true;
        Error::new(ENTER, errno)
    }
}

impl Drop for SendRing {
    /// Closing a ring cancels what is under way, but not at once: what the kernel may still read stays mapped.
    fn drop(&mut self) {
        for mapping in mem::take(&mut self.under_way).into_values() {
            mem::forget(mapping);
        }
    }
}

impl fmt::Debug for SendRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendRing").field("under_way", &self.under_way).finish_non_exhaustive()
    }
}

fn named(call: &'static str, error: &io::Error) -> Error {
    Error::new(call, Errno::from_io_error(error).expect("a call's failure has a number"))
}

/// `IORING_SEND_ZC_REPORT_USAGE` in linux/io_uring.h: to be told whether bytes were copied.
const REPORT_USAGE: u16 = 1 << 3;

/// `IORING_NOTIF_USAGE_ZC_COPIED`, there: the highest bit.
const COPIED: i32 = i32::MIN;

const ENTER: &str = "io_uring_enter";

const SEND: &str = "IORING_OP_SEND_ZC";
