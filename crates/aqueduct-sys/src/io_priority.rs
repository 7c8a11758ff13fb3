//! ioprio_set(2).

use crate::{Error, Result, count};

/// Lets the calling thread, and those that it starts from then on, read and write only while nobody else does, as far as
/// the scheduler of the device knows priorities (bfq and mq-deadline do, none does not).
///
/// # Errors
///
/// EPERM where a policy of the system forbids it; ENOSYS in a kernel without block devices. See ioprio_set(2), whose
/// `IOPRIO_WHO_PROCESS` is the thread where no other is named.
pub fn set_thread_io_idle() -> Result<()> {
    count::add();
    // SAFETY: syscall(2) wants the arguments of the call that its number names. ioprio_set(2) takes three numbers: whose
    // priority, the id, where 0 is the calling thread, and the class and level; it touches no memory.
    let answer = unsafe { libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, CALLER, CLASS_IDLE) };
    if answer == 0 { Ok(()) } else { Err(Error::last("ioprio_set")) }
}

/// `IOPRIO_WHO_PROCESS` of linux/ioprio.h.
const WHO_PROCESS: libc::c_int = 1;

const CALLER: libc::c_int = 0;

/// `IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)` of linux/ioprio.h: the class is above 13 bits of level.
const CLASS_IDLE: libc::c_int = 3 << 13;

#[cfg(test)]
mod tests;
