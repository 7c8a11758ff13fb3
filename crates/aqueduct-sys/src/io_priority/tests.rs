#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::thread;

use super::{CLASS_IDLE, WHO_PROCESS, set_thread_io_idle};

#[test]
fn an_idle_thread_and_its_children_are_idle_and_no_other_is() {
    // SAFETY: ioprio_get(2) takes two numbers and touches no memory.
    let priority = || unsafe { libc::syscall(libc::SYS_ioprio_get, WHO_PROCESS, 0) };
    let before = priority();
    thread::spawn(move || {
        set_thread_io_idle().unwrap();
        assert_eq!(priority(), i64::from(CLASS_IDLE));
        thread::spawn(move || assert_eq!(priority(), i64::from(CLASS_IDLE))).join().unwrap();
    })
    .join()
    .unwrap();
    assert_eq!(priority(), before);
}
