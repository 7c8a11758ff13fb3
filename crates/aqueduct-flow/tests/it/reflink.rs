//! The first rung, which needs a filesystem that shares blocks: in a directory of such a one named by
//! `AQUEDUCT_TEST_REFLINK_DIR`, or on an xfs that a child makes in a file and mounts for itself.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use aqueduct_flow::{CopyLadder, Route, SourceChanged, Step};

use tempfile::tempdir_in;

use crate::child;
use crate::fixture::{LARGE, assert_only, assert_same, content, disk, pattern, unnamed_in};

#[test]
fn a_copy_where_blocks_can_be_shared_is_a_reflink() {
    if let Some(dir) = std::env::var_os(REFLINK_DIR) {
        return reflinks_in(Path::new(&dir));
    }
    if child::is_child() {
        return reflinks_in(&mount_xfs());
    }
    if !rustix::process::geteuid().is_root() {
        // Past the capture of the test harness: this must be seen.
        let excuse =
            format!("reflink NOT TESTED: to mount an xfs takes root, and {REFLINK_DIR} is not set\n");
        io::stderr().write_all(excuse.as_bytes()).unwrap();
        return;
    }
    let dir = tempdir_in(disk()).unwrap();
    let image = dir.path().join(IMAGE);
    let file = File::create(&image).unwrap();
    // mkfs.xfs refuses less than 300 MiB; the file is sparse.
    file.set_len(512 << 20).unwrap();
    let made = Command::new("mkfs.xfs").args(["-q", "-m", "reflink=1"]).arg(&image).output();
    let made = made.expect("mkfs.xfs is installed (package xfsprogs)");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let name = "reflink::a_copy_where_blocks_can_be_shared_is_a_reflink";
    child::run_in(dir.path(), &child::own_mounts(), name);
}

/// Mounts the image that the parent made; gone with this process.
fn mount_xfs() -> PathBuf {
    let dir = child::dir().join("mounted");
    fs::create_dir(&dir).unwrap();
    let image = child::dir().join(IMAGE);
    let mounted = Command::new("mount").args(["-o", "loop"]).arg(image).arg(&dir).status().unwrap();
    assert!(mounted.success(), "an xfs can be mounted over a loop device");
    dir
}

fn reflinks_in(dir: &Path) {
    let ladder = CopyLadder::new();
    // A whole file, of odd size and with holes, in one step.
    let source = unnamed_in(dir);
    source.set_len(10 << 30).unwrap();
    source.write_all_at(&pattern(0..LARGE as u64), 0).unwrap();
    let target = unnamed_in(dir);
    let mut copy = ladder.begin(&source, &target).unwrap();
    assert_eq!(copy.step(1000).unwrap(), Step::Moved(10 << 30));
    assert_eq!(copy.step(1000).unwrap(), Step::End);
    assert_only(copy.carried(), Route::Reflink, 10 << 30, "reflink");
    assert_eq!(target.metadata().unwrap().len(), 10 << 30);
    let mut bytes = vec![0; LARGE];
    target.read_exact_at(&mut bytes, 0).unwrap();
    assert_same(&bytes, &pattern(0..LARGE as u64), "reflink");

    // The copy is its own file: writing one leaves the other.
    source.write_all_at(b"changed", 0).unwrap();
    target.read_exact_at(&mut bytes, 0).unwrap();
    assert_same(&bytes, &pattern(0..LARGE as u64), "after the source changed");

    let source = unnamed_in(dir);
    source.write_all_at(&pattern(0..5000), 0).unwrap();
    let target = unnamed_in(dir);
    let mut copy = ladder.begin(&source, &target).unwrap();
    assert_eq!(copy.step(1000).unwrap(), Step::Moved(5000));
    source.set_len(4000).unwrap();
    let fault = copy.step(1000).unwrap_err();
    let fault: &SourceChanged = fault.get_ref().unwrap().downcast_ref().unwrap();
    assert_eq!(fault, &SourceChanged { size_before: 5000, size_after: 4000 });

    // Across filesystems the rung is left, for good, and the bytes still arrive.
    let source = unnamed_in(dir);
    source.write_all_at(&pattern(0..5000), 0).unwrap();
    let target = unnamed_in(disk());
    let mut copy = ladder.begin(&source, &target).unwrap();
    while copy.step(1000).unwrap() != Step::End {}
    assert_only(copy.carried(), Route::Sendfile, 5000, "across filesystems");
    assert_same(&content(&target), &pattern(0..5000), "across filesystems");
}

const REFLINK_DIR: &str = "AQUEDUCT_TEST_REFLINK_DIR";
const IMAGE: &str = "xfs.img";
