//! Tests that need a process of their own: for its limits, its mounts, its descriptors, or the signals it gets.
//!
//! Such a test runs twice: first it starts this test binary again, filtered to itself, with a variable set; there, the
//! variable tells it to do its work.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::tempdir_in;

use crate::fixture::disk;

/// Whether this is the process in which to work.
pub(crate) fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// A directory that is there for the child alone, and removed after it.
pub(crate) fn dir() -> PathBuf {
    std::env::var_os(DIR).expect("the parent sets it").into()
}

/// A command that runs the test `name` of this binary as a child, started by way of `wrapper`.
pub(crate) fn command<S: AsRef<OsStr>>(wrapper: &[S], name: &str) -> Command {
    let itself = std::env::current_exe().unwrap();
    let mut command = match wrapper.split_first() {
        None => Command::new(itself),
        Some((program, arguments)) => {
            let mut command = Command::new(program);
            command.args(arguments).arg(itself);
            command
        }
    };
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD, "1");
    command
}

/// Runs the test `name` as a child and fails with it.
#[track_caller]
pub(crate) fn run<S: AsRef<OsStr>>(wrapper: &[S], name: &str) {
    let dir = tempdir_in(disk()).unwrap();
    run_in(dir.path(), wrapper, name);
}

/// The same, with the child's directory made beforehand.
#[track_caller]
pub(crate) fn run_in<S: AsRef<OsStr>>(dir: &Path, wrapper: &[S], name: &str) {
    let Output { status, stdout, stderr } = command(wrapper, name).env(DIR, dir).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "the child of {name} ended with {status}\n{stdout}\n{stderr}");
    assert!(stdout.contains("1 passed"), "the child of {name} ran no test\n{stdout}");
}

/// The wrapper that gives a child mounts of its own: as root directly, else by a user namespace.
pub(crate) fn own_mounts() -> Vec<&'static str> {
    if rustix::process::geteuid().is_root() { vec!["unshare", "-m"] } else { vec!["unshare", "-rm"] }
}

const CHILD: &str = "AQUEDUCT_FLOW_TEST_CHILD";
const DIR: &str = "AQUEDUCT_FLOW_TEST_DIR";
