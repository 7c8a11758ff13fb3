//! Tests that need a process of their own: for its mounts, or another user's rights.
//!
//! Such a test runs twice: first it starts this test binary again, filtered to itself, with a variable set; there, the
//! variable tells it to do its work.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

/// Whether this is the process in which to work.
pub(super) fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Runs the test `name` as a child by way of `wrapper`, and fails with it.
#[track_caller]
pub(super) fn run(wrapper: &[&str], name: &str) {
    let itself = std::env::current_exe().unwrap();
    let mut command = Command::new(wrapper[0]);
    command.args(&wrapper[1..]).arg(&itself);
    run_command(command, name);
}

/// The same as somebody whom modes stop, which root is not. From a place where everybody may read it.
#[track_caller]
pub(super) fn run_unprivileged(name: &str) {
    let itself = std::env::current_exe().unwrap();
    if aqueduct_sys::effective_user() != 0 {
        return run_command(Command::new(&itself), name);
    }
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = dir.path().join("tests");
    fs::copy(&itself, &copy).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&copy).current_dir("/");
    run_command(command, name);
}

#[track_caller]
fn run_command(mut command: Command, name: &str) {
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD, "1");
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "the child of {name} ended with {status}\n{stdout}\n{stderr}");
    assert!(stdout.contains("1 passed"), "the child of {name} ran no test\n{stdout}");
}

/// The wrapper that gives a child mounts of its own: as root directly, else by a user namespace.
pub(super) fn own_mounts() -> Vec<&'static str> {
    if aqueduct_sys::effective_user() == 0 { vec!["unshare", "-m"] } else { vec!["unshare", "-rm"] }
}

const CHILD: &str = "AQUEDUCT_TRANSFER_TEST_CHILD";
