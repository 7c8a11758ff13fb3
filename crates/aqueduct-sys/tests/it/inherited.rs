//! What a program leaves to the one that it becomes, or starts.

use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};

use aqueduct_sys::{ignore_signal, inheritable};

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
fn an_ignored_signal_is_ignored_by_a_child_too() {
    // SIGWINCH, which does nothing to a test anyway.
    ignore_signal(28).unwrap();
    let status =
        Command::new("grep").args(["SigIgn", "/proc/self/status"]).stderr(Stdio::null()).output().unwrap();
    let line = String::from_utf8(status.stdout).unwrap();
    let mask = u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap();
    assert_ne!(mask & (1 << 27), 0, "{line}");
    assert!(ignore_signal(9).is_err(), "SIGKILL cannot be ignored");
}
