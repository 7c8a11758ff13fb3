//! setpriority(2).

use rustix::process::setpriority_process;

use crate::Result;
use crate::error::Named;

/// Sets the nice value of the calling thread, and of the threads that it starts from then on: 0 is what is usual, 19 gives way
/// to all others.
///
/// # Errors
///
/// EACCES for a lower value than it has, without `CAP_SYS_NICE`. See setpriority(2), whose `PRIO_PROCESS` is the thread
/// where no other is named: on Linux the nice value is a thread's.
pub fn set_thread_nice(nice: i32) -> Result<()> {
    setpriority_process(None, nice).named("setpriority")
}
