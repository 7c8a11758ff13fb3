//! Tests that need mounts of their own run twice: first they start this binary again in a mount namespace, filtered to
//! themselves and with a variable set; there, the variable tells them to do their work.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::fixture::disk;

/// Whether this is the process in which to work.
pub(crate) fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Runs the test `name` in mounts of its own, and fails with it.
#[track_caller]
pub(crate) fn run(name: &str) {
    let own_mounts = if rustix::process::geteuid().is_root() { "-m" } else { "-rm" };
    let Output { status, stdout, stderr } = Command::new("unshare")
        .arg(own_mounts)
        .arg(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "the child of {name} ended with {status}\n{stdout}\n{stderr}");
    assert!(stdout.contains("1 passed"), "the child of {name} ran no test\n{stdout}");
}

/// Mounts something with `arguments` over a new directory; gone with this process.
pub(crate) fn mount(arguments: &[&str]) -> PathBuf {
    let dir = disk().join(format!("mount-{}", std::process::id()));
    std::fs::create_dir(&dir).unwrap();
    let mounted = Command::new("mount").args(arguments).arg(&dir).status().unwrap();
    assert!(mounted.success(), "mount {arguments:?}");
    dir
}

const CHILD: &str = "AQUEDUCT_TEST_CHILD";
