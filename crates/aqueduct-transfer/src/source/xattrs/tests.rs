#![expect(clippy::disallowed_methods, reason = "to prepare, any way will do")]

use std::fs::{self, File};

use rustix::fs::{XattrFlags, setxattr};

use super::*;
use crate::source::tests::on_disk;

/// On a disk, since older kernels have none of them in memory.
fn file_with(xattrs: &[(&str, &[u8])]) -> (tempfile::TempDir, File) {
    let dir = on_disk();
    fs::write(dir.path().join("file"), b"").unwrap();
    for (name, value) in xattrs {
        setxattr(dir.path().join("file"), *name, value, XattrFlags::empty()).unwrap();
    }
    let opened = File::open(dir.path()).unwrap();
    (dir, opened)
}

#[test]
fn those_of_users_come_in_order_and_the_rest_stays() {
    let (dir, directory) = file_with(&[("user.b", b"\0\xff"), ("user.a", b"")]);
    // Only root may.
    let _ = setxattr(dir.path().join("file"), "security.mine", b"x", XattrFlags::empty());
    let found = Reader::default().read(&directory, Path::new("file"), Symlinks::Keep).unwrap();
    let expected = [(b"user.a".to_vec(), Vec::new()), (b"user.b".to_vec(), b"\0\xff".to_vec())];
    assert_eq!(found, Xattrs { pairs: expected.to_vec(), is_cut: false });
}

#[test]
fn those_of_a_link_are_not_those_of_what_it_leads_to() {
    let (dir, directory) = file_with(&[("user.a", b"1")]);
    std::os::unix::fs::symlink("file", dir.path().join("link")).unwrap();
    assert_eq!(
        Reader::default().read(&directory, Path::new("link"), Symlinks::Keep).unwrap(),
        Xattrs::default()
    );
    let followed = Reader::default().read(&directory, Path::new("link"), Symlinks::Follow).unwrap();
    assert_eq!(followed.pairs, [(b"user.a".to_vec(), b"1".to_vec())]);
}

#[test]
fn what_is_too_long_is_left_out_and_said() {
    // On tmpfs: other filesystems have less room for them than we do.
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    fs::write(dir.path().join("file"), b"").unwrap();
    for (name, len) in [("user.long", XATTRS_LEN_MAX), ("user.short", 100)] {
        let set = setxattr(dir.path().join("file"), name, &vec![7; len], XattrFlags::empty());
        if set.is_err() {
            println!("did not run: this kernel keeps no such attributes in memory");
            return;
        }
    }
    let directory = File::open(dir.path()).unwrap();
    let found = Reader::default().read(&directory, Path::new("file"), Symlinks::Keep).unwrap();
    assert_eq!(found.pairs, [(b"user.short".to_vec(), vec![7; 100])]);
    assert!(found.is_cut);
}

#[test]
fn a_file_without_any_costs_one_call() {
    let (_dir, directory) = file_with(&[]);
    let calls = aqueduct_sys::calls_made();
    assert_eq!(
        Reader::default().read(&directory, Path::new("file"), Symlinks::Keep).unwrap(),
        Xattrs::default()
    );
    assert_eq!(aqueduct_sys::calls_made() - calls, 1);
}
