//! Calls that give names, and take them away, and the lock that guards them.

use std::fs::{self, File};
use std::path::Path;

use aqueduct_sys::{
    Errno, Lock, Placed, Symlinks, Timestamp, create_file, link_unnamed, make_directory, make_link,
    make_symlink, open_directory_beneath, open_unnamed, remove_directory, remove_file, rename_noreplace,
    rename_over, set_mode, set_mode_in, set_mtime, set_mtime_in, set_xattr, stat, stat_at,
    try_lock_exclusive,
};
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

#[test]
fn what_is_made_never_replaces() {
    let (path, dir) = directory();
    let name = Path::new;
    assert_eq!(make_symlink(name("nowhere"), &dir, name("link")).unwrap(), Placed::New);
    fs::write(path.path().join("file"), b"first").unwrap();
    fs::create_dir(path.path().join("directory")).unwrap();
    for taken in ["link", "file", "directory"].map(name) {
        assert!(create_file(&dir, taken, 0o600).unwrap().is_none());
        assert_eq!(make_directory(&dir, taken, 0o700).unwrap(), Placed::NameTaken);
        assert_eq!(make_symlink(name("x"), &dir, taken).unwrap(), Placed::NameTaken);
        assert_eq!(make_link(&dir, name("file"), &dir, taken).unwrap(), Placed::NameTaken);
    }
    assert!(!path.path().join("nowhere").exists(), "nothing is made through a link");
    let file = create_file(&dir, name("new"), 0o600).unwrap().unwrap();
    assert_eq!(aqueduct_sys::write(&file, b"bytes").unwrap(), 5);
    assert_eq!(make_link(&dir, name("new"), &dir, name("again")).unwrap(), Placed::New);
    assert_eq!(stat(&file).unwrap().link_count, 2);
    assert_eq!(make_directory(&dir, name("another"), 0o700).unwrap(), Placed::New);
}

#[test]
fn a_directory_is_opened_beneath_another_and_nowhere_else() {
    let (path, dir) = directory();
    fs::create_dir_all(path.path().join("a/b")).unwrap();
    assert_eq!(make_symlink(Path::new("a"), &dir, Path::new("link")).unwrap(), Placed::New);
    fs::write(path.path().join("file"), b"").unwrap();
    let open =
        |name| open_directory_beneath(&dir, Path::new(name)).map(|_| ()).map_err(aqueduct_sys::Error::errno);
    assert_eq!([open("a"), open("a/b"), open("a/..")], [Ok(()); 3]);
    assert_eq!([open("link"), open("link/b")], [Err(Errno::NOTDIR), Err(Errno::LOOP)]);
    assert_eq!([open(".."), open("a/../.."), open("/tmp")], [Err(Errno::XDEV); 3]);
    assert_eq!([open("file"), open("none")], [Err(Errno::NOTDIR), Err(Errno::NOENT)]);
}

#[test]
fn names_are_taken_away_and_moved_as_what_they_are() {
    let (path, dir) = directory();
    let name = Path::new;
    fs::create_dir_all(path.path().join("full/empty")).unwrap();
    fs::write(path.path().join("file"), b"new").unwrap();
    fs::write(path.path().join("old"), b"old").unwrap();
    assert_eq!(make_symlink(name("full"), &dir, name("link")).unwrap(), Placed::New);
    let errno = |result: aqueduct_sys::Result<()>| result.unwrap_err().errno();
    assert_eq!(errno(remove_file(&dir, name("full"))), Errno::ISDIR);
    assert_eq!(errno(remove_directory(&dir, name("full"))), Errno::NOTEMPTY);
    assert_eq!(errno(remove_directory(&dir, name("link"))), Errno::NOTDIR);
    remove_file(&dir, name("link")).unwrap();
    remove_directory(&dir, name("full/empty")).unwrap();
    rename_over(&dir, name("file"), &dir, name("old")).unwrap();
    assert_eq!(fs::read(path.path().join("old")).unwrap(), b"new");
    assert_eq!(errno(rename_over(&dir, name("old"), &dir, name("full"))), Errno::ISDIR);
}

#[test]
fn modes_and_times_are_set_and_links_have_their_own_times() {
    let (path, dir) = directory();
    let name = Path::new;
    let file = create_file(&dir, name("file"), 0o600).unwrap().unwrap();
    assert_eq!(make_symlink(name("file"), &dir, name("link")).unwrap(), Placed::New);
    assert_eq!(make_directory(&dir, name("closed"), 0o700).unwrap(), Placed::New);
    set_mode(&file, 0o1640).unwrap();
    let early = Timestamp { seconds: -1, nanoseconds: 500_000_000 };
    let late = Timestamp { seconds: 4_000_000_000, nanoseconds: 1 };
    set_mtime(&file, early).unwrap();
    set_mtime_in(&dir, name("link"), late).unwrap();
    let file = stat(&file).unwrap();
    assert_eq!((file.mode & 0o7777, file.mtime), (0o1640, early));
    assert_eq!(stat_at(&dir, name("link"), Symlinks::Keep).unwrap().mtime, late);

    set_mode_in(&dir, name("closed"), 0).unwrap();
    set_mode_in(&dir, name("closed"), 0o750).unwrap();
    assert_eq!(stat_at(&dir, name("closed"), Symlinks::Keep).unwrap().mode & 0o7777, 0o750);
    set_mode_in(&dir, name("link"), 0o777).unwrap_err();
    assert_eq!(fs::metadata(path.path().join("file")).unwrap().len(), 0);
}

#[test]
fn an_attribute_of_no_namespace_is_refused() {
    let file = open_unnamed(directory().1, 0o600).unwrap();
    assert_eq!(set_xattr(&file, b"nonsense", b"value").unwrap_err().errno(), Errno::OPNOTSUPP);
}
