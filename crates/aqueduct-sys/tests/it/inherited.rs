//! What a program leaves to the one that it becomes, or starts; and how it waits for that.

use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};
use std::time::Duration;

use aqueduct_sys::{Readiness, default_signal, ignore_signal, inheritable, pidfd, wait_at_most, wait_until};

use crate::unnamed;

#[test]
fn an_inheritable_duplicate_is_open_in_a_child_and_has_the_lowest_number_allowed() {
    let file = unnamed(b"kept");
    let duplicate = inheritable(&file, 40).unwrap();
    assert!(duplicate.as_raw_fd() >= 40);
    let beside = inheritable(&file, duplicate.as_raw_fd()).unwrap();
    assert!(beside.as_raw_fd() > duplicate.as_raw_fd(), "a number is given once");
    let is_open = |number: i32| {
        let mut test = Command::new("test");
        test.args(["-e", &format!("/dev/fd/{number}")]).status().unwrap().success()
    };
    assert!(is_open(duplicate.as_raw_fd()));
    assert!(!is_open(file.as_raw_fd()));
}

#[test]
fn a_child_is_waited_for_through_a_descriptor() {
    let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let descriptor = pidfd(&child).unwrap();
    assert!(!wait_at_most(&descriptor, &[Readiness::Readable], Duration::ZERO).unwrap());
    drop(child.stdin.take());
    wait_until(&descriptor, Readiness::Readable).unwrap();
    assert!(child.try_wait().unwrap().unwrap().success());
}

#[test]
fn an_ignored_signal_is_ignored_by_a_child_too_until_it_is_not() {
    // SIGWINCH, which does nothing to a test anyway.
    let is_ignored = || {
        let status =
            Command::new("grep").args(["SigIgn", "/proc/self/status"]).stderr(Stdio::null()).output();
        let line = String::from_utf8(status.unwrap().stdout).unwrap();
        let mask = u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap();
        mask & (1 << 27) != 0
    };
    ignore_signal(28).unwrap();
    assert!(is_ignored());
    default_signal(28).unwrap();
    assert!(!is_ignored());
    assert!(ignore_signal(9).is_err(), "SIGKILL cannot be ignored");
}
