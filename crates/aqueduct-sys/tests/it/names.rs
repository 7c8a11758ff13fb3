//! Calls that give names: linkat, renameat2, and the lock that guards them.

use std::fs::{self, File};
use std::path::Path;

use aqueduct_sys::{Lock, Placed, link_unnamed, open_unnamed, rename_noreplace, stat, try_lock_exclusive};
use tempfile::{TempDir, tempdir_in};

fn directory() -> (TempDir, File) {
    let dir = tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let opened = File::open(dir.path()).unwrap();
    (dir, opened)
}

#[test]
fn an_unnamed_file_gets_a_name_once_and_never_replaces() {
    let (path, dir) = directory();
    let file = open_unnamed(&dir, 0o444).unwrap();
    assert_eq!(stat(&file).unwrap().link_count, 0);
    assert_eq!(aqueduct_sys::write(&file, b"first").unwrap(), 5);
    assert_eq!(link_unnamed(&file, &dir, Path::new("name")).unwrap(), Placed::New);
    assert_eq!(stat(&file).unwrap().link_count, 1);

    let second = open_unnamed(&dir, 0o444).unwrap();
    assert_eq!(link_unnamed(&second, &dir, Path::new("name")).unwrap(), Placed::NameTaken);
    assert_eq!(stat(&second).unwrap().link_count, 0);
    assert_eq!(fs::read(path.path().join("name")).unwrap(), b"first");
    assert_eq!(stat(&file).unwrap().mode & 0o777, 0o444);
}

#[test]
fn an_unnamed_file_leaves_nothing_behind() {
    let (path, dir) = directory();
    drop(open_unnamed(&dir, 0o600).unwrap());
    assert_eq!(fs::read_dir(path.path()).unwrap().count(), 0);
}

#[test]
fn a_rename_never_replaces() {
    let (path, dir) = directory();
    fs::write(path.path().join("old"), b"old").unwrap();
    fs::write(path.path().join("taken"), b"taken").unwrap();
    let rename = |to| rename_noreplace(&dir, Path::new("old"), &dir, Path::new(to));
    assert_eq!(rename("taken").unwrap(), Placed::NameTaken);
    assert_eq!(fs::read(path.path().join("taken")).unwrap(), b"taken");
    assert_eq!(rename("new").unwrap(), Placed::New);
    assert_eq!(fs::read(path.path().join("new")).unwrap(), b"old");
    assert_eq!(rename("newer").unwrap_err().to_string(), "renameat2: No such file or directory (os error 2)");
}

#[test]
fn a_lock_is_taken_once_and_free_again_when_its_file_is_closed() {
    let (path, _dir) = directory();
    let open =
        || File::options().create(true).truncate(false).write(true).open(path.path().join("lock")).unwrap();
    let (first, second) = (open(), open());
    assert_eq!(try_lock_exclusive(&first).unwrap(), Lock::Acquired);
    assert_eq!(try_lock_exclusive(&second).unwrap(), Lock::Taken);
    drop(first);
    assert_eq!(try_lock_exclusive(&second).unwrap(), Lock::Acquired);
}
